r"""The linear dynamics around states, with what enters them and what leaves them."""

__all__ = ["as_points", "linearise"]

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import System, check_drift, freeze, plain
from neurornn.analysis.fixed_points._linearise import Modes
from neurornn.analysis.fixed_points._linearise import linearise as modes_at
from neurornn.analysis.fixed_points._roots import SINGULAR
from neurornn.analysis.mechanism._readout import Readout, output_and_slope
from neurornn.analysis.mechanism._transient import non_normality, propagator_norm
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_KEPT = ("kind", "converged", "isolated", "nullity")
_N_LAGS = 41
_TINY = np.finfo(np.float64).tiny


def linearise(
    network: HasDrift,
    points: xr.Dataset | xr.DataArray | ArrayLike | Tensor,
    *,
    inputs: ArrayLike | Tensor | None = None,
    readout: Readout | None = None,
    transient: bool = True,
) -> xr.Dataset:
    r"""Modes around states, what each input puts into each of them, what each gives to the output, and how far from normal they are.

    Around a state :math:`x^*` a small displacement :math:`\delta` obeys

    .. math:: \dot\delta = J \delta + B\, \delta u + F(x^*), \qquad J = \frac{\partial F}{\partial x},\quad
              B = \frac{\partial F}{\partial u}

    with :math:`F = 0` at a fixed point. With right eigenvectors :math:`r_m` of length 1 and left eigenvectors
    :math:`\ell_m`, :math:`\ell_m^\top r_n = \delta_{mn}`, the coordinate :math:`z_m = \ell_m^\top \delta` obeys
    :math:`\dot z_m = \lambda_m z_m + \ell_m^\top B\, \delta u`: a pulse of 1 in channel :math:`k` lasting a short time
    :math:`\Delta` moves the state by :math:`\Delta\, (\ell_m^\top B)_k` along :math:`r_m`, and the output by
    :math:`C r_m` times that, where :math:`C` is the slope of the output with respect to the state.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms.
        points: Result of :func:`neurornn.analysis.fixed_points.find`, or states ``(fixed_point, unit)``.
        inputs: Inputs held at states that do not say theirs, ``(input,)`` or ``(fixed_point, input)``; zero if None.
        readout: Matrix ``(output, unit)`` read from the state, or a function from states to outputs. By default what
            the network reads from its rates, if it has ``rate`` and ``read_out``.
        transient: Whether to compute the amplification and the Kreiss constant, the costly part for many points of large
            networks.

    Returns:
        A dataset along ``fixed_point`` with ``state``, ``inputs``, ``speed``; ``eigenvalue``, ``time_constant``, ``frequency``,
        ``eigenvector``, ``left_eigenvector`` (selection vectors) and ``eigenvalue_condition`` as ``find`` gives
        them; ``input_jacobian`` (B), ``input_to_mode`` (:math:`\ell_m^\top B`); with a read-out ``output``,
        ``output_slope`` (C) and ``mode_to_output`` (:math:`C r_m`); ``spectral_abscissa``, ``numerical_abscissa``,
        ``henrici``, and if wanted ``amplification``, ``amplification_time``, ``kreiss`` (the Kreiss constant) with an upper
        bound ``kreiss_bound``, and ``propagator_norm`` (the curve along ``lag``). Amplification is infinite at unstable
        points, and the Kreiss constant NaN at points that are not stable.

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the network is noisy, or states, inputs or read-out do not fit it.

    References:
        Context-dependent computation by recurrent dynamics in prefrontal cortex (Mante et al., 2013)
        https://doi.org/10.1038/nature12742

        Computing the Kreiss constant of a matrix (Mitchell, 2020) https://arxiv.org/abs/1907.06537

    Examples:
        Two units with a feed-forward weight of 4: eigenvalues know nothing of it, and a pulse grows before it decays.

        >>> from neurornn.analysis.systems import Drift
        >>> J = torch.tensor([[-1.0, 4.0], [0.0, -2.0]], dtype=torch.float64)
        >>> network = Drift(lambda x, u: x @ J.T + u, n_units=2, n_inputs=2)
        >>> found = linearise(network, [[0.0, 0.0]])
        >>> found.time_constant.values[0].tolist()
        [1.0, 0.5]
        >>> found.input_to_mode.sel(mode=0).values.real[0].tolist()     # l = (1, 4): the slow mode hears the second unit
        [1.0, 4.0]
        >>> round(found.amplification.item(), 3), round(found.amplification_time.item(), 3)
        (1.174, 0.48)
        >>> bool(1 < found.kreiss < found.amplification)
        True
    """
    states, held, kept = as_points(points, inputs, getattr(network, "n_inputs", None))
    system = freeze(network, states.shape[1])
    with torch.no_grad(), single_threaded():
        return _linearise(network, system, states, held, kept, readout, transient)


def as_points(
    points: xr.Dataset | xr.DataArray | ArrayLike | Tensor,
    inputs: ArrayLike | Tensor | None,
    n_inputs: int | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], xr.Dataset]:
    """States and the inputs held there.

    Args:
        points: Dataset with ``state`` and ``inputs``, or states.
        inputs: Inputs of states that do not say theirs.
        n_inputs: Number of input channels, if known.

    Returns:
        States ``(fixed_point, unit)``, inputs ``(fixed_point, input)``, and what was known of the points before.

    Raises:
        ValueError: If they do not fit together.
    """
    known = points if isinstance(points, xr.Dataset) else xr.Dataset()
    if isinstance(points, xr.Dataset):
        if "state" not in points or (inputs is None and "inputs" not in points):
            raise ValueError(
                f"points must hold the variables state and inputs, as fixed_points.find gives them: got {sorted(map(str, points.data_vars))}."
            )
        states = plain(points["state"].transpose("fixed_point", "unit").values)
        held = points["inputs"].transpose("fixed_point", "input").values if inputs is None else inputs
    else:
        states = np.atleast_2d(plain(points.values if isinstance(points, xr.DataArray) else points))
        held = np.zeros(n_inputs or 0) if inputs is None else inputs
    rows = plain(held)
    if states.ndim != 2 or not np.isfinite(states).all():
        raise ValueError(f"States must be finite, (fixed_point, unit): got shape {states.shape}.")
    if rows.ndim == 1:
        rows = np.repeat(rows[None], len(states), axis=0)
    if rows.shape[:1] != states.shape[:1] or rows.ndim != 2 or n_inputs not in {None, rows.shape[1]}:
        raise ValueError(
            f"inputs must hold a number for each of the {'' if n_inputs is None else n_inputs} input channels, (input,) or "
            f"({len(states)}, input): got shape {plain(held).shape}."
        )
    if not np.isfinite(rows).all():
        raise ValueError("inputs must be finite.")
    return states, rows, known


def _linearise(
    network: HasDrift,
    system: System,
    states: NDArray[np.float64],
    held: NDArray[np.float64],
    known: xr.Dataset,
    readout: Readout | None,
    transient: bool,
) -> xr.Dataset:
    x, u = (torch.as_tensor(each, device=system.device) for each in (states, held))
    if not len(x):
        raise ValueError("There is no state to linearise around: give at least one.")
    check_drift(system, x, u[0])
    J = np.concatenate([
        system.jacobian(part, own).cpu().numpy()
        for part, own in zip(x.split(system.block), u.split(system.block), strict=True)
    ])
    rate = max(float(np.median(np.linalg.norm(J, axis=(1, 2)))) / system.n_units**0.5, _TINY)
    B = system.input_jacobian(x, u).cpu().numpy()
    F = system.drift(x, u).cpu().numpy()
    modes = _modes(system, states, held, rate)
    with np.errstate(divide="ignore"):
        time_constant = -1 / modes.eigenvalue.real
    point, mode = ("fixed_point",), ("fixed_point", "mode")
    vector = ("fixed_point", "unit", "mode")
    columns = {
        "state": (("fixed_point", "unit"), states, _about("state")),
        "inputs": (("fixed_point", "input"), held, _about("input held")),
        "speed": (point, np.linalg.norm(F, axis=1), _about("speed", "1/ms")),
        "eigenvalue": (mode, modes.eigenvalue, _about("eigenvalue", "1/ms")),
        "time_constant": (mode, time_constant, _about("time constant", "ms")),
        "frequency": (mode, np.abs(modes.eigenvalue.imag) * 1e3 / (2 * np.pi), _about("frequency", "Hz")),
        "eigenvector": (vector, modes.right, _about("right eigenvector")),
        "left_eigenvector": (vector, modes.left, _about("left eigenvector")),
        "eigenvalue_condition": (mode, modes.condition, _about("condition of the eigenvalue")),
        "n_unstable": (point, modes.n_unstable, _about("unstable directions")),
        "stable_ode": (point, modes.stable_ode, _about("stable in continuous time")),
        "input_jacobian": (("fixed_point", "unit", "input"), B, _about("slope of the drift", "1/ms")),
        "input_to_mode": (
            ("fixed_point", "input", "mode"),
            np.einsum("fum,fuk->fkm", modes.left, B),
            _about("velocity of the mode per unit of input", "1/ms"),
        ),
    }
    out = output_and_slope(network, readout, states)
    if out is not None:
        columns["output"] = (("fixed_point", "output"), out[0], _about("output"))
        columns["output_slope"] = (("fixed_point", "output", "unit"), out[1], _about("slope of the output"))
        columns["mode_to_output"] = (
            ("fixed_point", "output", "mode"),
            np.einsum("fou,fum->fom", out[1], modes.right),
            _about("output per unit of the mode"),
        )
    coords = {name: known[name] for name in ("context", "fixed_point") if name in known.coords}
    ds = xr.Dataset(columns, coords=coords, attrs=provenance("neurornn.Linearisation/1") | {"dt": system.dt})
    ds = ds.assign({name: known[name].variable for name in _KEPT if name in known})
    return ds.assign(_measures(J, modes.eigenvalue, rate, transient))


def _modes(system: System, states: NDArray[np.float64], held: NDArray[np.float64], rate: float) -> Modes:
    """Modes at each state with its own input, in the order of the states."""
    rows, which = np.unique(held, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    parts = [
        modes_at(system, torch.as_tensor(row, device=system.device), states[which.ravel() == k], rate=rate)
        for k, row in enumerate(rows)
    ]
    back = np.argsort(order, kind="stable")
    return Modes(*(np.concatenate(column)[back] for column in zip(*parts, strict=True)))


def _measures(
    J: NDArray[np.float64], eigenvalue: NDArray[np.complex128], rate: float, transient: bool
) -> xr.Dataset:
    margin = SINGULAR * rate
    found = [
        non_normality(each, own, margin=margin, transient=transient)
        for each, own in zip(J, eigenvalue, strict=True)
    ]
    names = {
        "spectral_abscissa": ("growth rate in the end", "1/ms"),
        "numerical_abscissa": ("largest growth rate at the start", "1/ms"),
        "henrici": ("departure from normality", "1"),
        "amplification": ("largest amplification", "1"),
        "amplification_time": ("time of the largest amplification", "ms"),
        "kreiss": ("Kreiss constant", "1"),
        "kreiss_bound": ("upper bound on the Kreiss constant", "1"),
    }
    ds = xr.Dataset({
        name: (("fixed_point",), np.array([getattr(each, name) for each in found]), _about(*about))
        for name, about in names.items()
        if transient or not name.startswith(("amplification", "kreiss"))
    })
    if not transient:
        return ds
    slowest = [-own.real[own.real < -margin].max(initial=-rate) for own in eigenvalue]
    step = 5 / float(np.median(slowest)) / (_N_LAGS - 1)
    curves = np.stack([propagator_norm(each, step, _N_LAGS) for each in J])
    lag = step * np.arange(_N_LAGS)
    return ds.assign(
        propagator_norm=(("fixed_point", "lag"), curves, _about("largest growth of a perturbation"))
    ).assign_coords(lag=("lag", lag, _about("time", "ms")))


def _about(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}
