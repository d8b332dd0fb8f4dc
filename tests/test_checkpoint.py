"""Checkpoints: what goes in comes out to the last bit, and what was damaged or belongs elsewhere is refused."""

import json
import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurornn import checkpoint as checkpoints
from neurornn import storage
from neurornn.checkpoint import Checkpoint, check_settings, load_checkpoint, save_checkpoint

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, torch.tensor(1e-3), amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, centered=True, momentum=0.5),
    "adagrad": lambda p: torch.optim.Adagrad(p),
    "rprop": lambda p: torch.optim.Rprop(p),
    "groups": lambda p: torch.optim.Adam([{"params": p[:1], "lr": 0.1}, {"params": p[1:]}]),
}


def _parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(*shape, generator=generator)) for shape in ((4, 3), (3,))]


def _move(parameters: list[torch.nn.Parameter], optimizer: torch.optim.Optimizer, n: int) -> None:
    for _ in range(n):
        optimizer.zero_grad()
        sum((each**4).sum() for each in parameters).backward()
        optimizer.step()


def _checkpoint(**changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {
        "step": 3,
        "network": {"W": torch.arange(6.0).reshape(2, 3), "tau": torch.tensor(100.0)},
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0)}},
            "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}],
        },
        "history": {"steps": np.array([[0.1, np.nan]]), "validations": np.zeros((0, 3))},
        "settings": {"task": {"type": "T", "delay": 100.0}, "batch_size": 64},
    }
    return Checkpoint(**fields | changes)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_goes_on_from_a_file_as_if_nothing_happened(tmp_path: Path, name: str):
    parameters = _parameters()
    optimizer = OPTIMIZERS[name](parameters)
    _move(parameters, optimizer, 3)
    network = {str(i): each for i, each in enumerate(parameters)}
    save_checkpoint(tmp_path / "c", _checkpoint(network=network, optimizer=optimizer.state_dict()))
    _move(parameters, optimizer, 3)

    saved = load_checkpoint(tmp_path / "c")
    again = _parameters()
    with torch.no_grad():
        for i, each in enumerate(again):
            each.copy_(saved.network[str(i)])
    fresh = OPTIMIZERS[name](again)
    fresh.load_state_dict(dict(saved.optimizer))
    _move(again, fresh, 3)
    assert all(torch.equal(a, b) and a.isfinite().all() for a, b in zip(parameters, again, strict=True))


def test_everything_comes_back_with_its_type(tmp_path: Path):
    state = {
        "state": {0: {"step": torch.tensor(3.0), "n": 2, "flag": True, "none": None}},
        "param_groups": [
            {"betas": (0.9, 0.999), "params": [0, 1], "limit": float("inf"), "lr": np.float32(0.1)}
        ],
        "text": "é",
    }
    original = _checkpoint(optimizer=state)
    save_checkpoint(tmp_path / "c", original)
    back = load_checkpoint(tmp_path / "c")
    assert back.step == 3 and back.settings == original.settings
    assert torch.equal(back.network["W"], original.network["W"]) and back.network["tau"].shape == ()
    np.testing.assert_array_equal(back.history["steps"], original.history["steps"])
    assert back.history["validations"].shape == (0, 3)
    group = back.optimizer["param_groups"][0]
    assert (
        group == state["param_groups"][0] and type(group["betas"]) is tuple and type(group["params"]) is list
    )
    inner = back.optimizer["state"][0]
    assert torch.equal(inner.pop("step"), torch.tensor(3.0)) and inner == {"n": 2, "flag": True, "none": None}
    assert back.optimizer["text"] == "é"


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path):
    save_checkpoint(tmp_path / "a", _checkpoint())
    save_checkpoint(tmp_path / "b", load_checkpoint(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damage_is_refused_with_what_to_do(tmp_path: Path):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, _checkpoint())
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(struct.pack("<f", 5.0))] ^= 1  # the last bit of one weight
    for damaged in (flipped, whole[:-1], whole[: len(whole) // 2], b"", whole + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(
            storage.CorruptFile, match=r"checkpoint.safetensors' is damaged: .*delete it to train from"
        ):
            load_checkpoint(path)


def test_files_of_another_kind_are_refused(tmp_path: Path):
    storage.write_tensors(tmp_path / "w", {"W": torch.ones(2)}, {"schema": "neurornn.Weights/1"})
    with pytest.raises(
        ValueError, match=r"'.*w' is no checkpoint this version reads: its schema is 'neurornn.Weights/1'"
    ):
        load_checkpoint(tmp_path / "w")


def test_an_optimiser_with_private_objects_is_refused(tmp_path: Path):
    with pytest.raises(
        ValueError, match=r"keeps a function in 'optimizer/state/hook', which a checkpoint cannot hold"
    ):
        save_checkpoint(tmp_path / "c", _checkpoint(optimizer={"state": {"hook": lambda: None}}))
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    save_checkpoint(tmp_path / "c", _checkpoint())
    with caplog.at_level(logging.WARNING):
        load_checkpoint(tmp_path / "c")
        assert not caplog.records
        monkeypatch.setattr(checkpoints, "_versions", lambda: {"neurornn": "9.9", "torch": "9"})
        load_checkpoint(tmp_path / "c")
    assert "the last digits may differ" in caplog.text


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"batch_size": 32}, "batch_size is 64 in the checkpoint and 32 here"),
        ({"task": {"type": "T", "delay": 200.0}}, "task.delay is 100.0 in the checkpoint and 200.0 here"),
        ({"task": {"type": "T"}}, "task.delay is only in the checkpoint"),
        ({"clip": True}, "clip is only here"),
        ({"groups": [{"lr": 0.2}]}, r"groups\[0\].lr is 0.1 in the checkpoint and 0.2 here"),
        ({"groups": []}, r"groups is \[{'lr': 0.1}\] in the checkpoint and \[\] here"),
        ({"flag": 1}, "flag is True in the checkpoint and 1 here"),
    ],
)
def test_other_settings_are_refused_by_name(wanted: dict[str, Any], message: str):
    saved = json.loads(json.dumps({**_checkpoint().settings, "groups": [{"lr": 0.1}], "flag": True}))
    check_settings("c", saved, saved | {"batch_size": 64.0, "groups": ({"lr": 0.1},)})
    with pytest.raises(
        ValueError, match=rf"'c' belongs to a training with other settings: {message}.*another path"
    ):
        check_settings("c", saved, saved | wanted)
