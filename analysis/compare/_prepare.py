"""From networks and a recording to populations in the same conditions and bins, or an error that says what is missing."""

__all__ = ["check_complete", "check_units", "prepare", "recorded_variable"]

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis.compare._clock import Align, TimeBase, time_base
from neurornn.analysis.compare._draws import QUANTITIES
from neurornn.analysis.compare._match import Conditions, Translation, match_conditions
from neurornn.analysis.compare._models import Candidate
from neurornn.analysis.compare._side import Side


def prepare(
    candidates: Sequence[Candidate],
    recording: xr.Dataset,
    by: Sequence[str],
    *,
    conditions: Mapping[str, Translation],
    drop: bool,
    align: Align | None,
    window: tuple[float, float] | None,
    bin_width: float | None,
    variable: str,
    brain_variable: str,
) -> tuple[list[Side], Conditions, TimeBase, dict[str, list[int | None]]]:
    """Bring everything to the same conditions and bins.

    Args:
        candidates: Networks with their baselines.
        recording: The recording.
        by: Condition variables.
        conditions: Their names and values in the recording.
        drop: Whether unmatched conditions are dropped.
        align: Event at time 0.
        window: First and last edge in ms.
        bin_width: Width of the bins in ms.
        variable: Activity of the networks.
        brain_variable: Activity of the recording.

    Returns:
        The sides, the last of which is the recording; their conditions and bins; and for each quantity the position of the side
        of each network, None where there is none.
    """
    entries: list[tuple[str, xr.Dataset, str]] = []
    quantities: dict[str, list[int | None]] = {quantity: [] for quantity in QUANTITIES}
    for k, candidate in enumerate(candidates):
        who = f"Network {k}"
        for quantity, ds, name, what in (
            ("trained", candidate.trained, variable, who),
            ("untrained", candidate.untrained, variable, f"{who} untrained"),
            (
                "inputs",
                candidate.trained if "inputs" in candidate.trained else None,
                "inputs",
                f"{who} inputs",
            ),
        ):
            quantities[quantity].append(None if ds is None else len(entries))
            if ds is not None:
                entries.append((what, ds, name))
    entries.append(("The recording", recording, brain_variable))
    named = [(who, ds) for who, ds, _ in entries]
    match = match_conditions(named, by, conditions, drop=drop)
    base = time_base(named, align=align, window=window, bin_width=bin_width)
    sides = [
        Side(ds, who, name, member, clock, match.n, base.start.size)
        for (who, ds, name), member, clock in zip(entries, match.members, base.clocks, strict=True)
    ]
    return sides, match, base, quantities


def recorded_variable(recording: xr.Dataset) -> str:
    """The activity of a recording: its rates, or counts where there are none.

    Args:
        recording: A binned recording.

    Returns:
        The name of the variable.

    Raises:
        ValueError: If it holds neither.
    """
    if "spike" in recording.dims:
        raise ValueError("The recording holds spike times. Bin them first with neurornn.recordings.to_rates.")
    for name in ("rate", "counts"):
        if name in recording:
            return name
    raise ValueError(
        f"The recording has neither 'rate' nor 'counts'. It has: {', '.join(map(str, recording))}."
    )


def check_units(brain: Side, used: NDArray[np.intp], needed: int, match: Conditions, base: TimeBase) -> None:
    """Refuse a recording of which fewer than two units can be used, and say where the others lack trials.

    Args:
        brain: The recording.
        used: Units that can be used.
        needed: Trials they need.
        match: Conditions.
        base: Bins.

    Raises:
        ValueError: If there are fewer than two.
    """
    if used.size >= 2:
        return
    enough = brain.counts >= needed
    lost_to = {
        f"{name}={values[k]}": int((~enough[k].all(0)).sum())
        for name, values in list(match.levels.items())[:1]
        for k in range(match.n)
    }
    whole = [int(enough[:, : k + 1].all((0, 1)).sum()) for k in range(base.start.size)]
    last = max((k for k, n in enumerate(whole) if n >= 2), default=-1)
    advice = (
        f"Until {base.start[last] + base.width:g} ms {whole[last]} units have them: shorten the window."
        if last >= 0
        else f"Conditions with most units lacking: {', '.join(f'{k} ({n})' for k, n in sorted(lost_to.items(), key=lambda item: -item[1])[:3])}."
    )
    raise ValueError(
        f"Only {used.size} of {brain.n_units} recorded units have {needed} trials or more in every condition at every bin from "
        f"{base.start[0]:g} to {base.start[-1] + base.width:g} ms. {advice} Fewer conditions or a smaller min_trials help as well."
    )


def check_complete(side: Side, match: Conditions, base: TimeBase) -> None:
    """Refuse a network that has no activity in some bin of some condition.

    Args:
        side: The network.
        match: Conditions.
        base: Bins.

    Raises:
        ValueError: If it has none somewhere.
    """
    gaps = np.argwhere((side.counts == 0).any(2))
    if not gaps.size:
        return
    k, t = gaps[0]
    condition = ", ".join(f"{name}={values[k]}" for name, values in match.levels.items())
    raise ValueError(
        f"{side.who} has no activity in {len(gaps)} of {side.counts.shape[0] * side.counts.shape[1]} bins of the conditions, the first "
        f"at {base.start[t]:g} ms of {condition}. Choose a window that all its trials cover, or simulate more trials."
    )
