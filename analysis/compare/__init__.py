"""Networks beside a recording: scores with ceilings, baselines and intervals."""

__all__ = ["DEFAULT_MEASURES", "Progress", "run"]

from neurornn.analysis.compare._run import DEFAULT_MEASURES as DEFAULT_MEASURES
from neurornn.analysis.compare._run import Progress as Progress
from neurornn.analysis.compare._run import run as run
