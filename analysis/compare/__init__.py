"""Networks beside a recording: scores with ceilings, baselines and intervals, and the same views of both.

``compare.run`` compares, ``compare.table`` and ``compare.plot`` show the result, ``compare.plot_side_by_side`` draws one
analysis of both sides.
"""

__all__ = [
    "DEFAULT_MEASURES",
    "VIEWS",
    "Progress",
    "Translation",
    "View",
    "aligned",
    "plot",
    "plot_side_by_side",
    "run",
    "table",
]

from neurornn.analysis.compare._aligned import aligned as aligned
from neurornn.analysis.compare._loop import Progress as Progress
from neurornn.analysis.compare._match import Translation as Translation
from neurornn.analysis.compare._plots import plot as plot
from neurornn.analysis.compare._run import DEFAULT_MEASURES as DEFAULT_MEASURES
from neurornn.analysis.compare._run import run as run
from neurornn.analysis.compare._table import table as table
from neurornn.analysis.compare._views import VIEWS as VIEWS
from neurornn.analysis.compare._views import View as View
from neurornn.analysis.compare._views import plot_side_by_side as plot_side_by_side
