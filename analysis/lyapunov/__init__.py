"""Lyapunov spectra: how fast small differences grow or shrink along trajectories, in every direction."""

__all__ = ["AbstractScheme", "EulerMap", "RungeKutta", "plot_convergence", "plot_spectrum", "spectrum"]

from neurornn.analysis.lyapunov._plots import plot_convergence as plot_convergence
from neurornn.analysis.lyapunov._plots import plot_spectrum as plot_spectrum
from neurornn.analysis.lyapunov._schemes import AbstractScheme as AbstractScheme
from neurornn.analysis.lyapunov._schemes import EulerMap as EulerMap
from neurornn.analysis.lyapunov._schemes import RungeKutta as RungeKutta
from neurornn.analysis.lyapunov._spectrum import spectrum as spectrum
