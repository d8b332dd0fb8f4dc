"""Who connects to whom, with which sign and which initial strength."""

__all__ = [
    "AbstractConnectivity",
    "AbstractInitialiser",
    "AllToAll",
    "Areas",
    "BalancedGamma",
    "Dale",
    "FixedWeights",
    "Gaussian",
    "Identity",
    "Orthogonal",
    "Projection",
    "Sparse",
    "SpectrumReport",
    "SynapticWeights",
    "Wiring",
    "spectrum_report",
]

from neurornn.connectivity._dale import Dale as Dale
from neurornn.connectivity._initialise import AbstractInitialiser as AbstractInitialiser
from neurornn.connectivity._initialise import BalancedGamma as BalancedGamma
from neurornn.connectivity._initialise import Gaussian as Gaussian
from neurornn.connectivity._initialise import Identity as Identity
from neurornn.connectivity._initialise import Orthogonal as Orthogonal
from neurornn.connectivity._spectrum import SpectrumReport as SpectrumReport
from neurornn.connectivity._spectrum import spectrum_report as spectrum_report
from neurornn.connectivity._weights import SynapticWeights as SynapticWeights
from neurornn.connectivity._wiring import AbstractConnectivity as AbstractConnectivity
from neurornn.connectivity._wiring import AllToAll as AllToAll
from neurornn.connectivity._wiring import Areas as Areas
from neurornn.connectivity._wiring import FixedWeights as FixedWeights
from neurornn.connectivity._wiring import Projection as Projection
from neurornn.connectivity._wiring import Sparse as Sparse
from neurornn.connectivity._wiring import Wiring as Wiring
