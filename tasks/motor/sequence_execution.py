"""Sequence execution: three eye movements on a grid, in one of eight orders."""

__all__ = ["SequenceExecution"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, SerialPosition
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import check_grace, epoch_average
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials

_CENTRE = 4
_SEQUENCES = np.array(  # places of the three movements of each sequence, all from the centre
    [(5, 1, 0), (3, 1, 2), (3, 7, 8), (5, 7, 6), (5, 1, 2), (3, 1, 0), (3, 7, 6), (5, 7, 8)]
)
_OPTIONS = {1: (0, 2), 3: (1, 7), 4: (3, 5), 5: (1, 7), 7: (6, 8)}  # where one can go from a place
_PLACES = np.array([(-0.5 + 0.5 * (k % 3), 0.5 - 0.5 * (k // 3)) for k in range(9)])
_SHOWN = np.zeros((9, 9))
for _place, _options in _OPTIONS.items():
    _SHOWN[_place, [_place, *_options]] = 1.0


@register
@dataclass(frozen=True, kw_only=True)
class SequenceExecution(AbstractTask):
    r"""Make three eye movements between the places of a 3 x 3 grid, in the order that a cue stands for.

    The places are numbered by rows, 0 1 2 / 3 4 5 / 6 7 8, and lie at :math:`x, y \in \{-0.5, 0, 0.5\}`, place 0 at
    the upper left. Each movement starts where the last one ended, the first one at the centre, place 4; two places
    are on offer each time. Eight sequences of three choices follow: 5 1 0, 3 1 2, 3 7 8, 5 7 6, 5 1 2, 3 1 0, 3 7 6
    and 5 7 8. One of eight cues, on throughout the trial, says which one is asked for. Nine channels show the places:
    during fixation the centre, and in each movement epoch the present place and the two on offer.

    The two outputs are the position of the eye: the centre during fixation, then the place that is next in the
    sequence, from the start of each movement epoch on. The interval between trials is not in the loss. A movement is
    correct if the mean position in its epoch, after the grace period, is nearer to the right place than to any other
    of the nine; a trial is correct if all three movements are.

    Averbeck & Lee (2007) give the task. Sequences, places, channels and times are those of Song et al. (2016), whose
    network is told the sequence; the monkeys had to find it out. The grace period is chosen here.

    Attributes:
        interval: Duration between trials, with no place shown.
        fixation: Duration of fixation.
        move: Duration of each of the three movement epochs.
        grace: Time in ms at the start of each that is not judged, though it is trained.

    References:
        Prefrontal neural correlates of memory for sequences (Averbeck & Lee, 2007)
        https://doi.org/10.1523/JNEUROSCI.4483-06.2007

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> task = SequenceExecution()
        >>> trials = task.sample(1, seed=0, conditions={"sequence": 1})   # 5 1 0
        >>> trials.targets[0, -1].tolist()   # at last at place 0
        [-0.5, 0.5]
    """

    name = "sequence-execution-v1"
    input_names = (*(f"place_{k}" for k in range(9)), *(f"sequence_{k + 1}" for k in range(len(_SEQUENCES))))
    output_names = ("x", "y")

    sigma_in: float = 0.01
    interval: Timing = 1000.0
    fixation: Timing = 1000.0
    move: Timing = 500.0
    grace: float = 200.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_grace(self.grace, self.move, self.dt, field="move", epoch="movement epoch")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        n = len(_SEQUENCES)
        sequence = draws.choice("sequence", range(1, n + 1))
        if not np.isin(sequence, range(1, n + 1)).all():
            raise ValueError(f"Sequences are numbered 1 to {n}: got {np.unique(sequence).tolist()}.")
        move = draws.duration("move", self.move)
        epochs = Epochs(
            self.dt,
            {
                "interval": draws.duration("interval", self.interval, optional=True),
                "fixation": draws.duration("fixation", self.fixation),
                **{f"move_{k}": move for k in (1, 2, 3)},
            },
        )
        visited = _SEQUENCES[sequence.astype(int) - 1]
        places = np.zeros((*epochs.during("fixation").shape, 9))
        eye = np.zeros((*places.shape[:2], 2))  # the centre is the origin
        places[..., _CENTRE] = epochs.during("fixation")
        present = np.full(draws.n_trials, _CENTRE)
        for k in range(3):
            moving = epochs.during(f"move_{k + 1}")[..., None]
            places += moving * _SHOWN[present][:, None]
            present = visited[:, k]
            eye += moving * _PLACES[present][:, None]
        cue = held(one_hot(sequence, range(1, n + 1)), epochs.valid)
        return self._assemble(
            draws,
            epochs,
            inputs={"places": places, "sequences": cue},
            targets={"eye": eye},
            mask=~epochs.during("interval"),
            conditions={f"place_{k + 1}": visited[:, k] for k in range(3)},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Where each movement went.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            For each movement the nearest place, ``"chosen_1"`` to ``"chosen_3"``, the distance from the right place,
            ``"endpoint_error_1"`` to ``"endpoint_error_3"``, and ``"correct_1"`` to ``"correct_3"``; ``"correct"``
            and ``"performance"`` for all three together.
        """
        found: dict[str, NDArray[np.generic]] = {}
        correct = np.ones(trials.n_trials, dtype=bool)
        for k in (1, 2, 3):
            eye = epoch_average(trials, output, f"move_{k}", after=self.grace)
            right = np.asarray(trials.conditions[f"place_{k}"]).astype(int)
            chosen = np.linalg.norm(eye[:, None] - _PLACES, axis=-1).argmin(axis=1)
            found[f"chosen_{k}"] = chosen
            found[f"endpoint_error_{k}"] = np.linalg.norm(eye - _PLACES[right], axis=-1)
            found[f"correct_{k}"] = chosen == right
            correct &= chosen == right
        return {**found, "correct": correct, "performance": correct.astype(np.float64)}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy by position": SerialPosition(),
            "accuracy by sequence": Accuracy(by="sequence"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Fixation with the cue of each sequence.

        Returns:
            One vector for each sequence.
        """
        n = len(_SEQUENCES)
        found = {f"fixation, sequence {k + 1}": torch.zeros(9 + n) for k in range(n)}
        for k, vector in enumerate(found.values()):
            vector[_CENTRE] = vector[9 + k] = 1.0
        return found
