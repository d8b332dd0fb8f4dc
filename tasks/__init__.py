"""Cognitive tasks: trials made in whole arrays, each a function of (task, seed, trial number)."""

__all__ = [
    "NEUROGYM_EXCEPTIONS",
    "AbstractDirectionCode",
    "AbstractTask",
    "AbstractTiming",
    "AbstractTwoChoice",
    "Add",
    "Choice",
    "ContextDecision",
    "CosineCode",
    "DelayedComparison",
    "DelayedMatchToSample",
    "Epochs",
    "Fixed",
    "FlipFlop",
    "NeurogymTask",
    "PerceptualDecision",
    "ReadySetGo",
    "RingCode",
    "TaskNotFound",
    "Timing",
    "TrialDraws",
    "TruncatedExponential",
    "Uniform",
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
    "suites",
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
from neurornn.tasks._encoders import held as held
from neurornn.tasks._encoders import one_hot as one_hot
from neurornn.tasks._encoders import opposed as opposed
from neurornn.tasks._encoders import ring as ring
from neurornn.tasks._epochs import Epochs as Epochs
from neurornn.tasks._events import count_events as count_events
from neurornn.tasks._events import event_times as event_times
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
from neurornn.tasks.long_range import Add as Add
from neurornn.tasks.memory import DelayedComparison as DelayedComparison
from neurornn.tasks.memory import DelayedMatchToSample as DelayedMatchToSample
from neurornn.tasks.motor import ReadySetGo as ReadySetGo
from neurornn.tasks.perceptual import ContextDecision as ContextDecision
from neurornn.tasks.perceptual import PerceptualDecision as PerceptualDecision
