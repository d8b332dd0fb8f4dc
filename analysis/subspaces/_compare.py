r"""Do two pieces of activity live in the same space? Principal angles and the alignment index, with chance levels."""

__all__ = ["alignment_index", "principal_angles"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._conditions import activity, condition_average
from neurornn.provenance import provenance
from neurornn.random import derive_seed, normal_array

SpanningAxes = xr.Dataset | xr.DataArray | ArrayLike


def principal_angles(
    first: SpanningAxes, second: SpanningAxes, *, n_null: int = 1000, seed: int = 0
) -> xr.Dataset:
    r"""Principal angles between two subspaces of unit space.

    With orthonormal bases as the rows of :math:`Q_1` and :math:`Q_2`,

    .. math:: Q_1 Q_2^\top = U \,\mathrm{diag}(\cos \theta_k)\, V^\top, \qquad \theta_1 \le \theta_2 \le \dots

    Angles below 45° come from the sines, the singular values of :math:`Q_2 (I - Q_1^\top Q_1)`, where they are exact to
    rounding. Identical spaces have angles 0, orthogonal ones 90°. In many dimensions random subspaces are nearly
    orthogonal, so the angles come with those of pairs of random subspaces of the same dimensions, of which all
    orientations are equally likely.

    Args:
        first: Axes that span the first space: a fit of :func:`neurornn.analysis.pca.fit`, an array with a dimension
            ``unit``, or rows ``(axis, unit)``. They need not be orthogonal.
        second: Axes of the second one.
        n_null: Random subspaces.
        seed: Their seed.

    Returns:
        A dataset with ``angle (pair)`` in degrees from the smallest, ``first_vector`` and ``second_vector (pair, unit)``
        that have these angles, ``null_angle (draw, pair)`` and ``p_value (pair)``: how often the k-th angle of random
        subspaces is at most as large.

    Raises:
        ValueError: If the axes are not of the same units, or do not span as many dimensions as there are of them.

    References:
        Numerical methods for computing angles between linear subspaces (Björck & Golub, 1973)
        https://doi.org/10.1090/S0025-5718-1973-0348991-3

    Examples:
        The first axis is shared, the second ones are 30° apart:

        >>> tilted = [0, np.cos(np.pi / 6), np.sin(np.pi / 6)]
        >>> ds = principal_angles([[1, 0, 0], [0, 1, 0]], [[1, 0, 0], tilted], n_null=10)
        >>> ds.angle.values.round(9).tolist()
        [0.0, 30.0]
    """
    (rows_1, units_1), (rows_2, units_2) = _rows(first, "first"), _rows(second, "second")
    if rows_1.shape[1] != rows_2.shape[1]:
        raise ValueError(
            f"Both spaces must be of the same units: got {rows_1.shape[1]} and {rows_2.shape[1]}."
        )
    _check_same_units(units_1, units_2)
    Q_1, Q_2 = _orthonormal(rows_1, "first"), _orthonormal(rows_2, "second")
    angle, vectors_1, vectors_2 = _angles(Q_1, Q_2)
    _check_draws(n_null)
    null = np.zeros((n_null, angle.size))
    for k in range(n_null):  # only the relative orientation matters: one of the two may stay
        draw = normal_array(derive_seed(seed, "principal angles", k), *rows_2.shape)
        null[k] = _angles(Q_1, _orthonormal(draw, "random"))[0]
    p = (1 + (null <= angle).sum(0)) / (1 + n_null)
    degrees = {"units": "°"}
    coords: dict[str, Any] = {
        "pair": ("pair", np.arange(1, angle.size + 1), {"long_name": "pair", "units": "1"})
    }
    if units_1 is not None:
        coords |= _unit_coords(units_1)
    dims = ("pair", "unit")
    return xr.Dataset(
        {
            "angle": ("pair", angle, {"long_name": "principal angle", **degrees}),
            "first_vector": (dims, vectors_1, {"long_name": "vector in the first space", "units": "1"}),
            "second_vector": (dims, vectors_2, {"long_name": "vector in the second space", "units": "1"}),
            "null_angle": (
                ("draw", "pair"),
                null,
                {"long_name": "principal angle of random subspaces", **degrees},
            ),
            "p_value": ("pair", p, {"long_name": "p value", "units": "1"}),
        },
        coords,
        provenance("neurornn.PrincipalAngles/1") | {"n_null": int(n_null), "seed": int(seed)},
    )


def alignment_index(
    first: xr.Dataset,
    second: xr.Dataset,
    *,
    n_components: int = 10,
    variable: str = "rate",
    condition: str | Sequence[str] | None = None,
    n_null: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    r"""How much variance of one piece of activity the leading components of another capture.

    .. math:: A = \frac{\mathrm{Tr}(D_2^\top C_1 D_2)}{\sum_{i=1}^d \sigma_1(i)}

    where :math:`D_2` holds the first :math:`d` principal axes of the second activity, :math:`C_1` is the covariance of
    the first and :math:`\sigma_1` are its variances, largest first: 1 if both have the same leading space, 0 if the spaces
    are orthogonal; and the same with the two exchanged. Isotropic random axes capture
    :math:`d\,\mathrm{Tr}(C_1) / (N \sum_{i \le d} \sigma_1(i))` on average (``isotropic``): :math:`d/N` if :math:`d` axes hold
    all the variance, more if it is spread out, and 1 if it is the same along all axes, where no subspace is special.
    Real populations share some directions whatever they do, so the chance level (``null_index``) takes random axes out of the
    space that both activities occupy:

    .. math:: D = \mathrm{orth}(U S^{1/2} v), \qquad \tfrac12 (C_1 + C_2) = U S U^\top, \quad v_{ij} \sim N(0, 1)

    Args:
        first: Trials, simulated or recorded; for instance ``ds.sel(time=slice(0, 500))``.
        second: Trials of the same units.
        n_components: Number of axes :math:`d`.
        variable: Variable ``(trial, time, unit)``.
        condition: Condition variables to average trials by first; None takes single trials, whose independent noise
            pulls the index down.
        n_null: Random sets of axes.
        seed: Their seed.

    Returns:
        A dataset with, for the variance of the ``first`` and of the ``second`` activity (``captured``), the ``index``,
        ``null_index (captured, draw)``, ``isotropic``, and how often random axes capture at most as much (``p_orthogonal``) or
        at least as much (``p_aligned``).

    Raises:
        ValueError: If the units differ, the activity does not vary, or there are too few samples or units.

    References:
        Reorganization between preparatory and movement population responses in motor cortex (Elsayed et al., 2016)
        https://doi.org/10.1038/ncomms13239

    Examples:
        Three of four axes are shared:

        >>> def spread(*axes):
        ...     rate = np.concatenate([np.eye(8)[list(axes)], -np.eye(8)[list(axes)]])
        ...     return xr.Dataset({"rate": (("trial", "time", "unit"), rate[None])})
        >>> ds = alignment_index(spread(0, 1, 2, 3), spread(1, 2, 3, 4), n_components=4, n_null=10)
        >>> ds["index"].values.round(9).tolist(), ds.isotropic.values.round(9).tolist()
        ([0.75, 0.75], [0.5, 0.5])
    """
    names = [condition] if isinstance(condition, str) else list(condition or ())
    data = [_samples(each, variable, names, name) for each, name in ((first, "first"), (second, "second"))]
    n_units = data[0][0].shape[1]
    if data[1][0].shape[1] != n_units:
        raise ValueError(f"Both must hold the same units: got {n_units} and {data[1][0].shape[1]}.")
    _check_same_units(data[0][1], data[1][1])
    _check_draws(n_null)
    if not 1 <= n_components <= n_units:
        raise ValueError(f"n_components must lie between 1 and {n_units} units: got {n_components}.")
    C = [np.asarray(np.cov(samples.T), dtype=np.float64).reshape(n_units, n_units) for samples, *_ in data]
    spectra = [np.linalg.eigh(each) for each in C]
    for name, (values, _) in zip(("first", "second"), spectra, strict=True):
        rank = int((values > 1e-12 * values[-1]).sum())
        if rank < n_components:
            raise ValueError(
                f"n_components={n_components} axes were asked for and the {name} activity varies along {rank}: the others "
                "would be arbitrary. Ask for fewer."
            )
    top = [float(values[::-1][:n_components].sum()) for values, _ in spectra]
    D: list[NDArray[np.float64]] = [
        np.asarray(vectors[:, ::-1][:, :n_components], dtype=np.float64) for _, vectors in spectra
    ]
    index = np.array([_captured(C[0], D[1]) / top[0], _captured(C[1], D[0]) / top[1]])
    values, vectors = np.linalg.eigh((C[0] + C[1]) / 2)
    scale = vectors * np.sqrt(np.clip(values, 0.0, None))
    null = np.zeros((2, n_null))
    for k in range(n_null):
        draw = scale @ normal_array(derive_seed(seed, "alignment", k), n_units, n_components)
        axes: NDArray[np.float64] = np.asarray(np.linalg.qr(draw)[0], dtype=np.float64)
        null[:, k] = [_captured(each, axes) / total for each, total in zip(C, top, strict=True)]
    slack = 1e-9
    fewer = (1 + (null <= index[:, None] + slack).sum(1)) / (1 + n_null)
    more = (1 + (null >= index[:, None] - slack).sum(1)) / (1 + n_null)
    isotropic = [
        n_components / n_units * float(np.trace(each)) / total for each, total in zip(C, top, strict=True)
    ]
    attrs = {
        "variable": variable,
        "condition": names,
        "n_components": int(n_components),
        "n_null": int(n_null),
        "seed": int(seed),
    }
    one = {"units": "1"}
    return xr.Dataset(
        {
            "index": ("captured", index, {"long_name": "alignment index", **one}),
            "null_index": (
                ("captured", "draw"),
                null,
                {"long_name": "alignment index of random axes", **one},
            ),
            "isotropic": ("captured", isotropic, {"long_name": "mean index of isotropic axes", **one}),
            "p_orthogonal": ("captured", fewer, {"long_name": "p value of a lower index", **one}),
            "p_aligned": ("captured", more, {"long_name": "p value of a higher index", **one}),
            "n_samples": ("captured", [len(each[0]) for each in data], {"long_name": "samples", **one}),
            "n_excluded": (
                "captured",
                [each[2] for each in data],
                {"long_name": "samples left out: padding or a missing unit", **one},
            ),
        },
        {"captured": ["first", "second"]},
        provenance("neurornn.AlignmentIndex/1") | attrs,
    )


def _captured(C: NDArray[np.float64], axes: NDArray[np.float64]) -> float:
    return float(np.einsum("ij,ik,kj->", axes, C, axes, optimize=True))


def _angles(
    Q_1: NDArray[np.float64], Q_2: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Angles in degrees, smallest first, and the pairs of unit vectors that have them."""
    U, cosine, Vh = np.linalg.svd(Q_1 @ Q_2.T, full_matrices=False)
    small, large = (Q_2, Q_1) if len(Q_2) <= len(Q_1) else (Q_1, Q_2)
    sine = np.linalg.svd(small - (small @ large.T) @ large, compute_uv=False)[::-1]
    near = cosine**2 > 0.5
    angle = np.where(near, np.arcsin(np.clip(sine, 0, 1)), np.arccos(np.clip(cosine, 0, 1)))
    return np.degrees(angle), U.T @ Q_1, Vh @ Q_2


def _rows(axes: SpanningAxes, name: str) -> tuple[NDArray[np.float64], xr.DataArray | None]:
    """Axes ``(axis, unit)`` and, if they are labelled, the array they came from."""
    if isinstance(axes, xr.Dataset):
        if "component_vector" not in axes:
            raise ValueError(
                f"A dataset of axes has 'component_vector' like a fit of pca: the {name} one has {', '.join(map(str, axes))}."
            )
        axes = axes["component_vector"]
    labelled = axes if isinstance(axes, xr.DataArray) else None
    if labelled is not None:
        if "unit" not in labelled.dims or labelled.ndim > 2:
            raise ValueError(
                f"Axes need the dimension 'unit' and at most one other: the {name} ones have {labelled.dims}."
            )
        axes = labelled.transpose(..., "unit").values
    rows = np.atleast_2d(np.asarray(axes, dtype=np.float64))
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise ValueError(f"The {name} axes must be finite numbers (axis, unit): got shape {rows.shape}.")
    return rows, labelled


def _orthonormal(rows: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(size > 0, size, 1.0)
    _, spread, Vh = np.linalg.svd(unit, full_matrices=False)
    if len(rows) > rows.shape[1] or spread[-1] < 1e-10:
        raise ValueError(
            f"The {len(rows)} {name} axes span {int((spread > 1e-10).sum())} dimensions: one is zero or a combination of the "
            "others. Leave it out."
        )
    return Vh


def _check_same_units(first: xr.DataArray | None, second: xr.DataArray | None) -> None:
    if first is None or second is None or "unit" not in first.coords or "unit" not in second.coords:
        return
    if not np.array_equal(first["unit"].values, second["unit"].values):
        raise ValueError("Both must hold the same units in the same order: their coordinates 'unit' differ.")


def _check_draws(n_null: int) -> None:
    if n_null < 1:
        raise ValueError(f"n_null must be at least 1: got {n_null}.")


def _unit_coords(data: xr.DataArray) -> dict[str, Any]:
    return {str(key): value for key, value in data.coords.items() if value.dims == ("unit",)}


def _samples(
    ds: xr.Dataset, variable: str, names: list[str], name: str
) -> tuple[NDArray[np.float64], xr.DataArray, int]:
    """Samples ``(sample, unit)`` that have a value for every unit, and how many have not."""
    data, _ = activity(ds, variable)
    if names:
        data = condition_average(data, names)
    flat = data.values.reshape(-1, data.sizes["unit"])
    kept = flat[np.isfinite(flat).all(1)]
    if len(kept) < 2 or not float(np.ptp(kept, axis=0).max()) > 0:
        cure = "" if names else " Units from different sessions can be averaged: condition=[...]."
        raise ValueError(
            f"The {name} activity has {len(kept)} samples with a value for every unit, or does not vary: 2 that differ are "
            f"needed.{cure}"
        )
    return kept, data, len(flat) - len(kept)
