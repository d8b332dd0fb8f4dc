"""Weights by least squares: online (FORCE, full-FORCE) and in one go (the read-out of an echo state network)."""

__all__ = ["FORCE", "AbstractHint", "FullFORCE", "Ramp", "RidgeReadout"]

from neurornn.rules.least_squares._force import FORCE as FORCE
from neurornn.rules.least_squares._full_force import FullFORCE as FullFORCE
from neurornn.rules.least_squares._hints import AbstractHint as AbstractHint
from neurornn.rules.least_squares._hints import Ramp as Ramp
from neurornn.rules.least_squares._ridge import RidgeReadout as RidgeReadout
