"""Spike times in lists of lists, as one list."""

__all__ = ["from_lists", "joined", "times_of"]

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def from_lists(
    times: Any,  # noqa: ANN401
    session: ArrayLike | None,
    unit_session: ArrayLike | None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], ArrayLike | None, ArrayLike | None, int]:
    """Spikes of a list for every trial of lists for every unit, one after another.

    Args:
        times: Spike times ``times[trial][unit]``; None where the unit was not recorded.
        session: Session of each trial; told from the gaps if None.
        unit_session: Session of each unit.

    Returns:
        Time, trial and unit of each spike; the session of each trial and of each unit, None where there is one session only; and
        the number of units.

    Raises:
        ValueError: If the lists are not equally long, or gaps and sessions do not fit.
    """
    widths = {len(row) for row in times}
    if len(widths) > 1:
        raise ValueError(
            f"times[trial] must have one entry for each unit: got {min(widths)} to {max(widths)}. Put None where a "
            "unit was not recorded."
        )
    n_units = widths.pop() if widths else 0
    absent = np.array([[cell is None for cell in row] for row in times], dtype=bool).reshape(
        len(times), n_units
    )
    if absent.any() and session is None and unit_session is None:
        patterns, first, of_trial = np.unique(~absent, axis=0, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))  # sessions are numbered as they come
        if (patterns.sum(0) > 1).any():
            raise ValueError(
                "Some units were recorded in only some trials of those they share with others, so sessions cannot "
                "be told from the gaps. Give session and unit_session, and binned activity for anything else."
            )
        session, unit_session = rank[of_trial.reshape(-1)], rank[patterns.argmax(0)]
    elif absent.any():
        if session is None or unit_session is None:
            raise ValueError("Give both session and unit_session, or neither.")
        elsewhere = np.asarray(session)[:, None] != np.asarray(unit_session)[None, :]
        if (absent & ~elsewhere).any():
            raise ValueError(
                "times is None for a unit in a trial of its own session. Put an empty list there."
            )
    cells = [[] if cell is None else cell for row in times for cell in row]
    time, cell = joined(cells)
    width = max(n_units, 1)
    return time, cell // width, cell % width, session, unit_session, n_units


def joined(lists: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:  # noqa: ANN401
    """The numbers of all lists one after another, and the list each is from."""
    arrays = [times_of("times", each) for each in lists]
    sizes = [each.size for each in arrays]
    time = np.concatenate(arrays) if arrays else np.zeros(0)
    return time, np.repeat(np.arange(len(arrays)), sizes)


def times_of(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Times in ms as an array.

    Args:
        name: What they are, for messages.
        values: The times.

    Returns:
        The array, of at least one dimension.

    Raises:
        ValueError: If they are no numbers.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers in ms: {error}.") from error
    return array.reshape(-1) if array.ndim == 0 or array.size == 0 else array
