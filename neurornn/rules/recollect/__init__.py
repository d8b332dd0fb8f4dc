"""Learning by acting, with traces and tags at each synapse."""

__all__ = ["RECOLLECT"]

from neurornn.rules.recollect._rule import RECOLLECT as RECOLLECT
