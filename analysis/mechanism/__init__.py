"""What the linear dynamics select, keep and pass on."""

__all__ = [
    "VERDICTS",
    "linearise",
    "plot_amplification",
    "plot_change",
    "plot_mechanism",
    "selection",
]

from neurornn.analysis.mechanism._linearise import linearise as linearise
from neurornn.analysis.mechanism._plots import plot_amplification as plot_amplification
from neurornn.analysis.mechanism._plots import plot_change as plot_change
from neurornn.analysis.mechanism._plots import plot_mechanism as plot_mechanism
from neurornn.analysis.mechanism._selection import selection as selection
from neurornn.analysis.mechanism._verdict import VERDICTS as VERDICTS
