r"""Can a single trial be told from another on a demixed component? Held-out decoding against shuffled labels."""

__all__ = ["significance"]

import logging
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import _linear
from neurornn.analysis._conditions import activity
from neurornn.analysis.dpca._demixing import Regression
from neurornn.analysis.dpca._marginal import Cells, Groups, cells_of, groups_of_terms, marginalise
from neurornn.provenance import provenance
from neurornn.random import derive_seed

_LOG = logging.getLogger(__name__)


class _Session(NamedTuple):
    """Units that saw the same trials: their positions, activity ``(trial, unit and time)``, conditions."""

    units: NDArray[np.intp]
    values: NDArray[np.float64]
    labels: NDArray[np.intp]


class _Task(NamedTuple):
    """What is decoded, and how."""

    names: list[str]
    groups: Groups
    shape: tuple[int, ...]
    n_steps: int
    n_units: int
    classes: dict[str, NDArray[np.intp]]  # of each condition, by marginalisation
    n_components: int
    regularisation: float
    noise: str


def significance(
    ds: xr.Dataset,
    *,
    parameters: str | Sequence[str],
    regularisation: float,
    variable: str = "rate",
    n_components: int = 3,
    combine: Mapping[str, Sequence[Sequence[str]]] | None = None,
    noise: Literal["diagonal", "none"] = "diagonal",
    missing: Literal["raise", "drop"] = "raise",
    n_repeats: int = 20,
    n_shuffles: int = 100,
    seed: int = 0,
) -> xr.Dataset:
    r"""Accuracy with which single trials are classified on demixed components, against shuffled labels.

    One trial of each condition is held out, unit by unit; units with the same trials hold out the same. Components
    are fitted to the others. At each step a held-out trial goes to the class whose mean on the component is nearest.
    Classes are the combinations of those parameters a marginalisation depends on. All of it is repeated after the
    conditions of trials were shuffled, session by session. With :math:`a` the accuracy and :math:`a_s` that of
    shuffle :math:`s` of :math:`S`,

    .. math:: p = \frac{1 + \#\{s : a_s \ge a\}}{1 + S}

    at each step, uncorrected for the number of steps.

    Args:
        ds: Trials, as in :func:`neurornn.analysis.dpca.fit`.
        parameters: Condition variables.
        regularisation: Penalty, such as a fit has chosen.
        variable: Variable ``(trial, time, unit)``.
        n_components: Components tested in each marginalisation.
        combine: Terms of each marginalisation, as in :func:`neurornn.analysis.dpca.fit`.
        noise: Kind of noise covariance.
        missing: What happens to units that miss a condition.
        n_repeats: Number of times trials are held out, of the data and of each shuffle.
        n_shuffles: Number of shuffles.
        seed: Seed of held-out trials and shuffles.

    Returns:
        A dataset with ``accuracy``, ``p_value`` and the largest accuracy of any shuffle, ``shuffled_accuracy``, each
        ``(marginalisation, component, time)``, and the ``chance`` of each marginalisation; without the marginalisation
        of time alone, which has no classes. NaN for components that do not exist and at steps left out.

    Raises:
        ValueError: As the fit does, or if a unit has fewer than two whole trials of a condition.

    References:
        Demixed principal component analysis of neural population data (Kobak et al., 2016)
        https://doi.org/10.7554/eLife.10989

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> choice = np.tile([-1.0, 1.0], 20)
        >>> rate = choice[:, None, None] * np.linspace(0, 2, 4)[:, None] + rng.normal(size=(40, 4, 5))
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, coords={"choice": ("trial", choice)})
        >>> found = significance(ds, parameters="choice", regularisation=0.01, n_components=1, n_shuffles=50)
        >>> bool(found.p_value[0, 0, 0] > 0.05), bool(found.p_value[0, 0, 3] < 0.05)
        (True, True)
    """
    names = _linear.condition_names(parameters)
    if noise not in {"diagonal", "none"} or missing not in {"raise", "drop"}:
        raise ValueError(
            f"noise must be 'diagonal' or 'none', and missing 'raise' or 'drop': got '{noise}' and '{missing}'."
        )
    for name, number in (
        ("n_components", n_components),
        ("n_repeats", n_repeats),
        ("n_shuffles", n_shuffles),
    ):
        if number < 1:
            raise ValueError(f"{name} must be at least 1: got {number}.")
    if not 0 <= regularisation < np.inf:
        raise ValueError(f"regularisation must be finite and at least 0: got {regularisation}.")
    groups = groups_of_terms(names, combine)
    data, _ = activity(ds, variable)
    cells = cells_of(data, names, drop_units=missing == "drop")
    sessions = _sessions(cells)
    n_units, _, n_steps = cells.mean.shape
    task = _Task(
        names, groups, cells.shape, n_steps, n_units, _classes(names, groups, cells.shape), n_components,
        regularisation, noise,
    )  # fmt: skip
    observed = _accuracy(task, sessions, n_repeats, derive_seed(seed, "dpca significance", "observed"))
    largest, reached = np.full_like(observed, -np.inf), np.zeros_like(observed)
    for shuffle in range(n_shuffles):
        child = derive_seed(seed, "dpca significance", shuffle)
        rng = np.random.default_rng(child)
        shuffled = [session._replace(labels=rng.permutation(session.labels)) for session in sessions]
        found = _accuracy(task, shuffled, n_repeats, derive_seed(child, "held out"))
        largest, reached = np.fmax(largest, found), reached + (found >= observed - 1e-12)
        if (shuffle + 1) % 10 == 0:
            _LOG.info("Shuffle %d of %d", shuffle + 1, n_shuffles)
    p_value = np.where(np.isfinite(observed), (1 + reached) / (1 + n_shuffles), np.nan)
    largest[~np.isfinite(observed)] = np.nan

    def over_time(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.full((*values.shape[:2], data.sizes["time"]), np.nan)
        out[..., cells.steps] = values
        return out

    dims = ("marginalisation", "component", "time")
    return xr.Dataset(
        {
            "accuracy": (
                dims,
                over_time(observed),
                {"long_name": "held-out trials classified right", "units": "1"},
            ),
            "shuffled_accuracy": (
                dims,
                over_time(largest),
                {"long_name": "largest accuracy of shuffled trials", "units": "1"},
            ),
            "p_value": (dims, over_time(p_value), {"long_name": "p value", "units": "1"}),
            "chance": (
                "marginalisation",
                [1 / (classes.max() + 1) for classes in task.classes.values()],
                {"long_name": "accuracy by chance", "units": "1"},
            ),
        },
        coords={
            "marginalisation": list(task.classes),
            "component": np.arange(n_components),
            **({"time": data["time"]} if "time" in data.coords else {}),
        },
        attrs=provenance("neurornn.DPCASignificance/1")
        | {
            "variable": variable,
            "parameters": names,
            "regularisation": float(regularisation),
            "noise": noise,
            "n_repeats": n_repeats,
            "n_shuffles": n_shuffles,
            "n_units_excluded": data.sizes["unit"] - n_units,
            "seed": seed,
        },
    )


def _classes(names: list[str], groups: Groups, shape: tuple[int, ...]) -> dict[str, NDArray[np.intp]]:
    index = np.indices(shape).reshape(len(shape), -1)
    out = {}
    for key, terms in groups.items():
        used = [k for k, name in enumerate(names) if any(name in term for term in terms)]
        if used:
            out[key] = np.ravel_multi_index([index[k] for k in used], [shape[k] for k in used])
    return out


def _sessions(cells: Cells) -> list[_Session]:
    whole = np.all(np.isfinite(cells.values), axis=1) & (cells.member >= 0)[:, None]
    n_conditions = cells.mean.shape[1]
    fewest = np.stack([whole[cells.member == k].sum(0) for k in range(n_conditions)]).min(0)
    if (fewest < 2).any():
        raise ValueError(
            f"Decoding holds out one whole trial of each condition, and {int((fewest < 2).sum())} of {len(fewest)} units "
            "have fewer than two of some condition. Leave those units out."
        )
    _, which = np.unique(np.packbits(whole, axis=0), axis=1, return_inverse=True)
    out = []
    for group in range(int(which.max()) + 1):
        units = np.flatnonzero(which.reshape(-1) == group)
        rows = whole[:, units[0]]
        values = cells.values[rows][:, :, units].transpose(0, 2, 1)
        out.append(_Session(units, np.ascontiguousarray(values.reshape(len(values), -1)), cells.member[rows]))
    return out


def _accuracy(task: _Task, sessions: list[_Session], n_repeats: int, seed: int) -> NDArray[np.float64]:
    """Mean accuracy ``(marginalisation, component, time)`` over choices of held-out trials."""
    rng = np.random.default_rng(seed)
    n_conditions = int(np.prod(task.shape))
    total = np.zeros((len(task.classes), task.n_components, task.n_steps))
    for _ in range(n_repeats):
        train = np.empty((task.n_units, n_conditions, task.n_steps))
        test, scatter = np.empty_like(train), np.zeros(task.n_units)
        for units, values, labels in sessions:
            member = labels == np.arange(n_conditions)[:, None]
            n = member.sum(1)[:, None]
            held = values[[rng.choice(np.flatnonzero(row)) for row in member]]
            mean = (member @ values - held) / (n - 1)
            squares = np.maximum(member @ values**2 - held**2 - (n - 1) * mean**2, 0.0)

            def by_unit(array: NDArray[np.float64], n_here: int = len(units)) -> NDArray[np.float64]:
                return array.reshape(n_conditions, n_here, task.n_steps).transpose(1, 0, 2)

            train[units], test[units] = by_unit(mean), by_unit(held)
            enough = n[:, 0] > 2
            if enough.any():
                variance = by_unit(squares / np.maximum(n - 2, 1))[:, enough].sum((1, 2))
                scatter[units] = variance * (n_conditions / enough.sum())
        total += _classify(task, train, test, scatter if task.noise == "diagonal" else 0 * scatter)
    return total / n_repeats


def _classify(
    task: _Task, train: NDArray[np.float64], test: NDArray[np.float64], scatter: NDArray[np.float64]
) -> NDArray[np.float64]:
    offset = train.mean((1, 2))[:, None]
    X = train.reshape(task.n_units, -1) - offset
    parts = marginalise(X.reshape(task.n_units, *task.shape, task.n_steps), task.names, task.groups)
    targets = {name: parts[name].reshape(task.n_units, -1) for name in task.classes}
    regression = Regression(X, np.diag(scatter), targets)
    penalty = task.regularisation**2 * float((X**2).sum())
    out = np.full((len(task.classes), task.n_components, task.n_steps), np.nan)
    for row, (name, classes) in enumerate(task.classes.items()):
        _, D = regression.solve(name, task.n_components, penalty)
        seen = (D @ X).reshape(len(D), -1, task.n_steps)
        new = (D @ (test.reshape(task.n_units, -1) - offset)).reshape(len(D), -1, task.n_steps)
        means = np.stack([seen[:, classes == k].mean(1) for k in range(classes.max() + 1)], 1)
        nearest = np.abs(new[:, :, None] - means[:, None]).argmin(2)  # component, condition, time
        out[row, : len(D)] = (nearest == classes[:, None]).mean(1)
    return out
