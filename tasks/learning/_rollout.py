"""A network acts: its outputs become actions, and what they bring becomes its inputs."""

__all__ = ["rollout"]

import math

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from neurornn.networks import AbstractNetwork
from neurornn.random import counter_uniform, derive_seed, normal_traces, torch_generator
from neurornn.tasks._draws import Split
from neurornn.tasks.learning._reward_task import AbstractRewardTask


def rollout(
    network: AbstractNetwork,
    task: AbstractRewardTask,
    n_episodes: int,
    *,
    seed: int = 0,
    temperature: float | None = None,
    first: int = 0,
    split: Split = "test",
    record: bool = True,
) -> xr.Dataset:
    r"""Let a network play a reward task.

    During each action the network sees the observation; its outputs, averaged after the grace period, are the decision variables :math:`d_a`. It
    takes the largest, or with a temperature :math:`\tau` an action at random,

    .. math:: P(a) = \frac{e^{d_a / \tau}}{\sum_b e^{d_b / \tau}}

    The state of the network runs on through the whole episode. The world and the draws of actions depend on the seed and
    the number of the episode alone, so without recurrent noise an episode is the same in any batch.

    Args:
        network: Network to run; it is left untouched.
        task: A reward task.
        n_episodes: Number of episodes.
        seed: Seed of the world, the actions and the noise.
        temperature: Temperature of the soft-max; None takes the largest output (the first of several).
        first: Number of the first episode.
        split: Worlds to play: those of ``"train"`` are other ones than those of ``"test"``.
        record: Whether inputs, rates and outputs are kept.

    Returns:
        The history of the environment, one ``trial`` for each decision, with the decision variables, ``probability`` of the choice, and,
        if recorded, ``inputs``, ``rate`` and ``outputs (trial, time, ...)`` of each decision. An action of fewer steps than
        the longest ends with NaN in ``rate`` and ``outputs``, and 0 in ``valid``.

    Raises:
        ValueError: If the network has another time step or other channels, or the temperature makes no sense.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("reversal", n_decisions=20)
        >>> ds = rollout(CTRNN(task.n_inputs, 16, task.n_outputs), task, 4)
        >>> ds.sizes["trial"], ds["rate"].dims, sorted(set(ds["reward"].values.tolist()))
        (80, ('trial', 'time', 'unit'), [0.0, 1.0])
    """
    _check(network, task, temperature)
    like = next(network.parameters())
    world = task.play(n_episodes, seed=seed, first=first, split=split)
    generator = torch_generator(seed, "rollout noise", str(first), device=like.device)
    key = None if network.sigma_rec == 0 else network.noise_key(generator)
    edges = task.edges()
    noise = _input_noise(task, seed, first, n_episodes, int(edges[-1]))
    episode = np.arange(first, first + n_episodes, dtype=np.uint64)
    draws_key = derive_seed(seed, "rollout actions", task.name)
    kept: list[dict[str, NDArray[np.float32]]] = []
    variables: list[NDArray[np.float64]] = []
    chances: list[NDArray[np.float64]] = []
    with torch.no_grad():
        state = network.initial_state(n_episodes)
        while not world.done:
            k = world.n_done
            here = slice(int(edges[k]), int(edges[k + 1]))
            seen = world.observe()[:, None].expand(-1, here.stop - here.start, -1)
            inputs = (seen + noise[:, here] if noise is not None else seen).to(like)
            run = network.stretch(inputs, state, key, here.start, record=True)
            state = run.final
            output = run.output.detach().cpu().double().numpy()
            d = task.averages(output, first=k)[:, 0]
            p = _probabilities(d, temperature)
            u = counter_uniform(draws_key, episode * np.uint64(task.n_acts) + np.uint64(k))
            action = np.minimum((np.cumsum(p, axis=1) < u[:, None]).sum(1), p.shape[1] - 1)
            if temperature is None:
                action = d.argmax(1)
            world.act(action)
            variables.append(d)
            chances.append(p[np.arange(n_episodes), action])
            if record:
                rate = getattr(run, "rate").cpu().numpy()  # noqa: B009
                kept.append({
                    "inputs": inputs.cpu().numpy(),
                    "rate": rate,
                    "outputs": output.astype(np.float32),
                })
    return _labelled(
        network, task, world.history(), variables, chances, kept, {"seed": seed, "temperature": temperature}
    )


def _check(network: AbstractNetwork, task: AbstractRewardTask, temperature: float | None) -> None:
    if not math.isclose(network.dt, task.dt, rel_tol=1e-6):
        raise ValueError(
            f"Task '{task.name}' has dt={task.dt:g} ms but the network steps by dt={network.dt:g} ms. Make the task with "
            f"dt={network.dt:g}, or use network.rescale_dt({task.dt:g})."
        )
    if (network.n_inputs, network.n_outputs) != (task.n_inputs, task.n_outputs):
        raise ValueError(
            f"Task '{task.name}' has {task.n_inputs} inputs and {task.n_outputs} outputs but the network {network.n_inputs} and "
            f"{network.n_outputs}. Build it with n_inputs=task.n_inputs and n_outputs=task.n_outputs."
        )
    if temperature is not None and not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature must be finite and above 0, or None to take the largest output: got {temperature}."
        )


def _input_noise(
    task: AbstractRewardTask, seed: int, first: int, n_episodes: int, n_steps: int
) -> Tensor | None:
    if task.sigma_in == 0:
        return None
    key = derive_seed(seed, "rollout input noise", task.name)
    noise = normal_traces(key, first, n_episodes, task.n_inputs, n_steps).transpose(0, 2, 1)
    return torch.from_numpy(noise * np.float32(task._noise_scale))


def _probabilities(d: NDArray[np.float64], temperature: float | None) -> NDArray[np.float64]:
    """Probability of each action; with no temperature, 1 for the first of the largest."""
    if temperature is None:
        return (np.arange(d.shape[1]) == d.argmax(1)[:, None]).astype(np.float64)
    z = d / temperature
    weights = np.exp(z - z.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _labelled(
    network: AbstractNetwork,
    task: AbstractRewardTask,
    history: xr.Dataset,
    variables: list[NDArray[np.float64]],
    chances: list[NDArray[np.float64]],
    kept: list[dict[str, NDArray[np.float32]]],
    settings: dict[str, float | None],
) -> xr.Dataset:
    per = task.acts_per_decision
    n_episodes = variables[0].shape[0]

    def rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """From ``(episode, action, ...)`` to ``(trial, ...)``, the actions of a decision side by side."""
        return values.reshape(n_episodes * task.n_decisions, per, *values.shape[2:])

    d, p = rows(np.stack(variables, axis=1)), rows(np.stack(chances, axis=1))
    ds = history.assign_coords(output=list(task.output_names))
    for k in range(per):
        tag = "" if per == 1 else f"_{k + 1}"
        label = {"long_name": "decision variable", "units": "1"}
        ds[f"decision_variable{tag}"] = (("trial", "output"), d[:, k], label)
        ds[f"probability_of_choice{tag}"] = ("trial", p[:, k], {"long_name": "probability", "units": "1"})
    ds.attrs["rollout_seed"] = int(settings["seed"] or 0)
    ds.attrs["temperature"] = "largest output" if settings["temperature"] is None else settings["temperature"]
    if not kept:
        return ds
    lengths = [part["rate"].shape[1] for part in kept]
    longest = max(sum(lengths[k : k + per]) for k in range(0, task.n_acts, per))
    n_trials = n_episodes * task.n_decisions
    valid = np.zeros((n_episodes, task.n_decisions, longest), dtype=np.float32)
    arrays = {}
    for name, last in (("inputs", "input"), ("rate", "unit"), ("outputs", "output")):
        fill = 0.0 if name == "inputs" else np.nan
        table = np.full(
            (n_episodes, task.n_decisions, longest, kept[0][name].shape[2]), fill, dtype=np.float32
        )
        for k in range(task.n_decisions):
            parts = np.concatenate([kept[k * per + j][name] for j in range(per)], axis=1)
            table[:, k, : parts.shape[1]] = parts
            valid[:, k, : parts.shape[1]] = 1.0
        names = {"long_name": {"rate": "firing rate"}.get(name, name[:-1]), "units": "1"}
        arrays[name] = (("trial", "time", last), table.reshape(n_trials, longest, -1), names)
    time = ("time", np.arange(longest) * task.dt, {"units": "ms", "long_name": "time in the decision"})
    ds = ds.assign_coords(
        time=time,
        unit=np.arange(network.n_units),
        input=list(task.input_names),
        cell_type=("unit", network.cell_types),
    )
    inside = (("trial", "time"), valid.reshape(n_trials, longest), {"long_name": "inside", "units": "1"})
    return ds.assign(arrays | {"valid": inside}).assign_attrs(
        schema="neurornn.Trials/1", dt=task.dt, sigma_rec=network.sigma_rec
    )
