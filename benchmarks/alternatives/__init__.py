"""What a training step is timed against, each behind the same three methods."""

__all__ = ["ALTERNATIVES", "Case", "Disagreement", "Floor", "Library", "check", "find"]

import importlib

from alternatives.agreement import Disagreement as Disagreement
from alternatives.agreement import check as check
from alternatives.case import Case as Case
from alternatives.library import Floor as Floor
from alternatives.library import Library as Library

ALTERNATIVES = {  # name in the table: module and class
    "plain PyTorch loop": ("alternatives.pytorch", "PlainLoop"),
    "torch.nn.RNN": ("alternatives.pytorch", "TorchRNN"),
    "jax.lax.scan, all in the loop": ("alternatives.jax_scan", "ScanDrawsWithin"),
    "jax.lax.scan, drawn before": ("alternatives.jax_scan", "ScanDrawsBefore"),
    "neuralrnn EI model": ("alternatives.neuralrnn_ei", "EIModel"),
}


def find(name: str) -> type | None:
    """The class behind a name, or None if the package it needs is not installed."""
    module, attribute = ALTERNATIVES[name]
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        if (error.name or "").split(".")[0] == "alternatives":
            raise
        return None
