"""Go/no-go: respond to one cue, withhold the response at the other."""

__all__ = ["GoNogo"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, MeanBy, SignalDetection
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import as_array, check_grace, epoch_average, window
from neurornn.tasks._crossing import crossing_time
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs, either
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials

_THRESHOLD = 0.5


@register
@dataclass(frozen=True, kw_only=True)
class GoNogo(AbstractTask):
    """Respond after a delay if the cue was *go*, and hold still if it was *no-go*.

    The cue is shown on one of two channels; a delay follows, and the fixation input goes off at the start of the
    decision epoch. The target of the single output is 1 in the decision epoch of go trials and 0 otherwise. The loss
    counts every step but the grace period. A response is an output above 0.5 on average in the decision epoch after
    the grace period; one before the decision epoch (above 0.5 at any step) is premature and makes the trial wrong.

    The times are those of NeuroGym's ``GoNogo``: no fixation before the cue, and 500 ms each of cue, delay and
    decision. The grace period is chosen here.

    Attributes:
        fixation: Duration before the cue.
        stimulus: Duration of the cue.
        delay: Duration between the cue and the decision epoch.
        decision: Duration of the decision epoch.
        grace: Time in ms at the start of the decision epoch that is neither trained nor judged.

    Examples:
        >>> task = GoNogo()
        >>> trials = task.sample(2, seed=0, conditions={"cue": ["go", "nogo"]})
        >>> task.behaviour(trials, 0 * trials.targets)["performance"].tolist()   # nobody moves
        [0.0, 1.0]
    """

    name = "go-nogo-v1"
    input_names = ("fixation", "go", "nogo")
    output_names = ("respond",)

    sigma_in: float = 0.05
    fixation: Timing = 0.0
    stimulus: Timing = 500.0
    delay: Timing = 500.0
    decision: Timing = 500.0
    grace: float = 100.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_grace(self.grace, self.decision, self.dt, field="decision", epoch="decision epoch")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        go = draws.choice("cue", ("go", "nogo")) == "go"
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation, optional=True),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        shown, before = epochs.during("stimulus"), epochs.before("decision")
        if not epochs.outlasts("decision", self.grace):
            raise ValueError(
                f"Every decision epoch must outlast the grace period of {self.grace:g} ms: lengthen 'decision'."
            )
        return self._assemble(
            draws,
            epochs,
            inputs={
                "fixation": before,
                "go": held(go, shown),
                "nogo": held(~go, shown),
            },
            targets={"respond": held(go, epochs.during("decision"))},
            mask=either(before, epochs.during("decision", after=self.grace)),
            conditions={"correct_choice": np.where(go, 1, -1)},
            units={"reaction_time": "ms"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Whether and when there was a response.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"choice"`` (+1 for a response, -1 for none), ``"premature"``, ``"reaction_time"`` in ms from the start
            of the decision epoch until the output crosses 0.5 (NaN without a response, and after a premature one),
            ``"correct"`` and ``"performance"``.
        """
        y = as_array(trials, output)[..., 0]
        responded = epoch_average(trials, output, "decision", after=self.grace)[:, 0] > _THRESHOLD
        early = window(trials, "fixation") | window(trials, "stimulus") | window(trials, "delay")
        premature = (early & (y > _THRESHOLD)).any(axis=1)
        time = crossing_time(trials, y, ("decision",), threshold=_THRESHOLD)
        correct = ~premature & (responded == (np.asarray(trials.conditions["correct_choice"]) == 1))
        return {
            "choice": np.where(responded | premature, 1, -1),
            "premature": premature,
            "reaction_time": np.where(responded & ~premature, time, np.nan),
            "correct": correct,
            "performance": correct.astype(np.float64),
        }

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy": Accuracy(by="cue"),
            "sensitivity": SignalDetection(),
            "reaction time": MeanBy("reaction_time", by="cue"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay, and the decision epoch.

        Returns:
            One vector for each.
        """
        return {"delay": torch.tensor([1.0, 0.0, 0.0]), "decision": torch.zeros(3)}
