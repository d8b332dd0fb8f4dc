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
        ``" Did you mean '...'?"`` with the closest of them, or one that is a part of the other; empty if there is none.

    Examples:
        >>> did_you_mean("tahn", ["relu", "tanh"])
        " Did you mean 'tanh'?"
        >>> did_you_mean("tangent", ["relu", "tan"])
        " Did you mean 'tan'?"
    """
    given, names = str(word), [str(each) for each in known]
    parts = [each for each in names if min(len(each), len(given)) > 2 and (each in given or given in each)]
    close = difflib.get_close_matches(given, names, n=1) or parts
    return f" Did you mean '{close[0]}'?" if close else ""
