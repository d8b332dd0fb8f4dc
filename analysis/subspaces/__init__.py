"""Do two pieces of activity live in the same space? Principal angles and the alignment index, with chance levels."""

__all__ = ["alignment_index", "plot_alignment", "plot_angles", "principal_angles"]

from neurornn.analysis.subspaces._compare import alignment_index as alignment_index
from neurornn.analysis.subspaces._compare import principal_angles as principal_angles
from neurornn.analysis.subspaces._plots import plot_alignment as plot_alignment
from neurornn.analysis.subspaces._plots import plot_angles as plot_angles
