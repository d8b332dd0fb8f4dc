"""Further analyses of a run: asked for by name, kept with the run, shown on its page, and honest where they fail."""

import contextlib
import io
import json

import pytest
import torch
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import neurornn
from neurornn import tasks
from neurornn.cli import main
from neurornn.report import _page, dissect
from neurornn.report.examinations import EXAMINATIONS, AbstractExamination, Subject, _run, examine, sections
from neurornn.runs import Run


@pytest.fixture(scope="module")
def subject():
    task = tasks.make("context-decision")
    network = neurornn.CTRNN(task.n_inputs, 20, task.n_outputs, activation="tanh", sigma_rec=0.1)
    with torch.random.fork_rng():
        neurornn.train(network, task, n_steps=80, batch_size=32, n_validation=72, validate_every=80)
    data = neurornn.simulate(network, task.sample(144, seed=1, balanced=True), task=task, seed=1)
    return Subject(network, task, data, dissect(network, task, data), 0)


@pytest.mark.parametrize("name", list(EXAMINATIONS))
def test_each_examination_gives_results_that_can_be_kept_and_a_card(subject, name, tmp_path):
    tree = examine(subject, name)
    assert json.loads(tree.attrs["problems_also"]) == {}
    tree.to_netcdf(tmp_path / "analysis.nc", engine="h5netcdf")
    kept = xr.open_datatree(tmp_path / "analysis.nc", engine="h5netcdf").load()
    (card,) = sections(kept)
    assert card.heading == EXAMINATIONS[name].heading
    assert card.caption and (card.figure is None or card.alt)
    assert (card.table or card.text) and "nan" not in " ".join(card.table.values()).split()


@pytest.mark.parametrize("name", list(EXAMINATIONS))
def test_nothing_on_a_card_overlaps_or_leaves_it(subject, name):
    (card,) = sections(examine(subject, name))
    if card.figure is None:
        return
    renderer, room = FigureCanvasAgg(card.figure).get_renderer(), card.figure.bbox
    card.figure.draw_without_rendering()
    boxes = [ax.get_tightbbox(renderer) for ax in card.figure.axes if ax.get_visible()]
    for i, box in enumerate(boxes):
        assert box.x0 > room.x0 - 2 and box.y0 > room.y0 - 2 and box.x1 < room.x1 + 2 and box.y1 < room.y1 + 2
        for other in boxes[i + 1 :]:
            assert not (box.overlaps(other) and box.shrunk(0.98, 0.98).overlaps(other))


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
        assert main(["analyze", folder, "--also", "lyapunov"]) == 0
        assert main(["analyze", folder, "--also", "magic"]) == 1
        assert main(["report", folder]) == 0
    after = Run.open(folder).load_analysis()
    assert after["fixed_points"].to_dataset().identical(before["fixed_points"].to_dataset())
    assert [*after["also"].children] == ["lyapunov"]
    assert "Lyapunov exponents" in (tmp_path / "run" / "report.html").read_text()
    assert "There is no analysis 'magic'" in told.getvalue()
