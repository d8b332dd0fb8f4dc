"""What single units are tuned to, and how well a rate explains spikes."""

__all__ = [
    "explainable_variance",
    "half_averages",
    "half_correlations",
    "normalised_correlation",
    "signal_power",
    "spearman_brown",
    "split_half",
]

from neurornn.analysis.selectivity._reliability import half_averages as half_averages
from neurornn.analysis.selectivity._reliability import half_correlations as half_correlations
from neurornn.analysis.selectivity._reliability import spearman_brown as spearman_brown
from neurornn.analysis.selectivity._reliability import split_half as split_half
from neurornn.analysis.selectivity._signal import explainable_variance as explainable_variance
from neurornn.analysis.selectivity._signal import normalised_correlation as normalised_correlation
from neurornn.analysis.selectivity._signal import signal_power as signal_power
