r"""Which rank does the task need? Networks of low rank fitted to the activity of a trained one, and truncation.

A recurrent matrix of rank :math:`R` is a sum of :math:`R` outer products

.. math:: W_{rec} = \frac1N M N^\top = \frac1N \sum_{k=1}^R m_k n_k^\top

so recurrence keeps the activity in the space of the left vectors :math:`m_k` and the inputs, and reads it along the
right vectors :math:`n_k`. Such a matrix has units that excite some and inhibit others: a reduced network does not obey
Dale's law, whatever the network it imitates does.

References:
    Extracting computational mechanisms from neural data using low-rank RNNs (Valente, Pillow & Ostojic, 2022),
    Advances in Neural Information Processing Systems 35
"""

__all__ = ["Free", "LowRank", "fit", "plot_fit", "plot_ranks", "sweep", "truncate"]

from neurornn.analysis.low_rank._parts import Free as Free
from neurornn.analysis.low_rank._plots import plot_fit as plot_fit
from neurornn.analysis.low_rank._plots import plot_ranks as plot_ranks
from neurornn.analysis.low_rank._reduce import LowRank as LowRank
from neurornn.analysis.low_rank._reduce import fit as fit
from neurornn.analysis.low_rank._reduce import truncate as truncate
from neurornn.analysis.low_rank._sweep import sweep as sweep
