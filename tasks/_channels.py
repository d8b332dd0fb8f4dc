"""From named channels to one array."""

__all__ = ["laid_out"]

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurornn._channels import Block, Shown
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Channel, Held


def laid_out(
    kind: str,
    channels: Mapping[str, Channel],
    names: tuple[str, ...],
    epochs: Epochs,
) -> Block:
    """Channels side by side in the order of their names.

    Args:
        kind: What they are, for the error message.
        channels: Each ``(batch, time)`` or what broadcasts to it, or a block of several ``(batch, time, channel)``.
        names: Names that the task declares.
        epochs: Epochs of the trials.

    Returns:
        The channels, those that are arrays written, those that are held or booleans yet to be.

    Raises:
        ValueError: If the channels are not those declared.
    """
    shape = (epochs.n_trials, epochs.n_steps)
    out = np.empty((*shape, len(names)), dtype=np.float32)
    shown: list[Shown] = []
    filled: list[str] = []
    for name, values in channels.items():
        block = values if isinstance(values, Held) else np.asarray(values)
        at, width = len(filled), block.shape[2] if block.ndim == 3 else 1
        if at + width > len(names):
            filled += [name] * width
            break
        filled += [name] if block.ndim < 3 else names[at : at + width]
        if isinstance(block, Held) and block.shape[:2] == shape:
            shown += _shown(block, at)
        elif block.dtype == np.bool_ and block.shape == shape:
            on: NDArray[np.float32] = np.ndarray((shape[0], 1), np.float32, _ONE, strides=(0, 0))
            shown.append(Shown(at, on, np.asarray(block)))
        else:
            block = np.asarray(block)
            out[..., at : at + width] = block if block.ndim == 3 else np.broadcast_to(block, shape)[..., None]
    if tuple(filled) != names:
        raise ValueError(f"The {kind} channels {filled} are not those the task declares: {list(names)}.")
    return Block(out, shown)


_ONE = np.ones(1, np.float32)


def _shown(block: Held, at: int) -> list[Shown]:
    """What is held, piece by piece; the first also says what the channels are otherwise."""
    return [
        Shown(
            at,
            values[:, None] if values.ndim == 1 else values,
            during,
            block.otherwise if k == 0 else None,
        )
        for k, (values, during) in enumerate(block.pieces)
    ]
