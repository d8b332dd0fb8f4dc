"""Flow, basins of attraction, edge states, energy and quasi-potential: the shape of state space."""

__all__ = [
    "AbstractMotion",
    "AbstractSampler",
    "Box",
    "Given",
    "Normal",
    "Ode",
    "Plane",
    "Steps",
    "agreement",
    "basin_fractions",
    "basins",
    "common_limits",
    "edge_states",
    "energy",
    "energy_function",
    "flow",
    "noisy_states",
    "plot_basin_fractions",
    "plot_basins",
    "plot_edge_states",
    "plot_energy",
    "plot_flow",
    "plot_quasi_potential",
    "potential",
    "quasi_potential",
    "side_by_side",
]

from neurornn.analysis.landscape._basins import basins as basins
from neurornn.analysis.landscape._edges import edge_states as edge_states
from neurornn.analysis.landscape._energy import energy as energy
from neurornn.analysis.landscape._energy import energy_function as energy_function
from neurornn.analysis.landscape._flow import common_limits as common_limits
from neurornn.analysis.landscape._flow import flow as flow
from neurornn.analysis.landscape._flow import plot_flow as plot_flow
from neurornn.analysis.landscape._fractions import basin_fractions as basin_fractions
from neurornn.analysis.landscape._motion import AbstractMotion as AbstractMotion
from neurornn.analysis.landscape._motion import Ode as Ode
from neurornn.analysis.landscape._motion import Steps as Steps
from neurornn.analysis.landscape._noisy import noisy_states as noisy_states
from neurornn.analysis.landscape._plane import Plane as Plane
from neurornn.analysis.landscape._plots import plot_basin_fractions as plot_basin_fractions
from neurornn.analysis.landscape._plots import plot_basins as plot_basins
from neurornn.analysis.landscape._plots import plot_edge_states as plot_edge_states
from neurornn.analysis.landscape._plots import plot_energy as plot_energy
from neurornn.analysis.landscape._plots import plot_quasi_potential as plot_quasi_potential
from neurornn.analysis.landscape._potential import potential as potential
from neurornn.analysis.landscape._quasi_potential import agreement as agreement
from neurornn.analysis.landscape._quasi_potential import quasi_potential as quasi_potential
from neurornn.analysis.landscape._samplers import AbstractSampler as AbstractSampler
from neurornn.analysis.landscape._samplers import Box as Box
from neurornn.analysis.landscape._samplers import Given as Given
from neurornn.analysis.landscape._samplers import Normal as Normal
from neurornn.analysis.landscape._side_by_side import side_by_side as side_by_side
