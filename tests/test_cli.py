"""The command line, used as a newcomer would and as one who breaks things would."""

import contextlib
import dataclasses
import io
import json
import logging
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from neurornn import storage, tasks
from neurornn.cli import _commands as commands
from neurornn.cli import _pipeline as pipeline
from neurornn.cli import main
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.config import network_to_config
from neurornn.connectivity import Orthogonal
from neurornn.recipe import Recipe
from neurornn.report import _page
from neurornn.runs import Run

COMMANDS = ("tasks", "train", "simulate", "analyze", "report", "compare", "demo")
SIZE = ("--n-units", "8", "--batch-size", "8", "--validate-every", "2")
FILES = {
    "config.json", "environment.json", "checkpoint.safetensors", "weights.safetensors",
    "history.nc", "trials.nc", "analysis.nc", "metrics.json", "report.html",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A terminal that breaks no line, and figures that are made but not painted; test_report.py paints them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        patch.setattr(_page, "_image", lambda figure: f"data:,{len(figure.axes)}")
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tiny run with everything in it."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        assert train(folder, 4) == 0
        assert main(["simulate", str(folder), "--n-trials", "72"]) == 0
        assert main(["report", str(folder)]) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


def train(folder, n_steps, *more):
    return main(["train", str(folder), "--n-steps", str(n_steps), *SIZE, *more])


def said(capsys):
    """What was written since, standard output and standard error."""
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out, err


def refused(capsys, arguments, message, status=1):
    """The command fails with one line that says why."""
    capsys.readouterr()
    assert main([str(each) for each in arguments]) == status
    _, err = said(capsys)
    line = err.splitlines()[-1]
    assert line.startswith("neurornn: ") and re.search(message, line), line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_options(command, capsys):
    with pytest.raises(SystemExit) as leaving:
        main([command, "--help"])
    assert leaving.value.code == 0
    text = " ".join(re.sub("[│╭╰─╮╯]", " ", capsys.readouterr().out).split())
    kind = getattr(commands, command.capitalize())
    nested = [each.default_factory() for each in dataclasses.fields(kind) if _is_group(each)]
    for each in [f for owner in (kind, *nested) for f in dataclasses.fields(owner) if not _is_group(f)]:
        about = re.search(rf"{each.name}: (.+?)(?: {{4}}\w+:|$)", " ".join((kind.__doc__ or "").split("\n")))
        assert about or owner_says(nested, each.name), each.name
        if each.name not in ("folder", "name", "paths"):
            assert f"--{each.name.replace('_', '-')} " in text or f"--{each.name.replace('_', '-')}," in text
    assert "{None}" not in text and "default: None" not in text
    assert kind.__doc__.partition("\n")[0] in text


def owner_says(groups, name):
    return any(re.search(rf"^ {{8}}{name}: \S", group.__doc__, re.MULTILINE) for group in groups)


def _is_group(field):
    return field.default_factory is not dataclasses.MISSING


def test_no_two_options_of_training_share_a_name():
    owners = (commands.Train, NetworkOptions, ObjectiveOptions, TrainingOptions)
    names = [field.name for owner in owners for field in dataclasses.fields(owner) if not _is_group(field)]
    assert len(names) == len(set(names)) > 25


def test_the_first_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"• {command} " in text for command in COMMANDS)


def test_tasks_are_listed_and_described(capsys):
    assert main(["tasks"]) == 0
    out, err = said(capsys)
    assert all(name in out for name in tasks.names()) and not err
    assert main(["tasks", "flip-flop:n_bits=2"]) == 0
    out, _ = said(capsys)
    assert "pulse_1, pulse_2\n" in out and "n_bits=2" in out and "4 combinations of start_1, start_2" in out


@pytest.mark.parametrize(
    "arguments",
    [[], ["bogus"], ["train", "--bogus", "3"], ["train", "--n-units", "abc"], ["simulate"], ["train", "a", "b"],
     ["train", "--form", "fast"], ["train", "--excitatory", "most"], ["train", "--tau-bounds", "10"]],
)  # fmt: skip
def test_words_that_are_no_command_leave_with_2_and_no_traceback(arguments, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    _, err = said(capsys)
    assert err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "contxt-decision"], "Did you mean 'context-decision'"),
        (["--task", "perceptual-decision:stimuls=4"], "has no option 'stimuls'. Did you mean 'stimulus'"),
        (
            ["--rule", "rfol"],
            "No learning rule is called 'rfol'. Did you mean 'rflo'. Known: bptt, truncated-bptt",
        ),
        (["--optimizer", "adam:lr=x"], "cannot have lr=x"),
        (["--activation", "sin"], "No activation is called 'sin'"),
        (["--init", "gausian"], "Did you mean 'gaussian'"),
        (["--connectivity", "sparse"], "needs density"),
        (["--dt", "200"], "got dt=200 ms"),
        (["--dt", "50", "--tau", "40"], r"dt must lie in \(0, tau\]: got dt=50 ms and tau=40 ms"),
        (["--tau", "nan"], "tau must be finite"),
        (["--tau-bounds", "200", "50"], r"got bounds=\(200.0, 50.0\)"),
        (["--n-units", "-4"], "n_units must be at least 1: got -4"),
        (["--n-steps", "-1"], "n_steps must be at least 0: got -1"),
        (["--batch-size", "0"], "batch_size must be at least 1: got 0"),
        (["--clip-norm", "0"], "clip_norm must be above 0"),
        (["--checkpoint-every", "7"], "must be a multiple of validate_every"),
        (["--target-performance", "2"], r"target_performance must lie in \(0, 1\], or be none: got 2.0"),
        (["--excitatory", "2"], "got 2.0"),
        (["--excitatory", "none", "--rectifier", "relu"], "--rectifier relu says how Dale's law is kept"),
        (["--rate-l2", "inf"], "rate_l2 must be finite"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_is_written(
    arguments, message, tmp_path, capsys
):
    refused(capsys, ["train", tmp_path / "run", *arguments], message)
    assert not (tmp_path / "run").exists()


def test_the_whole_way_leaves_a_whole_run(finished, capsys):
    assert {each.name for each in finished.iterdir()} == FILES
    metrics = json.loads((finished / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert 0 <= metrics["accuracy"] <= 1
    assert metrics["n_trials"] == 72 and metrics["training_steps"] == 4
    assert set(metrics["fixed_points"]) == {"motion context", "colour context"}
    assert main(["report", str(finished)]) == 0
    out, _ = said(capsys)
    assert out == f"Report: {finished.resolve() / 'report.html'}\n"


def test_progress_is_told_without_a_terminal_and_loggers_are_left_alone(tmp_path, capsys):
    logger = logging.getLogger("neurornn")
    before = (list(logger.handlers), logger.level)
    assert train(tmp_path / "run", 4) == 0
    _, err = said(capsys)
    assert f"neurornn: training on context-decision-v1 for up to 4 steps in {tmp_path / 'run'}\n" in err
    assert "neurornn: step 2 of 4: loss " in err and "steps done after 4 steps" in err
    assert (logger.handlers, logger.level) == before


def test_a_terminal_gets_a_bar(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert train(tmp_path / "run", 2) == 0
    _, err = said(capsys)
    assert "2/2" in err and "performance=" in err and "step 2 of 2" not in err


def test_the_default_folder_is_named_after_task_and_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--task", "flip-flop:n_bits=1", "--seed", "3", "--n-steps", "1", *SIZE]) == 0
    assert (tmp_path / "runs" / "flip-flop-v1-seed3" / "weights.safetensors").exists()


def test_continuing_gives_the_bytes_of_an_undisturbed_training(tmp_path, capsys):
    assert train(tmp_path / "whole", 6) == 0
    assert train(tmp_path / "parts", 2) == 0
    assert train(tmp_path / "parts", 6) == 0
    assert "from step 2" in said(capsys)[1]
    for name in ("weights.safetensors", "config.json", "checkpoint.safetensors"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert train(tmp_path / "other", 6, "--seed", "1") == 0
    assert (tmp_path / "other" / "weights.safetensors").read_bytes() != (
        tmp_path / "whole" / "weights.safetensors"
    ).read_bytes()


def test_the_same_command_goes_on_after_an_interruption(tmp_path, capsys, monkeypatch):
    whole = pipeline.train_network

    def interrupted(*args, callback, **options):
        def stop(progress):
            callback(progress)
            if progress.step == 3:
                raise KeyboardInterrupt

        return whole(*args, callback=stop, **options)

    monkeypatch.setattr(pipeline, "train_network", interrupted)
    assert train(tmp_path / "parts", 6) == 130
    assert "Interrupted. Files are whole; the same command again goes on" in said(capsys)[1]
    assert not (tmp_path / "parts" / "weights.safetensors").exists()
    refused(capsys, ["report", tmp_path / "parts"], "training was not finished: run neurornn train")
    monkeypatch.setattr(pipeline, "train_network", whole)
    assert train(tmp_path / "parts", 6) == 0 and train(tmp_path / "whole", 6) == 0
    assert "from step 3" in said(capsys)[1]
    names = ("weights.safetensors", "checkpoint.safetensors")
    assert all((tmp_path / "parts" / n).read_bytes() == (tmp_path / "whole" / n).read_bytes() for n in names)


def test_a_run_is_not_continued_with_other_settings_or_fewer_steps(run, capsys):
    before = (run / "config.json").read_bytes()
    arguments = ["train", run, *SIZE]
    refused(
        capsys, [*arguments, "--n-steps", 4, "--seed", 1], "with other settings: .*seed is 0 there and 1 here"
    )
    refused(
        capsys,
        [*arguments, "--n-steps", 4, "--task", "flip-flop"],
        "task.name is 'context-decision-v1' there",
    )
    refused(capsys, [*arguments, "--n-steps", 2], "has done 4 steps and --n-steps 2 are wanted")
    assert (run / "config.json").read_bytes() == before


def test_more_steps_remove_what_is_stale(run, capsys):
    assert train(run, 6) == 0
    assert {each.name for each in run.iterdir()} == FILES - {
        "trials.nc",
        "analysis.nc",
        "metrics.json",
        "report.html",
    }


def test_a_training_that_failed_at_once_may_be_repaired_in_place(tmp_path, capsys):
    bad = ["train", tmp_path / "run", "--n-steps", 4, *SIZE, "--activation", "relu", "--clip-norm", "none"]
    refused(capsys, [*bad, "--optimizer", "sgd:lr=1e9"], "Training diverged at step [12]")
    refused(capsys, ["simulate", tmp_path / "run"], "has no weights.safetensors")
    assert main([str(each) for each in (*bad, "--optimizer", "sgd:lr=1e-3")]) == 0
    assert Run.open(tmp_path / "run").config["training"]["optimizer"] == "sgd:lr=1e-3"


def test_a_second_report_keeps_what_belongs_to_the_weights(run, capsys):
    before = {
        name: (run / name).read_bytes()
        for name in ("trials.nc", "analysis.nc", "metrics.json", "report.html")
    }
    assert main(["report", str(run)]) == 0
    assert "simulating" not in said(capsys)[1]
    assert before == {name: (run / name).read_bytes() for name in before}


def test_analyses_of_other_trials_are_made_again(run, capsys):
    assert main(["simulate", str(run), "--n-trials", "36", "--seed", "5"]) == 0
    assert main(["report", str(run)]) == 0
    assert "analysis.nc was made from other trials or weights" in said(capsys)[1]
    assert json.loads((run / "metrics.json").read_text())["n_trials"] == 36
    assert "36, seed 5" in (run / "report.html").read_text()


@pytest.mark.parametrize("what", ["weights", "trials", "config"])
def test_results_of_other_weights_never_meet(what, run, tmp_path, capsys):
    other = tmp_path / "other"
    assert train(other, 4, "--seed", "1") == 0
    assert main(["simulate", str(other), "--n-trials", "36"]) == 0
    if what == "weights":
        shutil.copy(other / "weights.safetensors", run)
    elif what == "trials":
        shutil.copy(other / "trials.nc", run)
    else:
        text = (run / "config.json").read_text()
        (run / "config.json").write_text(text.replace('"sigma_rec": 0.1', '"sigma_rec": 0.3'))
    assert main(["report", str(run)]) == 0
    assert "trials.nc comes from other weights or settings than those of this run" in said(capsys)[1]
    network, data = Run.open(run).load_network(), Run.open(run).load_trials()
    assert data.sizes["trial"] == 720 and data.attrs["sigma_rec"] == network.sigma_rec
    rate = network.activation(torch.as_tensor(data["state"].values))
    output = rate @ network.W_out.T + network.bias_out
    assert np.allclose(output.detach().numpy(), data["outputs"].values, atol=1e-4)


def test_trials_that_do_not_say_where_they_come_from_are_taken_with_a_warning(run, capsys):
    opened = Run.open(run)
    data = opened.load_trials()
    del data.attrs["made_from"]
    opened.save_trials(data)
    assert main(["report", str(run)]) == 0
    _, err = said(capsys)
    assert err.count("warning: ") >= 1 and "trials.nc does not say which weights it comes from" in err


def test_the_demo_keeps_what_it_has(tmp_path, capsys, monkeypatch):
    small = Recipe(n_units=8, n_steps=2, batch_size=8, validate_every=2)
    monkeypatch.setattr(tasks.ContextDecision, "recipe", small)
    assert main(["demo", str(tmp_path / "run")]) == 0
    out, _ = said(capsys)
    assert "accuracy" in out and f"Open {(tmp_path / 'run' / 'report.html').resolve()}" in out
    assert {each.name for each in (tmp_path / "run").iterdir()} == FILES
    kept = {
        name: (tmp_path / "run" / name).stat().st_mtime_ns
        for name in ("trials.nc", "analysis.nc", "report.html")
    }
    assert main(["demo", str(tmp_path / "run")]) == 0
    assert kept == {name: (tmp_path / "run" / name).stat().st_mtime_ns for name in kept}
    (tmp_path / "run" / "report.html").write_text("<html></html>")
    assert main(["demo", str(tmp_path / "run")]) == 0
    assert "<h2>Landscape</h2>" in (tmp_path / "run" / "report.html").read_text()


def test_the_demo_is_the_main_example():
    recipe = tasks.make("context-decision").recipe
    assert recipe.excitatory == 0.8 and recipe.sigma_rec > 0 and recipe.criterion == 0.95
    assert commands.Train().task == "context-decision"


def test_a_recipe_sets_the_defaults_and_options_replace_them(tmp_path, monkeypatch, capsys):
    own = Recipe(
        criterion=0.77,
        n_units=9,
        activation="tanh",
        excitatory=None,
        init=Orthogonal(0.8),
        learning_rate=0.02,
        n_steps=2,
        batch_size=6,
        validate_every=2,
        rate_l2=0.5,
        tau=50.0,
        clip_norm=None,
    )
    monkeypatch.setattr(tasks.FlipFlop, "recipe", own)
    words = ["train", str(tmp_path / "a"), "--task", "flip-flop:n_bits=2", "--batch-size", "4"]
    assert main(words) == 0
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    network, training = config["network"], config["training"]
    assert (network["n_units"], network["activation"], network["dale"]) == (9, "tanh", None)
    assert network["init"]["type"] == "Orthogonal" and network["init"]["gain"] == 0.8
    assert training["batch_size"] == 4 and training["optimizer"] == "adam:lr=0.02"
    assert training["target_performance"] == 0.77 and config["objective"]["rate_l2"] == 0.5
    task = tasks.make("flip-flop", n_bits=2)
    rebuilt = Run.open(tmp_path / "a").load_network()
    assert network_to_config(rebuilt) == network_to_config(own.network(task))
    with pytest.raises(SystemExit):
        main(["train", "--task", "flip-flop", "--help"])
    assert "default: 9" in said(capsys)[0]


ONE_OF_EACH_KIND = (
    "perceptual-decision-rt-v1",
    "multisensory-decision-v1",
    "delayed-comparison-v1",
    "ring-memory-v1",
    "serial-recall-v1",
    "ready-set-go-v1",
    "flip-flop-v1",
    "add-v1",
    "temporal-order-v1",
    "bandit-v1",
    "yang-dmsgo-v1",
)


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_every_kind_of_task_goes_all_the_way(name, tmp_path, capsys):
    dt = str(tasks.make(name).dt)
    plain = ("--activation", "softplus", "--excitatory", "0.8", "--init", "none", "--dt", dt)
    assert train(tmp_path / "run", 2, "--task", name, *plain) == 0
    assert main(["simulate", str(tmp_path / "run"), "--n-trials", "48"]) == 0
    assert main(["report", str(tmp_path / "run")]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert len(metrics.keys() & {"performance", "accuracy"}) == 1
    assert all(0 <= metrics[key] <= 1 for key in metrics.keys() & {"performance", "accuracy"})
    assert ("choice_weight_ratio" in metrics) is False
    assert f"<h1>{name}: a trained network, dissected</h1>" in (tmp_path / "run" / "report.html").read_text()


def test_environments_of_neurogym_go_all_the_way(tmp_path, capsys):
    pytest.importorskip("neurogym")
    task = "neurogym:env=PerceptualDecisionMaking-v0,fix_go_cue=true,cohs=[6.4,51.2]"
    assert main(["tasks", task]) == 0
    assert "ground_truth, coh" in said(capsys)[0]
    for _ in range(2):  # the second time from its checkpoint
        assert train(tmp_path / "run", 2, "--task", task) == 0
    assert main(["simulate", str(tmp_path / "run"), "--n-trials", "24"]) == 0
    assert Run.open(tmp_path / "run").config["task"]["settings"] == {"cohs": [6.4, 51.2]}
    assert set(np.unique(Run.open(tmp_path / "run").load_trials()["coh"])) == {6.4, 51.2}


def test_a_missing_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "neurogym", None)
    refused(
        capsys, ["tasks", "neurogym:env=PerceptualDecisionMaking-v0"], r"pip install 'neurornn\[neurogym\]'"
    )


@pytest.mark.parametrize("command", ["simulate", "analyze", "report"])
def test_a_folder_without_a_run_is_named(command, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("missing", "empty", "file"):
        refused(capsys, [command, tmp_path / name], f"There is no run in '.*{name}'")
    refused(capsys, ["train", tmp_path / "file", *SIZE], "Cannot create the folder .*file")


@pytest.mark.parametrize(
    ("name", "command", "message"),
    [
        ("weights.safetensors", "report", "weights.safetensors' is damaged"),
        (
            "checkpoint.safetensors",
            "train",
            "checkpoint.safetensors' is damaged: .* delete it to train from the start",
        ),
        ("trials.nc", "analyze", "trials.nc' is damaged: .* Make it again: neurornn simulate .*run"),
        ("analysis.nc", "report", "analysis.nc' is damaged: .* Make it again: neurornn analyze .*run"),
        ("history.nc", "report", "history.nc' is damaged"),
        ("config.json", "report", "config.json' is damaged: it is not valid JSON"),
    ],
)
def test_truncated_files_are_named_and_the_advice_works(name, command, message, run, capsys):
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole[: len(whole) // 2])
    more = ["--n-steps", 4, *SIZE] if command == "train" else []
    refused(capsys, [command, run, *more], message)
    advice = {"trials.nc": ["simulate"], "analysis.nc": ["analyze"]}.get(name)
    if advice is not None:
        assert main([*advice, str(run)]) == 0 and main(["report", str(run)]) == 0


def test_a_flipped_bit_is_noticed_in_compressed_trials_too(run, capsys):
    assert main(["simulate", str(run)]) == 0  # 720 trials: large enough to be compressed
    path = run / "trials.nc"
    content = bytearray(path.read_bytes())
    assert len(content) < 0.9 * Run.open(run).load_trials().nbytes
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(capsys, ["analyze", run], "trials.nc' is damaged")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"n_units": 8', '"n_units": 9', "weights.safetensors' does not fit the network of this run"),
        ('"name": "context-decision-v1"', '"name": "contxt-v1"', "Task 'contxt-v1' doesn't exist"),
        ('"name"', '"nme"', "config.json' is damaged: it describes no task"),
        ('"network"', '"netwrk"', "config.json' is damaged: it describes no network"),
        ('"sigma_in": 0.1', '"sigma_in": "x"', "config.json: task.sigma_in must be a number: got 'x'"),
        ('"seed": 0\n}', '"seed": "x"\n}', "config.json' is damaged: its seed is not a whole number"),
        ("Run/1", "Run/9", "has the layout 'neurornn.Run/9' and this version reads 'neurornn.Run/1'"),
    ],
)
def test_an_edited_configuration_is_named(old, new, message, run, capsys):
    text = (run / "config.json").read_text()
    assert old in text
    (run / "config.json").write_text(text.replace(old, new))
    refused(capsys, ["simulate", run], message)


def test_a_full_disk_keeps_what_is_there(run, capsys, monkeypatch):
    before = (run / "analysis.nc").read_bytes()

    def full(path, *_, **__):
        raise storage.StorageError(Path(path), OSError(28, os.strerror(28)))

    monkeypatch.setattr(storage, "atomic_write", full)
    refused(
        capsys, ["analyze", run], r"Cannot write '.*analysis.nc': No space left on device\. The disk is full"
    )
    assert (run / "analysis.nc").read_bytes() == before


def test_numbers_of_trials_are_checked(run, capsys):
    refused(capsys, ["simulate", run, "--n-trials", 0], "n_trials >= 1.*got n_trials=0")
    assert main(["simulate", str(run), "--n-trials", "None", "--seed", "none"]) == 0
    assert Run.open(run).load_trials().sizes["trial"] == 720


def test_one_trial_is_enough_for_a_report(run, capsys):
    assert main(["simulate", str(run), "--n-trials", "1"]) == 0
    assert main(["report", str(run)]) == 0


def test_a_reader_that_stops_reading_is_no_error(capsys, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["tasks"]) == 0
    sys.stdout.close()
    assert capsys.readouterr().err == ""


def test_a_bug_is_not_disguised_as_an_error_of_the_user(monkeypatch):
    def broken():
        raise TypeError("a bug")

    monkeypatch.setattr(commands, "task_list", broken)
    with pytest.raises(TypeError, match="a bug"):
        main(["tasks"])


def test_a_recipe_and_the_command_line_train_alike(tmp_path, monkeypatch, capsys):
    own = Recipe(n_units=8, n_steps=3, batch_size=8, validate_every=3, learning_rate=0.0012345678)
    monkeypatch.setattr(tasks.FlipFlop, "recipe", own)
    assert main(["train", str(tmp_path / "run"), "--task", "flip-flop"]) == 0
    said(capsys)
    task = tasks.make("flip-flop")
    network = own.network(task)
    own.train(network, task)
    other = Run.open(tmp_path / "run").load_network()
    assert [each.tolist() for each in network.state_dict().values()] == [
        each.tolist() for each in other.state_dict().values()
    ]
    assert commands.Train().training.n_steps == Recipe().n_steps
