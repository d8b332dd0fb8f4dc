"""Learning from replay: credit runs backwards through a past that was kept, undone or remembered."""

__all__ = ["AbstractSource", "Experience", "Replayed", "Stored", "distance"]

from neurornn.rules.replay._sources import AbstractSource as AbstractSource
from neurornn.rules.replay._sources import Experience as Experience
from neurornn.rules.replay._sources import Replayed as Replayed
from neurornn.rules.replay._sources import Stored as Stored
from neurornn.rules.replay._sources import distance as distance
