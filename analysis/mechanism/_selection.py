r"""Which input the slow mode of a network integrates, context by context."""

__all__ = ["selection"]

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import System, freeze, plain
from neurornn.analysis.fixed_points._roots import SINGULAR
from neurornn.analysis.mechanism._between import between_contexts
from neurornn.analysis.mechanism._linearise import linearise
from neurornn.analysis.mechanism._readout import Readout, rate_slope
from neurornn.analysis.mechanism._response import held_response
from neurornn.analysis.mechanism._verdict import choose_reference, verdict_of
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_ABOUT = {
    "slow_mode": ("number of the slow mode, -1 if none is real", "1"),
    "slow_eigenvalue": ("eigenvalue of the slow mode", "1/ms"),
    "time_constant": ("time constant of the slow mode", "ms"),
    "passage_time": ("time to pass the slow point", "ms"),
    "next_time_constant": ("time constant of the next mode", "ms"),
    "separation": ("rate of the next mode over that of the slow mode", "1"),
    "rotating": ("a rotating pair is slower", "1"),
    "selected": ("selected evidence", "1/ms"),
    "ratio": ("relevant : irrelevant evidence selected", "1"),
    "contrast": ("selection index", "1"),
    "selection_cosine": ("cosine of selection vector and evidence", "1"),
    "line_cosine": ("cosine of line and evidence", "1"),
    "decision": ("decision variable", "1"),
    "alignment": ("cosine of line and read-out", "1"),
    "response": ("response of the read-out", "1"),
    "response_ratio": ("relevant : irrelevant response", "1"),
    "carried": ("share of the response carried by the slow mode", "1"),
    "selection_vector": ("selection vector", "1"),
    "line": ("direction of the line", "1"),
    "evidence_drive": ("velocity per unit of evidence", "1/ms"),
}


def selection(
    network: HasDrift,
    points: xr.Dataset,
    *,
    evidence: Mapping[str, ArrayLike | Tensor] | None = None,
    relevant: Mapping[str, str] | None = None,
    decision: ArrayLike | Tensor | None = None,
    readout: Readout | None = None,
    duration: float = 500.0,
    separation: float = 3.0,
) -> xr.Dataset:
    r"""How context changes which evidence is integrated (the mechanism of Mante et al., 2013).

    At each point the *slow mode* is the real eigenvalue :math:`\lambda` that is least stable (at a slow point: nearest 0).
    Its right eigenvector :math:`r`, of length 1, is the direction in which evidence is kept, the *line*; its left
    eigenvector :math:`\ell`, :math:`\ell^\top r = 1`, is the *selection vector*. Evidence :math:`e` enters through the
    direction :math:`d_e` of the input, and moves the state along the line at

    .. math:: s_e = \ell^\top b_e, \qquad b_e = \frac{\partial F}{\partial u} d_e

    per unit of evidence. Between the reference points of two contexts it changes, exactly, by

    .. math:: \Delta s_e = \Delta \ell^\top \bar b_e + \bar\ell^\top \Delta b_e, \qquad
              \bar\ell^\top \Delta b_e = (\bar\ell^\top \rho)(\rho^\top \Delta b_e) + \bar\ell^\top (1 - \rho\rho^\top) \Delta b_e

    with means :math:`\bar\cdot` over both and the mean line :math:`\rho`: a change of the selection vector, of the input along the
    line (direct) and of the input across it (indirect). The sum means the same in all coordinates, the parts do not.
    Where the input enters the equation of the state linearly, :math:`b_e` cannot change and all is change of the selection vector.
    They are therefore given a second time for the firing rates :math:`y = \phi(x)` as coordinates,
    :math:`b \to \phi' b`, :math:`\ell \to \ell / \phi'`, where the network has rates.

    At a *slow point* the speed is least but not 0. Then :math:`J^\top F = 0`, so J is singular by definition and the zero
    eigenvalue is no time constant (``time_constant`` is NaN). What counts is how long the network takes to pass:

    .. math:: T = \pi / \sqrt{\epsilon a}, \qquad \epsilon = \ell^\top F, \quad
              a = \tfrac12 \sum_i \ell_i\, r^\top \nabla^2 F_i\, r

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms.
        points: Result of :func:`neurornn.analysis.fixed_points.find`, its contexts the contexts to compare.
        evidence: Direction of each kind of evidence in the space of inputs, per unit of evidence; each channel if None.
        relevant: The evidence that counts in each context, where one does.
        decision: Weights over the outputs whose sum is the decision variable; 1 if there is a single output, otherwise
            nothing is said about the read-out.
        readout: What is read out, as in :func:`linearise`.
        duration: Time in ms for which evidence is held in ``response``.
        separation: By how much the slow mode must be slower than every other for a line to be called one.

    Returns:
        A dataset. Along ``fixed_point``: ``slow_mode``, ``slow_eigenvalue``, ``time_constant`` (infinite at a fixed point
        whose eigenvalue is not told from 0), ``passage_time``, ``next_time_constant`` (of the slowest other mode, by the
        size of its real part; NaN if there is no other), ``separation`` (the rate of that mode over the rate of the slow
        one; infinite where only the slow one is not told from 0; NaN at slow points, where ``passage_time`` is what
        ``next_time_constant`` is to be compared with, and where neither of the two is told from 0), ``rotating`` (a complex
        pair is less stable than the slow mode), ``line``, ``selection_vector``, oriented to a growing decision, or else to
        a positive effect of the relevant evidence. Along ``fixed_point, evidence``:
        ``selected``, ``evidence_drive`` (b), ``selection_cosine`` and ``line_cosine`` (cosines of b with selection vector and
        line). ``ratio`` and ``contrast`` (:math:`(|s_r| - |s_i|) / (|s_r| + |s_i|)`) where an evidence is relevant; the
        strongest of the others is compared. With a decision variable ``decision``, ``alignment`` of the line with it,
        ``response`` (change of the decision after evidence held for ``duration``, all modes together), ``response_ratio`` and
        ``carried`` (the share of the slow mode; above 1 or below 0 where others oppose it).

        Along ``search``: ``verdict``, ``reference`` (the point compared between contexts: the slowest saddle, without
        a saddle the slowest point; -1 if no point has a real mode), ``n_stable``, ``n_saddle``, ``n_repelling`` (two unstable directions or more), ``n_slow``. Along
        ``search, other``: ``selection_angle``, ``line_angle``, and with ``evidence`` ``input_angle`` in degrees; ``change``,
        ``by_selection_vector``, ``by_input_direct``, ``by_input_indirect`` along ``coordinates`` too.

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the network is noisy, there is no point, or an argument does not fit.

    References:
        Context-dependent computation by recurrent dynamics in prefrontal cortex (Mante et al., 2013)
        https://doi.org/10.1038/nature12742

        Individual variability of neural computations underlying flexible decisions (Pagan et al., 2025), for the
        three parts of the change https://doi.org/10.1038/s41586-024-08433-6

    Examples:
        A line along the first unit, which hears the second in one context and the third in the other.

        >>> from neurornn.analysis import fixed_points
        >>> from neurornn.analysis.systems import Drift
        >>> def drift(x, u):        # inputs: two kinds of evidence, and which of them counts
        ...     line, first, second = x.unbind(-1)
        ...     a, b, c = u.unbind(-1)
        ...     return torch.stack([c * first + (1 - c) * second - 0.1 * line, a - first, b - second], -1)
        >>> network = Drift(drift, n_units=3, n_inputs=3)
        >>> contexts = {"first": [0.0, 0.0, 1.0], "second": [0.0, 0.0, 0.0]}
        >>> points = fixed_points.find(network, inputs=contexts, candidates=np.eye(3))
        >>> found = selection(network, points, evidence={"a": [1, 0, 0], "b": [0, 1, 0]}, relevant={"first": "a", "second": "b"})
        >>> (found.selected / found.selected.max()).values.round(3).tolist(), found.time_constant.values.round(3).tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [10.0, 10.0])
        >>> round(float(found.selection_angle.sel(search="first", other="second")), 1)
        63.4
    """
    if not (separation >= 1 and duration > 0):
        raise ValueError(
            f"separation is at least 1 and duration above 0: got separation={separation}, duration={duration}."
        )
    for name in ("context", "kind", "search"):
        if name not in points.variables:
            raise ValueError(f"points must come from fixed_points.find: they have no '{name}'.")
    searches = [str(name) for name in points["search"].values]
    if not points.sizes["fixed_point"]:
        raise ValueError(
            "There is no fixed or slow point, and so no slow mode. Search again with more candidates."
        )
    lin = linearise(network, points, readout=readout, transient=False)
    directions = _directions(evidence, lin.sizes["input"])
    _check_relevant(relevant or {}, list(directions), searches)
    with torch.no_grad(), single_threaded():
        ds = _at_points(freeze(network, lin.sizes["unit"]), lin, directions)
        weights = _weights(decision, lin)
        if weights is not None:
            ds = ds.assign(held_response(lin, ds, weights, duration))
        ds = _oriented(_compared(ds, relevant or {}), relevant or {})
        ds = _described(ds)
        ds = ds.assign(_per_context(ds, searches, separation)).assign_coords(search=searches)
        slope = rate_slope(network, lin["state"].values)
        ds = ds.assign(between_contexts(ds, slope))
    named = {name: relevant[name] for name in searches if relevant and name in relevant}
    return ds.assign_coords(relevant=("search", [named.get(name, "") for name in searches])).assign_attrs(
        provenance("neurornn.Selection/1")
        | {"dt": lin.attrs["dt"], "duration": float(duration), "separation": float(separation)}
    )


def _directions(
    evidence: Mapping[str, ArrayLike | Tensor] | None, n_inputs: int
) -> dict[str, NDArray[np.float64]]:
    if evidence is None:
        return {f"input {k}": row for k, row in enumerate(np.eye(n_inputs))}
    found = {str(name): plain(direction) for name, direction in evidence.items()}
    for name, direction in found.items():
        if direction.shape != (n_inputs,) or not np.isfinite(direction).all() or not direction.any():
            raise ValueError(
                f"The direction of evidence '{name}' must be {n_inputs} finite numbers, one for each input channel and not all 0: "
                f"got {direction.tolist()}."
            )
    return found


def _check_relevant(relevant: Mapping[str, str], names: list[str], searches: list[str]) -> None:
    for context, name in relevant.items():
        if context not in searches or name not in names:
            raise ValueError(
                f"relevant takes contexts of the points, {searches}, to names of evidence, {names}: got {context!r} -> {name!r}."
            )


def _weights(decision: ArrayLike | Tensor | None, lin: xr.Dataset) -> NDArray[np.float64] | None:
    if "output" not in lin:
        if decision is not None:
            raise ValueError("A decision weighs outputs, and there is no read-out. Pass readout=.")
        return None
    n = lin.sizes["output"]
    if decision is None:
        return np.ones(1) if n == 1 else None
    weights = plain(decision)
    if weights.shape != (n,) or not np.isfinite(weights).all() or not weights.any():
        raise ValueError(
            f"decision must be {n} finite weights, one for each output and not all 0: got {weights.tolist()}."
        )
    return weights


def _at_points(system: System, lin: xr.Dataset, directions: dict[str, NDArray[np.float64]]) -> xr.Dataset:
    """The slow mode of each point, still with the sign its eigenvectors came with."""
    values = lin["eigenvalue"].values
    n = len(values)
    slow = lin["kind"].values == "slow"
    margin = SINGULAR * float(np.median(np.abs(values)))
    real = np.abs(values.imag) == 0
    rank = np.where(slow[:, None], -np.abs(values.real), values.real)
    which = np.where(real, rank, -np.inf).argmax(1)
    none, row = ~real.any(1), np.arange(n)
    tiny = float(np.finfo(np.float64).tiny)
    eigenvalue = np.where(none, np.nan, values.real[row, which])
    line = np.where(none[:, None], np.nan, lin["eigenvector"].values.real[row, :, which])
    left = np.where(none[:, None], np.nan, lin["left_eigenvector"].values.real[row, :, which])
    others = np.where(np.arange(values.shape[1]) == which[:, None], np.inf, np.abs(values.real)).min(1)
    drive = np.einsum("fuk,ek->feu", lin["input_jacobian"].values, np.stack([*directions.values()]))
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = np.abs(eigenvalue) <= margin
        time_constant = np.where(zero, np.where(slow, np.nan, np.inf), -1 / eigenvalue)
        size = np.linalg.norm(drive, axis=2)
        cosines = [
            np.einsum("fu,feu->fe", v, drive) / (np.linalg.norm(v, axis=1, keepdims=True) * size)
            for v in (left, line)
        ]
        apart = np.where(zero, np.where(others > margin, np.inf, np.nan), others / np.abs(eigenvalue))
    each, vector, point = ("fixed_point", "evidence"), ("fixed_point", "unit"), ("fixed_point",)
    ds = lin[["state", "inputs", "speed", "kind", "n_unstable", "stable_ode"]]
    for name in ("isolated", "nullity"):
        if name in lin:
            ds = ds.assign({name: lin[name]})
    return ds.assign(
        slow_mode=(point, np.where(none, -1, which)),
        slow_eigenvalue=(point, eigenvalue),
        time_constant=(point, time_constant),
        passage_time=(point, np.where(slow, _passage(system, lin, left, line), np.nan)),
        next_time_constant=(point, np.where(np.isinf(others), np.nan, 1 / np.maximum(others, tiny))),
        separation=(point, np.where(slow, np.nan, apart)),
        rotating=(point, none | ((values.real > eigenvalue[:, None] + margin) & ~real).any(1) & ~slow),
        line=(vector, line),
        selection_vector=(vector, left),
        evidence_drive=(("fixed_point", "evidence", "unit"), drive),
        selected=(each, np.einsum("fu,feu->fe", left, drive)),
        selection_cosine=(each, cosines[0]),
        line_cosine=(each, cosines[1]),
    ).assign_coords(evidence=[*directions])


def _passage(
    system: System, lin: xr.Dataset, left: NDArray[np.float64], line: NDArray[np.float64]
) -> NDArray[np.float64]:
    found = np.full(len(left), np.nan)
    for k in np.flatnonzero((lin["kind"].values == "slow") & np.isfinite(left).all(1)):
        x, u, weight = (
            torch.as_tensor(each, device=system.device)
            for each in (lin["state"].values[k], lin["inputs"].values[k], left[k])
        )
        H = system.curvature(x[None], u, weight[None])[0].cpu().numpy()
        drift = float(left[k] @ system.drift(x[None], u)[0].cpu().numpy())
        product = drift * 0.5 * float(line[k] @ H @ line[k])
        found[k] = np.pi / np.sqrt(product) if product > 0 else np.nan
    return found


def _compared(ds: xr.Dataset, relevant: Mapping[str, str]) -> xr.Dataset:
    """Relevant against irrelevant evidence at each point."""
    names = [str(each) for each in ds["evidence"].values]
    found = {}
    for name, measured in (("", "selected"), ("response_", "response")):
        if measured not in ds:
            continue
        size = np.abs(ds[measured].values)
        ratio, contrast = np.full((2, len(size)), np.nan)
        for k, context in enumerate(map(str, ds["context"].values)):
            if context in relevant and len(names) > 1:
                this = size[k, names.index(relevant[context])]
                most = np.delete(size[k], names.index(relevant[context])).max()
                with np.errstate(divide="ignore", invalid="ignore"):
                    ratio[k], contrast[k] = np.divide(this, most), np.divide(this - most, this + most)
        found[f"{name}ratio"] = (("fixed_point",), ratio)
        if not name:
            found["contrast"] = (("fixed_point",), contrast)
    return ds.assign(found)


def _oriented(ds: xr.Dataset, relevant: Mapping[str, str]) -> xr.Dataset:
    """Turn each line towards a growing decision, or to a positive effect of what counts, or of the strongest."""
    names = [str(each) for each in ds["evidence"].values]
    toward = np.nan_to_num(ds["selected"].values)
    effect = toward[np.arange(len(toward)), np.abs(toward).argmax(1)]
    for k, context in enumerate(map(str, ds["context"].values)):
        if context in relevant:
            effect[k] = toward[k, names.index(relevant[context])]
    if "alignment" in ds:
        effect = np.nan_to_num(ds["alignment"].values)
    sign = xr.DataArray(np.where(effect < 0, -1.0, 1.0), dims="fixed_point")
    turned = ("line", "selection_vector", "selected", "selection_cosine", "line_cosine", "alignment")
    return ds.assign({name: ds[name] * sign for name in turned if name in ds})


def _per_context(
    ds: xr.Dataset, searches: list[str], separation: float
) -> dict[str, tuple[str, list[object]]]:
    rows = [np.flatnonzero(ds["context"].values.astype(str) == name) for name in searches]
    fixed = ds["kind"].values == "fixed"
    unstable, stable = ds["n_unstable"].values, ds["stable_ode"].values
    return {
        "verdict": ("search", [verdict_of(ds.isel(fixed_point=own), separation) for own in rows]),
        "reference": ("search", [choose_reference(ds, own) for own in rows]),
        "n_stable": ("search", [int((fixed & stable)[own].sum()) for own in rows]),
        "n_saddle": ("search", [int((fixed & (unstable == 1))[own].sum()) for own in rows]),
        "n_repelling": ("search", [int((fixed & (unstable > 1))[own].sum()) for own in rows]),
        "n_slow": ("search", [int((~fixed)[own].sum()) for own in rows]),
    }


def _described(ds: xr.Dataset) -> xr.Dataset:
    for name, (long_name, units) in _ABOUT.items():
        if name in ds:
            ds[name].attrs = {"long_name": long_name, "units": units}
    return ds
