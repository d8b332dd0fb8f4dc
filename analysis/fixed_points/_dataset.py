"""The labelled result of a search for fixed points."""

__all__ = ["Found", "dataset"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._linearise import Modes, Spectrum
from neurornn.analysis.fixed_points._pool import Effort
from neurornn.analysis.fixed_points._search import UNUSED, Outcome
from neurornn.provenance import provenance

_STATUS = np.array(["fixed", "slow", "unconverged", "unused"])


class Found(NamedTuple):
    """What was found at one input.

    Attributes:
        input: The input held.
        outcome: Result of the search.
        modes: Linear dynamics at its fixed points and, below them, at its slow points; eigenvectors if asked for.
        n_regions: Number of linear regions solved.
        certificates: Whether points can be certified, or why not.
    """

    input: NDArray[np.float64]
    outcome: Outcome
    modes: Modes | Spectrum
    n_regions: int
    certificates: str


def dataset(found: Sequence[Found], names: Sequence[Any], system: System, effort: Effort) -> xr.Dataset:
    """Put the results of all contexts together.

    Args:
        found: One result for each context.
        names: Their names.
        system: The system searched.
        effort: How hard it was searched.

    Returns:
        The dataset that :func:`neurornn.analysis.fixed_points.find` describes.
    """
    points, trails = [], []
    offset = 0
    for each in found:
        order = _order(each)
        points.append(_points(each, system, order))
        place = np.empty(len(order) + 1, dtype=np.int64)
        place[order], place[-1] = offset + np.arange(len(order)), -1
        trails.append(_trail(each.outcome, place))
        offset += len(order)
    columns = {name: _joined([p[name] for p in points]) for name in points[0]}
    columns |= {name: _joined([t[name] for t in trails]) for name in trails[0]}
    columns |= _table(found, system.bounded)
    labels = np.array(names)
    n_points = [len(p["speed"][1]) for p in points]
    n_candidates = len(found[0].outcome.status)
    n_units = system.n_units
    ds = xr.Dataset(
        columns,
        coords={
            "fixed_point": np.arange(sum(n_points)),
            "unit": np.arange(n_units),
            "mode": np.arange(n_units),
            "context": ("fixed_point", np.repeat(labels, n_points)),
            "candidate_context": ("candidate", np.repeat(labels, n_candidates)),
            "search": labels,
        },
        attrs=provenance("neurornn.FixedPoints/1"),
    )
    status, kind = ds["candidate_status"].values, ds["kind"].values
    return ds.assign_attrs(
        n_fixed=int((kind == "fixed").sum()),
        n_slow=int((kind == "slow").sum()),
        n_certified=int(ds["certified"].values.sum()),
        n_on_continuum=int((~ds["isolated"].values).sum()),
        **{f"n_candidates_{name}": int((status == name).sum()) for name in _STATUS},
        n_candidates=len(status),
        dt=system.dt,
        tolerance=effort.tolerance,
        max_iterations=effort.max_iterations,
        adaptive=str(effort.adaptive),
        seed=effort.seed,
    )


def _order(found: Found) -> NDArray[np.int64]:
    """Fixed points before slow ones, isolated before continua, then by unstable directions, speed and position."""
    roots = found.outcome.roots
    n_fixed, n_slow = len(roots.state), len(found.outcome.slow_state)
    slow = np.repeat([0, 1], [n_fixed, n_slow])
    continuous = np.concatenate([~roots.isolated, np.zeros(n_slow, dtype=bool)])
    speed = np.concatenate([np.zeros(n_fixed), found.outcome.slow_speed])
    place = np.concatenate([roots.state, found.outcome.slow_state]).round(6)
    return np.lexsort((*place.T[::-1], speed, found.modes.n_unstable, continuous, slow))


def _points(found: Found, system: System, order: NDArray[np.int64]) -> dict[str, Any]:
    outcome, modes = found.outcome, found.modes
    roots = outcome.roots
    n_fixed, n_slow = len(roots.state), len(outcome.slow_state)

    def both(fixed: NDArray[Any], slow: NDArray[Any] | float | bool | str) -> NDArray[Any]:
        rest = slow if isinstance(slow, np.ndarray) else np.full(n_slow, slow)
        return np.concatenate([fixed, rest])[order]

    with np.errstate(divide="ignore"):
        time_constant = -1 / modes.eigenvalue.real
    point, mode = ("fixed_point",), ("fixed_point", "mode")
    columns = {
        "kind": (point, both(np.full(n_fixed, "fixed"), "slow"), _about("kind of point")),
        "converged": (point, both(np.ones(n_fixed, dtype=bool), False), _about("drift vanishes")),
        "state": (("fixed_point", "unit"), both(roots.state, outcome.slow_state), _about("state")),
        "speed": (point, both(roots.speed, outcome.slow_speed), _about("speed", "1/ms")),
        "error_bound": (
            point,
            both(roots.bound, outcome.slow_error),
            _about("bound on the error of the state"),
        ),
        "certified": (point, both(np.isfinite(roots.existence), False), _about("proved to exist")),
        "existence_radius": (
            point,
            both(roots.existence, np.nan),
            _about("proved distance to the fixed point, in any unit"),
        ),
        "uniqueness_radius": (
            point,
            both(roots.uniqueness, np.nan),
            _about("proved distance, in every unit, without another fixed point"),
        ),
        "inputs": (
            ("fixed_point", "input"),
            np.repeat(found.input[None], n_fixed + n_slow, axis=0),
            _about("input held"),
        ),
        "isolated": (point, both(roots.isolated, True), _about("on no continuum")),
        "nullity": (
            point,
            both(roots.nullity, np.zeros(n_slow, dtype=np.int64)),
            _about("zero singular values"),
        ),
        "smooth": (point, both(roots.smooth, True), _about("drift differentiable")),
        "index": (point, both(roots.sign, np.zeros(n_slow, dtype=np.int64)), _about("index")),
        "n_unstable": (point, modes.n_unstable[order], _about("unstable directions")),
        "stable_ode": (point, modes.stable_ode[order], _about("stable in continuous time")),
        "stable_map": (point, modes.stable_map[order], _about(f"stable in steps of {system.dt:g} ms")),
        "marginal": (point, modes.marginal[order], _about("an eigenvalue not told from the imaginary axis")),
        "eigenvalue": (mode, modes.eigenvalue[order], _about("eigenvalue", "1/ms")),
        "time_constant": (mode, time_constant[order], _about("time constant", "ms")),
        "frequency": (
            mode,
            np.abs(modes.eigenvalue.imag[order]) * 1e3 / (2 * np.pi),
            _about("frequency", "Hz"),
        ),
    }
    if isinstance(modes, Modes):
        vector = ("fixed_point", "unit", "mode")
        columns |= {
            "eigenvalue_condition": (mode, modes.condition[order], _about("condition of the eigenvalue")),
            "eigenvector": (vector, modes.right[order], _about("right eigenvector")),
            "left_eigenvector": (vector, modes.left[order], _about("left eigenvector")),
        }
    return columns


def _trail(outcome: Outcome, place: NDArray[np.int64]) -> dict[str, Any]:
    """What became of the candidates; ``place`` says where each point went."""
    status = _STATUS[outcome.status]
    label = np.where(status == "slow", outcome.label + len(outcome.roots.state), outcome.label)
    found = (status == "fixed") | (status == "slow")
    dim = ("candidate",)
    return {
        "candidate_status": (dim, status, _about("what became of the candidate")),
        "candidate_converged": (dim, found, _about("candidate converged")),
        "candidate_speed": (dim, outcome.speed, _about("speed where the candidate ended", "1/ms")),
        "candidate_fixed_point": (
            dim,
            place[np.where(found, label, -1)],
            _about("point the candidate ended at"),
        ),
        "candidate_n_iterations": (dim, outcome.n_iterations, _about("Newton steps")),
    }


def _table(found: Sequence[Found], bounded: bool) -> dict[str, Any]:
    dim, outcomes = ("search",), [each.outcome for each in found]
    used = [int((each.status != UNUSED).sum()) for each in outcomes]
    expected = np.full(len(outcomes), 1.0 if bounded else np.nan)
    return {
        "completeness": (dim, np.array([each.completeness for each in outcomes]), _about("completeness")),
        "index_sum": (dim, np.array([each.index_sum for each in outcomes]), _about("sum of the indices")),
        "index_expected": (dim, expected, _about("sum of the indices of a complete set")),
        "n_rounds": (dim, np.array([each.n_rounds for each in outcomes]), _about("rounds of new seeds")),
        "n_seeds": (dim, np.array([each.n_seeds for each in outcomes]), _about("new seeds tried")),
        "n_candidates_used": (dim, np.array(used), _about("candidates used")),
        "n_regions": (dim, np.array([each.n_regions for each in found]), _about("linear regions solved")),
        "certificates": (dim, np.array([each.certificates for each in found]), _about("certificates")),
        "rate": (dim, np.array([each.rate for each in outcomes]), _about("rate of the network", "1/ms")),
    }


def _joined(columns: list[Any]) -> tuple[Any, ...]:
    dims, _, attrs = columns[0]
    return dims, columns[0][1] if len(columns) == 1 else np.concatenate([each[1] for each in columns]), attrs


def _about(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}
