r"""A memory of sequences: two Hopfield matrices that take turns.

A sequence of patterns :math:`s_1 \dots s_n` of :math:`\pm 1` is stored while it happens. With :math:`p_t = s_t - \bar s`,
:math:`\bar s` the mean of a pattern whose fraction ``fill`` of units is up, each pair of successive patterns adds to one of the two
matrices, the first to :math:`W_1`, the second to :math:`W_2`, the third to :math:`W_1` again:

.. math:: W_k \leftarrow W_k + \tfrac1N\, r\, p_t\, (p_t + p_{t+1})^\top

so in one matrix every pattern is an attractor for itself and for the pattern that followed it. A state at :math:`s_{t+1}` goes to
:math:`s_t` when that matrix acts, and stays there until the other one takes over and moves it to :math:`s_{t-1}`.
"""

__all__ = ["Imprint", "Recollection", "SequenceMemory"]

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurornn.random import torch_generator
from neurornn.rules._checks import check_size
from neurornn.rules._feedback import random_matrix
from neurornn.rules.replay._memory_dynamics import Traces, clocked, self_paced


class Imprint(NamedTuple):
    """What a memory holds of a batch of trials, each with matrices of its own.

    Attributes:
        pattern: What was stored, ``(batch, pattern, unit)``, 1 or -1.
        gate: Gate of each pair of successive patterns, ``(batch, pattern - 1)``.
        traces: The matrices, as the sums of products that they are.
    """

    pattern: Tensor
    gate: Tensor
    traces: Traces

    @property
    def weights(self) -> Float[Tensor, "batch 2 unit unit"]:
        """Both matrices of each trial, ``(post, pre)``. Recall does not need to build them."""
        return self.traces.matrices()


class Recollection(NamedTuple):
    """What a memory recalled, in the order in which it did.

    Attributes:
        pattern: Recalled patterns, the cue not among them, ``(batch, recalled, unit)``.
        step: Steps of the memory from the cue to each of them, ``(batch, recalled)``.
        settled: Whether the state was at rest when the next matrix took over, ``(batch, recalled)``; a memory driven by a clock does
            not wait for it.
        overlap: Overlap with every stored pattern, 1 for the same, ``(batch, recalled, pattern)``.
        expected: Number of the stored pattern due at each place, ``(recalled,)``.
    """

    pattern: Tensor
    step: Int[Tensor, "batch recalled"]
    settled: Bool[Tensor, "batch recalled"]
    overlap: Float[Tensor, "batch recalled pattern"]
    expected: Int[Tensor, " recalled"]

    @property
    def number(self) -> Int[Tensor, "batch recalled"]:
        """Number of the stored pattern that is nearest to each recalled one."""
        return self.overlap.argmax(-1)

    @property
    def mistaken(self) -> Bool[Tensor, "batch recalled"]:
        """Where another pattern is nearer than the one that is due."""
        return self.number != self.expected


@dataclass(frozen=True)
class SequenceMemory:
    r"""Two alternating Hopfield matrices that recall a sequence from its end to its beginning.

    .. math::
        h \leftarrow \left(1 - \tfrac1\tau\right) h + \tfrac1\tau \left[\lambda W_2 + (1 - \lambda) W_1\right] \mathrm{sgn}(h),
        \qquad W_k = \tfrac1N \left[g\,\Xi + \sum_t r_t\, p_t (p_t + p_{t+1})^\top\right]

    from :math:`h = s_n`, the last pattern; the sum of :math:`W_k` is over every second pair, :math:`\Xi` is standard normal and the same in
    both. With ``pace="self"`` one matrix acts alone until no unit would change its sign any more, then the other. With
    ``pace="clock"`` :math:`\lambda` is a cosine of the time and each pattern is read a quarter of a half period after its
    matrix was strongest, for the state lags behind.

    The gate :math:`r` is one factor for all synapses, given with what is stored: 0 stores nothing. The lecture and the papers this
    follows write it without saying what sets it; to read it as reward, novelty or a learning rate is an interpretation. Scaled
    alike for the whole trial it matters only in relation to the background :math:`g`.

    Attributes:
        n_units: Number of units :math:`N`.
        fill: Fraction of units that are up in a pattern.
        background: :math:`g`. The noise it makes has a standard deviation of :math:`g/\sqrt N` where a stored pattern gives 1.
        tau: :math:`\tau` in steps of the memory.
        pace: ``"self"`` or ``"clock"``.
        half_period: Steps from one matrix at its strongest to the other, with a clock.
        patience: Steps after which the other matrix takes over although the state is not at rest, without a clock.
        order: ``"reverse"``, or ``"forward"`` with the roles of a pattern and its successor exchanged:
            :math:`p_{t+1} (p_{t+1} + p_t)^\top`, recalled from the first pattern.
        seed: Seed of the background.

    Raises:
        ValueError: If a number or a name makes no sense.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> memory = SequenceMemory(n_units=500)
        >>> imprint = memory.store(memory.draw(20, seed=1))
        >>> memory.recall(imprint).number.tolist()
        [[18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]
    """

    n_units: int = 500
    fill: float = 0.4
    background: float = 2.5
    tau: float = 6.0
    pace: Literal["self", "clock"] = "self"
    half_period: int = 30
    patience: int = 50
    order: Literal["reverse", "forward"] = "reverse"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("n_units", self.n_units, 2),
            ("half_period", self.half_period, 2),
            ("patience", self.patience, 1),
        ):
            if not (isinstance(value, int) and value >= least):
                raise ValueError(f"{name} must be a whole number, at least {least}: got {value!r}.")
        if not 0 < self.fill < 1:
            raise ValueError(f"fill is the fraction of units that are up, between 0 and 1: got {self.fill}.")
        check_size("background", self.background)
        if not 1 <= self.tau < math.inf:
            raise ValueError(f"tau must be finite and at least 1 step: got {self.tau}.")
        for name, word, known in (
            ("pace", self.pace, ("self", "clock")),
            ("order", self.order, ("reverse", "forward")),
        ):
            if word not in known:
                raise ValueError(f"{name} must be {' or '.join(map(repr, known))}: got {word!r}.")

    def draw(
        self,
        n_patterns: int,
        *,
        n_trials: int = 1,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Float[Tensor, "batch pattern unit"]:
        """Random patterns: each unit is up with probability ``fill``.

        Args:
            n_patterns: Patterns in a sequence.
            n_trials: Number of sequences.
            seed: Seed.
            dtype: Floating-point type.
            device: Device.

        Returns:
            Patterns of 1 and -1.
        """
        generator = torch_generator(seed, "patterns of a sequence memory")
        up = torch.rand(n_trials, n_patterns, self.n_units, generator=generator) < self.fill
        return (2 * up.to(torch.get_default_dtype() if dtype is None else dtype) - 1).to(device)

    def store(self, patterns: Float[Tensor, "batch pattern unit"], gate: float | Tensor = 1.0) -> Imprint:
        r"""Store one sequence for each trial in matrices that held nothing but the background.

        Args:
            patterns: Patterns of 1 and -1.
            gate: :math:`r`, at least 0: one number, one for each trial ``(batch,)``, or one for each pair of successive patterns
                ``(batch, pattern - 1)``.

        Returns:
            What the memory then holds.

        Raises:
            ValueError: If patterns or gate have another shape or value.
        """
        if patterns.ndim != 3 or patterns.shape[1] < 1 or patterns.shape[2] != self.n_units:
            raise ValueError(
                f"patterns must be (batch, pattern, unit) with {self.n_units} units, the n_units of the memory: got "
                f"{tuple(patterns.shape)}."
            )
        if not bool((patterns.abs() == 1).all()):
            raise ValueError("patterns must consist of 1 and -1.")
        n_trials, n_pairs = patterns.shape[0], patterns.shape[1] - 1
        r = torch.as_tensor(gate, dtype=patterns.dtype, device=patterns.device)
        if r.shape not in ((), (n_trials,), (n_trials, n_pairs)):
            raise ValueError(
                f"gate must be one number, one for each of {n_trials} trials, or {(n_trials, n_pairs)}, one for each pair of patterns: "
                f"got shape {tuple(r.shape)}."
            )
        if not bool(((r >= 0) & r.isfinite()).all()):
            raise ValueError("gate must be finite and at least 0.")
        r = (r[:, None] if r.ndim == 1 else r).expand(n_trials, n_pairs)
        background = None
        if self.background:
            own = random_matrix(self.seed, "background of a sequence memory", self.n_units, self.n_units)
            background = torch.from_numpy(own).to(patterns) * (self.background / self.n_units)
        centred = patterns - (2 * self.fill - 1)
        return Imprint(patterns, r, Traces(centred, r, background, self.order == "reverse"))

    def recall(
        self,
        imprint: Imprint,
        n: int | None = None,
        cue: Float[Tensor, "batch unit"] | None = None,
        *,
        start: int | None = None,
    ) -> Recollection:
        """Recall the sequences of all trials.

        Args:
            imprint: What was stored.
            n: Number of patterns to recall; all by default.
            cue: State from which recall sets out; by default the pattern ``start`` as it was stored.
            start: Number of the pattern that the cue stands for, which decides on the matrix that acts first. The last by default,
                the first if the order is forward.

        Returns:
            The recalled patterns.

        Raises:
            ValueError: If a shape or number does not fit what was stored.
        """
        n_trials, n_patterns, n_units = imprint.pattern.shape
        backwards = self.order == "reverse"
        start = (n_patterns - 1 if backwards else 0) if start is None else start
        if not 0 <= start < n_patterns:
            raise ValueError(f"start must be a number from 0 to {n_patterns - 1}: got {start}.")
        left = start if backwards else n_patterns - 1 - start
        n = left if n is None else n
        if not 0 <= n <= left:
            raise ValueError(
                f"{left} of {n_patterns} patterns can be recalled from pattern {start} in {self.order} order: got n={n}."
            )
        if n_units != self.n_units or imprint.traces.backwards != backwards:
            raise ValueError("The sequences were stored by a memory of another size or order.")
        h = imprint.pattern[:, start] if cue is None else cue
        if h.shape != (n_trials, n_units):
            raise ValueError(f"cue must have shape {(n_trials, n_units)}: got {tuple(h.shape)}.")
        first = (start - 1 if backwards else start) % 2
        h = h.to(imprint.pattern)
        if self.pace == "self":
            pattern, step, settled = self_paced(imprint.traces, h, first, n, self.tau, self.patience)
        else:
            pattern, step, settled = clocked(imprint.traces, h, first, n, self.tau, self.half_period)
        expected = torch.arange(1, n + 1, device=h.device)
        return Recollection(
            pattern,
            step,
            settled,
            pattern @ imprint.pattern.mT / n_units,
            start - expected if backwards else start + expected,
        )
