"""Everything the report shows about a trained network, computed once and kept as one labelled tree."""

__all__ = ["dissect", "in_order"]

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import behaviour, fixed_points, landscape, pca
from neurornn.networks import CTRNN
from neurornn.tasks import AbstractTask

_N_CANDIDATES = 512
_GRID = 41


def dissect(network: CTRNN, task: AbstractTask, data: xr.Dataset, *, seed: int = 0) -> xr.DataTree:
    """Behaviour, components, fixed points and landscapes of a trained network.

    Args:
        network: Trained network; it is left untouched.
        task: Task it was trained on.
        data: Trials simulated with it, behaviour included.
        seed: Seed of the choice of candidates and of the bootstrap.

    Returns:
        A tree with the groups ``components``, ``fixed_points`` and ``landscape/<situation>``, ``accuracy`` where
        trials are right or wrong, and where the task has signed stimuli and a choice also ``psychometric/<stimulus>`` and ``choice_weights``.
    """
    still = network.noiseless()
    situations = task.probe_inputs()
    groups: dict[str, xr.Dataset] = {}
    groups["components"] = components = pca.fit(data, variable="state", n_components=min(10, network.n_units))
    groups["fixed_points"] = points = fixed_points.find(
        still,
        inputs=situations,
        candidates=fixed_points.candidates_from(data, _N_CANDIDATES, seed=seed),
    )
    extent = landscape.Plane.from_pca(components).extent(data["state"])
    for name, held in situations.items():
        plane = landscape.Plane.from_pca(components, origin=_middle(data, points, name))
        groups[f"landscape/{name}"] = landscape.flow(still, plane, input=held, extent=extent, n=_GRID)
    if set(np.unique(data["performance"].values.astype(float))) <= {0.0, 1.0}:
        groups["accuracy"] = behaviour.accuracy(data, by=_context(data))
    stimuli = _signed(data, task.factor_names)
    for stimulus in stimuli:
        groups[f"psychometric/{stimulus}"] = behaviour.psychometric_by(
            data, stimulus=stimulus, choice="choice", by=_context(data), seed=seed
        )
    if len(stimuli) > 1:
        groups["choice_weights"] = behaviour.choice_weights(
            data, regressors=stimuli, by=_context(data), seed=seed
        )
    return xr.DataTree.from_dict(groups)


def in_order(tree: xr.DataTree, values: NDArray[Any]) -> list[Any]:
    """Different values of the context variable, in the order of the situations named after them.

    Args:
        tree: Result of :func:`dissect`.
        values: Values, any number of times each.

    Returns:
        Each value once.
    """
    situations = [str(name) for name in tree["landscape"].children]

    def place(value: Any) -> int:  # noqa: ANN401
        return next((k for k, name in enumerate(situations) if name.startswith(str(value))), len(situations))

    return sorted(np.unique(values).tolist(), key=place)


def _signed(data: xr.Dataset, factors: tuple[str, ...]) -> list[str]:
    """Factors of the task with both signs that a choice between two sides may follow."""
    if "choice" not in data.coords or not set(np.unique(data["choice"])) <= {-1, 0, 1}:
        return []
    signed = (name for name in factors if name in data.coords and data[name].dtype.kind == "f")
    return [name for name in signed if (data[name] < 0).any() and (data[name] > 0).any()]


def _context(data: xr.Dataset) -> str | None:
    return "context" if "context" in data.coords else None


def _middle(data: xr.Dataset, points: xr.Dataset, situation: str) -> NDArray[np.float64]:
    """A state the plane of a situation shall pass through: the mean fixed point there, or the mean state."""
    here = points["state"].where(points["context"] == situation, drop=True)
    if here.sizes["fixed_point"]:
        return np.asarray(here.mean("fixed_point"))
    return np.asarray(data["state"].where(data["valid"] > 0).mean(("trial", "time")))
