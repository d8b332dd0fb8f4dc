"""Everything a training needs to go on as if it had never stopped, in one sealed file."""

__all__ = ["Checkpoint", "check_settings", "load_checkpoint", "save_checkpoint"]

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn import storage
from neurornn.config import differences

_SCHEMA: Final = "neurornn.Checkpoint/1"
_ADVICE: Final = "Restore it from a copy, or delete it to train from the start."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training between two steps.

    No state of a random generator is kept, because every random number is a function of the seed and the step.

    Attributes:
        step: Number of steps done.
        network: State dictionary of the network.
        optimizer: State dictionary of the optimiser.
        rule: Memory of the learning rule.
        history: What was recorded so far, named arrays.
        settings: Everything that decides what the next step does, as JSON; a training with other settings must
            not continue from here.
    """

    step: int
    network: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    history: Mapping[str, NDArray[Any]]
    settings: Mapping[str, Any]
    rule: Mapping[str, Tensor] = field(default_factory=dict)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, atomically. The same checkpoint gives the same bytes.

    Args:
        path: File to write.
        checkpoint: What to write.

    Raises:
        ValueError: If the optimiser keeps something that is neither a tensor nor plain data.
        StorageError: If the file cannot be written; a checkpoint that was there stays.
    """
    tensors = {f"network/{name}": value for name, value in checkpoint.network.items()}
    tensors |= {f"rule/{name}": value for name, value in checkpoint.rule.items()}
    tensors |= {
        f"history/{name}": torch.from_numpy(np.array(value)) for name, value in checkpoint.history.items()
    }
    metadata = {
        "schema": _SCHEMA,
        "versions": _versions(),
        "step": checkpoint.step,
        "settings": checkpoint.settings,
        "optimizer": _flatten(checkpoint.optimizer, "optimizer", tensors),
    }
    storage.write_tensors(path, tensors, metadata)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint; its digest is verified and nothing in it is run.

    Args:
        path: File to read.

    Returns:
        The checkpoint.

    Raises:
        CorruptFile: If a single bit of it is not what was written.
        ValueError: If another program wrote it.
    """
    path = Path(path)
    try:
        tensors, metadata = storage.read_tensors(path)
    except storage.CorruptFile as error:
        raise storage.CorruptFile(path, error.reason, _ADVICE) from error
    if metadata.get("schema") != _SCHEMA:
        raise ValueError(
            f"'{path}' is no checkpoint this version reads: its schema is {metadata.get('schema')!r} and "
            f"'{_SCHEMA}' is needed. {_ADVICE}"
        )
    if metadata["versions"] != _versions():
        _log.warning(
            "The checkpoint '%s' was written by %s and continues with %s: the last digits may differ from those of "
            "an uninterrupted training.",
            path,
            metadata["versions"],
            _versions(),
        )
    return Checkpoint(
        step=metadata["step"],
        network=_part(tensors, "network/"),
        optimizer=_restore(metadata["optimizer"], tensors),
        history={name: value.numpy() for name, value in _part(tensors, "history/").items()},
        settings=metadata["settings"],
        rule=_part(tensors, "rule/"),
    )


def check_settings(path: str | Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to continue a training with other settings.

    Args:
        path: Checkpoint, for the message.
        saved: Settings of the checkpoint.
        wanted: Settings of the training that wants to continue.

    Raises:
        ValueError: Naming each setting that differs.
    """
    found = differences(saved, wanted, ("in the checkpoint", "here"))
    if found:
        raise ValueError(
            f"The checkpoint '{path}' belongs to a training with other settings: {found}. Use those of the "
            "checkpoint to continue it, or another path to train anew."
        )


def _versions() -> dict[str, str]:
    from neurornn import __version__

    return {"neurornn": __version__, "torch": torch.__version__}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}


def _flatten(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    """Plain data as tagged JSON; tensors go to the dictionary and leave their name behind."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_flatten(each, f"{name}/{i}", tensors) for i, each in enumerate(value)]}
    if isinstance(value, Mapping) and all(isinstance(key, str | int) for key in value):
        return {"dict": [[key, _flatten(each, f"{name}/{key}", tensors)] for key, each in value.items()]}
    raise ValueError(
        f"The optimiser keeps a {type(value).__name__} in '{name}', which a checkpoint cannot hold: tensors, numbers, "
        "text, lists, tuples and dictionaries can. Train without a checkpoint, or use another optimiser."
    )


def _restore(node: Any, tensors: Mapping[str, Tensor]) -> Any:  # noqa: ANN401
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "float":
        return float.fromhex(content)
    if kind == "dict":
        return {key: _restore(each, tensors) for key, each in content}
    parts = [_restore(each, tensors) for each in content]
    return parts if kind == "list" else tuple(parts)
