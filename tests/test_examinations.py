"""Further analyses of a run: asked for by name, kept with the run, shown on its page, and honest where they fail."""

import contextlib
import io
import json
import math
import re

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import neurornn
from neurornn import tasks
from neurornn.cli import main
from neurornn.report import _page, dissect
from neurornn.report.examinations import (
    EXAMINATIONS,
    AbstractExamination,
    Subject,
    _basins,
    _interventions,
    _low_rank,
    _lyapunov,
    _run,
    examine,
    sections,
)
from neurornn.runs import Run

MAY_BE_REFUSED = {"energy", "edges"}  # by networks like the one below
LESS = [
    (_basins, "_GRID", 15),
    (_basins, "_STATES", 64),
    (_interventions, "_N_TRIALS", 72),
    (_low_rank, "_ITERATIONS", 10),
    (_lyapunov, "_SPANS", 200),
]


def trained(task, network, n_trials):
    data = neurornn.simulate(network, task.sample(n_trials, seed=1, balanced=True), task=task, seed=1)
    return Subject(network, task, data, dissect(network, task, data), 0)


@pytest.fixture(scope="module")
def subject():
    task = tasks.make("context-decision")
    network = neurornn.CTRNN(task.n_inputs, 20, task.n_outputs, activation="tanh", sigma_rec=0.1)
    with torch.random.fork_rng():
        neurornn.train(network, task, n_steps=60, batch_size=32, n_validation=72, validate_every=60)
    return trained(task, network, 144)


@pytest.fixture(scope="module")
def memory():
    """Three units that remember a bit each: weights are symmetric, and the eight memories are known."""
    task = tasks.make("flip-flop", n_bits=3)
    network = neurornn.CTRNN(3, 3, 3, activation="tanh", bias=False, sigma_rec=0.05)
    network.W_rec, network.W_in = 2 * torch.eye(3), 3 * torch.eye(3)
    return trained(task, network, 64)


@pytest.fixture(scope="module")
def cards(subject, tmp_path_factory):
    """Card and problem of each examination, one after the other with less work than in earnest, read back from a file."""
    tree, path = subject.tree, tmp_path_factory.mktemp("examinations") / "analysis.nc"
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in LESS:
            patch.setattr(module, name, value)
        for name in EXAMINATIONS:
            tree = examine(Subject(subject.network, subject.task, subject.data, tree, 0), name)
    tree.to_netcdf(path, engine="h5netcdf")
    kept = xr.open_datatree(path, engine="h5netcdf").load()
    problems = json.loads(kept.attrs["problems_also"])
    shown = zip(EXAMINATIONS, sections(kept), strict=True)
    return {name: (card, problems.get(name)) for name, card in shown}


@pytest.mark.parametrize("name", list(EXAMINATIONS))
def test_each_examination_gives_results_that_can_be_kept_and_a_card(cards, name):
    card, problem = cards[name]
    assert card.heading == EXAMINATIONS[name].heading
    if name in MAY_BE_REFUSED and problem:
        assert card.caption == f"Not shown: {problem}" and card.figure is None
        return
    assert problem is None
    assert card.caption and (card.figure is None or card.alt)
    assert (card.table or card.text) and "nan" not in " ".join(card.table.values()).split()


@pytest.mark.parametrize("name", list(EXAMINATIONS))
def test_nothing_on_a_card_overlaps_or_leaves_it(cards, name):
    check_layout(cards[name][0].figure)


def check_layout(figure):
    if figure is None:
        return
    renderer, room = FigureCanvasAgg(figure).get_renderer(), figure.bbox
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox(renderer) for ax in figure.axes if ax.get_visible()]
    for i, box in enumerate(boxes):
        assert box.x0 > room.x0 - 2 and box.y0 > room.y0 - 2 and box.x1 < room.x1 + 2 and box.y1 < room.y1 + 2
        for other in boxes[i + 1 :]:
            assert not (box.overlaps(other) and box.shrunk(0.98, 0.98).overlaps(other))


def test_symmetric_weights_have_an_energy_that_falls_to_the_memories(memory):
    tree = examine(memory, "energy")
    (card,) = sections(tree)
    (row,) = card.table.values()
    falls, steps = re.match(r"falls in (\d+) of (\d+) steps", row).groups()
    assert falls == steps != "0"
    check_layout(card.figure)
    (name,) = memory.situations
    levels = tree[f"also/energy/memories of {name}"]["energy"].values
    x, r = 1.915008048155, math.tanh(1.915008048155)  # one unit: tanh x = x / 2
    exact = 3 * (-(r**2) + x * r - math.log(math.cosh(x)))
    np.testing.assert_allclose(levels, np.full(8, exact), rtol=1e-6)
    end = tree[f"also/energy/released in {name}"]["energy"].values[:, -1]
    assert (end >= levels.min() - 1e-9).all()


def test_weights_that_are_not_symmetric_have_no_energy_and_the_card_says_so(cards):
    assert (
        "Not shown: There is no such energy for weights that are not symmetric" in cards["energy"][0].caption
    )


def test_memories_are_separated_by_edge_states(memory):
    tree = examine(memory, "edges")
    (card,) = sections(tree)
    check_layout(card.figure)
    (name,) = memory.situations
    edges = tree[f"also/edges/{name}"].to_dataset()
    assert edges.sizes["edge"] == 28 and edges.attrs["n_pairs_left_out"] == 0
    assert card.table[name].startswith(f"{edges.attrs['n_saddles']} edge states for 28 pairs of memories")
    near = edges.isel(edge=edges["converged"].values)
    assert near.sizes["edge"] >= 12  # the edges of the cube at least: one bit is undecided
    np.testing.assert_allclose((np.abs(near["edge_state"].values) < 1e-6).sum(1), 1)
    np.testing.assert_allclose(near["unstable_rate"].values, 0.01, rtol=1e-6)  # (2 - 1) / 100 ms


def test_one_memory_has_no_edge(memory):
    network = neurornn.CTRNN(3, 3, 3, activation="tanh", bias=False, sigma_rec=0.05)
    network.W_rec = 0.5 * torch.eye(3)
    (card,) = sections(examine(trained(memory.task, network, 16), "edges"))
    assert card.caption.startswith("Not shown: An edge state lies between two stable fixed points")
    assert "there are 1 in " in card.caption


def test_a_network_without_noise_has_no_quasi_potential(memory):
    quiet = Subject(memory.still, memory.task, memory.data, memory.tree, 0)
    (card,) = sections(examine(quiet, "quasi-potential"))
    assert card.caption.startswith("Not shown: The network has no noise (sigma_rec=0)")


def test_noise_that_does_not_leave_a_memory_is_no_equilibrium(memory):
    (card,) = sections(examine(memory, "quasi-potential"))
    (row,) = card.table.values()
    assert row.startswith("not an equilibrium") and "runs from different starts (p = 0.001)" in row


def test_a_network_that_oscillates_shows_its_cycle(memory):
    network = neurornn.CTRNN(3, 3, 3, activation="tanh", bias=False)
    network.W_rec = torch.tensor([[2.0, -2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    (card,) = sections(examine(trained(memory.task, network, 16), "cycles"))
    (row,) = card.table.values()
    assert row.startswith("1 cycle found, 1 of them stable; stable, period ")
    (ax,) = card.figure.axes
    assert len(ax.lines) == 1 and ax.get_xlabel().startswith("PC 1")
    check_layout(card.figure)


def test_halves_are_compared_where_there_are_no_two_contexts(memory, cards):
    (card,) = sections(examine(memory, "subspaces"))
    assert "the first half in axes of the second half" in card.table
    assert "the colour context in axes of the motion context" in cards["subspaces"][0].table
    check_layout(card.figure)


def test_an_examination_is_added_to_what_is_there_and_replaces_its_own_result(subject):
    name = next(iter(EXAMINATIONS))
    once = examine(subject, name)
    again = examine(Subject(subject.network, subject.task, subject.data, once, 0), name)
    assert {node.path for node in subject.tree.subtree} < {node.path for node in once.subtree}
    assert {node.path for node in once.subtree} == {node.path for node in again.subtree}
    assert "also" not in subject.tree.children


def test_an_examination_that_fails_says_why(subject, monkeypatch):
    class Impossible(AbstractExamination):
        name, heading = "impossible", "Impossible things"

        def examine(self, subject):
            raise ValueError("there is no such thing here")

        def section(self, found, tree):
            raise AssertionError

    monkeypatch.setitem(_run.EXAMINATIONS, "impossible", Impossible())
    (card,) = sections(examine(subject, "impossible"))
    assert (card.heading, card.caption) == ("Impossible things", "Not shown: there is no such thing here")


def test_what_is_no_examination_is_refused(subject):
    with pytest.raises(ValueError, match=r"no analysis 'magic'\. There are: tdr"):
        examine(subject, "magic")


def test_the_command_line_adds_examinations_and_keeps_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(_page, "_image", lambda figure: f"data:,{len(figure.axes)}")
    folder = str(tmp_path / "run")
    with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", folder, "--n-units", "12", "--n-steps", "2", "--batch-size", "8"]) == 0
        assert main(["analyze", folder]) == 0
        before = Run.open(folder).load_analysis()
        assert main(["analyze", folder, "--also", "subspaces"]) == 0
        assert main(["analyze", folder, "--also", "magic"]) == 1
        assert main(["report", folder]) == 0
    after = Run.open(folder).load_analysis()
    assert after["fixed_points"].to_dataset().identical(before["fixed_points"].to_dataset())
    assert [*after["also"].children] == ["subspaces"]
    assert "Alignment of subspaces" in (tmp_path / "run" / "report.html").read_text()
    assert "There is no analysis 'magic'" in told.getvalue()
