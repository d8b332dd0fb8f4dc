"""Recordings of real and simulated neurons in the schema that networks share."""

__all__ = [
    "AbstractKernel",
    "Alpha",
    "Causal",
    "Gaussian",
    "align",
    "average",
    "binned",
    "check",
    "describe",
    "load",
    "save",
    "select",
    "soft_normalise",
    "spikes",
    "to_counts",
    "to_rates",
    "zscore",
]

from neurornn.recordings._align import align as align
from neurornn.recordings._average import average as average
from neurornn.recordings._kernels import AbstractKernel as AbstractKernel
from neurornn.recordings._kernels import Alpha as Alpha
from neurornn.recordings._kernels import Causal as Causal
from neurornn.recordings._kernels import Gaussian as Gaussian
from neurornn.recordings._normalise import soft_normalise as soft_normalise
from neurornn.recordings._normalise import zscore as zscore
from neurornn.recordings._rates import to_counts as to_counts
from neurornn.recordings._rates import to_rates as to_rates
from neurornn.recordings._schema import check as check
from neurornn.recordings._schema import describe as describe
from neurornn.recordings._select import select as select
from neurornn.recordings._spikes import binned as binned
from neurornn.recordings._spikes import spikes as spikes
from neurornn.recordings._store import load as load
from neurornn.recordings._store import save as save
