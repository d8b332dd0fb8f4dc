"""From named channels to one array."""

__all__ = ["stacked"]

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._epochs import Epochs


def stacked(
    kind: str, channels: Mapping[str, NDArray[Any]], names: tuple[str, ...], epochs: Epochs
) -> NDArray[np.float32]:
    """Channels side by side in the order of their names.

    Args:
        kind: What they are, for the error message.
        channels: Each ``(batch, time)`` or what broadcasts to it, or a block of several ``(batch, time, channel)``.
        names: Names that the task declares.
        epochs: Epochs of the trials.

    Returns:
        Values ``(batch, time, channel)``.

    Raises:
        ValueError: If the channels are not those declared.
    """
    shape = (epochs.n_trials, epochs.n_steps)
    out = np.empty((*shape, len(names)), dtype=np.float32)
    filled: list[str] = []
    for name, values in channels.items():
        block = np.asarray(values)
        width = block.shape[2] if block.ndim == 3 else 1
        at = len(filled)
        filled += [name] if block.ndim < 3 else list(names[at : at + width])
        if len(filled) > len(names):
            break
        out[..., at : at + width] = block if block.ndim == 3 else np.broadcast_to(block, shape)[..., None]
    if tuple(filled) != names:
        raise ValueError(f"The {kind} channels {filled} are not those the task declares: {list(names)}.")
    return out
