"""Fixed and slow points of recurrent networks, with the linear dynamics around them."""

__all__ = ["candidates_from", "find", "plot_fixed_points", "plot_spectrum"]

from neurornn.analysis.fixed_points._candidates import candidates_from as candidates_from
from neurornn.analysis.fixed_points._find import find as find
from neurornn.analysis.fixed_points._plots import plot_fixed_points as plot_fixed_points
from neurornn.analysis.fixed_points._plots import plot_spectrum as plot_spectrum
