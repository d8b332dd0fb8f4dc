"""Train, dissect and compare with recordings: continuous-time recurrent networks for neuroscience."""

__all__ = [
    "CTRNN",
    "Activation",
    "Dale",
    "LearnedTau",
    "Objective",
    "TrialInfo",
    "Trials",
    "connectivity",
    "rules",
    "simulate",
    "spectrum_report",
]

from importlib.metadata import version as _version

from neurornn import connectivity as connectivity
from neurornn import rules as rules
from neurornn.activations import Activation as Activation
from neurornn.connectivity import Dale as Dale
from neurornn.connectivity import spectrum_report as spectrum_report
from neurornn.networks import CTRNN as CTRNN
from neurornn.networks import LearnedTau as LearnedTau
from neurornn.objective import Objective as Objective
from neurornn.simulation import simulate as simulate
from neurornn.trials import TrialInfo as TrialInfo
from neurornn.trials import Trials as Trials

__version__ = _version("neurornn")
