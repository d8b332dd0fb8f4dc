"""How gradients are made: a rule replaces ``loss.backward()`` and nothing else."""

__all__ = [
    "BPTT",
    "DNI",
    "FORCE",
    "MDGL",
    "RECOLLECT",
    "RFLO",
    "RTRL",
    "UORO",
    "AbstractBaseline",
    "AbstractFeedback",
    "AbstractFinishedRule",
    "AbstractHint",
    "AbstractOnlineRule",
    "AbstractPiecewiseRule",
    "AbstractRewardRule",
    "AbstractRule",
    "Adaptive",
    "AlignedCredit",
    "AlignmentCallback",
    "Antithetic",
    "EProp",
    "ExactCredit",
    "FeedbackAlignment",
    "FullFORCE",
    "Given",
    "Inverted",
    "KHop",
    "KeRNL",
    "KroneckerRTRL",
    "LeaveOneOut",
    "ModProp",
    "NoBaseline",
    "NodePerturbation",
    "Noiseless",
    "OnlineEProp",
    "OnlineRFLO",
    "Ramp",
    "Random",
    "Recalled",
    "Replay",
    "ReverseKroneckerRTRL",
    "Reversible",
    "RewardHebbian",
    "RidgeReadout",
    "RunningMean",
    "SequenceMemory",
    "SnAp",
    "SnAp1",
    "Stored",
    "Symmetric",
    "TruncatedBPTT",
    "UnsuitableNetwork",
    "WeightPerturbation",
    "alignment",
    "plot_alignment",
]

from neurornn.rules._alignment import alignment as alignment
from neurornn.rules._alignment_plot import plot_alignment as plot_alignment
from neurornn.rules._alignment_training import AlignmentCallback as AlignmentCallback
from neurornn.rules._base import AbstractFinishedRule as AbstractFinishedRule
from neurornn.rules._base import AbstractOnlineRule as AbstractOnlineRule
from neurornn.rules._base import AbstractPiecewiseRule as AbstractPiecewiseRule
from neurornn.rules._base import AbstractRule as AbstractRule
from neurornn.rules._base import UnsuitableNetwork as UnsuitableNetwork
from neurornn.rules._bptt import BPTT as BPTT
from neurornn.rules._bptt import TruncatedBPTT as TruncatedBPTT
from neurornn.rules._celltypes import MDGL as MDGL
from neurornn.rules._celltypes import ModProp as ModProp
from neurornn.rules._dni import DNI as DNI
from neurornn.rules._feedback import AbstractFeedback as AbstractFeedback
from neurornn.rules._feedback import Adaptive as Adaptive
from neurornn.rules._feedback import Given as Given
from neurornn.rules._feedback import Random as Random
from neurornn.rules._feedback import Symmetric as Symmetric
from neurornn.rules._hops import KHop as KHop
from neurornn.rules._kernl import KeRNL as KeRNL
from neurornn.rules._local import RFLO as RFLO
from neurornn.rules._local import EProp as EProp
from neurornn.rules._local import FeedbackAlignment as FeedbackAlignment
from neurornn.rules._local import SnAp1 as SnAp1
from neurornn.rules._online_local import OnlineEProp as OnlineEProp
from neurornn.rules._online_local import OnlineRFLO as OnlineRFLO
from neurornn.rules._rtrl import RTRL as RTRL
from neurornn.rules._rtrl import SnAp as SnAp
from neurornn.rules._stochastic import UORO as UORO
from neurornn.rules._stochastic import KroneckerRTRL as KroneckerRTRL
from neurornn.rules._stochastic import ReverseKroneckerRTRL as ReverseKroneckerRTRL
from neurornn.rules.least_squares import FORCE as FORCE
from neurornn.rules.least_squares import AbstractHint as AbstractHint
from neurornn.rules.least_squares import FullFORCE as FullFORCE
from neurornn.rules.least_squares import Ramp as Ramp
from neurornn.rules.least_squares import RidgeReadout as RidgeReadout
from neurornn.rules.perturbation import AbstractBaseline as AbstractBaseline
from neurornn.rules.perturbation import AbstractRewardRule as AbstractRewardRule
from neurornn.rules.perturbation import Antithetic as Antithetic
from neurornn.rules.perturbation import LeaveOneOut as LeaveOneOut
from neurornn.rules.perturbation import NoBaseline as NoBaseline
from neurornn.rules.perturbation import NodePerturbation as NodePerturbation
from neurornn.rules.perturbation import Noiseless as Noiseless
from neurornn.rules.perturbation import RewardHebbian as RewardHebbian
from neurornn.rules.perturbation import RunningMean as RunningMean
from neurornn.rules.perturbation import WeightPerturbation as WeightPerturbation
from neurornn.rules.recollect import RECOLLECT as RECOLLECT
from neurornn.rules.replay import AlignedCredit as AlignedCredit
from neurornn.rules.replay import ExactCredit as ExactCredit
from neurornn.rules.replay import Inverted as Inverted
from neurornn.rules.replay import Recalled as Recalled
from neurornn.rules.replay import Replay as Replay
from neurornn.rules.replay import Reversible as Reversible
from neurornn.rules.replay import SequenceMemory as SequenceMemory
from neurornn.rules.replay import Stored as Stored
