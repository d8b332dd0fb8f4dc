"""From a run folder to its page."""

__all__ = ["write_report"]

import json
from pathlib import Path
from typing import Any

import xarray as xr

from neurornn.connectivity import spectrum_report
from neurornn.networks import CTRNN
from neurornn.report import _figures as figures
from neurornn.report._dissect import in_order
from neurornn.report._page import Section, page
from neurornn.runs import Run


def write_report(run: Run) -> Path:
    """Draw everything a run has saved on one self-contained page.

    Args:
        run: A run that was trained, simulated and analysed.

    Returns:
        Path of ``report.html``.
    """
    network, data, history = run.load_network(), run.load_trials(), run.load_history()
    tree, metrics = run.load_analysis(), run.load_metrics()
    target = run.config["training"].get("target_performance")
    sections = [
        Section(
            "Learning",
            figures.learning_figure(history, target),
            "Loss of each training batch and of validation trials with recurrent noise, and the fraction of validation "
            "trials done correctly. Validation visits every condition equally often.",
        )
    ]
    if "psychometric" in tree.children:
        sections.append(
            Section(
                "Behaviour",
                figures.psychometric_figure(tree),
                "Choices in held-out trials against signed evidence. Points: observed, with 95 % Wilson intervals. Lines: "
                "maximum-likelihood logistic curves with lapses and their 95 % bootstrap band. A network that selects has a "
                "steep curve for the stimulus that counts in a context and a flat one for the other.",
                table=_weights(tree),
            )
        )
    sections += [
        Section(
            "Population trajectories",
            figures.trajectory_figure(data, tree),
            "Averages over held-out trials of each coherence of the stimulus that counts, in the first two principal "
            "components of the state. Ring: trial onset. Square: end of the trial.",
        ),
        Section(
            "Fixed and slow points",
            figures.fixed_point_figure(data, tree),
            "States at which the deterministic dynamics rest (fixed points) or linger (slow points, local minima of the speed "
            "above 0) while the input of each panel is held: context and go cue as during the stimuli, evidence at its "
            "mean. Grey: single trials. Stability is that of the differential equation.",
            table=_points(tree),
        ),
        Section(
            "Landscape",
            figures.landscape_figure(tree),
            "Speed of the deterministic dynamics (colour, one scale) and its flow within the plane of the first two components "
            "through the mean fixed point of each context. The plane shows part of the velocity: the fraction that leaves it is "
            "printed above each panel.",
        ),
        Section(
            "Recurrent weights",
            figures.matrix_figure(network),
            f"The effective matrix, excitatory units first, and its eigenvalues: {spectrum_report(network)}.",
        ),
        Section("How it was made", text=f"{network}", table=_provenance(run, data)),
    ]
    html = page(
        f"{run.config['task']['name']}: a trained network, dissected",
        _subtitle(network),
        numbers=_headline(metrics),
        sections=sections,
        footer=f"neurornn {data.attrs['neurornn_version']}. All numbers: metrics.json. All data: trials.nc, analysis.nc.",
    )
    return run.save_report(html)


def _subtitle(network: CTRNN) -> str:
    cells = "no sign constraint"
    if network.dale is not None:
        n_e = int((network.cell_types == "E").sum())
        cells = f"{n_e} excitatory and {network.n_units - n_e} inhibitory units"
    return (
        f"{cells}, {network.activation.name}, {network.form} form, tau = {network.time_constant.describe()}, "
        f"dt = {network.dt:g} ms, recurrent noise {network.sigma_rec:g}"
    )


def _headline(metrics: dict[str, Any]) -> dict[str, str]:
    shown = {f"correct in {metrics['n_trials']} held-out trials": f"{metrics['accuracy']:.1%}"}
    for context, ratio in metrics.get("choice_weight_ratio", {}).items():
        shown[f"relevant : irrelevant choice weight, {context} context"] = f"{ratio:.1f}"
    for situation, count in metrics["fixed_points"].items():
        shown[f"fixed points, {situation} ({count['stable']} stable)"] = str(count["fixed"])
    shown["training steps"] = str(metrics["training_steps"])
    return shown


def _weights(tree: xr.DataTree) -> dict[str, str]:
    if "choice_weights" not in tree.children:
        return {}
    found = tree["choice_weights"].to_dataset()
    if "group" not in found.dims:
        return {}
    rows = {}
    for group in in_order(tree, found["group"].values):
        here = found.sel(group=group)
        weights = ", ".join(
            f"{str(name).replace('_', ' ')} {float(here['weight'].sel(regressor=name)):+.2f}"
            for name in here["regressor"].values
        )
        ratio = ""
        if "ratio" in here:
            low, high = here["ratio_interval"].values
            ratio = f"; relevant : irrelevant = {float(here['ratio']):.1f} (95 % interval {low:.1f} to {high:.1f})"
        rows[f"choice weights, {group} context"] = weights + ratio
    return rows


def _points(tree: xr.DataTree) -> dict[str, str]:
    points = tree["fixed_points"].to_dataset()
    rows = {}
    for name in tree["landscape"].children:
        here = points.isel(fixed_point=points["context"].values == name)
        fixed = here.isel(fixed_point=here["kind"].values == "fixed")
        slowest = ""
        if fixed.sizes["fixed_point"]:
            leading = fixed["eigenvalue"].isel(mode=0).values.real
            slowest = (
                ", leading eigenvalues "
                + ", ".join(f"{value * 1e3:+.2f}" for value in leading[:8])
                + " per s"
            )
        search = points.isel(search=points["search"].values == name)
        tried, verdict = int(search["n_candidates_used"]), str(search["completeness"].item())
        rows[str(name)] = (
            f"{fixed.sizes['fixed_point']} fixed ({int(fixed['stable_ode'].sum())} stable), "
            f"{int((here['kind'].values == 'slow').sum())} slow{slowest}. "
            f"{tried} candidates and {int(search['n_seeds'])} further seeds; completeness {verdict}."
        )
    return rows


def _provenance(run: Run, data: xr.Dataset) -> dict[str, str]:
    config = run.config
    return {
        "task": json.dumps(config["task"]),
        "rule": json.dumps(config["rule"]),
        "training": json.dumps(config["training"]),
        "seed": str(config["seed"]),
        "held-out trials": f"{data.sizes['trial']}, seed {data.attrs['trial_seed']}",
        "made": data.attrs["created_at"],
    }
