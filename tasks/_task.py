"""What every task gives: trials, behaviour, and the inputs to hold while its dynamics are analysed."""

__all__ = ["AbstractTask"]

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from neurornn._channels import write_channels
from neurornn.analysis.behaviour import AbstractMeasure, MeanBy
from neurornn.recipe import Recipe
from neurornn.tasks._analyse import drawn, measured
from neurornn.tasks._channels import laid_out
from neurornn.tasks._draws import Split, TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._grid import grid_of
from neurornn.tasks._held import Channel
from neurornn.trials import TrialInfo, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NOISE_TAU = 100.0  # ms: time constant of the unit in which sigma_in is expressed


@dataclass(frozen=True, kw_only=True)
class AbstractTask(ABC):
    r"""A task: its fields are its parameters, and a trial is a function of (task, seed, trial number).

    Input channels carry white noise of standard deviation

    .. math:: \sigma_{in} \sqrt{2 \cdot 100\,\mathrm{ms} / dt}

    in each step, so that a leaky linear unit with a time constant of 100 ms that reads one channel fluctuates with
    standard deviation :math:`\sigma_{in} / \sqrt{1 - \alpha / 2}`, :math:`\alpha = dt / 100\,\mathrm{ms}`: it tends
    to :math:`\sigma_{in}` as ``dt`` shrinks, whatever ``dt`` was. The recurrent noise of
    :class:`~neurornn.CTRNN` follows the same convention.

    A subclass is a dataclass with ``frozen=True, kw_only=True``. It gives ``name``, ``input_names`` and
    ``output_names``, and the methods ``_generate``, ``behaviour`` and ``probe_inputs``. One trial is generated when
    a task is made, so settings that cannot work are refused at once.

    Attributes:
        dt: Time step in ms, at most as long as the shortest epoch.
        sigma_in: Strength of the input noise, in units of the input.

    Raises:
        ValueError: If a parameter makes no sense.
    """

    supports_balanced: ClassVar[bool] = True
    """Whether ``sample(balanced=True)`` can visit each cell of the condition grid once."""

    n_roundings: ClassVar[int] = 1
    """How many times rounded to ``dt`` an epoch may add up from: as many steps may it differ at another ``dt``."""

    dt: float = 20.0
    sigma_in: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            if isinstance(value := getattr(self, each.name), list):
                object.__setattr__(self, each.name, tuple(value))
        self._check_fields()
        _ = self._probe

    @property
    @abstractmethod
    def name(self) -> str:
        """Versioned name, for instance ``"context-decision-v1"``; a plain class attribute will do."""

    @property
    @abstractmethod
    def input_names(self) -> tuple[str, ...]:
        """One name for each input channel."""

    @property
    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """One name for each output channel."""

    @property
    def loss(self) -> Literal["squared_error", "cross_entropy"]:
        """Loss the task is trained with unless the user says otherwise."""
        return "squared_error"

    @property
    def n_inputs(self) -> int:
        """Number of input channels."""
        return len(self.input_names)

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""
        return len(self.output_names)

    @property
    def condition_names(self) -> tuple[str, ...]:
        """Conditions that ``sample`` lets you set."""
        return tuple(self._probe.names)

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Conditions that span the grid of a balanced batch."""
        return tuple(self._probe.factors)

    @property
    def n_conditions(self) -> int:
        """Number of cells of the condition grid: a balanced batch of that size visits each once."""
        return self._probe.n_cells

    @final
    def sample(
        self,
        n_trials: int,
        *,
        seed: int,
        first: int = 0,
        split: Split = "train",
        balanced: bool = False,
        conditions: Mapping[str, Any] | None = None,
    ) -> Trials:
        """Trials ``first`` to ``first + n_trials - 1`` of a seed.

        A trial does not depend on the batch it is drawn in: ``sample(64, seed=3).select(slice(10, 20))`` holds
        the same trials as ``sample(10, seed=3, first=10)``, except for padding.

        Args:
            n_trials: Number of trials.
            seed: Seed.
            first: Number of the first trial.
            split: ``"train"``; ``"test"`` draws other trials from the same seed, and of conditions that the task holds
                out only the values that training never shows; ``"all"`` draws from all values.
            balanced: Visit each cell of the condition grid in turn instead of at random.
            conditions: Values of conditions to use instead of drawing them, each one value or one for each trial.

        Returns:
            The trials, in float32.

        Raises:
            ValueError: If a number is out of range, a condition is unknown or the task has no balanced grid.
        """
        n_trials, seed, first = operator.index(n_trials), operator.index(seed), operator.index(first)
        if n_trials < 1 or first < 0:
            raise ValueError(
                f"sample needs n_trials >= 1 and first >= 0: got n_trials={n_trials}, first={first}."
            )
        if balanced and not self.supports_balanced:
            raise ValueError(
                f"Task '{self.name}' has no balanced condition grid. Sample it with balanced=False."
            )
        draws = TrialDraws(
            seed,
            first + np.arange(n_trials, dtype=np.int64),
            dt=self.dt,
            task=self.name,
            split=split,
            balanced=balanced,
            conditions=conditions,
        )
        trials = self._generate(draws)
        draws.check_given(trials.conditions)
        return trials

    @final
    def grid(self, n_repeats: int = 1, *, seed: int = 0, **levels: Any) -> Trials:  # noqa: ANN401
        """Every combination of conditions equally often, for psychometrics; held-out values are among them.

        Args:
            n_repeats: Trials for each combination.
            seed: Seed of what is not a condition of the grid, for instance the noise.
            levels: Values to visit, by condition. Factors that are not named visit the values of the task.

        Returns:
            The trials, ``split="all"``.

        Raises:
            ValueError: If there is nothing to repeat, a condition is unknown, or one is given no value.

        Examples:
            >>> from neurornn import tasks
            >>> trials = tasks.make("perceptual-decision").grid(5, coherence=[-0.2, 0.0, 0.2])
            >>> trials.n_trials, sorted(set(trials.conditions["coherence"].tolist()))
            (15, [-0.2, 0.0, 0.2])
        """
        return grid_of(self, n_repeats, seed, levels)

    @abstractmethod
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """What the subject did in each trial.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            Arrays of length ``batch``, in any case ``"performance"``: between 0 and 1, NaN where there is nothing
            to get right.
        """

    @abstractmethod
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Named constant inputs, without noise, to hold while the dynamics are analysed.

        Returns:
            One vector for each situation worth analysing.
        """

    @final
    def performance(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> NDArray[np.float64]:
        """How well each trial was done.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            Between 0 and 1 for each trial, NaN where there is nothing to get right.

        Raises:
            ValueError: If the trials are of another task.
        """
        if trials.info.task != self.name:
            raise ValueError(
                f"The trials are of task '{trials.info.task}' and this is '{self.name}'. Judge them by their own task."
            )
        return np.asarray(self.behaviour(trials, output)["performance"], dtype=np.float64)

    def ideal_output(self, trials: Trials) -> Float[Tensor, "batch time output"]:
        """A perfect output, proof that the task can be done.

        Args:
            trials: Trials of this task.

        Returns:
            Outputs whose performance is 1; the targets, unless the task says otherwise.
        """
        return trials.targets

    @property
    def measures(self) -> Mapping[str, AbstractMeasure]:
        """What is measured in the behaviour, by name; a task adds what its source paper measures."""
        by = {f"performance by {name}".replace("_", " "): name for name in self.factor_names}
        return {title: MeanBy("performance", by=name) for title, name in by.items()} or {
            "performance": MeanBy("performance")
        }

    @property
    def recipe(self) -> Recipe:
        """Network and training that are known to learn this task; general defaults where nobody has looked."""
        return Recipe()

    @final
    def analyse(self, dataset: xr.Dataset) -> xr.DataTree:
        """The behaviour in trials of this task, of a network or a subject.

        Args:
            dataset: What :func:`~neurornn.simulate` gave with ``task=``, or a recording with the same names.

        Returns:
            A node for each of ``measures``. Where one cannot be computed, the node is empty and its attribute
            ``failed`` says why.

        Raises:
            ValueError: If the trials are of another task.

        Examples:
            >>> import neurornn
            >>> task = neurornn.tasks.make("perceptual-decision")
            >>> network = task.recipe.network(task)
            >>> found = task.analyse(neurornn.simulate(network, task.grid(4), task=task))
            >>> "psychometric" in found.children
            True
        """
        return measured(self.name, self.measures, dataset)

    @final
    def plot(self, results: xr.DataTree) -> "Figure":
        """A panel for each measure.

        Args:
            results: What :meth:`analyse` gave.

        Returns:
            The figure.
        """
        return drawn(self.measures, results)

    @abstractmethod
    def _generate(self, draws: TrialDraws) -> Trials:
        """Make the trials of a batch from its random quantities, without a loop over trials or time."""

    def _check_fields(self) -> None:
        """Refuse parameters that make no sense; a subclass adds its own after calling this.

        Raises:
            ValueError: If one makes no sense.
        """
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt must be a finite number of ms above 0: got {self.dt}.")
        if not (math.isfinite(self.sigma_in) and self.sigma_in >= 0):
            raise ValueError(f"sigma_in must be finite and at least 0: got {self.sigma_in}.")

    def _assemble(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        *,
        inputs: Mapping[str, Channel],
        targets: Mapping[str, Channel],
        mask: NDArray[Any],
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Put channels together, add the input noise, and blank the padding.

        Args:
            draws: Random quantities; what was drawn becomes a condition.
            epochs: Epochs.
            inputs: Input channels in the order of ``input_names``, each ``(batch, time)``, or a block of several
                channels ``(batch, time, channel)``. What broadcasts to that is enough.
            targets: Target channels, likewise.
            mask: Weight of each step, ``(batch, time)``.
            conditions: Conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials.
        """
        noise = draws.noise("input noise", self._noise_scale, epochs.n_steps, self.n_inputs)
        blocks = (
            laid_out("input", inputs, self.input_names, epochs),
            laid_out("target", targets, self.output_names, epochs),
            laid_out("mask", {"mask": mask}, ("mask",), epochs),
        )
        write_channels(blocks, noise, epochs.total if epochs.padded else None)
        u, y, weight = (each.out for each in blocks)
        return Trials(
            inputs=torch.from_numpy(u),
            targets=torch.from_numpy(y),
            mask=torch.from_numpy(weight[..., 0]),
            conditions={**draws.conditions, **(conditions or {})},
            epochs=epochs.bounds,
            info=self._info(draws, units),
        )

    @property
    def _noise_scale(self) -> float:
        """Standard deviation of the input noise in one step."""
        return self.sigma_in * math.sqrt(2 * _NOISE_TAU / self.dt)

    def _info(self, draws: TrialDraws, units: Mapping[str, str] | None = None) -> TrialInfo:
        """What the trials say about themselves; ``units`` are those of conditions that follow from the drawn ones."""
        return TrialInfo(
            task=self.name,
            dt=float(self.dt),
            seed=draws.seed,
            input_names=self.input_names,
            output_names=self.output_names,
            loss=self.loss,
            units={**draws.units, **(units or {})},
        )

    @cached_property
    def _probe(self) -> TrialDraws:
        """The draws of one trial: which conditions there are, and that a trial can be made at all."""
        draws = TrialDraws(0, np.zeros(1, dtype=np.int64), dt=self.dt, task=self.name)
        self._generate(draws)
        return draws
