"""What makes a trial of a neurogym environment depend on more than its seed, and how to rule it out."""

__all__ = [
    "IndependentSchedule",
    "forget_trials",
    "reachable_generators",
    "reseed",
    "reseed_globals",
    "sealed",
    "snapshot",
]

import random
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from neurornn.random import derive_seed

_NOISE = (  # gymnasium about neurogym's own code: nothing the user could change
    "to get variables from other wrappers is deprecated",
    "doesn't include `render_modes`",
    "Box bound precision lowered by casting",
)


@contextmanager
def sealed() -> Iterator[None]:
    """Let an environment do what it likes with the global random state and the warning filters, then undo it.

    Yields:
        Nothing.
    """
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            for text in _NOISE:
                warnings.filterwarnings("ignore", message=f".*{text}")
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


class IndependentSchedule:
    """Takes the place of a neurogym schedule: the entry of each trial is set from outside.

    Args:
        schedule: The schedule; an entry with longer blocks comes up more often.

    Attributes:
        n: Number of entries.
        p: How often the schedule gives each in the long run.
        i: Entry of the trial at hand.
    """

    def __init__(self, schedule: Any) -> None:  # noqa: ANN401
        self.n, self.i = int(schedule.n), 0
        often = np.asarray(getattr(schedule, "block_lens", np.ones(self.n)), dtype=np.float64)
        self.p = often / often.sum()

    def __call__(self) -> int:
        """The entry of the trial at hand."""
        return self.i

    def seed(self, seed: int | None = None) -> None:
        """Do nothing: the entry is set from outside."""


def forget_trials(env: Any) -> None:  # noqa: ANN401
    """Drop what trials made so far have left in an environment, and make lazy or unordered parts definite.

    Args:
        env: The environment inside all wrappers.
    """
    own = vars(env)
    for name in ("ob", "gt"):
        own.pop(name, None)
    for name in ("start_t", "end_t", "start_ind", "end_ind"):
        own[name] = {}
    for name, value in own.items():
        if type(value) is set:
            own[name] = _SortedSet(value)
    for owner in (env, env.observation_space, env.action_space):
        _ = owner.np_random  # made on first use, seeded by the clock


def snapshot(value: Any) -> Any:  # noqa: ANN401
    """Copy containers and share what is in them.

    Args:
        value: Anything.

    Returns:
        A copy of a dictionary, list, set or array, and of those inside; anything else itself.
    """
    if type(value) is dict:
        return {key: snapshot(each) for key, each in value.items()}
    if type(value) is list:
        return [snapshot(each) for each in value]
    if isinstance(value, set):
        return type(value)(value)
    return value.copy() if isinstance(value, np.ndarray) else value


def reachable_generators(chain: Sequence[Any]) -> list[Any]:
    """Every random generator that an environment and its wrappers can reach, also inside timing functions.

    Args:
        chain: Wrappers and environment. What is only in the ``envs`` of a wrapper is not its turn and is left out.

    Returns:
        Generators of NumPy (both kinds) and Python, each once, in a fixed order.
    """
    found: list[Any] = []
    seen: set[int] = set()
    stack: list[Any] = list(reversed(chain))
    while stack:
        value = stack.pop()
        if id(value) in seen or isinstance(value, (str, int, float, np.ndarray, type, types.ModuleType)):
            continue
        seen.add(id(value))
        if isinstance(value, (np.random.RandomState, np.random.Generator, random.Random)):
            found.append(value)
        else:
            stack.extend(reversed(_inside(value)))
    return found


def reseed(generator: Any, seed: int) -> None:  # noqa: ANN401
    """Seed a generator in place, so that whoever holds it draws from the new stream.

    Args:
        generator: A generator of NumPy or Python.
        seed: Seed.
    """
    if isinstance(generator, np.random.RandomState):
        generator.seed(_words(seed))
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(seed).state
    else:
        generator.seed(seed)


def reseed_globals(seed: int) -> None:
    """Seed the global generators of NumPy and Python, for environments that use them; only inside :func:`sealed`.

    Args:
        seed: Seed.
    """
    np.random.seed(_words(derive_seed(seed, "numpy")))  # noqa: NPY002
    random.seed(derive_seed(seed, "python"))


class _SortedSet(set[Any]):
    """A set that is walked in the same order in every process: the hashes of strings differ between them."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=repr))


def _inside(value: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, types.MethodType):
        return [value.__self__]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        return [*cells, *(value.__defaults__ or ())]
    return [each for name, each in getattr(value, "__dict__", {}).items() if name != "envs"]


def _words(seed: int) -> list[int]:
    """A seed as NumPy's older generators take it: with 32 bits alone, trials would soon repeat."""
    return [seed & 0xFFFFFFFF, seed >> 32]
