"""Conditions of networks and of a recording under one name and with the same values, or an error that says what differs."""

__all__ = ["Conditions", "Translation", "match_conditions"]

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._plotting import value_text

Translation = str | tuple[str, Callable[[Any], Any] | Mapping[Any, Any]]
"""What the recording calls a condition: its name there, or its name and how its values become those of the networks."""

_DIGITS = 9  # to which two numbers must agree to be one value
_SHOWN = 4  # values named in an error


class Conditions(NamedTuple):
    """Conditions that all sides have.

    Attributes:
        levels: For each name its value in every condition.
        members: For each side the condition of each trial, -1 for none.
        n_unlabelled: For each side the trials that lack a value.
        n_unmatched: For each side the trials of conditions that another side has not.
        unmatched: Conditions left out because a side has them not, as text.
    """

    levels: dict[str, NDArray[Any]]
    members: list[NDArray[np.intp]]
    n_unlabelled: list[int]
    n_unmatched: list[int]
    unmatched: list[str]

    @property
    def n(self) -> int:
        """Number of conditions."""
        return len(next(iter(self.levels.values())))


def match_conditions(
    sides: Sequence[tuple[str, xr.Dataset]],
    by: Sequence[str],
    translations: Mapping[str, Translation],
    *,
    drop: bool,
) -> Conditions:
    """Sort the trials of all sides into the same conditions.

    Args:
        sides: Name and trials of each side; the last is the recording.
        by: Names of the condition variables, as the networks have them.
        translations: What the recording calls them.
        drop: Whether conditions that a side lacks are left out; else they are an error.

    Returns:
        The conditions, sorted by value, the first name varying slowest.

    Raises:
        ValueError: If a name is missing, a value is missing on one side, or fewer than two conditions are left.
    """
    names = list(by)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"by must name one or more condition variables, each once: got {names}.")
    stray = sorted(set(translations) - set(names))
    if stray:
        raise ValueError(
            f"conditions translates '{stray[0]}', which is not among the conditions compared: {', '.join(names)}."
        )
    rows = [_rows(ds, who, names, translations if who == sides[-1][0] else {}) for who, ds in sides]
    found = [{row for row in each if row is not None} for each in rows]
    shared, every = set.intersection(*found), set.union(*found)
    unmatched = sorted(every - shared, key=_order)
    if unmatched and not drop:
        raise ValueError(_difference(sides, found, names, unmatched))
    if len(shared) < 2:
        raise ValueError(
            f"A comparison needs two conditions or more on all sides: {len(shared)} of {len(every)} are shared. "
            + _difference(sides, found, names, unmatched)
        )
    ordered = sorted(shared, key=_order)
    place = {row: k for k, row in enumerate(ordered)}
    members = [
        np.array([-1 if row is None else place.get(row, -1) for row in each], dtype=np.intp) for each in rows
    ]
    return Conditions(
        {name: _typed([row[k] for row in ordered], sides[0][1][name].dtype) for k, name in enumerate(names)},
        members,
        [sum(row is None for row in each) for each in rows],
        [sum(row is not None and row not in shared for row in each) for each in rows],
        [_text(row, names) for row in unmatched],
    )


def _rows(
    ds: xr.Dataset, who: str, names: Sequence[str], translations: Mapping[str, Translation]
) -> list[tuple[Any, ...] | None]:
    """The conditions of each trial, None where one is missing."""
    columns = []
    for name in names:
        translation = translations.get(name, name)
        there, convert = (translation, None) if isinstance(translation, str) else translation
        if there not in ds.variables or ds[there].dims != ("trial",):
            known = sorted(str(k) for k in ds.variables if ds[k].dims == ("trial",) and k != "trial")
            raise ValueError(
                f"{who} has no condition '{there}' along its trials. It has: {', '.join(known) or 'none'}. Pass "
                f"conditions={{'{name}': 'its name in the recording'}} if it is called otherwise there."
            )
        missing, values = ds[there].isnull().values, ds[there].values
        columns.append([
            None if gone else value
            for gone, value in zip(missing, _converted(values, convert, missing, there), strict=True)
        ])
    return [
        None if any(value is None for value in row) else tuple(_canonical(value) for value in row)
        for row in zip(*columns, strict=True)
    ]


def _converted(
    values: NDArray[Any],
    convert: Callable[[Any], Any] | Mapping[Any, Any] | None,
    missing: NDArray[np.bool_],
    name: str,
) -> list[Any]:
    plain = values.tolist()
    if convert is None:
        return plain
    if isinstance(convert, Mapping):
        table = {_canonical(key): value for key, value in convert.items()}
        unknown = sorted({
            value_text(v)
            for v, gone in zip(plain, missing, strict=True)
            if not gone and _canonical(v) not in table
        })
        if unknown:
            raise ValueError(
                f"conditions gives no value for {', '.join(unknown[:_SHOWN])} of '{name}'. Name every value that occurs; None leaves "
                "its trials out."
            )
        return [None if gone else table[_canonical(v)] for v, gone in zip(plain, missing, strict=True)]
    found = [None if gone else convert(value) for value, gone in zip(plain, missing, strict=True)]
    return [None if isinstance(v, float) and np.isnan(v) else v for v in found]


def _canonical(value: Any) -> Any:  # noqa: ANN401
    """One value for what is equal up to rounding and type: numbers as float, everything else as text."""
    if isinstance(value, bool | np.bool_ | int | np.integer | float | np.floating):
        return float(f"{float(value):.{_DIGITS}g}") + 0.0
    return str(value)


def _typed(values: list[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values of one condition: whole numbers and booleans stay what they are in the networks."""
    array = np.array(values)
    whole = array.dtype.kind == "f" and dtype.kind in "iub" and bool((array == np.rint(array)).all())
    return array.astype(dtype) if whole else array


def _order(row: tuple[Any, ...]) -> tuple[tuple[bool, float, str], ...]:
    return tuple(
        (isinstance(v, str), 0.0 if isinstance(v, str) else v, v if isinstance(v, str) else "") for v in row
    )


def _text(row: tuple[Any, ...], names: Sequence[str]) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in zip(names, row, strict=True))


def _difference(
    sides: Sequence[tuple[str, xr.Dataset]],
    found: Sequence[set[tuple[Any, ...]]],
    names: Sequence[str],
    unmatched: Sequence[tuple[Any, ...]],
) -> str:
    parts = []
    for (who, _), own in zip(sides, found, strict=True):
        lacking = [_text(row, names) for row in unmatched if row not in own]
        if lacking:
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            parts.append(f"{who} has no trials with {'; '.join(lacking[:_SHOWN])}{more}")
    return (
        f"The conditions do not match: {'. '.join(parts)}. Translate values with conditions={{...}}, or compare the shared "
        "ones only with unmatched='drop'."
    )
