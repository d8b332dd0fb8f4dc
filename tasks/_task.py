"""What every task gives: trials, behaviour, and the inputs to hold while its dynamics are analysed."""

__all__ = ["AbstractTask"]

import operator
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy
from neurornn.recipe import Recipe
from neurornn.tasks._analyse import drawn, measured
from neurornn.tasks._draws import Split
from neurornn.tasks._grid import grid_of
from neurornn.tasks._maker import AbstractMaker
from neurornn.trials import Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class AbstractTask(AbstractMaker):
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
        draws = self._draw(n_trials, seed, first, split, balanced=balanced, conditions=conditions)
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
