"""Refuse what the memory of the machine cannot hold, before it is tried."""

__all__ = ["check_fits"]

import contextlib
import math
import os
from pathlib import Path

import torch
from torch import Tensor


def check_fits(what: str, shape: tuple[int, ...], like: Tensor, *, copies: int = 1, advice: str) -> None:
    """Refuse an array that is larger than the memory of the machine.

    Args:
        what: What the array holds, for the message: ``"The influence matrices of RTRL"``.
        shape: Its shape, trials first.
        like: A tensor of its type and on its device.
        copies: How many of it are held at once.
        advice: What to do instead.

    Raises:
        MemoryError: Naming what is needed and what there is.
    """
    needed = copies * math.prod(shape) * like.element_size()
    there = machine_memory(like.device)
    if needed > there:
        size = " x ".join(str(n) for n in shape)
        raise MemoryError(
            f"{what} need {needed / 2**30:.3g} GiB ({copies} x {size} numbers of {like.element_size()} bytes) and "
            f"this machine has {there / 2**30:.3g} GiB. {advice}"
        )


def machine_memory(device: torch.device) -> float:
    """Memory of a device.

    Args:
        device: The device.

    Returns:
        Bytes; infinite where the system does not tell.
    """
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    sizes = [math.inf]
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        sizes.append(float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        sizes.append(float(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(sizes)
