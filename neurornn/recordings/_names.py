"""Names of the forms a recording comes in."""

__all__ = ["BINNED", "SPIKES", "TRIALS"]

from typing import Final

SPIKES: Final = "neurornn.Spikes/1"
BINNED: Final = "neurornn.Recording/1"
TRIALS: Final = "neurornn.Trials/1"  # what simulate makes, which is binned too
