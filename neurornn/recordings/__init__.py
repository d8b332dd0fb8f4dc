"""Recordings of real and simulated neurons in the schema that networks share."""

__all__ = [
    "AbstractKernel",
    "AbstractObservation",
    "Alpha",
    "Causal",
    "GainDrift",
    "Gaussian",
    "MatlabLayout",
    "NegativeBinomial",
    "Poisson",
    "Sessions",
    "align",
    "average",
    "binned",
    "check",
    "describe",
    "load",
    "load_mante",
    "load_roitman",
    "load_steinmetz",
    "observe",
    "observe_counts",
    "read_matlab",
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
from neurornn.recordings._describe import describe as describe
from neurornn.recordings._kernels import AbstractKernel as AbstractKernel
from neurornn.recordings._kernels import Alpha as Alpha
from neurornn.recordings._kernels import Causal as Causal
from neurornn.recordings._kernels import Gaussian as Gaussian
from neurornn.recordings._layouts import load_mante as load_mante
from neurornn.recordings._layouts import load_roitman as load_roitman
from neurornn.recordings._layouts import load_steinmetz as load_steinmetz
from neurornn.recordings._matlab import MatlabLayout as MatlabLayout
from neurornn.recordings._matlab import read_matlab as read_matlab
from neurornn.recordings._normalise import soft_normalise as soft_normalise
from neurornn.recordings._normalise import zscore as zscore
from neurornn.recordings._observation import AbstractObservation as AbstractObservation
from neurornn.recordings._observation import GainDrift as GainDrift
from neurornn.recordings._observation import NegativeBinomial as NegativeBinomial
from neurornn.recordings._observation import Poisson as Poisson
from neurornn.recordings._observation import Sessions as Sessions
from neurornn.recordings._observe import observe as observe
from neurornn.recordings._observe import observe_counts as observe_counts
from neurornn.recordings._rates import to_counts as to_counts
from neurornn.recordings._rates import to_rates as to_rates
from neurornn.recordings._schema import check as check
from neurornn.recordings._select import select as select
from neurornn.recordings._spikes import binned as binned
from neurornn.recordings._spikes import spikes as spikes
from neurornn.recordings._store import load as load
from neurornn.recordings._store import save as save
