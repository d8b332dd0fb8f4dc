"""Which rank does the task need?"""

__all__ = ["Reduction"]

from collections.abc import Mapping

import xarray as xr
from typing_extensions import override

from neurornn.analysis import low_rank
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels
from neurornn.report.examinations._base import AbstractExamination, Subject

_RANKS = (1, 2, 3, 4)
_ITERATIONS = 100


class Reduction(AbstractExamination):
    """Networks of low rank fitted to this one, beside truncation of its matrix."""

    name = "low-rank"
    heading = "Low-rank networks"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        ranks = [rank for rank in _RANKS if rank <= subject.network.n_units]
        return {
            "ranks": low_rank.sweep(
                subject.network, subject.task, ranks=ranks, n_iterations=_ITERATIONS, seed=subject.seed
            )
        }

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        ranks = found["ranks"]
        figure, (left, right) = panels(2, height=3.8, share=False)
        low_rank.plot_ranks(ranks, ax=left)
        low_rank.plot_ranks(ranks, variable="rate_r2", ax=right)
        needed = ranks["required_rank"]
        return Section(
            self.heading,
            clean(figure),
            "Performance and explained variance of networks of low rank against their rank.",
            "Networks whose recurrent matrix has a low rank, fitted to the activity of this one; the linear regression that the fits start from "
            "(regressed); and this matrix cut to its leading singular values (truncated); in trials the fits have not seen. Reduced networks do not obey Dale's law.",
            table={
                f"rank that does the task, {method}": str(int(needed.sel(reduction=method)))
                if int(needed.sel(reduction=method)) > 0
                else f"none up to {int(ranks['rank'].max())}"
                for method in map(str, ranks["reduction"].values)
            },
        )
