"""Learning from replay: credit runs backwards through a past that was kept, undone or remembered."""

__all__ = [
    "AbstractCredit",
    "AbstractInversion",
    "AbstractSource",
    "AlignedCredit",
    "ExactCredit",
    "Experience",
    "Imprint",
    "InversionError",
    "Inverted",
    "MistakenRecallError",
    "Recalled",
    "Recollection",
    "Remembered",
    "Replay",
    "Replayed",
    "Reversible",
    "SequenceMemory",
    "Stored",
    "capacity",
    "distance",
    "replayed",
]

from neurornn.rules.replay._backwards import AbstractInversion as AbstractInversion
from neurornn.rules.replay._backwards import InversionError as InversionError
from neurornn.rules.replay._credit import AbstractCredit as AbstractCredit
from neurornn.rules.replay._credit import AlignedCredit as AlignedCredit
from neurornn.rules.replay._credit import ExactCredit as ExactCredit
from neurornn.rules.replay._inversion import Inverted as Inverted
from neurornn.rules.replay._inversion import Reversible as Reversible
from neurornn.rules.replay._memory import Imprint as Imprint
from neurornn.rules.replay._memory import Recollection as Recollection
from neurornn.rules.replay._memory import SequenceMemory as SequenceMemory
from neurornn.rules.replay._memory_capacity import capacity as capacity
from neurornn.rules.replay._recalled import MistakenRecallError as MistakenRecallError
from neurornn.rules.replay._recalled import Recalled as Recalled
from neurornn.rules.replay._recalled import Remembered as Remembered
from neurornn.rules.replay._replay import Replay as Replay
from neurornn.rules.replay._replay import replayed as replayed
from neurornn.rules.replay._sources import AbstractSource as AbstractSource
from neurornn.rules.replay._sources import Experience as Experience
from neurornn.rules.replay._sources import Replayed as Replayed
from neurornn.rules.replay._sources import Stored as Stored
from neurornn.rules.replay._sources import distance as distance
