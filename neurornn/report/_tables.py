"""Words and tables of the report."""

__all__ = ["headline", "points_table", "provenance_table", "subtitle", "weights_table"]

import math
from collections.abc import Mapping
from typing import Any

import xarray as xr

from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.report._dissect import in_order, situations_of
from neurornn.report._panels import words
from neurornn.runs import Run

_MOST_EIGENVALUES = 8


def subtitle(network: AbstractNetwork) -> str:
    """The network in one line.

    Args:
        network: The network.

    Returns:
        Plain text.
    """
    cells = f"{network.n_units} units of either sign"
    if not isinstance(network, CTRNN):
        return f"{type(network).__name__} of {network.n_units} units, dt = {network.dt:g} ms, recurrent noise {network.sigma_rec:g}"
    if network.dale is not None:
        n_e = int((network.cell_types == "E").sum())
        cells = f"{n_e} excitatory and {network.n_units - n_e} inhibitory units"
    return (
        f"{cells}, {network.activation.name}, {network.form} form, tau = {network.time_constant.describe()}, "
        f"dt = {network.dt:g} ms, recurrent noise {network.sigma_rec:g}"
    )


def headline(metrics: Mapping[str, Any]) -> dict[str, str]:
    """The numbers at the top of the page.

    Args:
        metrics: Result of :func:`neurornn.report.metrics_of`.

    Returns:
        Label -> number, as text.
    """
    name = "accuracy" if "accuracy" in metrics else "performance"
    label = "correct" if name == "accuracy" else "mean performance"
    judged = metrics[name]
    shown = {
        f"{label} in {metrics['n_trials']} held-out trials": "none" if judged is None else f"{judged:.1%}"
    }
    intervals = metrics.get("choice_weight_ratio_interval", {})
    for context, ratio in metrics.get("choice_weight_ratio", {}).items():
        low, high = (_number(each) for each in intervals[context])
        note = "all choices the same" if math.isnan(ratio) else f"95 %: {low} to {high}"
        shown[f"relevant : irrelevant choice weight, {context} context ({note})"] = _number(ratio)
    for situation, count in metrics["fixed_points"].items():
        shown[f"fixed points, {situation} ({count['stable']} stable)"] = str(count["fixed"])
    shown["training steps"] = str(metrics["training_steps"])
    return shown


def weights_table(tree: xr.DataTree) -> dict[str, str]:
    """Weights of the stimuli on the choice, in words.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        A row for each context; none where they were not fitted.
    """
    if "choice_weights" not in tree.children:
        return {}
    found = tree["choice_weights"].to_dataset()
    if "group" not in found.dims:
        return {"choice weights": _weights(found)}
    contexts = in_order(tree, found["group"].values)
    return {f"choice weights, {context} context": _weights(found.sel(group=context)) for context in contexts}


def points_table(tree: xr.DataTree) -> dict[str, str]:
    """What the search for fixed points found in each situation, in words.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        A row for each situation.
    """
    points = tree["fixed_points"].to_dataset()
    held = tree["situations"].to_dataset()["held"]
    rows = {}
    for name in situations_of(tree):
        here = points.isel(fixed_point=points["context"].values == name)
        fixed = here.isel(fixed_point=here["kind"].values == "fixed")
        search = points.isel(search=points["search"].values == name)
        slow = here["speed"].values[here["kind"].values == "slow"]
        n_fixed, n_slow = fixed.sizes["fixed_point"], slow.size
        how_slow = f" (speed from {slow.min():.2g} per ms)" if n_slow else ""
        on = [
            f"{words(channel)} {float(value):g}"
            for channel, value in zip(held["input"].values, held.sel(situation=name).values, strict=True)
            if abs(float(value)) > 1e-6
        ]
        rest = ", the rest 0" if 0 < len(on) < held.sizes["input"] else ""
        rows[name] = (
            f"Input held: {', '.join(on) or 'all 0'}{rest}. Found: {n_fixed} fixed ({int(fixed['stable_ode'].sum())} "
            f"stable), {n_slow} slow{how_slow}{_leading(fixed)}. {search['n_candidates_used'].item()} candidates and "
            f"{search['n_seeds'].item()} further seeds; sum of the indices {search['index_sum'].item():+d}; "
            f"completeness: {search['completeness'].item()}."
        )
    return rows


def provenance_table(run: Run, data: xr.Dataset) -> dict[str, str]:
    """How a run was made.

    Args:
        run: The run.
        data: Its trials.

    Returns:
        Rows of a table.
    """
    shown = {name: _flat(run.config.get(name)) for name in ("task", "rule", "objective", "training", "seed")}
    return shown | {
        "held-out trials": f"{data.sizes['trial']}, seed {data.attrs['trial_seed']}",
        "simulated": str(data.attrs["created_at"]),
    }


def _weights(found: xr.Dataset) -> str:
    parts = [
        f"{words(name)} {float(found['weight'].sel(regressor=name)):+.2f}"
        for name in found["regressor"].values
    ]
    text = ", ".join(parts)
    if "ratio" in found:
        low, high = (_number(each) for each in found["ratio_interval"].values)
        text += f"; relevant : irrelevant = {_number(found['ratio'])} (95 % interval {low} to {high})"
    if bool(found["separated"]) and math.isfinite(float(found["bias"])):
        text += ". The stimuli predict every choice: the size of the weights is set by the penalty of the fit"
    return text + "." if math.isfinite(float(found["bias"])) else "not defined: all choices are the same."


def _leading(fixed: xr.Dataset) -> str:
    leading = fixed["eigenvalue"].isel(mode=0).values
    if not len(leading):
        return ""
    shown = ", ".join(_eigenvalue(value * 1e3) for value in leading[:_MOST_EIGENVALUES])
    more = ", ..." if len(leading) > _MOST_EIGENVALUES else ""
    return f", leading eigenvalue{'s' if len(leading) > 1 else ''} {shown}{more} per s"


def _eigenvalue(value: complex) -> str:
    imaginary = "" if abs(value.imag) < 1e-9 else f" ± {abs(value.imag):.2f}i"
    return f"{value.real:+.2f}{imaginary}"


def _number(value: Any) -> str:  # noqa: ANN401
    number = float(value)
    if not math.isfinite(number):
        return "n/a" if math.isnan(number) else "infinity"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.1f}"


def _flat(value: Any) -> str:  # noqa: ANN401
    """A configuration as text: settings that are their own explanation, without quotes and braces."""
    if isinstance(value, Mapping):
        named = value.get("name", value.get("type"))
        inner = ", ".join(
            f"{key} = {_flat(each)}" for key, each in value.items() if key not in ("name", "type")
        )
        return f"{named}({inner})" if named is not None else inner
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    return "none" if value is None else str(value)
