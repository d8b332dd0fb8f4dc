r"""Demixed principal components: closed form, unequal trials, of networks and of recordings alike."""

__all__ = ["DEFAULT_GRID", "fit", "project"]

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import _linear
from neurornn.analysis._conditions import activity
from neurornn.analysis.dpca._demixing import (
    Regression,
    explained,
    noise_covariance,
    principal_shares,
    validate,
)
from neurornn.analysis.dpca._marginal import (
    cells_of,
    condition_coords,
    groups_of_terms,
    marginalise,
    noise_of_marginals,
)
from neurornn.provenance import provenance

DEFAULT_GRID: tuple[float, ...] = tuple(float(value) for value in 10.0 ** np.linspace(-4, 0, 17))
"""Penalties that are compared, as a fraction of the norm of the activity."""


def fit(
    ds: xr.Dataset,
    *,
    parameters: str | Sequence[str],
    variable: str = "rate",
    n_components: int | Mapping[str, int] = 10,
    combine: Mapping[str, Sequence[Sequence[str]]] | None = None,
    regularisation: float | Sequence[float] = DEFAULT_GRID,
    noise: Literal["diagonal", "full", "none"] = "diagonal",
    missing: Literal["raise", "drop"] = "raise",
    n_repeats: int = 10,
    seed: int = 0,
) -> xr.Dataset:
    r"""Components that hold much of the variance and each depend on few parameters of the task.

    Condition averages :math:`X` (units by conditions and steps, centred) are split into marginalisations
    :math:`X = \sum_\phi X_\phi` that depend on some parameters only; their sums of squares add up to that of
    :math:`X`. For each, a decoder :math:`D_\phi` and an encoder :math:`F_\phi` of low rank minimise

    .. math::
        L_\phi = |X_\phi - F_\phi D_\phi X|^2
        + \mathrm{tr}\big(F_\phi D_\phi\, (C + \mu I)\, D_\phi^\top F_\phi^\top\big),
        \qquad \mu = (\lambda\, |X|)^2

    where :math:`C` is the covariance of single trials about their averages, summed over conditions and steps: the
    first term and the trace of :math:`C` are the expected error on a single trial. The minimum is in closed form:
    with :math:`G = X X^\top + C + \mu I` and :math:`A = X_\phi X^\top G^{-1}`, the columns of :math:`F_\phi` are
    the leading eigenvectors of :math:`A G A^\top` and :math:`D_\phi = F_\phi^\top A`. (Scripts that take those of
    :math:`A X X^\top A^\top` agree where :math:`C` and :math:`\mu` are 0, and miss the minimum elsewhere.)

    **Unequal trials.** Every unit is averaged over its own trials and every condition weighs the same, so that units
    recorded in different sessions make one population. **Missing conditions.** Steps at which no unit has a trial of
    some condition (padding) are left out. If a unit misses a condition at another step, that is an error, or with
    ``missing="drop"`` the unit is left out; ``used`` says which remain.

    **Explained variance** of encoders :math:`F` and decoders :math:`D` is
    :math:`(|X|^2 - |X - F D X|^2) / |X|^2`. It can be negative for a component that decodes more noise than it
    explains. Averages of few trials carry noise: ``signal_variance`` is the sum of squares of a marginalisation less
    what the scatter of single trials predicts for the noise of its averages. It can be negative where there is no
    signal.

    Args:
        ds: Trials, simulated or recorded. Units may come from different sessions.
        parameters: Condition variables; all combinations must occur. Time is a parameter of its own.
        variable: Variable ``(trial, time, unit)``.
        n_components: Number of components of each marginalisation; fewer if it has fewer dimensions.
        combine: For each marginalisation the terms it holds, each a set of parameters and ``"time"``. If None, each
            combination of parameters is joined with its interaction with time, as in the paper.
        regularisation: :math:`\lambda`. Of several the one with the least error on held-out trials is taken.
        noise: Kind of :math:`C`: ``"diagonal"`` for units of any sessions, ``"full"`` for simultaneous units,
            ``"none"`` for 0.
        missing: What happens to units that miss a condition.
        n_repeats: Number of times trials are held out.
        seed: Seed of the choice of held-out trials.

    Returns:
        A dataset of components in order of falling variance, each of the marginalisation ``marginalisation_of``:
        ``decoder`` and ``encoder (component, unit)``, ``projection (condition, time, component)``,
        ``explained_variance_ratio`` of each alone, ``explained_variance_by (component, marginalisation)`` split by
        what the variance depends on, ``cumulative_variance_ratio`` of the first so many, and that of as many
        principal components. Of each marginalisation ``marginal_variance`` (sum of squares), ``noise_variance`` and
        ``signal_variance``. The ``regularisation`` used and, where it was chosen, ``validation_error (repeat, grid)``
        with ``at_edge`` if the best is the smallest or largest of the grid (at the smallest, the noise covariance alone
        does).

    Raises:
        ValueError: If combinations of parameters or conditions of a unit have no trial, activity does not vary, or
            there are too few trials to estimate noise or to hold one out.

    References:
        Demixed principal component analysis of neural population data (Kobak et al., 2016)
        https://doi.org/10.7554/eLife.10989

    Examples:
        Two units, of which one follows time and the other the stimulus:

        >>> stimulus = np.repeat([-1.0, 1.0], 3)
        >>> rate = np.stack([np.tile(np.arange(4.0), (6, 1)), np.tile(stimulus[:, None], 4)], -1)
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, coords={"stimulus": ("trial", stimulus)})
        >>> found = fit(ds, parameters="stimulus", regularisation=0.0)
        >>> found.marginalisation_of.values.tolist(), found.encoder.values.tolist()
        (['time', 'stimulus'], [[1.0, 0.0], [0.0, 1.0]])
        >>> found.explained_variance_ratio.values.round(12).tolist()   # 1.25 and 1
        [0.555555555556, 0.444444444444]
    """
    names = _linear.condition_names(parameters)
    grid = np.atleast_1d(np.asarray(regularisation, dtype=np.float64))
    _check(names, grid, noise, missing, n_repeats)
    groups = groups_of_terms(names, combine)
    ranks = _ranks(n_components, list(groups))
    data, _ = activity(ds, variable)
    cells = cells_of(data, names, drop_units=missing == "drop")
    n_used, _, n_steps = cells.mean.shape
    flat = cells.mean.reshape(n_used, -1)
    offset = flat.mean(1)
    X = flat - offset[:, None]
    total = float((X**2).sum())
    if not total > 1e-24 * float((flat**2).sum()):
        raise ValueError(
            f"The averages of '{variable}' do not vary over conditions and time: nothing to demix."
        )
    parts = marginalise(X.reshape(n_used, *cells.shape, n_steps), names, groups)
    targets = {name: part.reshape(n_used, -1) for name, part in parts.items()}
    errors = None
    chosen = float(grid[0])
    if grid.size > 1:
        errors = validate(cells, names, groups, ranks, grid, noise=noise, n_repeats=n_repeats, seed=seed)
        chosen = float(grid[errors.mean(0).argmin()])
    regression = Regression(X, noise_covariance(cells, noise), targets)
    solved = {name: regression.solve(name, ranks[name], chosen**2 * total) for name in groups}
    encoder = np.concatenate([F.T for F, _ in solved.values()])
    decoder = np.concatenate([D for _, D in solved.values()])
    owner = np.concatenate([np.full(len(D), k) for k, (_, D) in enumerate(solved.values())])
    if not len(owner):
        raise ValueError(
            "No component was asked for: n_components is 0 for every marginalisation that varies."
        )
    signs = np.sign(encoder[np.arange(len(encoder)), np.abs(encoder).argmax(1)])[:, None]
    encoder, decoder = encoder * signs + 0.0, decoder * signs + 0.0  # no negative zeros
    explained_by = np.stack([explained(encoder, decoder, Y) for Y in targets.values()], 1) / total
    alone = explained(encoder, decoder, X) / total
    order = np.argsort(-alone, kind="stable")
    encoder, decoder, owner = encoder[order], decoder[order], owner[order]
    noise_sums = noise_of_marginals(cells, names, groups)
    latent = decoder @ X

    units = str(data.attrs.get("units", "1"))

    def text(long_name: str, units: str = "1") -> dict[str, str]:
        return {"long_name": long_name, "units": units}

    def all_units(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.full((*rows.shape[:-1], data.sizes["unit"]), np.nan)
        out[..., cells.units] = rows
        return out

    paths = np.full((int(np.prod(cells.shape)), data.sizes["time"], len(owner)), np.nan)
    paths[:, cells.steps] = latent.T.reshape(-1, n_steps, len(owner))
    marginal = np.array([float((Y**2).sum()) for Y in targets.values()])
    expected = np.array([noise_sums[name] for name in groups])
    result = xr.Dataset(
        {
            "decoder": (("component", "unit"), all_units(decoder), text("weight in decoder")),
            "encoder": (("component", "unit"), all_units(encoder), text("weight in encoder")),
            "projection": (("condition", "time", "component"), paths, text(f"demixed {variable}", units)),
            "explained_variance_ratio": (
                "component",
                alone[order],
                text("fraction of variance explained"),
            ),
            "explained_variance_by": (
                ("component", "marginalisation"),
                explained_by[order],
                text("fraction of variance explained, by what it depends on"),
            ),
            "cumulative_variance_ratio": (
                "component",
                [1 - ((X - encoder[:k].T @ latent[:k]) ** 2).sum() / total for k in range(1, len(owner) + 1)],
                text("fraction of variance explained by the first components"),
            ),
            "pca_variance_ratio": (
                "component",
                principal_shares(X, len(owner)),
                text("fraction of variance explained by as many principal components"),
            ),
            "marginal_variance": (
                "marginalisation",
                marginal,
                text("sum of squares", _linear.squared(units)),
            ),
            "noise_variance": (
                "marginalisation",
                expected,
                text("sum of squares expected from noise", _linear.squared(units)),
            ),
            "signal_variance": (
                "marginalisation",
                marginal - expected,
                text("sum of squares less noise", _linear.squared(units)),
            ),
            "regularisation": ((), chosen, text("penalty")),
            "mean": ("unit", all_units(offset), text(f"mean {variable}", units)),
            "used": ("unit", np.isin(np.arange(data.sizes["unit"]), cells.units), text("in the fit")),
            "n_trials_least": (
                "unit",
                all_units(cells.n_trials.min((1, 2))),
                text("least trials of a condition"),
            ),
        },
        coords={
            **{key: value for key, value in data.coords.items() if value.dims in {("time",), ("unit",)}},
            **condition_coords(data, cells.levels, cells.shape),
            "component": np.arange(len(owner)),
            "marginalisation": list(groups),
            "marginalisation_of": ("component", np.array(list(groups))[owner]),
        },
        attrs=provenance("neurornn.DPCA/1")
        | {
            "variable": variable,
            "parameters": names,
            "terms": [f"{name}: {', '.join(' x '.join(t) for t in terms)}" for name, terms in groups.items()],
            "noise": noise,
            "seed": seed,
            "n_units_excluded": data.sizes["unit"] - n_used,
            "n_steps_excluded": data.sizes["time"] - n_steps,
            "n_trials_excluded": int((cells.member < 0).sum()),
        },
    )
    if errors is None:
        return result
    return result.assign_coords(grid=("grid", grid, text("penalty"))).assign(
        validation_error=(("repeat", "grid"), errors, text("error on held-out trials")),
        at_edge=((), chosen in {grid.min(), grid.max()}, text("best penalty at the edge of the grid")),
    )


def project(data: xr.Dataset | xr.DataArray, fit: xr.Dataset) -> xr.DataArray:
    r"""Coordinates :math:`D\,(x - \bar x)` of activity on demixed components.

    Args:
        data: Trials, of which the fitted variable is taken; or any array with a dimension ``unit``.
        fit: Result of :func:`fit`; units it left out are left out here.

    Returns:
        An array with ``component`` in place of ``unit``; NaN where a unit has no value.

    Raises:
        ValueError: If the units are not those of the fit.

    Examples:
        >>> stimulus = np.repeat([-1.0, 1.0], 3)
        >>> rate = np.stack([np.tile(np.arange(4.0), (6, 1)), np.tile(stimulus[:, None], 4)], -1)
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, coords={"stimulus": ("trial", stimulus)})
        >>> project(ds, fit(ds, parameters="stimulus", regularisation=0.0)).values[0].round(12).tolist()
        [[-1.5, -1.0], [-0.5, -1.0], [0.5, -1.0], [1.5, -1.0]]
    """
    array = activity(data, fit.attrs["variable"])[0] if isinstance(data, xr.Dataset) else data
    used = np.flatnonzero(fit["used"].values)
    if "unit" in array.dims and array.sizes["unit"] == fit.sizes["unit"]:
        array, fit = array.isel(unit=used), fit.isel(unit=used)
    out = _linear.project(array, fit, fit["decoder"], offset=fit["mean"])
    return out.assign_attrs(fit["projection"].attrs)


def _check(names: list[str], grid: NDArray[np.float64], noise: str, missing: str, n_repeats: int) -> None:
    if "time" in names:
        raise ValueError("Time is always a parameter: leave 'time' out of parameters.")
    if not grid.size or not (np.isfinite(grid) & (grid >= 0)).all():
        raise ValueError(f"regularisation must be finite and at least 0: got {grid.tolist()}.")
    if noise not in {"diagonal", "full", "none"}:
        raise ValueError(f"noise must be 'diagonal', 'full' or 'none': got '{noise}'.")
    if missing not in {"raise", "drop"}:
        raise ValueError(f"missing must be 'raise' or 'drop': got '{missing}'.")
    if n_repeats < 1:
        raise ValueError(f"n_repeats must be at least 1: got {n_repeats}.")


def _ranks(n_components: int | Mapping[str, int], known: list[str]) -> dict[str, int]:
    wanted = dict(n_components) if isinstance(n_components, Mapping) else dict.fromkeys(known, n_components)
    if set(wanted) != set(known) or min(wanted.values()) < 0:
        raise ValueError(
            f"n_components must be a number, or give one of at least 0 for each of {', '.join(known)}: got "
            f"{n_components}."
        )
    return wanted
