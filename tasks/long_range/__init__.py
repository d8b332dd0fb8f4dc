"""Tests of how far credit reaches back in time."""

__all__ = [
    "Add",
    "Addition",
    "CountingLanguage",
    "Memorisation5Bit",
    "Memorisation20Bit",
    "Multiplication",
    "RandomPermutation",
    "ReverseReconstruction",
    "RowImages",
    "TMaze",
    "TemporalOrder",
    "TemporalOrder3Bit",
    "Xor",
]

from neurornn.tasks.long_range.add import Add as Add
from neurornn.tasks.long_range.arithmetic import Addition as Addition
from neurornn.tasks.long_range.arithmetic import Multiplication as Multiplication
from neurornn.tasks.long_range.arithmetic import Xor as Xor
from neurornn.tasks.long_range.counting import CountingLanguage as CountingLanguage
from neurornn.tasks.long_range.memorisation import Memorisation5Bit as Memorisation5Bit
from neurornn.tasks.long_range.memorisation import Memorisation20Bit as Memorisation20Bit
from neurornn.tasks.long_range.random_permutation import RandomPermutation as RandomPermutation
from neurornn.tasks.long_range.reverse_reconstruction import (
    ReverseReconstruction as ReverseReconstruction,
)
from neurornn.tasks.long_range.row_images import RowImages as RowImages
from neurornn.tasks.long_range.t_maze import TMaze as TMaze
from neurornn.tasks.long_range.temporal_order import TemporalOrder as TemporalOrder
from neurornn.tasks.long_range.temporal_order import TemporalOrder3Bit as TemporalOrder3Bit
