"""Cognitive tasks: trials made in whole arrays, each a function of (task, seed, trial number)."""

__all__ = [
    "NEUROGYM_EXCEPTIONS",
    "YANG_WEIGHTS",
    "AbstractDirectionCode",
    "AbstractEnvironment",
    "AbstractObserver",
    "AbstractRewardTask",
    "AbstractRingTask",
    "AbstractSchedule",
    "AbstractSuite",
    "AbstractTask",
    "AbstractTiming",
    "AbstractTwoChoice",
    "Add",
    "Addition",
    "AssociativeRetrieval",
    "Bandit",
    "Blocked",
    "CentreOut",
    "ChangeDetection",
    "Choice",
    "ContextDecision",
    "CosineCode",
    "CountingLanguage",
    "CueSetGo",
    "DelayedComparison",
    "DelayedCopy",
    "DelayedGo",
    "DelayedMatchToCategory",
    "DelayedMatchToSample",
    "DelayedNonMatchToSample",
    "DriscollTasks",
    "DualDelayedMatch",
    "EconomicChoice",
    "Epochs",
    "Fixed",
    "FlexibleCategorisation",
    "FlipFlop",
    "Go",
    "GoNogo",
    "Interleaved",
    "IntervalDiscrimination",
    "LineIntegrator",
    "MatchABBA",
    "MatchABCA",
    "Memorisation5Bit",
    "Memorisation20Bit",
    "MultiCycle",
    "MultiItemMemory",
    "MultiTask",
    "Multiplication",
    "MultisensoryDecision",
    "NBack",
    "NeurogymTask",
    "OneTwoThreeGo",
    "PairedAssociation",
    "PathIntegration1D",
    "PathIntegration2D",
    "PerceptualDecision",
    "PerceptualDecisionDelayed",
    "PerceptualDecisionRT",
    "PerceptualDecisionVariable",
    "PlaneIntegrator",
    "PoissonClicks",
    "PostDecisionWager",
    "ProbabilisticReasoning",
    "PulseAccumulation",
    "RandomPermutation",
    "ReactionGo",
    "ReadySetGo",
    "ReadySetGoGains",
    "ReadySetGoPriors",
    "Reversal",
    "ReverseReconstruction",
    "RingCode",
    "RingIntegrator",
    "RingMemory",
    "RotatedMatch",
    "RowImages",
    "SequenceExecution",
    "Sequential",
    "SerialRecall",
    "SineWave",
    "Sternberg",
    "TMaze",
    "TaskNotFound",
    "TemporalOrder",
    "TemporalOrder3Bit",
    "Timing",
    "TrialDraws",
    "TruncatedExponential",
    "TwoStep",
    "Uniform",
    "Xor",
    "angle_of",
    "angular_error",
    "choice_behaviour",
    "cosine",
    "count_events",
    "dynamics",
    "epoch_average",
    "event_times",
    "from_neurogym",
    "held",
    "learning",
    "long_range",
    "make",
    "memory",
    "motor",
    "names",
    "neurogym_ids",
    "one_hot",
    "opposed",
    "perceptual",
    "register",
    "ring",
    "rollout",
    "suites",
    "to_gymnasium",
]

from neurornn.tasks import dynamics as dynamics
from neurornn.tasks import learning as learning
from neurornn.tasks import long_range as long_range
from neurornn.tasks import memory as memory
from neurornn.tasks import motor as motor
from neurornn.tasks import perceptual as perceptual
from neurornn.tasks import suites as suites
from neurornn.tasks._behaviour import choice_behaviour as choice_behaviour
from neurornn.tasks._behaviour import epoch_average as epoch_average
from neurornn.tasks._codes import AbstractDirectionCode as AbstractDirectionCode
from neurornn.tasks._codes import CosineCode as CosineCode
from neurornn.tasks._codes import RingCode as RingCode
from neurornn.tasks._decoding import angle_of as angle_of
from neurornn.tasks._decoding import angular_error as angular_error
from neurornn.tasks._draws import TrialDraws as TrialDraws
from neurornn.tasks._encoders import cosine as cosine
from neurornn.tasks._encoders import one_hot as one_hot
from neurornn.tasks._encoders import opposed as opposed
from neurornn.tasks._encoders import ring as ring
from neurornn.tasks._epochs import Epochs as Epochs
from neurornn.tasks._events import count_events as count_events
from neurornn.tasks._events import event_times as event_times
from neurornn.tasks._gymnasium import to_gymnasium as to_gymnasium
from neurornn.tasks._held import held as held
from neurornn.tasks._neurogym import NEUROGYM_EXCEPTIONS as NEUROGYM_EXCEPTIONS
from neurornn.tasks._neurogym import from_neurogym as from_neurogym
from neurornn.tasks._neurogym import neurogym_ids as neurogym_ids
from neurornn.tasks._neurogym_task import NeurogymTask as NeurogymTask
from neurornn.tasks._registry import TaskNotFound as TaskNotFound
from neurornn.tasks._registry import make as make
from neurornn.tasks._registry import names as names
from neurornn.tasks._registry import register as register
from neurornn.tasks._task import AbstractTask as AbstractTask
from neurornn.tasks._timing import AbstractTiming as AbstractTiming
from neurornn.tasks._timing import Choice as Choice
from neurornn.tasks._timing import Fixed as Fixed
from neurornn.tasks._timing import Timing as Timing
from neurornn.tasks._timing import TruncatedExponential as TruncatedExponential
from neurornn.tasks._timing import Uniform as Uniform
from neurornn.tasks._two_choice import AbstractTwoChoice as AbstractTwoChoice
from neurornn.tasks.dynamics import FlipFlop as FlipFlop
from neurornn.tasks.dynamics import LineIntegrator as LineIntegrator
from neurornn.tasks.dynamics import MultiCycle as MultiCycle
from neurornn.tasks.dynamics import PathIntegration1D as PathIntegration1D
from neurornn.tasks.dynamics import PathIntegration2D as PathIntegration2D
from neurornn.tasks.dynamics import PlaneIntegrator as PlaneIntegrator
from neurornn.tasks.dynamics import RingIntegrator as RingIntegrator
from neurornn.tasks.dynamics import SineWave as SineWave
from neurornn.tasks.learning import AbstractEnvironment as AbstractEnvironment
from neurornn.tasks.learning import AbstractObserver as AbstractObserver
from neurornn.tasks.learning import AbstractRewardTask as AbstractRewardTask
from neurornn.tasks.learning import Bandit as Bandit
from neurornn.tasks.learning import Reversal as Reversal
from neurornn.tasks.learning import TwoStep as TwoStep
from neurornn.tasks.learning import rollout as rollout
from neurornn.tasks.long_range import Add as Add
from neurornn.tasks.long_range import Addition as Addition
from neurornn.tasks.long_range import CountingLanguage as CountingLanguage
from neurornn.tasks.long_range import Memorisation5Bit as Memorisation5Bit
from neurornn.tasks.long_range import Memorisation20Bit as Memorisation20Bit
from neurornn.tasks.long_range import Multiplication as Multiplication
from neurornn.tasks.long_range import RandomPermutation as RandomPermutation
from neurornn.tasks.long_range import ReverseReconstruction as ReverseReconstruction
from neurornn.tasks.long_range import RowImages as RowImages
from neurornn.tasks.long_range import TemporalOrder as TemporalOrder
from neurornn.tasks.long_range import TemporalOrder3Bit as TemporalOrder3Bit
from neurornn.tasks.long_range import TMaze as TMaze
from neurornn.tasks.long_range import Xor as Xor
from neurornn.tasks.memory import AssociativeRetrieval as AssociativeRetrieval
from neurornn.tasks.memory import ChangeDetection as ChangeDetection
from neurornn.tasks.memory import DelayedComparison as DelayedComparison
from neurornn.tasks.memory import DelayedCopy as DelayedCopy
from neurornn.tasks.memory import DelayedMatchToCategory as DelayedMatchToCategory
from neurornn.tasks.memory import DelayedMatchToSample as DelayedMatchToSample
from neurornn.tasks.memory import DelayedNonMatchToSample as DelayedNonMatchToSample
from neurornn.tasks.memory import DualDelayedMatch as DualDelayedMatch
from neurornn.tasks.memory import MatchABBA as MatchABBA
from neurornn.tasks.memory import MatchABCA as MatchABCA
from neurornn.tasks.memory import MultiItemMemory as MultiItemMemory
from neurornn.tasks.memory import NBack as NBack
from neurornn.tasks.memory import PairedAssociation as PairedAssociation
from neurornn.tasks.memory import RingMemory as RingMemory
from neurornn.tasks.memory import RotatedMatch as RotatedMatch
from neurornn.tasks.memory import SerialRecall as SerialRecall
from neurornn.tasks.memory import Sternberg as Sternberg
from neurornn.tasks.motor import CentreOut as CentreOut
from neurornn.tasks.motor import CueSetGo as CueSetGo
from neurornn.tasks.motor import DelayedGo as DelayedGo
from neurornn.tasks.motor import Go as Go
from neurornn.tasks.motor import GoNogo as GoNogo
from neurornn.tasks.motor import IntervalDiscrimination as IntervalDiscrimination
from neurornn.tasks.motor import OneTwoThreeGo as OneTwoThreeGo
from neurornn.tasks.motor import ReactionGo as ReactionGo
from neurornn.tasks.motor import ReadySetGo as ReadySetGo
from neurornn.tasks.motor import ReadySetGoGains as ReadySetGoGains
from neurornn.tasks.motor import ReadySetGoPriors as ReadySetGoPriors
from neurornn.tasks.motor import SequenceExecution as SequenceExecution
from neurornn.tasks.perceptual import ContextDecision as ContextDecision
from neurornn.tasks.perceptual import EconomicChoice as EconomicChoice
from neurornn.tasks.perceptual import FlexibleCategorisation as FlexibleCategorisation
from neurornn.tasks.perceptual import MultisensoryDecision as MultisensoryDecision
from neurornn.tasks.perceptual import PerceptualDecision as PerceptualDecision
from neurornn.tasks.perceptual import PerceptualDecisionDelayed as PerceptualDecisionDelayed
from neurornn.tasks.perceptual import PerceptualDecisionRT as PerceptualDecisionRT
from neurornn.tasks.perceptual import PerceptualDecisionVariable as PerceptualDecisionVariable
from neurornn.tasks.perceptual import PoissonClicks as PoissonClicks
from neurornn.tasks.perceptual import PostDecisionWager as PostDecisionWager
from neurornn.tasks.perceptual import ProbabilisticReasoning as ProbabilisticReasoning
from neurornn.tasks.perceptual import PulseAccumulation as PulseAccumulation
from neurornn.tasks.suites import YANG_WEIGHTS as YANG_WEIGHTS
from neurornn.tasks.suites import AbstractRingTask as AbstractRingTask
from neurornn.tasks.suites import AbstractSchedule as AbstractSchedule
from neurornn.tasks.suites import AbstractSuite as AbstractSuite
from neurornn.tasks.suites import Blocked as Blocked
from neurornn.tasks.suites import DriscollTasks as DriscollTasks
from neurornn.tasks.suites import Interleaved as Interleaved
from neurornn.tasks.suites import MultiTask as MultiTask
from neurornn.tasks.suites import Sequential as Sequential
