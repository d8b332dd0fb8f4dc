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
    "plot_bits_per_spike",
    "plot_ceilings",
    "plot_choice_probability",
    "plot_partial_variance",
    "plot_selectivity",
    "plot_tuning",
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
from neurornn.analysis.selectivity._plots import plot_bits_per_spike as plot_bits_per_spike
from neurornn.analysis.selectivity._plots import plot_ceilings as plot_ceilings
from neurornn.analysis.selectivity._plots import plot_choice_probability as plot_choice_probability
from neurornn.analysis.selectivity._plots import plot_partial_variance as plot_partial_variance
from neurornn.analysis.selectivity._plots import plot_selectivity as plot_selectivity
from neurornn.analysis.selectivity._plots import plot_tuning as plot_tuning
from neurornn.analysis.selectivity._reliability import half_averages as half_averages
from neurornn.analysis.selectivity._reliability import half_correlations as half_correlations
from neurornn.analysis.selectivity._reliability import spearman_brown as spearman_brown
from neurornn.analysis.selectivity._reliability import split_half as split_half
from neurornn.analysis.selectivity._signal import explainable_variance as explainable_variance
from neurornn.analysis.selectivity._signal import normalised_correlation as normalised_correlation
from neurornn.analysis.selectivity._signal import signal_power as signal_power
from neurornn.analysis.selectivity._tuning import tuning as tuning
