"""Decisions and responses that need what was seen before."""

__all__ = [
    "AssociativeRetrieval",
    "ChangeDetection",
    "DelayedComparison",
    "DelayedCopy",
    "DelayedMatchToCategory",
    "DelayedMatchToSample",
    "DelayedNonMatchToSample",
    "DualDelayedMatch",
    "MatchABBA",
    "MatchABCA",
    "MultiItemMemory",
    "NBack",
    "PairedAssociation",
    "RingMemory",
    "RotatedMatch",
    "SerialRecall",
    "Sternberg",
]

from neurornn.tasks.memory.associative_retrieval import AssociativeRetrieval as AssociativeRetrieval
from neurornn.tasks.memory.change_detection import ChangeDetection as ChangeDetection
from neurornn.tasks.memory.delayed_category import DelayedMatchToCategory as DelayedMatchToCategory
from neurornn.tasks.memory.delayed_comparison import DelayedComparison as DelayedComparison
from neurornn.tasks.memory.delayed_copy import DelayedCopy as DelayedCopy
from neurornn.tasks.memory.delayed_match import DelayedMatchToSample as DelayedMatchToSample
from neurornn.tasks.memory.delayed_non_match import DelayedNonMatchToSample as DelayedNonMatchToSample
from neurornn.tasks.memory.dual_match import DualDelayedMatch as DualDelayedMatch
from neurornn.tasks.memory.match_abba import MatchABBA as MatchABBA
from neurornn.tasks.memory.match_abca import MatchABCA as MatchABCA
from neurornn.tasks.memory.multi_item_memory import MultiItemMemory as MultiItemMemory
from neurornn.tasks.memory.n_back import NBack as NBack
from neurornn.tasks.memory.paired_association import PairedAssociation as PairedAssociation
from neurornn.tasks.memory.ring_memory import RingMemory as RingMemory
from neurornn.tasks.memory.rotated_match import RotatedMatch as RotatedMatch
from neurornn.tasks.memory.serial_recall import SerialRecall as SerialRecall
from neurornn.tasks.memory.sternberg import Sternberg as Sternberg
