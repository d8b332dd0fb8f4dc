"""Recurrent networks in continuous time, one family a file."""

__all__ = [
    "CTRNN",
    "AbstractNetwork",
    "GatedMemory",
    "LearnedTau",
    "Outputs",
    "ReversibleRNN",
    "Trajectory",
    "reservoir",
]

from neurornn.networks._base import AbstractNetwork as AbstractNetwork
from neurornn.networks._ctrnn import CTRNN as CTRNN
from neurornn.networks._recollect import GatedMemory as GatedMemory
from neurornn.networks._reservoir import reservoir as reservoir
from neurornn.networks._reversible import ReversibleRNN as ReversibleRNN
from neurornn.networks._tau import LearnedTau as LearnedTau
from neurornn.networks._trajectory import Outputs as Outputs
from neurornn.networks._trajectory import Trajectory as Trajectory
