"""The command that compares networks with a recording, and its options."""

__all__ = ["Compare"]

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from neurornn.cli._none import bounds, optional_float, optional_int, optional_text
from neurornn.cli._say import say


@dataclass(frozen=True)
class Compare:
    """Compare trained networks with a recording: scores, noise ceilings, untrained networks, null, intervals.

    Each folder is one network, usually the same with another seed. Writes a page, and beside it the same as .nc and .json.

    Attributes:
        paths: Run folders, and last the file of the recording.
        by: Condition variables of the task. NAME=NAME_IN_RECORDING where the recording calls it otherwise, and
            NAME=NAME_IN_RECORDING*FACTOR where its values are in other units.
        align: Event at time 0, or EVENT=EVENT_IN_RECORDING, as in stimulus_start=dots_on.
        window: First and last edge in ms.
        bin_width: Width of the bins in ms, a multiple of the time steps of both sides.
        measures: Measures, by name.
        units: Units of each side in a draw: match, all or a number.
        split: What fitted measures hold out.
        drop_unmatched: Compare the conditions both sides have where one has others as well.
        n_subsamples: Draws of units.
        min_trials: Trials a recorded unit needs in every condition at every bin.
        n_trials: Trials of each network.
        out: The page to write.
        seed: Seed of everything.
    """

    paths: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FOLDER [FOLDER ...] RECORDING", help_behavior_hint="(required)"),
    ]
    by: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")]
    align: Annotated[
        str | None,
        optional_text,
        tyro.conf.arg(metavar="EVENT", help_behavior_hint="(default: time as it is)"),
    ] = None
    window: Annotated[
        tuple[float, float] | None,
        bounds,
        tyro.conf.arg(help_behavior_hint="(default: what both sides cover)"),
    ] = None
    bin_width: Annotated[
        float | None,
        optional_float,
        tyro.conf.arg(
            metavar="MS", help_behavior_hint="(default: the time step, if both sides have the same)"
        ),
    ] = None
    measures: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            metavar="NAME [NAME ...]",
            help_behavior_hint="(default: linear-predictivity svcca held-out-procrustes linear-cka rsa)",
        ),
    ] = ()
    units: str = "match"
    split: Literal["condition", "trial"] = "condition"
    drop_unmatched: bool = False
    n_subsamples: int = 10
    min_trials: int = 2
    n_trials: Annotated[
        int | None,
        optional_int,
        tyro.conf.arg(
            help_behavior_hint="(default: 500 or more, so that every condition comes at least ten times)"
        ),
    ] = None
    out: Path = Path("compare.html")
    seed: int = 0

    def run(self) -> None:
        """Compare and write."""
        from neurornn.analysis.compare import table  # the other commands need none of this
        from neurornn.cli._compare import compare_runs

        if len(self.paths) < 2:
            raise ValueError("Give one run folder or more and last the file of the recording.")
        result, page = compare_runs(self)
        say(table(result))
        say(f"Comparison: {page.resolve()}")
        if not result.attrs["complete"]:
            raise KeyboardInterrupt
