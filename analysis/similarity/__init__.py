"""How similar two populations are: measures, each with what it does not see."""

__all__ = [
    "CCA",
    "INVARIANCES",
    "RSA",
    "SVCCA",
    "AbstractSimilarity",
    "CrossTemporalDecoding",
    "Crossnobis",
    "DynamicalSimilarity",
    "Dynamics",
    "Folds",
    "HeldOutProcrustes",
    "LinearCKA",
    "LinearPredictivity",
    "Procrustes",
    "Scores",
    "SubspaceAlignment",
    "condition_folds",
]

from neurornn.analysis.similarity._alignment import SubspaceAlignment as SubspaceAlignment
from neurornn.analysis.similarity._base import INVARIANCES as INVARIANCES
from neurornn.analysis.similarity._base import AbstractSimilarity as AbstractSimilarity
from neurornn.analysis.similarity._base import Folds as Folds
from neurornn.analysis.similarity._base import Scores as Scores
from neurornn.analysis.similarity._base import condition_folds as condition_folds
from neurornn.analysis.similarity._cca import CCA as CCA
from neurornn.analysis.similarity._cka import LinearCKA as LinearCKA
from neurornn.analysis.similarity._cross_temporal import CrossTemporalDecoding as CrossTemporalDecoding
from neurornn.analysis.similarity._crossnobis import Crossnobis as Crossnobis
from neurornn.analysis.similarity._dsa import DynamicalSimilarity as DynamicalSimilarity
from neurornn.analysis.similarity._dsa import Dynamics as Dynamics
from neurornn.analysis.similarity._held_out_procrustes import HeldOutProcrustes as HeldOutProcrustes
from neurornn.analysis.similarity._predictivity import LinearPredictivity as LinearPredictivity
from neurornn.analysis.similarity._procrustes import Procrustes as Procrustes
from neurornn.analysis.similarity._rsa import RSA as RSA
from neurornn.analysis.similarity._svcca import SVCCA as SVCCA
