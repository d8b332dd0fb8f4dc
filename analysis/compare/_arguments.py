"""Arguments of a comparison that make no sense."""

__all__ = ["check_arguments", "labelled"]

from collections.abc import Sequence

from neurornn.analysis.similarity import AbstractSimilarity


def labelled(measures: Sequence[AbstractSimilarity]) -> dict[str, AbstractSimilarity]:
    """Measures by name, and by all their options where two have the same name.

    Args:
        measures: The measures.

    Returns:
        The measures by label.

    Raises:
        ValueError: If there is none, or one is none, or one occurs twice.
    """
    if not measures or not all(isinstance(each, AbstractSimilarity) for each in measures):
        raise ValueError("measures must be one or more measures of neurornn.analysis.similarity.")
    names = [each.name for each in measures]
    labels = [each.name if names.count(each.name) == 1 else repr(each) for each in measures]
    if len(set(labels)) < len(labels):
        raise ValueError(f"measures names the same measure twice: {', '.join(labels)}.")
    return dict(zip(labels, measures, strict=True))


def check_arguments(
    unmatched: str,
    units: str | int,
    split: str,
    confidence: float,
    n_subsamples: int,
    n_splits: int,
    n_folds: int,
    *counts: int,
) -> None:
    """Refuse arguments that make no sense, before anything is computed.

    Args:
        unmatched: What is done with conditions that one side lacks.
        units: How many units are drawn.
        split: What fitted measures hold out.
        confidence: Of the intervals.
        n_subsamples: Draws of units.
        n_splits: Splits of the trials.
        n_folds: Folds of conditions.
        counts: Other counts.

    Raises:
        ValueError: If one makes no sense.
    """
    if unmatched not in {"raise", "drop"}:
        raise ValueError(f"unmatched must be 'raise' or 'drop': got '{unmatched}'.")
    if split not in {"condition", "trial"}:
        raise ValueError(f"split must be 'condition' or 'trial': got '{split}'.")
    if not (units in {"match", "all"} or (isinstance(units, int) and units >= 1)):
        raise ValueError(f"units must be 'match', 'all' or a number of at least 1: got {units!r}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1): got {confidence}.")
    if n_subsamples < 1 or n_splits < 1 or n_folds < 2 or min(counts) < 0:
        raise ValueError(
            f"n_subsamples and n_splits must be at least 1, n_folds at least 2 and the other counts at least 0: got {n_subsamples}, "
            f"{n_splits}, {n_folds} and {', '.join(map(str, counts))}."
        )
