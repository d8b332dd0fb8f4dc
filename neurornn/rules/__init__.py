"""How gradients are made: a rule replaces ``loss.backward()`` and nothing else."""

__all__ = ["BPTT", "AbstractOnlineRule", "AbstractRule", "TruncatedBPTT"]

from neurornn.rules._base import AbstractOnlineRule as AbstractOnlineRule
from neurornn.rules._base import AbstractRule as AbstractRule
from neurornn.rules._bptt import BPTT as BPTT
from neurornn.rules._bptt import TruncatedBPTT as TruncatedBPTT
