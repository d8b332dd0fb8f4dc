"""The first run in a process: compiling, or finding what was compiled before."""

__all__ = ["prepare"]

import logging
import threading
from functools import cache
from typing import Final

import torch

from neurornn.activations import activation
from neurornn.kernels._cpu._function import run_compiled
from neurornn.kernels._problem import Circuit, Request

_PATIENCE: Final = 0.7  # seconds; reading the compiled code from disk takes a few hundredths
_log = logging.getLogger("neurornn.kernels")


@cache
def prepare(dtype: torch.dtype) -> None:
    """Have the time loop and its adjoint ready, and say so if that takes a while.

    Args:
        dtype: Floating-point type.
    """
    message = threading.Timer(
        _PATIENCE,
        _log.warning,
        (
            "Compiling the time loop for %s on this processor: once, a few seconds; later runs read it from disk.",
            str(dtype).removeprefix("torch."),
        ),
    )
    message.daemon = True
    message.start()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            one = torch.ones(1, 1, dtype=dtype, requires_grad=True)
            circuit = Circuit(one, one, None, one, None, one.detach()[0], activation("tanh"), "current")
            run = run_compiled(Request(circuit, None, record=False), one[None], one)
            torch.autograd.grad(run.output.sum(), one)
    finally:
        message.cancel()
