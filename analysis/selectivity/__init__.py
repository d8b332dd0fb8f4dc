"""What single units are tuned to, how well that is known, and how well a rate explains spikes."""

__all__ = [
    "bits_per_spike",
    "choice_probability",
    "explainable_variance",
    "false_discovery_rate",
    "half_averages",
    "half_correlations",
    "normalised_correlation",
    "null_rates",
    "poisson_bits",
    "roc_area",
    "selectivity",
    "signal_power",
    "spearman_brown",
    "split_half",
    "tuning",
]

from neurornn.analysis.selectivity._bits import bits_per_spike as bits_per_spike
from neurornn.analysis.selectivity._bits import null_rates as null_rates
from neurornn.analysis.selectivity._bits import poisson_bits as poisson_bits
from neurornn.analysis.selectivity._choice import choice_probability as choice_probability
from neurornn.analysis.selectivity._choice import roc_area as roc_area
from neurornn.analysis.selectivity._classes import false_discovery_rate as false_discovery_rate
from neurornn.analysis.selectivity._classes import selectivity as selectivity
from neurornn.analysis.selectivity._reliability import half_averages as half_averages
from neurornn.analysis.selectivity._reliability import half_correlations as half_correlations
from neurornn.analysis.selectivity._reliability import spearman_brown as spearman_brown
from neurornn.analysis.selectivity._reliability import split_half as split_half
from neurornn.analysis.selectivity._signal import explainable_variance as explainable_variance
from neurornn.analysis.selectivity._signal import normalised_correlation as normalised_correlation
from neurornn.analysis.selectivity._signal import signal_power as signal_power
from neurornn.analysis.selectivity._tuning import tuning as tuning
