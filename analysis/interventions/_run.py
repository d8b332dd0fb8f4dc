"""Run trials while a network is intervened upon."""

__all__ = ["Interventions", "run"]

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.analysis.interventions._base import AbstractIntervention, Action, Equations
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.networks._trajectory import Trajectory
from neurornn.simulation import HasBehaviour, simulate
from neurornn.trials import Trials

Interventions = AbstractIntervention | Sequence[AbstractIntervention]

_STRETCH = 128  # steps whose noise is in memory at a time


def run(
    network: CTRNN,
    trials: Trials,
    interventions: Interventions = (),
    *,
    task: HasBehaviour | None = None,
    seed: int = 0,
) -> xr.Dataset:
    r"""Simulate trials while the network is intervened upon.

    Step ``k`` of the network uses the rates of step ``k - 1``:

    .. math::
        \text{current:}\quad x_k &= (1-\alpha) x_{k-1} + \alpha (W_{rec} r_{k-1} + W_{in} u_k + b + I)
        + \sqrt{2\alpha}\,\sigma_{rec}\,\xi_k, \quad r_k = \phi(x_k) \\
        \text{rate:}\quad r_k &= (1-\alpha) r_{k-1} + \alpha\,\phi(W_{rec} r_{k-1} + W_{in} u_k + b + I
        + \sqrt{2/\alpha}\,\sigma_{rec}\,\xi_k)

    (or with the noise on the state). In a step in which an intervention acts, changed weights, time constants, noise
    and currents hold in the equation of that step; then the state :math:`x_k` is clamped; then silent units get
    :math:`r_k = 0`; then the output is read. Several interventions act in the order given. The noise
    :math:`\xi` depends on the seed alone and is that of :func:`neurornn.simulate`.

    Args:
        network: Network to run; it is left untouched.
        trials: Trials to run.
        interventions: One intervention or several that act together; none leaves the network as it is.
        task: If given, its behaviour is added to the trial coordinates.
        seed: Seed of the recurrent noise.

    Returns:
        A dataset like that of :func:`neurornn.simulate`; the attribute ``interventions`` lists what was done.

    Raises:
        TypeError: If the network is not a CTRNN or something else than an intervention is given.
        ValueError: If an intervention makes no sense for this network or these trials.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> from neurornn.analysis import interventions
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 10, task.n_outputs)
        >>> silent = interventions.Silence([0, 1], epoch="stimulus")
        >>> ds = interventions.run(network, task.sample(4, seed=0), silent)
        >>> first = int(ds.epoch_stimulus_start[0] / ds.attrs["dt"])
        >>> ds.rate[0, first, :2].values.tolist(), bool(ds.rate[0, first - 1, 0] > 0)
        ([0.0, 0.0], True)
    """
    steps = as_interventions(interventions)
    if not isinstance(network, CTRNN):
        raise TypeError(
            f"Interventions need the equations of the network, weights and time constants: got {type(network).__name__}, "
            "not a CTRNN."
        )
    network.check_trials(trials)
    here = trials.to(next(network.parameters()))
    intervened = _Intervened(network, [each.bind(network, here) for each in steps])
    ds = simulate(cast(AbstractNetwork, intervened), trials, task=task, seed=seed)
    return ds.assign_attrs(interventions=json.dumps([repr(each) for each in steps]))


def as_interventions(given: Interventions) -> tuple[AbstractIntervention, ...]:
    """One or several interventions as a tuple.

    Args:
        given: What the user passed.

    Returns:
        The interventions.

    Raises:
        TypeError: If something else is among them.
    """
    several = (given,) if isinstance(given, AbstractIntervention) else given
    if isinstance(several, str) or not isinstance(several, Sequence):
        raise TypeError(f"interventions are objects such as Silence(...), or a list of them: got {given!r}.")
    for each in several:
        if not isinstance(each, AbstractIntervention):
            raise TypeError(f"interventions are objects such as Silence(...): got {each!r}.")
    return tuple(several)


class _Intervened:
    """A network that is run by the loop below and is itself in everything else."""

    def __init__(self, network: CTRNN, actions: list[Action]) -> None:
        self._network, self._actions = network, actions

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._network, name)

    def __call__(self, inputs: Tensor, *, generator: torch.Generator) -> Trajectory:
        self._network.check_inputs(inputs)
        key = self._network.noise_key(generator)
        with torch.no_grad(), single_threaded():
            return _loop(self._network, inputs, key, self._actions)


def _loop(network: CTRNN, inputs: Tensor, key: int, actions: list[Action]) -> Trajectory:
    n_trials, n_steps, _ = inputs.shape
    plain = Equations(network.circuit(), network.sigma_rec)
    equations = _Variants(plain, [each for each in actions if each.change is not None])
    state = network.initial_state(n_trials).clone()
    state = _clamped(actions, 0, state, None)
    state, rate = _silenced(actions, 0, state, network)
    states, rates = (inputs.new_empty(n_trials, n_steps, network.n_units) for _ in range(2))
    outputs = inputs.new_empty(n_trials, n_steps, network.n_outputs)
    for k in range(n_steps):
        if k % _STRETCH == 0 and equations.noisy:
            size = min(_STRETCH, n_steps - k)
            noise = kernels.normal_numbers(key, n_trials, size, network.n_units, inputs, k)
        xi = noise[:, k % _STRETCH] if equations.noisy else None
        extra = _current(actions, k)
        before = state
        for rows, each in equations.at(k):
            after = _advance(network, each, before, rate, inputs[:, k], extra, xi)
            state = after if rows is None else torch.where(rows[:, None], after, state)
        state = _clamped(actions, k, state, before)
        state, rate = _silenced(actions, k, state, network)
        for rows, each in equations.at(k):
            read = torch.nn.functional.linear(rate, each.circuit.W_out, each.circuit.bias_out)
            outputs[:, k] = read if rows is None else torch.where(rows[:, None], read, outputs[:, k])
        states[:, k], rates[:, k] = state, rate
    return Trajectory(states, rates, outputs, state)


class _Variants:
    """The equations of each trial in each step: those of the network, changed by what acts there."""

    def __init__(self, plain: Equations, actions: list[Action]) -> None:
        self._plain, self._actions, self._known = plain, actions, {0: plain}
        self.codes = np.zeros((1, 1), dtype=np.int64)
        if actions:
            powers = (2**bit * each.active.long() for bit, each in enumerate(actions))
            self.codes = cast(Tensor, sum(powers)).cpu().numpy()
        self.noisy = any(self._of(int(code)).sigma > 0 for code in np.unique(self.codes))

    def at(self, k: int) -> Iterator[tuple[Tensor | None, Equations]]:
        """The equations in force in step ``k`` and their trials; the first comes with None, for all."""
        codes = self.codes[:, min(k, self.codes.shape[1] - 1)]
        for place, code in enumerate(np.unique(codes)):
            rows = torch.as_tensor(codes == code, device=self._plain.circuit.W_rec.device) if place else None
            yield rows, self._of(int(code))

    def _of(self, code: int) -> Equations:
        if code not in self._known:
            each = self._plain
            for bit, action in enumerate(self._actions):
                if code >> bit & 1 and action.change is not None:
                    each = action.change(each)
            self._known[code] = each
        return self._known[code]


def _advance(
    network: CTRNN,
    equations: Equations,
    state: Tensor,
    rate: Tensor,
    input: Tensor,
    extra: Tensor | None,
    xi: Tensor | None,
) -> Tensor:
    circuit = equations.circuit
    alpha, linear = circuit.alpha, torch.nn.functional.linear
    drive = linear(rate, circuit.W_rec) + linear(input, circuit.W_in, circuit.bias)
    if extra is not None:
        drive = drive + extra
    kick: Tensor | float = 0.0
    if xi is not None:
        inside, outside = kernels.Noise(equations.sigma, network.noise).scales(alpha, circuit.form)
        drive, kick = drive + inside * xi, outside * xi
    target = drive if circuit.form == "current" else circuit.activation(drive)
    return (1 - alpha) * state + alpha * target + kick


def _current(actions: list[Action], k: int) -> Tensor | None:
    parts = [each.active[:, k, None] * each.current for each in actions if each.current is not None]
    return torch.stack(parts).sum(0) if parts else None


def _clamped(actions: list[Action], k: int, state: Tensor, before: Tensor | None) -> Tensor:
    for each in actions:
        if each.clamp is not None:
            state = torch.where(each.active[:, k, None], each.clamp(state, before), state)
    return state


def _silenced(actions: list[Action], k: int, state: Tensor, network: CTRNN) -> tuple[Tensor, Tensor]:
    rate = network.rate(state)
    for each in actions:
        if each.silent is not None:
            rate = rate.masked_fill(each.active[:, k, None] & each.silent, 0.0)
    return (rate, rate) if network.form == "rate" else (state, rate)
