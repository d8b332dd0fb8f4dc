"""The alignment of rules while a network learns."""

__all__ = ["AlignmentCallback"]

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import xarray as xr

from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.rules._alignment import alignment
from neurornn.rules._base import AbstractRule
from neurornn.rules._checks import check_steps
from neurornn.trials import Trials

logger = logging.getLogger(__name__)


class HasStep(Protocol):
    """What is told after a step of training."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def n_steps(self) -> int:
        """Steps to do at most."""


class AlignmentCallback:
    """Measures :func:`alignment` every few steps of a training, on trials that stay the same.

    Make it before the training, with the network that is going to be trained: the first measurement is of the network
    as it is then, step 0. Others follow every ``every`` steps and after the last of ``n_steps``; a training that stops because it
    reached its target may end between two. The rules need not be the one
    the network is trained with. Where they are, feedback that learns is taken as it is at that moment.

    Training is not affected: it gives the same bytes with and without the callback. A training that continues from a
    checkpoint begins at another network than the one there was when the callback was made; step 0 is then left out, with
    a word in the log, and the attribute ``first_step`` of the result says where the measurements start.

    Args:
        network: Network that is going to be trained.
        trials: Trials to measure on, usually of another seed than the training.
        rules: Rules to compare, as in :func:`alignment`.
        every: Steps between measurements.
        objective: What the gradients are of.
        by: Condition variable, as in :func:`alignment`.
        steps: Whether to look at each step of the trial.
        seed: Seed of the noise, the same in every measurement.

    Raises:
        ValueError: If ``every`` is not positive.

    Examples:
        >>> import neurornn.tasks
        >>> from neurornn.rules import BPTT, TruncatedBPTT
        >>> task = neurornn.tasks.make("perceptual-decision")
        >>> network = neurornn.CTRNN(task.n_inputs, 10, task.n_outputs)
        >>> watch = AlignmentCallback(network, task.sample(8, seed=1), [TruncatedBPTT(5)], every=2)
        >>> result = neurornn.train(network, task, n_steps=5, batch_size=8, callback=watch)
        >>> watch.dataset().step.values.tolist()
        [0, 2, 4, 5]
    """

    def __init__(
        self,
        network: AbstractNetwork,
        trials: Trials,
        rules: Sequence[AbstractRule] | Mapping[str, AbstractRule],
        *,
        every: int = 50,
        objective: Objective = Objective(),
        by: str | None = None,
        steps: bool = False,
        seed: int = 0,
    ) -> None:
        check_steps("every", every)
        self.network, self.trials, self.rules, self.every = network, trials, rules, int(every)
        self.objective, self.by, self.steps, self.seed = objective, by, steps, seed
        self._found: dict[int, xr.Dataset] = {}
        self._called = False
        self._measure(0)

    def __call__(self, progress: HasStep) -> None:
        """Measure, if it is time to.

        Args:
            progress: What :func:`neurornn.train` tells after each step.
        """
        if not self._called and progress.step != 1:
            logger.warning(
                "The training continues at step %d: the alignment measured before it is not of this training "
                "and is left out.",
                progress.step,
            )
            self._found.clear()
        self._called = True
        if progress.step % self.every == 0 or progress.step == progress.n_steps:
            self._measure(progress.step)

    def dataset(self) -> xr.Dataset:
        """All measurements so far.

        Returns:
            What :func:`alignment` gives, along ``step``, the number of steps done before each measurement.

        Raises:
            ValueError: If nothing was measured.
        """
        if not self._found:
            raise ValueError(
                f"Nothing was measured: the training that was continued ended within every={self.every} steps of its "
                "checkpoint. Measure more often."
            )
        step = xr.DataArray(
            [*self._found], dims="step", name="step", attrs={"units": "1", "long_name": "training step"}
        )
        parts = [*self._found.values()]
        joined = xr.concat(
            parts, dim=step, data_vars="all", coords="minimal", compat="override", join="exact"
        )
        of_training = {
            "schema": "neurornn.AlignmentInTraining/1",
            "every": self.every,
            "first_step": int(step[0]),
        }
        return joined.assign_attrs(of_training)

    def _measure(self, step: int) -> None:
        self._found[step] = alignment(
            self.network,
            self.trials,
            self.rules,
            objective=self.objective,
            by=self.by,
            steps=self.steps,
            seed=self.seed,
        )
