"""Run folders: everything comes back, every state of a folder has a clear answer, and nothing stale survives."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import xarray as xr

from neurornn import _environment, storage
from neurornn.config import encode, network_to_config
from neurornn.connectivity import Dale, Sparse
from neurornn.networks import CTRNN, LearnedTau
from neurornn.rules import BPTT
from neurornn.runs import Run


def _network(**options: Any) -> CTRNN:
    settings: dict[str, Any] = {"dale": Dale(), "connectivity": Sparse(0.5), "sigma_rec": 0.1, "seed": 2}
    return CTRNN(3, 20, 2, **settings | options)


def _config(network: CTRNN | None = None, **changes: Any) -> dict[str, Any]:
    settings = {
        "network": network_to_config(network or _network()),
        "rule": encode(BPTT()),
        "training": {"n_steps": 100, "lr": 0.001, "betas": (0.9, 0.999)},
        "seed": 0,
    }
    return settings | changes


def _trained(network: CTRNN) -> CTRNN:
    with torch.no_grad():
        for each in network.parameters():
            each.add_(0.1 * torch.randn(each.shape, generator=torch.Generator().manual_seed(1)))
    return network


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs" / "a", _config())


def _data() -> xr.Dataset:
    return xr.Dataset({"loss": ("step", np.array([1.0, 0.5]))}, attrs={"schema": "x/1"})


def _fill(run: Run) -> None:
    run.save_history(_data())
    run.save_trials(_data())
    run.save_analysis(xr.DataTree.from_dict({"/points": _data()}))
    run.save_metrics({"accuracy": np.float64(0.9), "ratio": float("inf")})
    run.save_report("<html>é</html>")


@pytest.mark.parametrize(
    "options", [{}, {"tau": LearnedTau()}, {"dtype": torch.float64, "train_initial_state": True}]
)
def test_a_network_comes_back_bit_for_bit_and_obeys_dales_law(tmp_path: Path, options: dict[str, Any]):
    network = _trained(_network(**options))
    Run.create(tmp_path, _config(network)).save_weights(network)
    back = Run.open(tmp_path).load_network()
    for name, value in network.state_dict().items():
        assert torch.equal(back.state_dict()[name], value) and back.state_dict()[name].dtype == value.dtype
    assert (back.W_rec[:, back.cell_types == "E"] >= 0).all() and (
        back.W_rec[:, back.cell_types == "I"] <= 0
    ).all()
    inputs = torch.zeros(2, 5, 3, dtype=network.W_in.dtype)
    noise = [torch.Generator().manual_seed(0) for _ in range(2)]
    assert torch.equal(network(inputs, generator=noise[0]).output, back(inputs, generator=noise[1]).output)


def test_weights_hold_the_effective_matrices_for_other_readers(run: Run):
    network = _trained(_network())
    run.save_weights(network)
    tensors = safetensors.torch.load_file(run.weights_path)
    assert torch.equal(tensors["recurrent.weight"], network.W_rec) and "recurrent.raw" in tensors


def test_everything_else_comes_back(run: Run):
    _fill(run)
    again = Run.open(str(run.path))
    assert again.load_history().equals(_data()) and again.load_trials().equals(_data())
    assert again.load_analysis()["points"].to_dataset().equals(_data())
    assert again.load_metrics() == {"accuracy": 0.9, "ratio": None}
    assert again.report_path.read_text(encoding="utf-8") == "<html>é</html>"
    assert again.config["schema"] == "neurornn.Run/1" and again.config["training"]["betas"] == [0.9, 0.999]


def test_the_files_have_the_documented_names(run: Run):
    run.save_weights(_network())
    _fill(run)
    run.write_environment()
    names = {each.name for each in run.path.iterdir()}
    assert names == {
        "config.json",
        "environment.json",
        "weights.safetensors",
        "history.nc",
        "trials.nc",
        "analysis.nc",
        "metrics.json",
        "report.html",
    }
    assert names | {"checkpoint.safetensors"} == {
        getattr(run, name).name for name in dir(Run) if name.endswith("_path")
    }
    assert all(each in (Run.__doc__ or "") for each in names)


def test_creating_twice_opens_and_other_settings_are_refused(run: Run):
    before = run.config_path.read_bytes()
    assert Run.create(run.path, _config()).config == run.config
    with pytest.raises(
        ValueError, match=r"already a run in '.*a' with other settings: seed is 0 there and 1 here. Choose"
    ):
        Run.create(run.path, _config(seed=1))
    with pytest.raises(ValueError, match=r"network.sigma_rec is 0.1 there and 0.2 here"):
        Run.create(run.path, _config(_network(sigma_rec=0.2)))
    with pytest.raises(ValueError, match=r"extra is only here"):
        Run.create(run.path, _config(extra=None))
    assert run.config_path.read_bytes() == before


def test_settings_that_may_change_are_rewritten(run: Run):
    longer = _config(training={"n_steps": 200, "lr": 0.001, "betas": (0.9, 0.999)})
    with pytest.raises(ValueError, match=r"training.n_steps is 100 there and 200 here"):
        Run.create(run.path, longer)
    assert Run.create(run.path, longer, may_change=["training.n_steps"]).config["training"]["n_steps"] == 200
    assert Run.open(run.path).config["training"]["n_steps"] == 200
    longer["training"]["lr"] = 0.1
    with pytest.raises(ValueError, match=r"settings: training.lr is 0.001 there and 0.1 here\. Choose"):
        Run.create(run.path, longer, may_change=["training.n_steps", "training.target"])


def test_other_weights_remove_what_came_from_the_old_ones(run: Run):
    network = _network()
    run.save_weights(network)
    derived = (run.trials_path, run.analysis_path, run.metrics_path, run.report_path)
    _fill(run)
    run.save_weights(network)
    assert all(path.exists() for path in derived), "the same weights removed results"
    run.save_weights(_trained(network))
    assert not any(path.exists() for path in derived) and run.history_path.exists()
    _fill(run)
    run.weights_path.write_bytes(b"damaged")
    run.save_weights(network)
    assert not any(path.exists() for path in derived)


def test_each_unfinished_state_says_what_to_do(run: Run, tmp_path: Path):
    with pytest.raises(
        FileNotFoundError, match=r"no weights.safetensors. Its training has not begun: run neurornn train"
    ):
        run.load_network()
    run.checkpoint_path.write_bytes(b"")
    with pytest.raises(
        FileNotFoundError, match=r"Its training was not finished: .*checkpoint='.*checkpoint.safetensors'"
    ):
        run.load_network()
    with pytest.raises(FileNotFoundError, match=r"has no history.nc. Its training was not finished"):
        run.load_history()
    with pytest.raises(
        FileNotFoundError, match=r"has no trials.nc. Simulate some first: neurornn simulate .*a"
    ):
        run.load_trials()
    with pytest.raises(
        FileNotFoundError, match=r"has no analysis.nc. Analyse it first: neurornn analyze .*a"
    ):
        run.load_analysis()
    with pytest.raises(FileNotFoundError, match=r"has no metrics.json. Analyse it first"):
        run.load_metrics()
    with pytest.raises(
        FileNotFoundError, match=r"There is no run in '.*nowhere': it has no config.json. Check the path"
    ):
        Run.open(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=r"There is no run in '.*file'"):
        Run.open(tmp_path / "file")
    with pytest.raises(storage.StorageError, match=r"Cannot create the folder '.*file'"):
        Run.create(tmp_path / "file", _config())


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", storage.CorruptFile, "config.json' is damaged: it is not valid JSON"),
        ("[]", storage.CorruptFile, "config.json' is damaged: it is not the configuration of a run"),
        ("{}", storage.CorruptFile, "it is not the configuration of a run"),
        (
            '{"schema": "neurornn.Run/9"}',
            ValueError,
            "has the layout 'neurornn.Run/9' and this version reads",
        ),
    ],
)
def test_a_damaged_configuration_is_refused(run: Run, content: str, error: type[Exception], message: str):
    run.config_path.write_text(content)
    with pytest.raises(error, match=message):
        Run.open(run.path)
    with pytest.raises(error, match=message):
        Run.create(run.path, _config())
    assert run.config_path.read_text() == content


def test_an_edited_configuration_is_checked(run: Run):
    run.save_weights(_network())
    config = json.loads(run.config_path.read_text())

    def rewritten(network: Any) -> Run:
        run.config_path.write_text(json.dumps(config | {"network": network}))
        return Run.open(run.path)

    with pytest.raises(ValueError, match=r"config.json: network.n_units must be a whole number: got 'many'"):
        rewritten(config["network"] | {"n_units": "many"}).load_network()
    with pytest.raises(
        ValueError, match=r"weights.safetensors' does not fit the network of this run\. .*shape"
    ):
        rewritten(config["network"] | {"n_outputs": 5}).load_network()
    with pytest.raises(
        ValueError, match=r"weights.safetensors' does not fit the network of this run\. .*sign"
    ):
        rewritten(config["network"] | {"dale": encode(Dale(0.5))}).load_network()
    del config["network"]
    run.config_path.write_text(json.dumps(config))
    with pytest.raises(storage.CorruptFile, match=r"config.json' is damaged: it describes no network"):
        Run.open(run.path).load_network()


def test_damaged_files_are_refused_by_name(run: Run):
    run.save_weights(_network())
    _fill(run)
    for path, load in (
        (run.weights_path, run.load_network),
        (run.history_path, run.load_history),
        (run.trials_path, run.load_trials),
        (run.analysis_path, run.load_analysis),
        (run.metrics_path, run.load_metrics),
    ):
        whole = path.read_bytes()
        for damaged in (whole[: len(whole) // 2], b""):
            path.write_bytes(damaged)
            with pytest.raises(
                storage.CorruptFile, match=rf"{path.name}' is damaged: .*Restore it from a copy"
            ):
                load()
        path.write_bytes(whole)
        load()


def test_edited_weights_that_break_dales_law_are_refused(run: Run):
    run.save_weights(_network())
    tensors = safetensors.torch.load_file(run.weights_path)
    tensors["recurrent.weight"] = -tensors["recurrent.weight"]
    safetensors.torch.save_file(tensors, run.weights_path)
    with pytest.raises(
        ValueError, match=r"weights.safetensors' does not fit .*violates the declared signs \(Dale's law\)"
    ):
        run.load_network()


def test_weights_saved_by_another_program_are_read(run: Run):
    network = _trained(_network())
    safetensors.torch.save_file(network.state_dict(), run.weights_path)
    assert torch.equal(run.load_network().W_rec, network.W_rec)


def test_a_pickle_is_never_loaded(run: Run):
    torch.save(_network().state_dict(), run.weights_path)
    with pytest.raises(storage.CorruptFile):
        run.load_network()


def test_a_file_of_another_kind_in_place_of_the_weights_is_refused(run: Run):
    storage.write_tensors(run.weights_path, _network().state_dict(), {"schema": "neurornn.Checkpoint/1"})
    with pytest.raises(ValueError, match=r"holds 'neurornn.Checkpoint/1' and 'neurornn.Weights/1' is needed"):
        run.load_network()


def test_the_weights_of_another_network_are_refused_when_saved(run: Run):
    with pytest.raises(
        ValueError, match=r"not the one '.*config.json' describes: sigma_rec is 0.1 in the run and 0.3 here"
    ):
        run.save_weights(_network(sigma_rec=0.3))
    assert not run.weights_path.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_leaves_every_file_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch, code: int
):
    run.save_weights(_network())
    _fill(run)
    before = {path: path.read_bytes() for path in run.path.iterdir()}

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    for function in (
        "write_bytes",
        "fsync",
    ):  # before the new weights are safe, nothing of the old ones may go
        with monkeypatch.context() as patch:
            patch.setattr(os if function == "fsync" else Path, function, fail)
            with pytest.raises(storage.StorageError, match=r"Cannot write '.*weights.safetensors'.*is whole"):
                run.save_weights(_trained(_network()))
    for function in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, fail)
            for save in (
                lambda: run.save_weights(_network()),
                lambda: _fill(run),
                lambda: run.save_metrics({}),
                lambda: run.save_report(""),
                run.write_environment,
                lambda: Run.create(run.path, _config(seed=5), may_change=["seed"]),
            ):
                with pytest.raises(storage.StorageError, match=r"Cannot write '.*'"):
                    save()
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before


def test_a_run_killed_while_it_was_created_is_created_again(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".config.json.1.1.part").write_text("{")
    assert Run.create(tmp_path / "a", _config()).config["seed"] == 0


def test_the_environment_is_written_with_and_without_git(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        _environment, "_git", lambda *arguments: "abc" if arguments[0] == "rev-parse" else " M x"
    )
    run.write_environment()
    found = storage.read_json(run.environment_path)
    assert found["git_commit"] == "abc" and found["git_modified"] is True
    assert found["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0] and found["python"]
    assert found["n_threads"] == torch.get_num_threads()
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    run.write_environment()
    found = storage.read_json(run.environment_path)
    assert found["git_commit"] is None and found["git_modified"] is None
