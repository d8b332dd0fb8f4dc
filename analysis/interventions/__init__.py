"""What a network does when it is silenced, driven or lesioned."""

__all__ = [
    "AbstractIntervention",
    "Action",
    "ChangeNoise",
    "ChangeTau",
    "Clamp",
    "Drive",
    "Equations",
    "LesionWeights",
    "Push",
    "ReadOut",
    "Silence",
    "compare",
    "newcombe_interval",
    "plot_effects",
    "run",
]

from neurornn.analysis.interventions._activity import Clamp as Clamp
from neurornn.analysis.interventions._activity import Drive as Drive
from neurornn.analysis.interventions._activity import Push as Push
from neurornn.analysis.interventions._activity import Silence as Silence
from neurornn.analysis.interventions._base import AbstractIntervention as AbstractIntervention
from neurornn.analysis.interventions._base import Action as Action
from neurornn.analysis.interventions._base import Equations as Equations
from neurornn.analysis.interventions._compare import compare as compare
from neurornn.analysis.interventions._equations import ChangeNoise as ChangeNoise
from neurornn.analysis.interventions._equations import ChangeTau as ChangeTau
from neurornn.analysis.interventions._equations import LesionWeights as LesionWeights
from neurornn.analysis.interventions._outcome import ReadOut as ReadOut
from neurornn.analysis.interventions._paired import newcombe_interval as newcombe_interval
from neurornn.analysis.interventions._plots import plot_effects as plot_effects
from neurornn.analysis.interventions._run import run as run
