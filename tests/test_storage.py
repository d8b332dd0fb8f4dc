"""Storage: a file is whole or absent, whatever happens while it is written, and damage is noticed."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from neurornn import storage
from neurornn.storage import CorruptFile, StorageError


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def _fails(code: int):
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old and whole")
    return path


@pytest.mark.parametrize("content", [b"new", lambda path: path.write_bytes(b"new")], ids=["bytes", "writer"])
def test_a_write_replaces_the_file_and_leaves_nothing_else(old: Path, content: object):
    storage.atomic_write(old, content)
    assert old.read_bytes() == b"new" and _names(old.parent) == ["file.bin"]


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "The disk is full. Free some space"),
        (errno.EROFS, "The file system is read-only. Choose a folder that can be written"),
        (errno.EACCES, "You have no permission there. Choose another folder"),
        (errno.EIO, "Check the disk"),
    ],
)
def test_a_failed_write_keeps_the_old_file_and_says_what_to_do(
    old: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: int, advice: str
):
    monkeypatch.setattr(os, function, _fails(code))
    with pytest.raises(StorageError, match=rf"Cannot write '.*file.bin': .*\. {advice}.*is whole") as caught:
        storage.atomic_write(old, b"new")
    assert caught.value.errno == code and caught.value.path == old and isinstance(caught.value, OSError)
    monkeypatch.undo()
    assert old.read_bytes() == b"old and whole" and _names(old.parent) == ["file.bin"]


def test_a_real_half_written_file_never_replaces_the_whole_one(old: Path):
    """The system itself cuts the write short: a limit on file size stands in for the full disk."""
    child = (
        "import resource, sys; from neurornn import storage\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    storage.atomic_write(sys.argv[1], bytes(5000))\n"
        "except storage.StorageError as error:\n    print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", child, str(old)], capture_output=True, text=True, check=True, timeout=120
    )
    assert "File too large" in run.stdout and "Choose another folder" in run.stdout
    assert old.read_bytes() == b"old and whole" and _names(old.parent) == ["file.bin"]


def test_any_exception_of_the_writer_removes_the_temporary_file(old: Path):
    def writer(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.atomic_write(old, writer)
    assert old.read_bytes() == b"old and whole" and _names(old.parent) == ["file.bin"]


def test_wrong_paths_are_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=r"a file and not a folder"):
        storage.atomic_write(tmp_path / "file" / "x", b"")
    with pytest.raises(StorageError, match=r"The folder does not exist. Create it first"):
        storage.atomic_write(tmp_path / "nowhere" / "x", b"")
    with pytest.raises(StorageError, match=r"A folder is already there"):
        storage.atomic_write(tmp_path / "folder", b"")
    with pytest.raises(StorageError, match=r"Cannot create the folder '.*file': .*A file is already there"):
        storage.make_folder(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match=r"There is no such file: '.*absent.json'"):
        storage.read_json(tmp_path / "absent.json")
    with pytest.raises(StorageError, match=r"Cannot read '.*folder'"):
        storage.read_json(tmp_path / "folder")
    with pytest.raises(StorageError, match=r"Cannot remove '.*folder'"):
        storage.remove(tmp_path / "folder")
    storage.remove(tmp_path / "absent")
    assert _names(tmp_path) == ["file", "folder"]


def test_leftovers_of_dead_processes_are_cleaned_and_those_of_living_ones_stay(old: Path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living = f".file.bin.{os.getppid()}.1.part"
    for name in (f".file.bin.{dead.pid}.1.part", living, f".other.bin.{dead.pid}.1.part"):
        (old.parent / name).write_bytes(b"half")
    storage.atomic_write(old, b"new")
    assert _names(old.parent) == sorted(["file.bin", living, f".other.bin.{dead.pid}.1.part"])


def test_json_round_trip_is_strict(tmp_path: Path):
    path = tmp_path / "metrics.json"
    storage.write_json(
        path, {"a": np.float32(0.5), "b": np.arange(3), "c": [True, None, "é"], "d": float("nan")}
    )
    assert storage.read_json(path) == {"a": 0.5, "b": [0, 1, 2], "c": [True, None, "é"], "d": None}
    with pytest.raises(ValueError, match=r"metrics.json: a: b\[1\] cannot be written as JSON: got set"):
        storage.write_json(path, {"a": {"b": [1, {2}]}})
    for damaged in ('{"a": 1', "", '{"a": NaN}', "\xff"):
        path.write_bytes(damaged.encode("latin-1"))
        with pytest.raises(CorruptFile, match=r"metrics.json' is damaged: it is not valid JSON.*Restore it"):
            storage.read_json(path)


def _dataset() -> xr.Dataset:
    return xr.Dataset(
        {
            "rate": (("trial", "unit"), np.linspace(0, 1, 600).reshape(20, 30), {"units": "1", "flag": True}),
            "eigenvalue": ("unit", np.exp(1j * np.arange(30.0))),
            "choice": ("trial", np.array(["left", "ré"] * 10)),
            "correct": ("trial", np.arange(20) % 2 == 0),
            "none": ("nothing", np.zeros(0)),
        },
        coords={"trial": np.arange(20), "cell_type": ("unit", np.array(["E", "I"] * 15))},
        attrs={"schema": "x/1", "dt": 20.0, "bounds": [1, 2], "names": ["a", "b"]},
    )


def test_datasets_come_back_as_they_were(tmp_path: Path):
    dataset, path = _dataset(), tmp_path / "trials.nc"
    storage.write_dataset(path, dataset)
    back = storage.read_dataset(path)
    assert back.equals(dataset) and back.correct.dtype == bool and back.eigenvalue.dtype == complex
    assert (
        back.attrs["names"] == ["a", "b"]
        and list(back.attrs["bounds"]) == [1, 2]
        and back.attrs["dt"] == 20.0
    )
    assert back.rate.attrs["units"] == "1" and back.rate.attrs["flag"] == 1
    assert dataset.rate.attrs["flag"] is True, "writing changed the caller's dataset"
    storage.write_dataset(path, back)  # what was read can be written again
    assert storage.read_dataset(path).equals(dataset)


def test_trees_come_back_as_they_were(tmp_path: Path):
    path = tmp_path / "analysis.nc"
    tree = xr.DataTree.from_dict({"/": _dataset(), "/a/b": _dataset()[["eigenvalue"]], "/c": xr.Dataset()})
    storage.write_tree(path, tree)
    assert storage.read_tree(path).equals(tree)
    whole = path.read_bytes()
    for damaged in (whole[:-1], b""):
        path.write_bytes(damaged)
        with pytest.raises(CorruptFile, match=r"analysis.nc' is damaged: it is not a readable netCDF file"):
            storage.read_tree(path)


def test_attributes_that_netcdf_cannot_hold_are_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"Attribute 'options' of the dataset is {'a': 1}"):
        storage.write_dataset(tmp_path / "x.nc", xr.Dataset(attrs={"options": {"a": 1}}))
    with pytest.raises(ValueError, match=r"Attribute 'units' of 'x' is None"):
        storage.write_dataset(tmp_path / "x.nc", xr.Dataset({"x": ("t", [1.0], {"units": None})}))
    assert _names(tmp_path) == []


def test_damaged_datasets_are_refused(tmp_path: Path):
    path = tmp_path / "trials.nc"
    storage.write_dataset(path, _dataset())
    whole = path.read_bytes()
    at = whole.index(np.linspace(0, 1, 600)[300].tobytes())
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    for damaged in (whole[: len(whole) // 2], whole[:-1], b"", b"not netCDF at all", flipped):
        path.write_bytes(damaged)
        with pytest.raises(CorruptFile, match=r"trials.nc' is damaged: it is not a readable netCDF file"):
            storage.read_dataset(path)


def _tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "W": torch.randn(4, 5, generator=generator).t(),  # not contiguous
        "step": torch.tensor(3.0),
        "long": torch.arange(3),
        "nan": torch.tensor([float("nan")], dtype=torch.float64),
    }


def test_tensors_and_metadata_come_back_and_give_the_same_bytes(tmp_path: Path):
    metadata = {"schema": "x/1", "text": 'quote " and é', "number": 0.1, "nested": {"a": [1, None, True]}}
    for name in "ab":
        storage.write_tensors(tmp_path / name, _tensors(), metadata)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    tensors, back = storage.read_tensors(tmp_path / "a")
    assert back == metadata and tensors.keys() == _tensors().keys()
    for name, value in _tensors().items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name].nan_to_num(7.0), value.nan_to_num(7.0))


def test_every_flipped_bit_and_every_truncation_of_tensors_is_noticed(tmp_path: Path):
    path = tmp_path / "checkpoint.safetensors"
    storage.write_tensors(path, {"W": torch.arange(3.0), "b": torch.ones(2)}, {"a": "é"})
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptFile, match=r"checkpoint.safetensors' is damaged"):
            storage.read_tensors(path)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(CorruptFile, match=r"damaged"):
            storage.read_tensors(path)
    path.write_bytes(whole)
    storage.read_tensors(path)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    torch.save({"W": torch.ones(2)}, path)
    with pytest.raises(CorruptFile):
        storage.read_tensors(path, sealed=False)


def test_files_of_other_programs_are_read_only_when_asked_for(tmp_path: Path):
    import safetensors.torch

    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"W": torch.ones(2)}, path)
    with pytest.raises(CorruptFile, match=r"its digest is missing"):
        storage.read_tensors(path)
    tensors, metadata = storage.read_tensors(path, sealed=False)
    assert torch.equal(tensors["W"], torch.ones(2)) and metadata == {}
