"""The mechanism in words, numbers and one figure: what a slow mode keeps, and which evidence it takes up."""

__all__ = ["mechanism_figure", "mechanism_numbers", "mechanism_table"]

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurornn.analysis import mechanism
from neurornn.report._panels import clean, panels, words

_MOST_EVIDENCE = 6
_NEAR = 0.25  # distance of a slow line from the reference point, relative to its length


def mechanism_table(tree: xr.DataTree) -> dict[str, str]:
    """The mechanism in sentences.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        A row for each situation, one for what changes between two contexts in which different evidence counts, and
        one for the amplification; none if there is no mechanism.
    """
    if "mechanism" not in tree.children:
        return {}
    ds, linear = tree["mechanism"].to_dataset(), tree["nonnormality"].to_dataset()
    rows = {str(name): _situation(tree, str(name)) for name in ds["search"].values}
    if (pair := _contexts(ds)) is not None:
        rows[f"from {pair[0]} to {pair[1]}"] = _between(ds, pair)
    return rows | {"transients": _transients(linear)}


def mechanism_numbers(tree: xr.DataTree) -> dict[str, Any]:
    """The mechanism in numbers, ready for JSON.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        ``mechanism``: for each situation the verdict and, where they are defined, ``slow_mode_ms`` (negative where it grows),
        ``passage_ms`` (of a slow point), ``separation``, ``alignment``, ``selection_ratio``, ``response_ratio``, and of the line there
        ``line_length`` and ``line_drift_ms`` (length over mean speed); and for two contexts
        ``selection_vector_angle``, ``line_angle`` and the shares ``change_by_selection_vector``. Empty if there is no mechanism.
    """
    if "mechanism" not in tree.children:
        return {}
    ds = tree["mechanism"].to_dataset()
    found: dict[str, Any] = {"mechanism": {}}
    names = {
        "slow_mode_ms": ("time_constant", 0),
        "passage_ms": ("passage_time", 0),
        "separation": ("separation", 2),
        "alignment": ("alignment", 3),
        "selection_ratio": ("ratio", 2),
        "response_ratio": ("response_ratio", 2),
    }
    for name in ds["search"].values:
        here = ds.sel(search=name)
        numbers: dict[str, Any] = {"verdict": _verdict(tree, str(name))}
        if (place := int(here["reference"])) >= 0:
            point = ds.isel(fixed_point=place)
            for key, (variable, digits) in names.items():
                value = float(point[variable]) if variable in point else math.nan
                if math.isfinite(value):
                    numbers[key] = round(value, digits)
        if (line := _line(tree, str(name))) is not None:
            numbers["line_length"] = round(float(line["length"]), 2)
            if math.isfinite(float(line["traverse_time"])):
                numbers["line_drift_ms"] = round(float(line["traverse_time"]), 0)
        found["mechanism"][str(name)] = numbers
    if (pair := _contexts(ds)) is not None:
        between = ds.sel(search=pair[0], other=pair[1])
        found["selection_vector_angle"] = round(float(between["selection_angle"]), 1)
        found["line_angle"] = round(float(between["line_angle"]), 1)
        found["change_by_selection_vector"] = {
            str(name): round(_share(between.sel(coordinates=name), "by_selection_vector"), 3)
            for name in ds["coordinates"].values
        }
    return found


def mechanism_figure(tree: xr.DataTree) -> Figure | None:
    """What the slow mode takes up, and what changes between contexts, or what is amplified where there is one.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure, or None if there is no mechanism.
    """
    if "mechanism" not in tree.children:
        return None
    ds, linear = tree["mechanism"].to_dataset(), tree["nonnormality"].to_dataset()
    selected = np.nan_to_num(np.abs(ds["selected"].values)).max(0)
    shown = ds.isel(evidence=np.sort(np.argsort(-selected, kind="stable")[:_MOST_EVIDENCE]))
    figure, (left, right) = panels(2, height=3.9, share=False)
    mechanism.plot_mechanism(shown, ax=left)
    pair = _contexts(ds)
    if pair is None:
        mechanism.plot_amplification(linear, ax=right)
    else:
        mechanism.plot_change(shown, search=pair[0], other=pair[1], ax=right)
    for ax in (left, right):
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(
            handles,
            labels,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=2,
            frameon=False,
            fontsize="small",
        )
    return clean(figure)


def _contexts(ds: xr.Dataset) -> tuple[str, str] | None:
    """The first two situations in which different evidence counts and which have a slow mode."""
    named = [
        (str(name), str(each))
        for name, each, place in zip(
            ds["search"].values, ds["relevant"].values, ds["reference"].values, strict=True
        )
        if str(each) and place >= 0
    ]
    others = [name for name, each in named[1:] if each != named[0][1]]
    return (named[0][0], others[0]) if others else None


def _situation(tree: xr.DataTree, situation: str) -> str:
    ds = tree["mechanism"].to_dataset()
    here = ds.sel(search=situation)
    place = int(here["reference"])
    verdict = _verdict(tree, situation)
    arrangement = _arrangement(here)
    if place < 0:
        what = (
            f"{arrangement}. No point has a real mode: all modes rotate"
            if arrangement
            else "no point was found"
        )
        return f"{verdict.capitalize()}: {what}."
    point = ds.isel(fixed_point=place)
    uptake = _taken_up(point, str(here["relevant"].item()), ds)
    return f"{verdict.capitalize()}: {arrangement}. {_slow_mode(point)}{uptake} {_curve(tree, situation)}"


def _arrangement(here: xr.Dataset) -> str:
    counts = {
        "stable state": int(here["n_stable"]),
        "saddle": int(here["n_saddle"]),
        "repelling point": int(here["n_repelling"]),
        "slow point": int(here["n_slow"]),
    }
    if (counts["stable state"], counts["saddle"]) == (2, 1) and not any([*counts.values()][2:]):
        return "1 saddle between 2 stable states"
    shown = [f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _slow_mode(point: xr.Dataset) -> str:
    tau, passage = float(point["time_constant"]), float(point["passage_time"])
    kind = (
        "slow point"
        if str(point["kind"].item()) == "slow"
        else "saddle"
        if int(point["n_unstable"]) == 1
        else "point"
    )
    if kind == "slow point":
        text = (
            f"At the slow point nothing rests, and by itself the network takes about {_time(passage)} to pass it"
            if math.isfinite(passage)
            else "At the slow point nothing rests"
        )
    elif not math.isfinite(tau) or abs(tau) > 1e6:
        text = "Along the line nothing decays"
    else:
        how = "decays" if tau > 0 else "grows"
        text = f"At the {kind} the slow mode {how} with a time constant of {_time(abs(tau))}"
        separation = float(point["separation"])
        if math.isfinite(separation):
            text += (
                f", {separation:.1f} times slower than the next mode"
                if separation > 1
                else ", and others are slower"
            )
    if bool(point["rotating"]):
        text += "; a rotating pair of modes is slower still"
    if "alignment" in point:
        text += (
            f". The line has a cosine of {float(point['alignment']):.2f} with the read-out of the decision"
        )
    return text + ". "


def _taken_up(point: xr.Dataset, relevant: str, ds: xr.Dataset) -> str:
    selected = {
        str(name): 1e3 * float(value)
        for name, value in zip(ds["evidence"].values, point["selected"].values, strict=True)
    }
    if not relevant:
        most = max(selected, key=lambda name: abs(selected[name]))
        return f"The slow mode takes up {words(most)} most ({selected[most]:+.0f} per s and unit)."
    others = {name: value for name, value in selected.items() if name != relevant}
    text = f"The slow mode takes up {words(relevant)} at {selected[relevant]:+.0f} per s and unit"
    if others:
        most = max(others, key=lambda name: abs(others[name]))
        times = float(point["ratio"])
        text += f" and {words(most)} at {others[most]:+.0f}: "
        text += f"{times:.1f} times more" if times >= 1 else f"only {times:.2f} times as much"
    if "response" in point:
        chosen = point.sel(evidence=relevant)
        share = float(chosen["carried"])
        text += (
            f". Held for {_time(float(ds.attrs['duration']))}, a unit of {words(relevant)} moves the decision by "
            f"{float(chosen['response']):+.2g} in linear approximation, through the slow mode alone by "
            f"{share * float(chosen['response']):+.2g}"
        )
        if math.isfinite(ratio := float(point["response_ratio"])):
            text += f"; all modes together respond {ratio:.1f} times more to it than to what does not count"
    return text + "."


def _line(tree: xr.DataTree, situation: str) -> xr.Dataset | None:
    """The line of slow or fixed states that passes by the reference point of a situation."""
    ds, found = tree["mechanism"].to_dataset(), tree["attractors"].to_dataset()
    place = int(ds["reference"].sel(search=situation))
    if place < 0:
        return None
    curves = (found["context"].values.astype(str) == situation) & np.isin(
        found["kind"].values, ["line", "ring"]
    )
    gaps = {
        int(k): float(np.linalg.norm(found["state"].values[k] - ds["state"].values[place], axis=1).min())
        for k in np.flatnonzero(curves)
    }
    nearest = min(gaps, key=lambda k: gaps[k], default=-1)
    if nearest < 0 or gaps[nearest] > _NEAR * float(found["length"][nearest]):
        return None
    return found.isel(object=nearest)


def _curve(tree: xr.DataTree, situation: str) -> str:
    line = _line(tree, situation)
    if line is None:
        return "Followed from there as a curve, the slow direction does not last."
    radius = float(tree["attractors"].to_dataset()["radius"].sel(search=situation))
    length, time = float(line["length"]), float(line["traverse_time"])
    speed = (
        f"at its mean speed the drift would cover it in {_time(time)}"
        if math.isfinite(time)
        else "there is no drift on it"
    )
    return (
        f"Followed from there as a curve, the line is {length:.1f} long, {length / radius:.2f} times the radius of the states "
        f"visited, and {speed}."
    )


def _verdict(tree: xr.DataTree, situation: str) -> str:
    """The verdict on the linear dynamics; an approximate line must also last when it is followed as a curve."""
    here = tree["mechanism"].to_dataset().sel(search=situation)
    verdict = str(here["verdict"].item())
    local = verdict == "approximate line attractor" and _line(tree, situation) is None
    if local:
        return "no line attractor, only a slow direction"
    return verdict if "attractor" in verdict else f"no line attractor, {verdict}"


def _between(ds: xr.Dataset, pair: tuple[str, str]) -> str:
    between = ds.sel(search=pair[0], other=pair[1])
    inputs = float(between["input_angle"].max())
    text = (
        f"The selection vector turns by {float(between['selection_angle']):.0f} degrees, the line by "
        f"{float(between['line_angle']):.0f}, the direction of the evidence by {inputs:.0f}. "
    )
    shares = {
        str(name): _share(between.sel(coordinates=name), "by_selection_vector")
        for name in ds["coordinates"].values
    }
    known = [
        f"{share:.0%} if the {name}s are the coordinates"
        for name, share in shares.items()
        if math.isfinite(share)
    ]
    text += f"Of the change of selection the selection vector makes {' and '.join(known)}; the rest is the input's."
    if inputs < 1e-6 and len(known) > 1:
        text += " (The input enters the equation of the state linearly, so there the whole change must be the selection vector's.)"
    return text


def _share(between: xr.Dataset, part: str) -> float:
    """Share of a part in the change of all evidence: 1 if it makes the whole change."""
    change, made = (between[name].values for name in ("change", part))
    whole = np.abs(change).sum()
    return float((np.sign(change) * made).sum() / whole) if whole > 0 else math.nan


def _transients(linear: xr.Dataset) -> str:
    settled = linear.isel(fixed_point=np.isfinite(linear["amplification"].values))
    henrici = linear["henrici"].values
    text = f"Departure from normality (Henrici) {henrici.min():.2f} to {henrici.max():.2f}. "
    if not settled.sizes["fixed_point"]:
        return text + "No point is stable, so perturbations grow in the end."
    most = settled.isel(fixed_point=int(settled["amplification"].values.argmax()))
    when = float(most["amplification_time"])
    after = f"after {_time(when)}" if math.isfinite(when) else "in the end"
    return (
        text
        + f"Where perturbations do not grow in the end, they grow by at most {float(most['amplification']):.1f} times, {after}."
    )


def _time(ms: float) -> str:
    return f"{ms / 1000:.2g} s" if ms >= 999.5 else f"{ms:.0f} ms"
