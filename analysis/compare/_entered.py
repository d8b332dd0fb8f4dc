"""What entered a comparison: units, trials, conditions and bins, and how many did not."""

__all__ = ["Entered", "coordinates", "counts"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.compare._clock import TimeBase
from neurornn.analysis.compare._draws import QUANTITIES, Plan
from neurornn.analysis.compare._match import Conditions
from neurornn.analysis.compare._side import Side


class Entered(NamedTuple):
    """What entered the comparison.

    Attributes:
        brain: The recording.
        used: Its units that can be used.
        needed: Trials they needed.
        models: The networks.
        match: Conditions.
        base: Bins.
        n_units: Units of a draw, None for all.
    """

    brain: Side
    used: NDArray[np.intp]
    needed: int
    models: Sequence[Side]
    match: Conditions
    base: TimeBase
    n_units: int | None


def coordinates(plan: Plan, entered: Entered, confidence: float) -> dict[str, Any]:
    """Coordinates of the result."""
    brain, base = entered.brain, entered.base
    return {
        "measure": list(plan.measures),
        "quantity": list(QUANTITIES),
        "model": np.arange(len(entered.models)),
        "bound": ("bound", ["lower", "upper"], {"long_name": f"end of the {100 * confidence:g} % interval"}),
        "limit": ("limit", ["cautious", "generous"]),
        "unit": brain.ids[entered.used],
        "time": (
            "time",
            base.start,
            {
                "units": "ms",
                "long_name": f"time from {base.event.replace('_', ' ')}",
                "aligned_to": base.event,
            },
        ),
        **{name: ("condition", values) for name, values in entered.match.levels.items()},
    }


def counts(entered: Entered) -> dict[str, Any]:
    """How many units, trials and conditions entered, and how many did not, each with its reason."""
    brain, match = entered.brain, entered.match
    used = entered.used
    all_units = entered.n_units is None
    numbers = {
        "n_units": (
            used.size if all_units else min(entered.n_units or 0, used.size),
            "units of the recording in each draw",
        ),
        "n_units_recorded": (brain.n_units, "units of the recording"),
        "n_units_excluded": (
            brain.n_units - used.size,
            f"recorded units with fewer than {entered.needed} trials in a condition at a bin",
        ),
        "n_trials": (int(brain.n_trials.sum()), "recorded trials that entered"),
        "n_trials_without_condition": (match.n_unlabelled[-1], "recorded trials that lack a condition"),
        "n_trials_unmatched": (match.n_unmatched[-1], "recorded trials of conditions that a network has not"),
        "n_trials_without_event": (int((~brain.clock.aligned).sum()), "recorded trials without the event"),
        "n_conditions_unmatched": (len(match.unmatched), "conditions that one side lacks"),
        "event_rounding": (
            max(each.rounding for each in entered.base.clocks),
            "largest distance of an event from its bin",
        ),
    }
    least = brain.counts[:, :, used].min(1)
    return {
        name: ((), value, {"long_name": about, "units": "ms" if name == "event_rounding" else "1"})
        for name, (value, about) in numbers.items()
    } | {
        "n_units_of_model": (
            "model",
            np.array([side.n_units for side in entered.models]),
            {"long_name": "units of the network"},
        ),
        "n_trials_of_condition": ("condition", brain.n_trials, {"long_name": "recorded trials"}),
        "n_trials_of_model": (
            ("model", "condition"),
            np.stack([side.n_trials for side in entered.models]),
            {"long_name": "simulated trials"},
        ),
        "n_trials_of_unit": (
            ("condition", "unit"),
            least,
            {"long_name": "trials at the bin that has fewest"},
        ),
    }
