"""Train, dissect and compare with recordings: continuous-time recurrent networks for neuroscience."""

__all__ = [
    "CTRNN",
    "Activation",
    "Dale",
    "GatedMemory",
    "LearnedTau",
    "Objective",
    "Progress",
    "ReversibleRNN",
    "Run",
    "TrainingDiverged",
    "TrainingResult",
    "TrialInfo",
    "Trials",
    "connectivity",
    "reservoir",
    "rules",
    "simulate",
    "spectrum_report",
    "train",
]

from importlib.metadata import version as _version

from neurornn import connectivity as connectivity
from neurornn import rules as rules
from neurornn.activations import Activation as Activation
from neurornn.connectivity import Dale as Dale
from neurornn.connectivity import spectrum_report as spectrum_report
from neurornn.networks import CTRNN as CTRNN
from neurornn.networks import GatedMemory as GatedMemory
from neurornn.networks import LearnedTau as LearnedTau
from neurornn.networks import ReversibleRNN as ReversibleRNN
from neurornn.networks import reservoir as reservoir
from neurornn.objective import Objective as Objective
from neurornn.runs import Run as Run
from neurornn.simulation import simulate as simulate
from neurornn.training import Progress as Progress
from neurornn.training import TrainingDiverged as TrainingDiverged
from neurornn.training import TrainingResult as TrainingResult
from neurornn.training import train as train
from neurornn.trials import TrialInfo as TrialInfo
from neurornn.trials import Trials as Trials

__version__ = _version("neurornn")
