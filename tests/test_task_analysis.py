"""Every registered task measures and draws the behaviour of a subject that no network stands behind."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from simulated import behaving

from neurornn import tasks
from neurornn.analysis.behaviour import Accuracy, MeanBy, MeanInBins, mean_in_bins

# What may be NaN, and why.
EMPTY = {
    "delayed-copy-v1": {"bits right by position and length": "positions beyond the length"},
    "serial-recall-v1": {"accuracy by position and list length": "positions beyond the length"},
    "match-abba-v1": {"accuracy at each test": "tests after the match"},
    "match-abca-v1": {"accuracy at each test": "tests after the match"},
    "n-back-v1": {"accuracy by place in the stream": "nothing n back at the start of the stream"},
    "flip-flop-v1": {"transition times": "switches that the subject missed"},
    "multi-item-memory-v1": {"swap errors by set size": "a set of one has no non-targets"},
    "multisensory-decision-v1": {"optimal combination": "a curve that is a step has no slope"},
    "perceptual-decision-rt-v1": {
        "chronometric": "strengths with fewer than two errors",
        "quantile probability": "strengths with fewer than two errors",
    },
    "perceptual-decision-variable-v1": {"psychophysical kernel": "times that hardly any stimulus reaches"},
    "ready-set-go-gains-v1": {"produced interval": "intervals that only the other gain asks for"},
    "ready-set-go-priors-v1": {
        "produced interval": "intervals that only the other prior holds",
        "Bayesian observer": "intervals that only the other prior holds",
    },
}


@pytest.mark.parametrize("name", tasks.names())
def test_a_task_measures_and_draws_everything(name):
    task = tasks.make(name)
    found = task.analyse(behaving(task))
    assert list(found.children) == list(task.measures)
    missing = set()
    for title, node in found.children.items():
        result = node.to_dataset()
        assert "failed" not in result.attrs, f"{title}: {result.attrs['failed']}"
        numbers = [each.values for each in result.values() if each.dtype.kind == "f" and each.size]
        assert numbers, title
        assert any(np.isfinite(each).any() for each in numbers), title
        if not all(np.isfinite(each).all() for each in numbers):
            missing.add(title)
    assert missing <= set(EMPTY.get(name, {}))
    figure = task.plot(found)
    figure.set_layout_engine("none")  # it takes most of the time
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title().lower() for axes in panels] == [title.lower() for title in task.measures]
    for axes in panels:
        assert axes.get_ylabel() or [text.get_text() for text in axes.get_yticklabels()], axes.get_title()
        assert axes.get_xlabel() or not axes.get_xticks().size or any(
            text.get_text().strip() for text in axes.get_xticklabels()
        ), axes.get_title()  # fmt: skip
        assert axes.has_data(), axes.get_title()


def test_a_measure_that_fails_says_why_within_its_panel():
    task = tasks.make("reversal")
    trials = xr.Dataset({"performance": ("trial", np.ones(5))})
    found = task.analyse(trials)
    failed = [title for title, node in found.children.items() if "failed" in node.attrs]
    assert failed and "failed" not in found["performance"].attrs
    figure = task.plot(found)
    figure.canvas.draw()
    for axes in figure.axes:
        for text in axes.texts:
            box, panel = text.get_window_extent(), axes.get_window_extent()
            assert box.width <= 1.15 * panel.width
            assert " ".join(text.get_text().split()) in {found[title].attrs["failed"] for title in failed}


def overlaps(axes):
    """Whether labels along the abscissa touch, or leave the figure."""
    axes.figure.canvas.draw()
    texts = [text for text in axes.get_xticklabels() if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    if texts[0].get_rotation() == 45:  # the boxes of slanted text overlap where the text does not
        height = texts[0].get_fontsize() * axes.figure.dpi / 72
        return any((b.x1 - a.x1) * np.sin(np.pi / 4) < 0.9 * height for a, b in itertools.pairwise(boxes))
    return any(a.x1 > b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("names", "rotation", "every"),
    [
        (["pro", "anti"], 0, 1),
        ([f"condition {k}" for k in range(8)], 45, 1),
        ([f"rule number {k}" for k in range(24)], 90, 1),
        ([f"item {k}" for k in range(100)], 90, 5),
    ],
)
def test_names_along_the_abscissa_do_not_overlap(names, rotation, every):
    ds = xr.Dataset({"kind": ("trial", names * 3), "performance": ("trial", np.ones(3 * len(names)))})
    for measure in (MeanBy("performance", by="kind"), Accuracy(by="kind")):
        _, axes = plt.subplots(figsize=(4.2, 3.4), layout="constrained")
        measure.plot(measure.apply(ds), ax=axes)
        labels = axes.get_xticklabels()
        assert {label.get_rotation() for label in labels} == {rotation}
        assert [label.get_text() for label in labels] == sorted(names)[::every]
        assert not overlaps(axes) and axes.get_ylim() == (-0.03, 1.03)
        plt.close(axes.figure)


def test_whole_numbers_are_ticks_and_few_values_are_bins_of_their_own():
    x = np.repeat([200, 400, 800, 1600], [30, 5, 5, 30])
    ds = xr.Dataset({"delay": ("trial", x), "y": ("trial", x / 10.0)})
    axes = MeanBy("y", by="delay").plot(MeanBy("y", by="delay").apply(ds))
    assert axes.get_xticks().tolist() == [200, 400, 800, 1600]
    found = mean_in_bins(ds, "y", "delay", n_bins=4)
    assert found["mean"].values.tolist() == [20.0, 40.0, 80.0, 160.0]
    assert found["bin_edges"].values.tolist() == [[k, k] for k in (200, 400, 800, 1600)]
    assert MeanInBins("y", "delay", n_bins=3).apply(ds).sizes["group"] < 4
