"""Phrases that error messages share."""

__all__ = ["did_you_mean"]

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """A hint for a misspelt name, to stand after the first sentence of an error message.

    Args:
        word: What was given.
        known: What could have been meant.

    Returns:
        ``" Did you mean '...'?"`` with the closest of them, empty if none is close.

    Examples:
        >>> did_you_mean("tahn", ["relu", "tanh"])
        " Did you mean 'tanh'?"
    """
    close = difflib.get_close_matches(str(word), [str(each) for each in known], n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
