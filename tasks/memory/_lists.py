"""Lists shown item by item and given back item by item."""

__all__ = ["check_lengths", "list_epochs", "played"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Held, held, summed
from neurornn.tasks._timing import Timing


def list_epochs(
    draws: TrialDraws,
    length: NDArray[np.int64],
    longest: int,
    *,
    fixation: Timing,
    item_shown: Timing,
    delay: Timing,
    recall: Timing,
) -> Epochs:
    """Fixation, items, delay, recall of each item; items beyond the length of a list take no time.

    Args:
        draws: Random quantities.
        length: Length of the list of each trial.
        longest: Largest length there can be.
        fixation: Duration before the first item.
        item_shown: Duration of each item.
        delay: Duration between the list and the recall.
        recall: Duration of the recall of each item.

    Returns:
        Epochs ``"fixation"``, ``"item_1"``, ..., ``"delay"``, ``"recall_1"``, ...
    """
    before = draws.duration("fixation", fixation)
    shown, held = draws.duration("item_shown", item_shown), draws.duration("delay", delay, optional=True)
    given = draws.duration("recall", recall)
    there = [k < length for k in range(longest)]
    return Epochs(
        draws.dt,
        {
            "fixation": before,
            **{f"item_{k + 1}": np.where(each, shown, 0) for k, each in enumerate(there)},
            "delay": held,
            **{f"recall_{k + 1}": np.where(each, given, 0) for k, each in enumerate(there)},
        },
    )


def played(epochs: Epochs, prefix: str, values: NDArray[np.float64], **options: float) -> Held:
    """Values of each item during its epoch, and 0 elsewhere.

    Args:
        epochs: Epochs, among them ``prefix_1``, ``prefix_2``, ...
        prefix: Which epochs.
        values: Channels of each item, ``(batch, item, channel)``.
        options: ``after``, as in :meth:`Epochs.during`.

    Returns:
        Channels ``(batch, time, channel)``.
    """
    shown = (
        held(values[:, k], epochs.during(f"{prefix}_{k + 1}", **options)) for k in range(values.shape[1])
    )
    return summed(shown)


def check_lengths(name: str, lengths: Sequence[int], most: int | None = None) -> None:
    """Refuse lengths of lists that cannot be.

    Args:
        name: Name of the parameter.
        lengths: Lengths.
        most: Largest length there can be; any if None.

    Raises:
        ValueError: If there is none, one comes twice or is out of range.
    """
    whole = all(isinstance(each, int | np.integer) and each >= 1 for each in lengths)
    if (
        not whole
        or not lengths
        or len(set(lengths)) < len(lengths)
        or (most is not None and max(lengths) > most)
    ):
        bound = "" if most is None else f" and at most {most}"
        raise ValueError(f"{name} needs different whole numbers of at least 1{bound}: got {lengths}.")
