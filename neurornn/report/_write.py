"""From a run folder to its page."""

__all__ = ["page_is_current", "write_report"]

import hashlib
import json
import re
from pathlib import Path

import xarray as xr

from neurornn import __version__
from neurornn.connectivity import spectrum_report
from neurornn.networks import AbstractNetwork
from neurornn.report import _figures as figures
from neurornn.report import _state_figures as state_figures
from neurornn.report import examinations
from neurornn.report._dissect import contexts_of
from neurornn.report._mechanism import mechanism_figure, mechanism_table
from neurornn.report._metrics import metrics_of
from neurornn.report._origin import analysis_origin, current_analysis, current_trials
from neurornn.report._page import Section, page
from neurornn.report._panels import clean, words
from neurornn.report._tables import headline, points_table, provenance_table, subtitle, weights_table
from neurornn.runs import Run
from neurornn.tasks import AbstractTask

_MADE_FROM = re.compile(r'<meta name="made-from" content="([0-9a-f]*)">')


def write_report(run: Run, task: AbstractTask | None = None) -> Path:
    """Draw everything a run has saved on one self-contained page.

    Args:
        run: A run that was trained, simulated and analysed.
        task: Its task, which draws the measures of its source paper; they are left out without it.

    Returns:
        Path of ``report.html``.

    Raises:
        ValueError: If trials or analysis are missing or come from other weights than those of the run.
    """
    network, history = run.load_network(), run.load_history()
    data = current_trials(run)
    if data is None:
        raise ValueError(
            f"Run '{run.path}' has no trials of these weights. Make them: neurornn simulate {run.path}"
        )
    tree = current_analysis(run)
    if tree is None:
        raise ValueError(
            f"Run '{run.path}' has no analysis of these trials. Make it: neurornn analyze {run.path}"
        )
    metrics = metrics_of(tree, data, history)
    state = "a trained network" if metrics["training_steps"] else "an untrained network"
    html = page(
        f"{data.attrs['task']}: {state}, dissected",
        subtitle(network),
        numbers=headline(metrics),
        sections=[
            _learning(run, history, tree),
            *_behaviour(data, tree),
            *_measures(task, tree),
            *_space(data, tree),
            _mechanism(tree),
            *examinations.sections(tree),
            _weights(network),
            Section("How it was made", text=str(network), table=provenance_table(run, data)),
        ],
        footer=f"neurornn {__version__}. All numbers: metrics.json. All data: trials.nc, analysis.nc, history.nc.",
        origin=_origin(run),
    )
    return run.save_report(html)


def page_is_current(run: Run) -> bool:
    """Whether the page of a run was made by this version from what the run holds now.

    Args:
        run: A run with current trials and analysis.

    Returns:
        Whether it need not be written again.
    """
    if not run.report_path.exists():
        return False
    found = _MADE_FROM.search(run.report_path.read_text(encoding="utf-8", errors="replace")[:2000])
    return found is not None and found[1] == _origin(run)


def _origin(run: Run) -> str:
    """Digest of what a page is made from."""
    parts = (__version__.encode(), analysis_origin(run).encode(), run.analysis_path.read_bytes())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _learning(run: Run, history: xr.Dataset, tree: xr.DataTree) -> Section:
    training = run.config.get("training")
    target = training.get("target_performance") if isinstance(training, dict) else None
    performance = (
        "the fraction of them done correctly"
        if "accuracy" in tree.children
        else "the mean performance in them"
    )
    balance = " Validation visits every condition equally often." if tree.attrs["balanced"] else ""
    return Section(
        "Learning",
        figures.learning_figure(history, target),
        "Left: loss against the training step. Right: validation performance against the training step.",
        f"Loss of each training batch and of validation trials, with recurrent noise, and {performance}.{balance}",
    )


def _behaviour(data: xr.Dataset, tree: xr.DataTree) -> list[Section]:
    problems: dict[str, str] = json.loads(tree.attrs["problems"])
    missing = "; ".join(
        f"{words(name.rpartition('/')[2])}: {reason}"
        for name, reason in problems.items()
        if not name.startswith(("landscape", "mechanism"))
    )
    note = f"Not shown: {missing}" if missing else ""
    if "psychometric" not in tree.children:
        factors = json.loads(tree.attrs["factors"])
        figure = figures.performance_figure(data, factors)
        if figure is None:
            return [Section("Behaviour", caption=note)] if note else []
        return [
            Section(
                "Behaviour",
                figure,
                "Mean performance for each value of the conditions.",
                "Mean performance in held-out trials for each value of the conditions, with its standard error.",
                text=note,
            )
        ]
    selects = " A network that selects has a steep curve for the stimulus that counts in a context and a flat one for the other."
    return [
        Section(
            "Behaviour",
            figures.psychometric_figure(tree),
            "Psychometric curves: probability of a positive choice against the signed strength of each stimulus.",
            "Choices in held-out trials against signed evidence. Points: observed, with 95 % Wilson intervals. Lines: "
            "maximum-likelihood logistic curves with lapses and their 95 % bootstrap band; no line where all choices are "
            f"the same.{selects if contexts_of(data) and 'choice_weights' in tree.children else ''}",
            table=weights_table(tree),
            text=note,
        )
    ]


def _measures(task: AbstractTask | None, tree: xr.DataTree) -> list[Section]:
    if task is None or "behaviour" not in tree.children:
        return []
    figure = clean(task.plot(tree.children["behaviour"]))
    return [
        Section(
            "Behaviour, as its source measures it",
            figure,
            f"What the source of this task measures: {', '.join(tree['behaviour'].children)}.",
            "Held-out trials. Bars and bands: 95 % intervals.",
        )
    ]


def _space(data: xr.Dataset, tree: xr.DataTree) -> list[Section]:
    trajectories, averaged = state_figures.trajectory_figure(data, tree)
    of = "the condition in each legend" if contexts_of(data) else " and ".join(map(words, averaged))
    over = (
        f"Averages over held-out trials, one for each value of {of},"
        if averaged
        else "The average over held-out trials"
    )
    sections = [
        Section(
            "Population trajectories",
            trajectories,
            "Condition averages of the state in the first two principal components.",
            f"{over} in the first two principal components of the state; the axes say how much of its variance they "
            "explain. Ring: trial onset. Square: end of the trial.",
        ),
        Section(
            "Fixed and slow points",
            state_figures.fixed_point_figure(data, tree),
            "Fixed and slow points over single trials in the first two principal components.",
            "States at which the deterministic dynamics rest (fixed points) or linger (slow points: local minima of the speed, "
            "above 0) while the input in the table is held. Grey: single held-out trials, of its context where a panel is named "
            "after one. Stability is that of the differential equation.",
            table=points_table(tree),
        ),
    ]
    landscape = state_figures.landscape_figure(tree)
    problems = json.loads(tree.attrs["problems"])
    notes = "; ".join(f"{name}: {why}" for name, why in problems.items() if name.startswith("landscape"))
    sections.append(
        Section(
            "Landscape",
            landscape,
            "Speed and flow of the dynamics on the plane of the first two principal components.",
            "Speed of the deterministic dynamics (colour, one scale) and its flow within a plane (lines, thinner where more of "
            "the velocity leaves it). The plane is that of the first two components, moved to the mean of the fixed points "
            "of each panel, or of its slow points if it has none; points are projected onto it."
            if landscape is not None
            else "There is no speed to draw.",
            text=f"Not shown: {notes}" if notes else "",
        )
    )
    return sections


def _mechanism(tree: xr.DataTree) -> Section:
    problem = json.loads(tree.attrs["problems"]).get("mechanism", "")
    figure = mechanism_figure(tree)
    if figure is None:
        return Section(
            "Mechanism",
            caption="There is no mode to speak of.",
            text=f"Not shown: {problem}" if problem else "",
        )
    two = "mechanism" in tree.children and figure.axes[1].get_yscale() == "linear"
    return Section(
        "Mechanism",
        figure,
        "How much of each kind of evidence the slow mode takes up in each context, and what changes between contexts.",
        "Linear dynamics at the saddle with the slowest mode, or without a saddle at the slowest point. Left: velocity along "
        "the slow mode for each unit of evidence (bars; hatched where the evidence does not count), and at other points (dots). Right: "
        + (
            "what the change between the contexts is made of, with the states and with the firing rates as coordinates."
            if two
            else "largest growth of a small perturbation against time (dashed: by the eigenvalues alone)."
        )
        + " A line attractor is called approximate where the slow mode is at least 3 times slower than every other.",
        table=mechanism_table(tree),
    )


def _weights(network: AbstractNetwork) -> Section:
    order = "excitatory units first, " if (network.cell_types == "E").any() else ""
    return Section(
        "Recurrent weights",
        figures.matrix_figure(network),
        "Left: the recurrent matrix. Right: its eigenvalues in the complex plane.",
        f"The effective matrix, {order}rows receive from columns, and its eigenvalues: {spectrum_report(network)}. "
        "Colours are cut at the 99th percentile of the absolute weights.",
    )
