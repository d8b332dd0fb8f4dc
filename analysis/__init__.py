"""Analyses of networks and recordings, each imported when it is first asked for."""

__all__ = [
    "attractors",
    "behaviour",
    "compare",
    "continuation",
    "cycles",
    "decoding",
    "dpca",
    "fixed_points",
    "interventions",
    "jpca",
    "landscape",
    "low_rank",
    "lyapunov",
    "mechanism",
    "pca",
    "selectivity",
    "similarity",
    "subspaces",
    "surrogates",
    "systems",
    "task_variance",
    "tdr",
]

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurornn.analysis import attractors as attractors
    from neurornn.analysis import behaviour as behaviour
    from neurornn.analysis import compare as compare
    from neurornn.analysis import continuation as continuation
    from neurornn.analysis import cycles as cycles
    from neurornn.analysis import decoding as decoding
    from neurornn.analysis import dpca as dpca
    from neurornn.analysis import fixed_points as fixed_points
    from neurornn.analysis import interventions as interventions
    from neurornn.analysis import jpca as jpca
    from neurornn.analysis import landscape as landscape
    from neurornn.analysis import low_rank as low_rank
    from neurornn.analysis import lyapunov as lyapunov
    from neurornn.analysis import mechanism as mechanism
    from neurornn.analysis import pca as pca
    from neurornn.analysis import selectivity as selectivity
    from neurornn.analysis import similarity as similarity
    from neurornn.analysis import subspaces as subspaces
    from neurornn.analysis import surrogates as surrogates
    from neurornn.analysis import systems as systems
    from neurornn.analysis import task_variance as task_variance
    from neurornn.analysis import tdr as tdr


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
