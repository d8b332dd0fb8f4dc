"""A neurogym environment taken apart: one trial at a time, from a seed."""

__all__ = ["RawTrial", "TrialSource", "import_neurogym", "open_source"]

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.random import derive_seed
from neurornn.tasks._neurogym_state import (
    IndependentSchedule,
    forget_trials,
    reachable_generators,
    reseed,
    reseed_globals,
    sealed,
    snapshot,
)

_INERT = {"OrderEnforcing", "PassiveEnvChecker", "TimeLimit"}  # step like the environment inside
_HISTORY = {"SideBias", "TrialHistoryV2"}  # choose a trial by the ones before it
_MAX_ITEMS = 16  # longer sequences among a trial's variables are stimuli, not conditions

Variable = bool | int | float | str


class RawTrial(NamedTuple):
    """One trial as neurogym made it, copied.

    Attributes:
        inputs: Observations, ``(time, input)``.
        target: Ground truth: an action for each step, ``(time,)``, or continuous values, ``(time, output)``.
        periods: First step and first step after each period, inside the trial.
        variables: Numbers and strings of the trial's dictionary, sequences and dictionaries flattened.
    """

    inputs: NDArray[np.float32]
    target: NDArray[Any]
    periods: dict[str, tuple[int, int]]
    variables: dict[str, Variable]


def import_neurogym(module: str = "neurogym") -> Any:  # noqa: ANN401
    """Import neurogym, which is not a dependency, at the moment it is needed.

    Args:
        module: The package, or a module of it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed, or cannot be imported.
    """
    try:
        with sealed():
            return importlib.import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "neurogym":
            raise ImportError(
                "NeuroGym tasks need neurogym. Install it with: pip install 'neurornn[neurogym]'"
            ) from error
        raise ImportError(f"neurogym is installed but cannot be imported: {error}") from error


def open_source(env: str | Callable[..., Any], settings: Mapping[str, Any]) -> "TrialSource":
    """Build an environment and make it a source of trials; only inside ``sealed()``.

    Args:
        env: Name of a registered environment, or a function that builds one.
        settings: Its arguments.

    Returns:
        The source.
    """
    neurogym = import_neurogym()

    def make() -> Any:  # noqa: ANN401
        try:
            return env(**settings) if callable(env) else neurogym.make(env, **settings)
        except TypeError as error:
            given = ", ".join(f"{name}={value!r}" for name, value in settings.items()) or "no settings"
            raise ValueError(f"{env!r} cannot be built with {given}: {error}") from error

    return TrialSource(make, "" if callable(env) else env)


class TrialSource:
    """Trials of one environment, each a function of its seed alone.

    Before a trial every wrapper and environment is put back to how it was when it was built, a schedule gives an
    independent draw with its long-run frequencies, and every random generator within reach gets a seed of its
    own. (``env.seed(s)`` gives them all the same one, and long periods of one kind would come with long ones of
    another.)

    To be used inside ``sealed()``.

    Args:
        make: Builds the environment.
        label: What to call it; the class of the environment if empty.

    Attributes:
        label: What it is called.
        dt: Time step in ms.
        timing: What the environment was told about the length of its periods.
        action_space: Space of the ground truth.
        channels: Names of groups of observations, each with its channels; negative ones count from the last.
    """

    def __init__(self, make: Callable[[], Any], label: str = "") -> None:
        reseed_globals(0)
        self._top = make()
        nodes = list(_nodes(self._top))
        self.label = label or type(nodes[-1]).__name__
        leaves = _refuse_unsupported(self._top, nodes, self.label)
        self.dt, self.timing = float(leaves[0].dt), dict(leaves[0].timing)
        self.action_space = self._top.action_space
        self.channels = [getattr(leaf.observation_space, "name", {}) for leaf in leaves] + [
            {"rule": range(-len(node.envs), 0)} for node in nodes if vars(node).get("env_input")
        ]
        for node in nodes:
            if "schedule" in vars(node):
                node.schedule = IndependentSchedule(node.schedule)
        next(node for node in _chain(self._top) if hasattr(type(node), "seed")).seed(0)
        for leaf in leaves:
            forget_trials(leaf)
        # the node is kept with its state: an id means nothing once its object is gone
        self._built = {id(node): (node, snapshot(vars(node))) for node in nodes}
        self._generators: dict[tuple[int, ...], list[Any]] = {}

    def trial(self, seed: int, *, restore: bool = True) -> RawTrial:
        """Make one trial.

        Args:
            seed: Seed of the trial.
            restore: Forget the trials before it. False only serves to see whether that makes a difference.

        Returns:
            The trial.
        """
        chain = self._enter(seed, restore)
        key = tuple(map(id, chain))
        if key not in self._generators:
            self._generators[key] = reachable_generators(chain)
        reseed_globals(seed)
        for k, generator in enumerate(self._generators[key]):
            reseed(generator, derive_seed(seed, "generator", k))
        outermost = next(node for node in chain if hasattr(type(node), "new_trial"))
        return self._read(chain, outermost.new_trial())

    def _enter(self, seed: int, restore: bool) -> list[Any]:
        """Wrappers and environment of a trial, from the outside in, put back to how they were built."""
        node, chain = self._top, []
        while True:
            if restore:
                vars(node).clear()
                vars(node).update(snapshot(self._built[id(node)][1]))
            chain.append(node)
            own = vars(node)
            if "schedule" in own:
                rng = np.random.default_rng(derive_seed(seed, "schedule", len(chain)))
                node.schedule.i = int(rng.choice(node.schedule.n, p=node.schedule.p))
                if "envs" in own:
                    node.next_i_env, node.env = node.schedule.i, node.envs[node.schedule.i]
            if "env" not in own:
                return chain
            node = own["env"]

    def _read(self, chain: list[Any], trial: object) -> RawTrial:
        own = vars(chain[-1])
        missing = [what for what, key in (("observations", "ob"), ("ground truth", "gt")) if key not in own]
        if missing:
            raise ValueError(
                f"'{self.label}' has no {' and no '.join(missing)} after new_trial(), so there is nothing to learn "
                "with supervision. It is an environment for reinforcement learning."
            )
        inputs, target = np.array(own["ob"], dtype=np.float32), np.array(own["gt"])
        n_steps = len(target)
        if n_steps == 0 or len(inputs) != n_steps:
            raise ValueError(
                f"A trial of '{self.label}' has {len(inputs)} steps of observations and {n_steps} of ground truth: "
                "both need the same number, at least 1."
            )
        if hasattr(self.action_space, "n"):
            size = int(self.action_space.n)
            if (
                target.ndim != 1
                or (target != target.astype(np.int64)).any()
                or not 0 <= target.min() <= target.max() < size
            ):
                raise ValueError(
                    f"The ground truth of '{self.label}' must be one action from 0 to {size - 1} in each step: "
                    f"got shape {target.shape} with values from {target.min()} to {target.max()}."
                )
            target = target.astype(np.int64)
        else:
            target = target.astype(np.float32).reshape(n_steps, -1)
        periods = {
            name: (min(int(start), n_steps), min(int(own["end_ind"][name]), n_steps))
            for name, start in own["start_ind"].items()
        }
        if max((stop for _, stop in periods.values()), default=0) < n_steps:
            periods["trial"] = (0, n_steps)
        entries = [node.schedule.i for node in chain if "schedule" in vars(node)]
        variables: dict[str, Variable] = {f"schedule{i or ''}": entry for i, entry in enumerate(entries)}
        variables.update(_flatten(trial) if isinstance(trial, Mapping) else {})
        return RawTrial(inputs.reshape(n_steps, -1), target, periods, variables)


def _nodes(env: Any) -> Iterator[Any]:  # noqa: ANN401
    """An environment and all that it wraps."""
    yield env
    own = vars(env)
    for inner in own.get("envs", [own["env"]] if "env" in own else []):
        yield from _nodes(inner)


def _chain(env: Any) -> Iterator[Any]:  # noqa: ANN401
    """An environment and what it wraps at the moment, from the outside in."""
    yield env
    while "env" in vars(env):
        env = vars(env)["env"]
        yield env


def _refuse_unsupported(top: Any, nodes: list[Any], label: str) -> list[Any]:  # noqa: ANN401
    """Refuse what has no independent supervised trials; return the environments inside all wrappers."""
    core, gym = import_neurogym("neurogym.core"), importlib.import_module("gymnasium")
    leaves = [node for node in nodes if "env" not in vars(node)]
    for leaf in leaves:
        if not isinstance(leaf, core.TrialEnv):
            raise ValueError(
                f"'{label}' is a {type(leaf).__name__}, which is not made of trials. "
                "from_neurogym needs an environment that derives from neurogym.core.TrialEnv."
            )
        if type(leaf).post_step is not core.TrialEnv.post_step:
            raise ValueError(
                f"The observations of '{label}' follow what the agent does (it overrides post_step), and a "
                "supervised trial has no agent."
            )
    for kind in [type(node) for node in nodes if "env" in vars(node)]:
        if kind.__name__ in _HISTORY:
            raise ValueError(
                f"The wrapper {kind.__name__} of '{label}' chooses each trial by the ones before it, so trials are "
                "not independent. Remove the wrapper."
            )
        if kind.step is not gym.Wrapper.step and kind.__name__ not in _INERT:
            raise ValueError(
                f"The wrapper {kind.__name__} of '{label}' acts while an agent steps through a trial. A supervised "
                "trial has no agent, so it would change nothing. Remove the wrapper."
            )
    if not isinstance(top.action_space, (gym.spaces.Discrete, gym.spaces.Box)):
        raise ValueError(
            f"'{label}' has actions in {top.action_space}. Only Discrete and Box can be turned into targets."
        )
    steps = sorted({float(leaf.dt) for leaf in leaves})
    if len(steps) > 1:
        raise ValueError(f"The environments of '{label}' differ in dt: {steps} ms. Give them the same one.")
    return leaves


def _flatten(values: Mapping[Any, Any]) -> dict[str, Variable]:
    flat: dict[str, Variable] = {}
    for name, raw in values.items():
        value = raw.tolist() if isinstance(raw, (np.ndarray, np.generic)) else raw
        kind = next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), None)
        if kind is not None:
            flat[str(name)] = kind(value)
        elif isinstance(value, (list, tuple)) and len(value) <= _MAX_ITEMS:
            flat.update(_flatten({f"{name}_{i}": each for i, each in enumerate(value)}))
        elif isinstance(value, Mapping):
            flat.update(_flatten({f"{name}_{key}": each for key, each in value.items()}))
    return flat
