"""The report: what it computes, what it claims, and that it stands alone."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import neurornn
from neurornn import storage, tasks
from neurornn._untouched import fingerprint, global_random_state
from neurornn.config import network_to_config
from neurornn.report import Section, _page, dissect, flat, metrics_of, page, page_is_current, write_report
from neurornn.report import _figures as figures
from neurornn.report import _state_figures as state_figures
from neurornn.report._evidence import evidence_of
from neurornn.report._mechanism import mechanism_figure, mechanism_numbers, mechanism_table
from neurornn.report._origin import (
    MADE_FROM,
    analysis_origin,
    current_analysis,
    current_trials,
    trials_origin,
)
from neurornn.report._panels import FULL_WIDTH, panels
from neurornn.report._tables import headline, points_table, weights_table
from neurornn.runs import Run


def history_of(task, n_steps=3):
    network = neurornn.CTRNN(task.n_inputs, 4, task.n_outputs)
    return neurornn.train(network, task, n_steps=n_steps, batch_size=4, validate_every=1).history


def chosen(data, follow, noise, seed=0):
    """The trials as if a subject had followed a stimulus in each context, more or less."""
    rng = np.random.default_rng(seed)
    evidence = np.zeros(data.sizes["trial"])
    for context, weights in follow.items():
        rows = data["context"].values == context
        evidence += rows * sum(w * data[name].values for name, w in weights.items())
    choice = np.where(evidence + noise * rng.logistic(size=evidence.size) > 0, 1, -1)
    right = (choice == data["correct_choice"].values).astype(float)
    return data.assign_coords(
        choice=("trial", choice), performance=("trial", right), correct=("trial", right == 1)
    )


@pytest.fixture
def unpainted(monkeypatch):
    """Figures that are made but not painted, where a test reads words alone."""
    monkeypatch.setattr(_page, "_image", lambda figure: f"data:,{len(figure.axes)}")


@pytest.fixture(scope="module")
def example():
    """Context-dependent decisions of a known subject, with the states of a small network."""
    task = tasks.make("context-decision")
    network = neurornn.CTRNN(task.n_inputs, 10, task.n_outputs, dale=neurornn.Dale(), sigma_rec=0.1)
    data = neurornn.simulate(network, task.sample(720, seed=1, balanced=True), task=task, seed=1)
    follow = {
        "motion": {"motion_coherence": 10.0, "colour_coherence": 1.0},
        "colour": {"motion_coherence": -2.0, "colour_coherence": 12.0},
    }
    data = chosen(data, follow, 1.0)
    return network, task, data, dissect(network, task, data), history_of(task)


@pytest.fixture(scope="module")
def memory():
    """Three units that each remember one bit: 27 fixed points, 8 of them stable."""
    task = tasks.FlipFlop()
    network = neurornn.CTRNN(3, 3, 3, activation="tanh", bias=False)
    with torch.no_grad():
        network.W_rec, network.W_in, network.W_out = 2 * torch.eye(3), 1.5 * torch.eye(3), torch.eye(3)
    data = neurornn.simulate(network, task.sample(64, seed=0, balanced=True), task=task)
    return network, task, data, dissect(network, task, data), history_of(task)


def save(folder, network, task, data, tree, history):
    """Everything as the command line would have saved it."""
    config = {"task": {"name": task.name}, "network": network_to_config(network), "training": {}, "seed": 0}
    run = Run.create(folder, config)
    run.save_weights(network)
    run.save_history(history)
    run.save_trials(data.assign_attrs({MADE_FROM: trials_origin(run)}))
    tree = tree.copy()
    tree.attrs[MADE_FROM] = analysis_origin(run)
    run.save_analysis(tree)
    return run


def all_figures(network, _task, data, tree, history):
    yield figures.learning_figure(history, 0.9)
    if "psychometric" in tree.children:
        yield figures.psychometric_figure(tree)
    yield figures.performance_figure(data, json.loads(tree.attrs["factors"]))
    yield state_figures.trajectory_figure(data, tree)[0]
    yield state_figures.fixed_point_figure(data, tree)
    yield state_figures.landscape_figure(tree)
    yield mechanism_figure(tree)
    yield figures.matrix_figure(network)


def test_dissecting_changes_nothing_and_gives_the_same_twice(example):
    network, task, data, tree, _ = example
    before, state = fingerprint(network), global_random_state()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    again = dissect(network, task, data.isel(trial=slice(None)))
    torch.set_num_threads(threads)
    assert fingerprint(network) == before and global_random_state() == state
    for node in tree.subtree:
        xr.testing.assert_equal(again[node.path].to_dataset(inherit=False), node.to_dataset(inherit=False))


def test_the_ratio_is_that_of_the_weights_that_made_the_choices(example):
    _, _, data, tree, history = example
    metrics = metrics_of(tree, data, history)
    from sklearn.linear_model import LogisticRegression

    for context, relevant in (("motion", 0), ("colour", 1)):
        rows = data["context"].values == context
        X = np.stack([data["motion_coherence"].values[rows], data["colour_coherence"].values[rows]], axis=1)
        w = np.abs(LogisticRegression(C=1e9).fit(X, data["choice"].values[rows]).coef_[0])
        assert metrics["choice_weight_ratio"][context] == pytest.approx(
            w[relevant] / w[1 - relevant], rel=0.02
        )
        low, high = metrics["choice_weight_ratio_interval"][context]
        assert low < metrics["choice_weight_ratio"][context] < high
        assert low < {"motion": 10.0, "colour": 6.0}[context] < high  # the subject's own ratio
    assert list(metrics["choice_weight_ratio"]) == ["motion", "colour"]  # in the order of the situations


def test_metrics_count_what_is_there(example):
    _, _, data, tree, history = example
    metrics = metrics_of(tree, data, history)
    assert metrics["accuracy"] == pytest.approx(float(data["performance"].mean()), abs=1e-4)
    assert metrics["accuracy_by_context"]["motion"] == pytest.approx(
        float(data["performance"][data["context"].values == "motion"].mean()), abs=1e-4
    )
    assert metrics["n_trials"] == 720 and metrics["training_steps"] == 3
    points = tree["fixed_points"].to_dataset()
    for name, count in metrics["fixed_points"].items():
        here = points["context"].values == name
        assert count["fixed"] + count["slow"] == here.sum()
        assert (
            count["stable"] == (points["stable_ode"].values & here & (points["kind"].values == "fixed")).sum()
        )


def test_metrics_are_strict_json_even_where_nothing_is_defined(example, tmp_path):
    network, task, data, _, history = example
    same = data.assign_coords(choice=("trial", np.ones(720)))
    metrics = metrics_of(dissect(network, task, same), same, history)
    assert np.isnan(metrics["choice_weight_ratio"]["motion"])
    storage.write_json(tmp_path / "metrics.json", metrics)
    found = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert found["choice_weight_ratio"]["motion"] is None
    assert (
        headline(metrics)["relevant : irrelevant choice weight, motion context (all choices the same)"]
        == "n/a"
    )


def test_graded_performance_is_not_called_accuracy(memory):
    _, _, data, tree, history = memory
    metrics = metrics_of(tree, data, history)
    assert "accuracy" not in metrics and 0.5 < metrics["performance"] < 1
    assert "mean performance in 64 held-out trials" in headline(metrics)
    assert "psychometric" not in tree.children and "choice_weights" not in tree.children


def test_a_complete_set_of_fixed_points_is_said_to_be_one(memory):
    _, _, data, tree, history = memory
    count = metrics_of(tree, data, history)["fixed_points"]["no pulse"]
    assert (count["fixed"], count["stable"], count["completeness"]) == (27, 8, "consistent")
    row = points_table(tree)["no pulse"]
    assert "Input held: all 0. Found: 27 fixed (8 stable), 0 slow" in row
    assert "sum of the indices +1; completeness: consistent." in row


def test_the_input_held_is_told_by_channel(example):
    row = points_table(example[3])["motion context"]
    assert (
        "fixation 1, motion left 1, motion right 1, colour green 1, colour red 1, context motion 1, the rest 0"
        in row
    )


def test_choices_that_are_predicted_perfectly_are_said_to_be(example):
    network, task, data, _, _ = example
    follow = {"motion": {"motion_coherence": 1.0}, "colour": {"colour_coherence": 1.0}}
    table = weights_table(dissect(network, task, chosen(data, follow, 0.0)))
    assert all("The stimuli predict every choice" in text for text in table.values())
    assert not any("predict" in text for text in weights_table(example[3]).values())


def test_what_cannot_be_analysed_is_named_and_the_rest_is_there(example, tmp_path, unpainted):
    network, task, data, _, history = example
    rows = data["motion_coherence"].values * data["colour_coherence"].values > 0
    aligned = data.assign_coords(
        colour_coherence=("trial", data["motion_coherence"].values, data["motion_coherence"].attrs)
    )
    assert rows.any()
    tree = dissect(network, task, aligned)
    problems = json.loads(tree.attrs["problems"])
    assert list(problems) == ["choice_weights"] and "do not vary independently" in problems["choice_weights"]
    assert {"psychometric", "fixed_points", "landscape"} <= set(tree.children)
    html = write_report(save(tmp_path / "run", network, task, aligned, tree, history)).read_text()
    assert re.search(r"Not shown: choice weights: .*do not vary independently", html)


def test_choices_of_other_kinds_have_no_psychometric_curve(example):
    network, task, data, _, _ = example
    for choice in (np.arange(720) % 3, np.arange(720) % 2, np.full(720, "left")):
        assert (
            "psychometric"
            not in dissect(network, task, data.assign_coords(choice=("trial", choice))).children
        )


def test_trials_that_cannot_be_dissected_are_refused(example):
    network, task, data, _, _ = example
    with pytest.raises(ValueError, match="The trials are of 9 units and the network has 10"):
        dissect(network, task, data.isel(unit=slice(9)))
    with pytest.raises(ValueError, match="The trials say nothing about behaviour"):
        dissect(network, task, data.drop_vars("performance"))
    state = data["state"].copy(deep=True)
    state[3, -1, 0] = np.inf
    with pytest.raises(ValueError, match="not finite in 1 of 720 trials: it runs away"):
        dissect(network, task, data.assign(state=state))
    lone = neurornn.CTRNN(task.n_inputs, 1, task.n_outputs)
    with pytest.raises(ValueError, match="A network of one unit has no plane"):
        dissect(lone, task, neurornn.simulate(lone, task.sample(4, seed=0), task=task))


@pytest.mark.parametrize("which", ["example", "memory"])
def test_every_axis_has_a_name_and_text_has_one_size(which, request):
    for figure in all_figures(*request.getfixturevalue(which)):
        assert figure.get_figwidth() <= FULL_WIDTH
        for ax in figure.axes:
            if ax.get_label() == "<colorbar>":
                assert ax.get_ylabel()
            else:
                assert ax.get_xlabel() and ax.get_ylabel()


@pytest.mark.parametrize("which", ["example", "memory"])
def test_nothing_drawn_overlaps_or_leaves_the_figure(which, request):
    for figure in all_figures(*request.getfixturevalue(which)):
        renderer, room = FigureCanvasAgg(figure).get_renderer(), figure.bbox
        figure.draw_without_rendering()
        boxes = [ax.get_tightbbox(renderer) for ax in figure.axes]
        boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
        for i, box in enumerate(boxes):
            assert (
                box.x0 > room.x0 - 2
                and box.y0 > room.y0 - 2
                and box.x1 < room.x1 + 2
                and box.y1 < room.y1 + 2
            )
            for other in boxes[:i]:
                shared = (
                    min(box.x1, other.x1) - max(box.x0, other.x0),
                    min(box.y1, other.y1) - max(box.y0, other.y0),
                )
                assert min(shared) < 3, "two panels overlap"


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_panels_stand_two_in_a_row_and_all_show_their_numbers(n):
    figure, axes = panels(n, height=3.0)
    assert len(axes) == len(figure.axes) == n
    assert figure.get_figwidth() == (FULL_WIDTH if n > 1 else pytest.approx(6.4))
    assert figure.get_figheight() == 3.0 * ((n + 1) // 2)
    for ax in axes[-2:]:
        assert ax.xaxis.get_tick_params()["labelbottom"]


def test_psychometric_panels_are_contexts_by_stimuli(example):
    titles = [ax.get_title() for ax in figures.psychometric_figure(example[3]).axes]
    assert titles == [
        f"{a} context: {b} coherence" for a in ("motion", "colour") for b in ("motion", "colour")
    ]


def test_trajectories_are_coloured_by_the_stimulus_that_counts(example, memory):
    figure, averaged = state_figures.trajectory_figure(example[2], example[3])
    assert averaged == ["motion_coherence", "colour_coherence"]
    for ax, name in zip(figure.axes, averaged, strict=True):
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend[0] == name.replace("_", " ") and "-0.5" in legend
    assert state_figures.trajectory_figure(memory[2], memory[3])[1] == ["start_1", "start_2"]


def test_points_outside_the_picture_are_counted(memory):
    _, _, data, tree, _ = memory
    far = tree.copy(deep=True)
    points = far["fixed_points"].to_dataset().copy(deep=True)
    points["state"][0] = 1e4
    far["fixed_points"] = xr.DataTree(points)
    figure = state_figures.fixed_point_figure(data, far)
    assert figure.axes[0].get_title() == "no pulse (1 point outside the picture)"
    assert figure.axes[0].get_xlim()[1] < 100
    assert "(1 point outside the picture)" in state_figures.landscape_figure(far).axes[0].get_title()
    assert state_figures.fixed_point_figure(data, tree).axes[0].get_title() == "no pulse"


def test_grey_trials_are_those_of_the_context(example):
    _, _, data, tree, _ = example
    for ax, context in zip(
        state_figures.fixed_point_figure(data, tree).axes, ("motion", "colour"), strict=True
    ):
        grey = [line.get_xydata() for line in ax.lines if line.get_color() == "0.82"]
        assert len(grey) == 40
        first = data.isel(trial=np.flatnonzero(data["context"].values == context)[0])
        fit = tree["components"].to_dataset()
        expected = (first["state"].values - fit["mean"].values) @ fit["component_vector"].values[:2].T
        assert np.allclose(grey[0], expected, atol=1e-4)


def test_learning_without_a_step_and_conditions_that_do_not_vary_are_drawn(example):
    task, data = example[1], example[2]
    assert figures.learning_figure(history_of(task, 0), 0.9).axes[0].get_xlabel() == "training step"
    one = data.isel(trial=data["context"].values == "motion")
    assert figures.performance_figure(one, ["context", "absent"]) is None
    figure = figures.performance_figure(one, ["context", "motion_coherence"])
    assert [ax.get_xlabel() for ax in figure.axes] == ["motion coherence"]


class _Links(HTMLParser):
    """Everything on a page that could be fetched, and every image."""

    def __init__(self):
        super().__init__()
        self.links, self.images, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [
            value for name, value in attrs if name in ("src", "href", "srcset", "data", "action", "poster")
        ]
        if tag == "img":
            self.images.append(dict(attrs))


def test_the_page_stands_alone_and_comes_from_files_alone(example, tmp_path):
    run = save(tmp_path / "run", *example)
    html = write_report(Run.open(run.path)).read_text()
    found = _Links()
    found.feed(html)
    assert len(found.images) == 7 and all(link.startswith("data:image/png;base64,") for link in found.links)
    assert not {"script", "link", "iframe", "object"} & set(found.tags)
    assert "http:" not in html and "https:" not in html and "url(" not in html and "@import" not in html
    assert all(len(image["alt"]) > 30 for image in found.images)
    assert all(base64.b64decode(link.partition(",")[2])[:4] == b"\x89PNG" for link in found.links)
    assert 1e5 < len(html) < 3e6
    assert write_report(Run.open(run.path)).read_text() == html
    assert "metrics.json" not in {each.name for each in run.path.iterdir()}  # it is not needed


def test_headings_tell_the_whole_story(example, memory, tmp_path, unpainted):
    html = write_report(save(tmp_path / "a", *example)).read_text()
    expected = ["Learning", "Behaviour", "Population trajectories", "Fixed and slow points", "Landscape",
                "Mechanism", "Recurrent weights", "How it was made"]  # fmt: skip
    assert re.findall("<h2>(.*?)</h2>", html) == expected
    assert "excitatory units first" in html and "8 excitatory and 2 inhibitory units" in html
    html = write_report(save(tmp_path / "b", *memory)).read_text()
    assert re.findall("<h2>(.*?)</h2>", html) == expected
    assert "excitatory units first" not in html and "3 units of either sign" in html


def test_untrained_networks_are_not_called_trained(example, tmp_path, unpainted):
    network, task, data, tree, _ = example
    html = write_report(save(tmp_path / "run", network, task, data, tree, history_of(task, 0))).read_text()
    assert "<h1>context-decision-v1: an untrained network, dissected</h1>" in html


def test_text_from_files_cannot_become_part_of_the_page(example, tmp_path, unpainted):
    network, task, data, tree, history = example
    evil = '"><script>alert(1)</script>'
    run = save(tmp_path / "run", network, task, data.assign_attrs(task=evil), tree, history)
    html = write_report(run).read_text()
    assert "<script" not in html and "&lt;script&gt;" in html
    section = Section(evil, Figure(figsize=(2, 2)), evil, evil, {evil: evil}, evil)
    html = page(evil, evil, numbers={evil: evil}, sections=[section], footer=evil, origin=evil)
    found = _Links()
    found.feed(html)
    assert "script" not in found.tags and html.count("&lt;script&gt;") == 13
    assert found.images[0]["alt"] == evil


def test_dollar_signs_are_plain_text():
    assert "$title costs $5" in page("$title costs $5", "$", numbers={"$x": "$y"}, sections=[])


def test_results_of_other_weights_are_refused(example, tmp_path, unpainted):
    network, task, data = example[:3]
    run = save(tmp_path / "run", *example)
    assert current_trials(run) is not None and current_analysis(run) is not None
    write_report(run)
    assert page_is_current(run)
    other = neurornn.CTRNN(task.n_inputs, 10, task.n_outputs, dale=neurornn.Dale(), sigma_rec=0.1)
    with torch.no_grad():
        other.load_state_dict(network.state_dict())
        other.bias += 1.0
    kept = {path: path.read_bytes() for path in (run.trials_path, run.analysis_path)}
    run.save_weights(other)  # removes what is stale; somebody copies it back
    for path, content in kept.items():
        path.write_bytes(content)
    assert current_trials(run) is None and current_analysis(run) is None and not page_is_current(run)
    with pytest.raises(ValueError, match=r"has no trials of these weights\. Make them: neurornn simulate"):
        write_report(run)
    run.save_trials(data.assign_attrs({MADE_FROM: trials_origin(run)}))
    with pytest.raises(ValueError, match=r"has no analysis of these trials\. Make it: neurornn analyze"):
        write_report(run)


def test_landscapes_may_be_missing(example, tmp_path, unpainted):
    network, task, data, tree, history = example
    without = xr.DataTree.from_dict({
        node.path: node.to_dataset(inherit=False) for node in tree.subtree if "landscape" not in node.path
    })
    without.attrs["problems"] = json.dumps({"landscape/motion context": "the flow is lost"})
    assert state_figures.landscape_figure(without) is None
    html = write_report(save(tmp_path / "run", network, task, data, without, history)).read_text()
    assert (
        "There is no speed to draw." in html
        and "Not shown: landscape/motion context: the flow is lost" in html
    )


def test_evidence_is_what_turns_round_with_a_stimulus():
    task = tasks.make("context-decision", sigma_in=0.3)
    found = evidence_of(task, {"motion_coherence": 0.5, "colour_coherence": 0.15}, [])
    np.testing.assert_allclose(found.directions["motion_coherence"], [0, -1, 1, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found.directions["colour_coherence"], [0, 0, 0, -1, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found.decision, [-1, 1], atol=1e-6)
    assert found.duration == 800.0
    found = evidence_of(tasks.FlipFlop(), {}, ["a", "b"])
    assert {name: row.tolist() for name, row in found.directions.items()} == {"a": [1, 0], "b": [0, 1]}
    assert found.decision is None and found.duration is None


@pytest.fixture(scope="module")
def gated():
    """Two units that keep a decision together, and four that a context silences or lets pass."""
    task = tasks.make("context-decision")
    network = neurornn.CTRNN(task.n_inputs, 6, 2, activation="tanh", bias=True)
    W, W_in = torch.zeros(6, 6), torch.zeros(6, 7)
    W[0, 0], W[0, 2:] = 1.1, torch.tensor([-1.0, 1.0, -1.0, 1.0])
    for unit, (channel, cue) in enumerate(((1, 5), (2, 5), (3, 6), (4, 6)), start=2):
        W_in[unit, channel], W_in[unit, cue] = 1.0, 4.0
    with torch.no_grad():
        network.bias[
            2:
        ] = -5.0  # with evidence 1 and its cue the sum is 0, without the cue the unit is silent
        network.W_rec, network.W_in = W, W_in
        network.W_out = torch.zeros(2, 6).index_fill(1, torch.tensor([0]), 1.0) * torch.tensor([
            [-1.0],
            [1.0],
        ])
    data = neurornn.simulate(network, task.sample(144, seed=1, balanced=True), task=task)
    return network, task, data, dissect(network, task, data), history_of(task)


def test_a_mechanism_that_was_built_is_named(gated):
    _, _, data, tree, history = gated
    numbers = mechanism_numbers(tree)
    assert {key: metrics_of(tree, data, history)[key] for key in numbers} == numbers
    table = mechanism_table(tree)
    for context, other in (("motion", "colour"), ("colour", "motion")):
        here = numbers["mechanism"][f"{context} context"]
        assert here["verdict"] == "approximate line attractor" and here["selection_ratio"] > 100
        assert here["slow_mode_ms"] == pytest.approx(-1000, abs=1) and here["alignment"] == 1
        sentence = table[f"{context} context"]
        assert (
            "1 saddle between 2 stable states. At the saddle the slow mode grows with a time constant of 1 s"
            in sentence
        )
        assert f"takes up {context} coherence at +18 per s and unit and {other} coherence at +0" in sentence
        assert "Held for 800 ms, a unit of" in sentence
    assert numbers["change_by_selection_vector"]["state"] == 1.0
    assert (
        "Of the change of selection the selection vector makes 100% if the states"
        in table["from motion context to colour context"]
    )
    labels = [text.get_text() for text in mechanism_figure(tree).axes[1].get_yticklabels()]
    assert labels[0] == "motion coherence\nin the states"


def test_without_contexts_the_mechanism_is_told_by_channel(memory):
    tree = memory[3]
    numbers = mechanism_numbers(tree)
    assert set(numbers) == {"mechanism"}
    assert (
        "12 saddles" in mechanism_table(tree)["no pulse"] and "takes up" in mechanism_table(tree)["no pulse"]
    )
    assert mechanism_figure(tree).axes[1].get_ylabel() == "largest growth of a perturbation"


def test_a_mechanism_may_be_missing(example, tmp_path, unpainted):
    network, task, data, tree, history = example
    without = xr.DataTree.from_dict({
        node.path: node.to_dataset(inherit=False)
        for node in tree.subtree
        if node.path not in ("/mechanism", "/nonnormality")
    })
    without.attrs["problems"] = json.dumps({"mechanism": "there is no point"})
    assert mechanism_numbers(without) == {} == mechanism_table(without) and mechanism_figure(without) is None
    html = write_report(save(tmp_path / "run", network, task, data, without, history)).read_text()
    assert "There is no mode to speak of." in html and "Not shown: there is no point" in html


def test_a_tree_keeps_a_variable_named_like_its_group(tmp_path):
    tree = xr.DataTree.from_dict({"accuracy": xr.Dataset({"accuracy": ("group", [0.5, 1.0])})})
    storage.write_tree(tmp_path / "tree.nc", tree)
    assert storage.read_tree(tmp_path / "tree.nc")["accuracy/accuracy"].values.tolist() == [0.5, 1.0]


def test_nested_numbers_become_lines():
    assert dict(flat({"a_b": 1, "c": {"d": {"e": 2}}})) == {"a b": 1, "c, d, e": 2}
