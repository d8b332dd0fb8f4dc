"""How similar two populations are: measures, each with what it does not see."""

__all__ = ["INVARIANCES", "AbstractSimilarity", "Folds", "Scores", "condition_folds"]

from neurornn.analysis.similarity._base import INVARIANCES as INVARIANCES
from neurornn.analysis.similarity._base import AbstractSimilarity as AbstractSimilarity
from neurornn.analysis.similarity._base import Folds as Folds
from neurornn.analysis.similarity._base import Scores as Scores
from neurornn.analysis.similarity._base import condition_folds as condition_folds
