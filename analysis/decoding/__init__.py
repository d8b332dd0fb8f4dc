"""What a population says about a task variable, and whether it says it in the same way at another time."""

__all__ = ["cross_temporal", "plot_cross_temporal", "plot_time_course"]

from neurornn.analysis.decoding._cross_temporal import cross_temporal as cross_temporal
from neurornn.analysis.decoding._plots import plot_cross_temporal as plot_cross_temporal
from neurornn.analysis.decoding._plots import plot_time_course as plot_time_course
