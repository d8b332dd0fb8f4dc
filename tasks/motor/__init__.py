"""Movements, and when to make them."""

__all__ = [
    "CentreOut",
    "CueSetGo",
    "DelayedGo",
    "Go",
    "GoNogo",
    "IntervalDiscrimination",
    "OneTwoThreeGo",
    "ReactionGo",
    "ReadySetGo",
    "ReadySetGoGains",
    "ReadySetGoPriors",
    "SequenceExecution",
]

from neurornn.tasks.motor.centre_out import CentreOut as CentreOut
from neurornn.tasks.motor.cue_set_go import CueSetGo as CueSetGo
from neurornn.tasks.motor.delayed_go import DelayedGo as DelayedGo
from neurornn.tasks.motor.go import Go as Go
from neurornn.tasks.motor.go_nogo import GoNogo as GoNogo
from neurornn.tasks.motor.interval_discrimination import IntervalDiscrimination as IntervalDiscrimination
from neurornn.tasks.motor.one_two_three_go import OneTwoThreeGo as OneTwoThreeGo
from neurornn.tasks.motor.reaction_go import ReactionGo as ReactionGo
from neurornn.tasks.motor.ready_set_go import ReadySetGo as ReadySetGo
from neurornn.tasks.motor.ready_set_go_contexts import ReadySetGoGains as ReadySetGoGains
from neurornn.tasks.motor.ready_set_go_contexts import ReadySetGoPriors as ReadySetGoPriors
from neurornn.tasks.motor.sequence_execution import SequenceExecution as SequenceExecution
