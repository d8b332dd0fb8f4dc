"""Everything the report shows about a trained network, computed once and kept as one labelled tree."""

__all__ = ["contexts_of", "dissect", "in_order", "own_measures", "situations_of"]

import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn._threads import single_threaded
from neurornn.analysis import behaviour, fixed_points, landscape, pca
from neurornn.networks import AbstractNetwork
from neurornn.provenance import provenance
from neurornn.report._evidence import dissect_mechanism, evidence_of
from neurornn.tasks import AbstractTask

_log = logging.getLogger(__name__)

_N_CANDIDATES = 512
_GRID = 41
_MOST_CONTEXTS = 6


@single_threaded()
def dissect(network: AbstractNetwork, task: AbstractTask, data: xr.Dataset, *, seed: int = 0) -> xr.DataTree:
    """Behaviour, components, fixed points and landscapes of a trained network.

    It runs on one thread: products of this size gain nothing from more, and the result does not depend on their number.
    What the data cannot give, such as a psychometric curve of a network that always chooses the same side, is left out and
    its reason kept.

    Args:
        network: Trained network; it is left untouched.
        task: Task it was trained on.
        data: Trials simulated with it, behaviour included.
        seed: Seed of the choice of candidates and of the bootstrap.

    Returns:
        A tree with the groups ``components``, ``situations`` (the input held in each), ``fixed_points``,
        ``landscape/<situation>``, ``mechanism`` (what the slow modes select), ``nonnormality``, ``attractors`` (lines and the
        like) and, as far as the task has them, ``accuracy`` (trials are right or wrong),
        ``psychometric/<stimulus>`` (a choice and signed stimuli), ``choice_weights`` (two stimuli or more) and
        ``behaviour/<measure>`` (what else the source paper of the task measured). Its
        attributes name the ``factors`` of the task (all its conditions if it has no grid) and the ``problems``:
        group -> reason, both as JSON.

    Raises:
        ValueError: If the trials are of another network or without behaviour, the activity is not finite or does not
            vary, or there are fewer than two units.
    """
    _refuse(network, data)
    still, situations = network.noiseless(), task.probe_inputs()
    groups: dict[str, xr.Dataset] = {}
    problems: dict[str, str] = {}

    def attempt(name: str, analysis: Callable[[], xr.Dataset]) -> None:
        try:
            groups[name] = analysis()
        except ValueError as error:
            problems[name] = str(error)

    _log.info("behaviour and principal components of %d trials", data.sizes["trial"])
    groups["components"] = components = pca.fit(data, variable="state", n_components=min(10, network.n_units))
    by = "context" if contexts_of(data) else None
    performance = data["performance"].values.astype(float)
    if set(np.unique(performance[np.isfinite(performance)])) <= {0.0, 1.0}:
        attempt("accuracy", lambda: behaviour.accuracy(data, by=by))
    stimuli = _signed(data, task.factor_names)
    for stimulus in stimuli:
        attempt(
            f"psychometric/{stimulus}",
            lambda stimulus=stimulus: behaviour.psychometric_by(data, stimulus=stimulus, by=by, seed=seed),  # type: ignore[misc]
        )
    if len(stimuli) > 1:
        attempt(
            "choice_weights", lambda: behaviour.choice_weights(data, regressors=stimuli, by=by, seed=seed)
        )

    for title, measure in own_measures(task, bool(stimuli)).items():
        attempt(f"behaviour/{title}", lambda measure=measure: measure.apply(data))  # type: ignore[misc]

    _log.info("fixed and slow points while each of these inputs is held: %s", ", ".join(situations))
    groups["situations"] = xr.Dataset(
        {
            "held": (
                ("situation", "input"),
                np.stack([held.cpu().numpy() for held in situations.values()]),
                {"long_name": "input held", "units": "1"},
            )
        },
        coords={"situation": list(situations), "input": data["input"].values},
    )
    groups["fixed_points"] = points = fixed_points.find(
        still,
        inputs=situations,
        candidates=fixed_points.candidates_from(data, _N_CANDIDATES, seed=seed),
    )
    try:
        groups |= dissect_mechanism(
            still,
            points,
            data,
            evidence_of(task, _strengths(data, stimuli), [str(name) for name in data["input"].values]),
            _relevant(data, stimuli, list(situations)),
        )
    except ValueError as error:
        problems["mechanism"] = str(error)
    extent = landscape.Plane.from_pca(components).extent(data["state"].where(data["valid"] > 0))
    for name, held in situations.items():
        plane = landscape.Plane.from_pca(components, origin=_middle(data, points, name))
        attempt(
            f"landscape/{name}",
            lambda plane=plane, held=held: landscape.flow(still, plane, input=held, extent=extent, n=_GRID),  # type: ignore[misc]
        )
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = provenance("neurornn.Dissection/1") | {
        "factors": json.dumps(list(task.factor_names or task.sample(1, seed=0).conditions)),
        "problems": json.dumps(problems),
        "balanced": int(task.supports_balanced),
    }
    return tree


def own_measures(task: AbstractTask, has_stimuli: bool) -> dict[str, behaviour.AbstractMeasure]:
    """Measures of a task beyond those that every task gets.

    Args:
        task: The task.
        has_stimuli: Whether psychometric curves and choice weights are made anyway.

    Returns:
        The measures by title.
    """
    common = (behaviour.Psychometric, behaviour.ChoiceWeights) if has_stimuli else ()
    return {
        title: measure
        for title, measure in task.measures.items()
        if not isinstance(measure, (behaviour.Accuracy, *common))
        and not (isinstance(measure, behaviour.MeanBy) and measure.variable == "performance")
    }


def situations_of(tree: xr.DataTree) -> list[str]:
    """Names of the situations whose input was held, in the order of the task.

    Args:
        tree: Result of :func:`dissect`.

    Returns:
        The names.
    """
    return [str(name) for name in tree["situations"].to_dataset()["situation"].values]


def contexts_of(data: xr.Dataset) -> list[Any]:
    """Different contexts of the trials.

    Args:
        data: Simulated trials.

    Returns:
        Values of the condition ``context``; none if there is no such condition or it has too many values to be shown side
        by side.
    """
    if "context" not in data.coords:
        return []
    found = np.unique(data["context"].values).tolist()
    return found if len(found) <= _MOST_CONTEXTS else []


def in_order(tree: xr.DataTree, values: NDArray[Any] | list[Any]) -> list[Any]:
    """Different values of the context variable, in the order of the situations named after them.

    Args:
        tree: Result of :func:`dissect`.
        values: Values, any number of times each.

    Returns:
        Each value once.
    """
    situations = situations_of(tree)

    def place(value: Any) -> int:  # noqa: ANN401
        return next((k for k, name in enumerate(situations) if name.startswith(str(value))), len(situations))

    return sorted(np.unique(values).tolist(), key=place)


def _refuse(network: AbstractNetwork, data: xr.Dataset) -> None:
    if network.n_units < 2:
        raise ValueError("A network of one unit has no plane to look at. Train one of two units or more.")
    if data.sizes["unit"] != network.n_units:
        raise ValueError(
            f"The trials are of {data.sizes['unit']} units and the network has {network.n_units}. Simulate them anew."
        )
    if "performance" not in data.coords:
        raise ValueError(
            "The trials say nothing about behaviour. Simulate them with task=..., so that they do."
        )
    finite = np.isfinite(data["state"].values).all((1, 2))
    if not finite.all():
        raise ValueError(
            f"The activity of the network is not finite in {int((~finite).sum())} of {finite.size} trials: it runs away. "
            "Train it further, on longer trials, or with a bounded activation."
        )


def _signed(data: xr.Dataset, factors: tuple[str, ...]) -> list[str]:
    """Factors of the task with both signs that a choice between two sides may follow."""
    if "choice" not in data.coords or data["choice"].dtype.kind not in "if":
        return []
    found = set(np.unique(data["choice"].values[np.isfinite(data["choice"].values)]).tolist())
    if not found <= {-1, 0, 1} or (0 in found and -1 not in found):
        return []
    signed = (name for name in factors if name in data.coords and data[name].dtype.kind == "f")
    return [name for name in signed if (data[name] < 0).any() and (data[name] > 0).any()]


def _strengths(data: xr.Dataset, stimuli: list[str]) -> dict[str, float]:
    """The largest strength of each signed stimulus that was shown with both signs."""
    strongest = {}
    for name in stimuli:
        levels = np.unique(data[name].values)
        both = [float(level) for level in levels if level > 0 and (levels == -level).any()]
        if both:
            strongest[name] = max(both)
    return strongest


def _relevant(data: xr.Dataset, stimuli: list[str], situations: list[str]) -> dict[str, str]:
    """The stimulus that counts in each situation: both are named after the same context."""
    found = {}
    for situation in situations:
        for context in map(str, contexts_of(data)):
            named = [name for name in stimuli if situation.startswith(context) and name.startswith(context)]
            if len(named) == 1:
                found[situation] = named[0]
    return found


def _middle(data: xr.Dataset, points: xr.Dataset, situation: str) -> NDArray[np.float64]:
    """A state the plane of a situation shall pass through: the mean fixed point, else slow point, else state."""
    here = points["context"].values == situation
    for kind in ("fixed", "slow"):
        states = points["state"].values[here & (points["kind"].values == kind)]
        if len(states):
            return np.asarray(states.mean(0))
    return np.asarray(data["state"].where(data["valid"] > 0).mean(("trial", "time")))
