r"""A source of the past that remembers the inputs: encoded, stored, recalled in reverse, decoded.

Each moment of a trial gets a mark, a pattern of :math:`\pm 1` that a fixed random network makes of the input and of the mark
before. So marks differ where inputs repeat; the sequence of marks is what the sequence memory stores. The input itself is bound to
the mark of its moment by a Hebbian product, as a hippocampal index is to what it points at:

.. math::
    s_t = \mathrm{top}\left(10 \sum_{k=1}^3 A_k\,(s_{t-1} \circ s_{t-1}^{(k)}) + B\, c_t + \theta\right), \qquad
    C \leftarrow C + \tfrac1N\, r\, c_t\, p_t^\top, \qquad \hat c_t = \mathrm{sgn}(C\, \hat s_t)

where :math:`c_t` are the bits of the input, 1 or -1, :math:`s^{(k)}` is :math:`s` shifted by :math:`k` units, :math:`A_k` and :math:`B`
hold random signs, :math:`\theta` breaks ties and top sets the ``fill`` units with the largest sums to 1 and the others to -1.
Nothing else of the inputs is left when the trial is over.
"""

__all__ = ["MistakenRecallError", "Recalled", "Remembered"]

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from typing_extensions import override

from neurornn.networks import AbstractNetwork, ReversibleRNN
from neurornn.rules._checks import check_positive, check_size
from neurornn.rules._feedback import random_matrix
from neurornn.rules.replay._inversion import Inverted, Reversible
from neurornn.rules.replay._memory import SequenceMemory
from neurornn.rules.replay._sources import AbstractSource, Experience, Replayed

_HISTORY: Final = 10  # how much more the mark before counts than the input, which may repeat
_PRODUCTS: Final = 3  # for each unit, of itself and each of its next neighbours


class MistakenRecallError(ValueError):
    """The memory did not recall the trial as it was."""


class Remembered(NamedTuple):
    """What the memory made of a batch, in the order of time.

    Attributes:
        inputs: Inputs that were recalled, ``(batch, time, input)``.
        mistaken: Steps whose recalled input is not the one that was stored, ``(batch, time)``.
        misplaced: Steps whose recalled mark is nearer to that of another step, ``(batch, time)``.
        settled: Steps at which the memory was at rest, ``(batch, time)``.
    """

    inputs: Tensor
    mistaken: Bool[Tensor, "batch time"]
    misplaced: Bool[Tensor, "batch time"]
    settled: Bool[Tensor, "batch time"]


@dataclass(frozen=True)
class Recalled(AbstractSource):
    r"""Inputs recalled in reverse order by a sequence memory, and states that are found by running the network backwards with them.

    Nothing of the trial is kept but the last state of the network, the last mark and what the synapses of the memory hold.
    Every trial is stored in a memory of its own.

    Inputs are stored with ``bits`` bits as multiples of ``resolution``: with the defaults from -8 to 8 in steps of 1/4096. The
    rounding counts as part of the memory, not as a mistake, but running backwards amplifies it like any other error.

    A memory that is asked for too much recalls wrongly. Each recalled input is compared with what was stored, which only an observer
    can do; :meth:`remember` counts the mistakes. Then, by ``on_mistake``, the batch is refused, or the wrong inputs drive the replay,
    as they would in a brain, and a warning says how many they are. States that cannot be found with them are up to ``states``:
    with its default tolerance it refuses; ``Inverted(tolerance=math.inf)`` lets anything pass, and ``on_failure="recompute"`` runs the
    network forward with the inputs as they are remembered.

    Attributes:
        memory: The memory, which must recall in reverse order.
        states: How the states that go with the inputs are found. None for ``Reversible()`` or ``Inverted()``, as fits the network.
        gate: :math:`r` of all that is stored; see :class:`SequenceMemory`. 0 stores nothing.
        on_mistake: ``"refuse"`` or ``"use"``.
        bits: Bits for each input.
        resolution: Steps of the inputs that are stored.
        history: Whether marks depend on the marks before. If not they depend on the input alone, and a sequence in which inputs
            repeat cannot be recalled: a control.

    Raises:
        TypeError: If memory or states is something else.
        ValueError: If a number makes no sense.

    Examples:
        >>> from neurornn import rules, tasks
        >>> from neurornn.networks import ReversibleRNN
        >>> task = tasks.make("counting-language")
        >>> network = ReversibleRNN(3, 20, 3, tau=250.0, dt=50.0, dtype=torch.float64)
        >>> trials = task.sample(8, seed=0)
        >>> rule = rules.Replay(rules.Recalled(SequenceMemory(n_units=300)))
        >>> loss = rule.backward(network, trials)
        >>> int(rule.source.remember(trials.inputs).mistaken.sum())
        0
    """

    memory: SequenceMemory = field(default_factory=lambda: SequenceMemory(n_units=1000, background=0.0))
    states: AbstractSource | None = None
    gate: float = 1.0
    on_mistake: Literal["refuse", "use"] = "refuse"
    bits: int = 16
    resolution: float = 2.0**-12
    history: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.memory, SequenceMemory):
            raise TypeError(f"memory must be a SequenceMemory: got {self.memory!r}.")
        if self.memory.order != "reverse":
            raise ValueError(
                "A replay runs backwards: the memory must recall in order 'reverse', not 'forward'."
            )
        if self.states is not None and (
            isinstance(self.states, Recalled) or not isinstance(self.states, AbstractSource)
        ):
            raise TypeError(
                f"states must be a source of states such as Reversible() or Inverted(), or None: got {self.states!r}."
            )
        check_size("gate", self.gate)
        if self.on_mistake not in ("refuse", "use"):
            raise ValueError(f"on_mistake must be 'refuse' or 'use': got {self.on_mistake!r}.")
        if not (isinstance(self.bits, int) and 1 <= self.bits <= 24):
            raise ValueError(f"bits must be a whole number from 1 to 24: got {self.bits!r}.")
        check_positive("resolution", self.resolution)

    @override
    def check(self, network: AbstractNetwork) -> None:
        self._states(network).check(network)

    @override
    def keeps(self, n_steps: int) -> Iterable[int]:
        return () if self.states is None else self.states.keeps(n_steps)

    @override
    def replay(self, network: AbstractNetwork, experience: Experience) -> Replayed:
        past = self.remember(experience.inputs)
        n_wrong, n_steps = int(past.mistaken.sum()), past.mistaken.numel()
        if n_wrong:
            what = (
                f"{n_wrong} of {n_steps} steps, in {int(past.mistaken.any(1).sum())} of {len(past.mistaken)} trials, were recalled with "
                "another input than was stored"
            )
            if self.on_mistake == "refuse":
                raise MistakenRecallError(
                    f"{what}. Use a memory with more units, shorter trials, a larger gate or a weaker background, or let "
                    "on_mistake='use' learn from what was recalled."
                )
            warnings.warn(f"{what}; they are learned from as they are.", stacklevel=2)
        return self._states(network).replay(network, experience._replace(inputs=past.inputs))

    def remember(self, inputs: Float[Tensor, "batch time input"]) -> Remembered:
        """Store the inputs of a batch and recall them.

        Args:
            inputs: Inputs.

        Returns:
            What was recalled, and where it is wrong.

        Raises:
            ValueError: If an input is too large to be stored.
        """
        with torch.no_grad():
            code = self._encode(inputs)
            mark = self._marks(code)
            last = mark[:, -1]  # the mark of the moment, the cue of the recall
            imprint = self.memory.store(mark, self.gate)
            bound = (self.gate * code).mT @ (mark - (2 * self.memory.fill - 1)) / self.memory.n_units
            # from here on recall uses imprint.traces, bound and last alone; the rest is compared with it
            recall = self.memory.recall(imprint, cue=last)
            found = torch.cat([recall.pattern.flip(1), last[:, None]], 1)
            recalled = (found @ bound.mT).sign()
            right = recalled.new_zeros(len(found), 1, dtype=torch.bool)
            return Remembered(
                self._decode(recalled, inputs),
                (recalled != code).any(2),
                torch.cat([recall.mistaken.flip(1), right], 1),
                torch.cat([recall.settled.flip(1), ~right], 1),
            )

    def _states(self, network: AbstractNetwork) -> AbstractSource:
        if self.states is not None:
            return self.states
        return Reversible() if isinstance(network, ReversibleRNN) else Inverted()

    def _encode(self, inputs: Tensor) -> Float[Tensor, "batch time bit"]:
        """Bits of the inputs as 1 and -1, of a whole number of steps above the lowest value."""
        number = (inputs / self.resolution).round() + 2 ** (self.bits - 1)
        if not bool(((number >= 0) & (number < 2**self.bits)).all()):
            largest = 2 ** (self.bits - 1) * self.resolution
            raise ValueError(
                f"Inputs from {inputs.min().item():.3g} to {inputs.max().item():.3g} cannot be stored with {self.bits} bits and a "
                f"resolution of {self.resolution:g}, which reach from {-largest:g} to {largest:g}. Use more bits or a coarser "
                "resolution."
            )
        place = torch.arange(self.bits, device=inputs.device)
        bits = (number.long()[..., None] >> place) & 1
        return (2 * bits - 1).flatten(2).to(torch.float32)

    def _decode(self, code: Tensor, inputs: Tensor) -> Tensor:
        """Inputs from bits; bits that are not known are halfway."""
        place = torch.arange(self.bits, device=code.device)
        bits = (code.double().unflatten(2, (inputs.shape[2], self.bits)) + 1) / 2
        number = (bits * 2.0**place).sum(-1) - 2 ** (self.bits - 1)
        return (number * self.resolution).to(inputs)

    def _marks(self, code: Tensor) -> Float[Tensor, "batch time unit"]:
        """A pattern for each moment. All sums are whole numbers, exact in any order, but for what breaks ties."""
        N, n_bits = self.memory.n_units, code.shape[2]
        n_up = max(1, round(self.memory.fill * N))
        A = _balanced("marks from marks", N, _PRODUCTS * N).to(code) * (_HISTORY * self.history)
        B = _signs("marks from inputs", N, n_bits).to(code)
        drive = code @ B.t() * max(1, round(math.sqrt(N / max(1, n_bits))))
        ties = torch.arange(N, device=code.device) / (2.0 ** math.ceil(math.log2(2 * N)))
        mark = _signs("first mark", 1, N).to(code).expand(len(code), N)
        marks = []
        for t in range(code.shape[1]):
            # products: of sums, marks would inherit the overlap of those before
            products = torch.cat([mark * mark.roll(k, 1) for k in range(1, _PRODUCTS + 1)], 1)
            largest = (products @ A.t() + drive[:, t] + ties).topk(n_up).indices
            mark = torch.full_like(mark, -1.0).scatter(1, largest, 1.0)
            marks.append(mark)
        return torch.stack(marks, 1)


def _signs(name: str, n_post: int, n_pre: int) -> Tensor:
    """A fixed matrix of 1 and -1."""
    return torch.from_numpy(random_matrix(0, name, n_post, n_pre)).sign()


@lru_cache(maxsize=2)
def _balanced(name: str, n_post: int, n_pre: int) -> Tensor:
    """A fixed matrix whose rows hold as many 1 as -1, and a 0 if their length is odd: the mean of a pattern says nothing."""
    rank = torch.from_numpy(random_matrix(0, name, n_post, n_pre)).argsort(1).argsort(1)
    return (2 * rank - (n_pre - 1)).sign().to(torch.float32)
