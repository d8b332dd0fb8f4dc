"""What does the population say about the choice, and does it say it in the same way later?"""

__all__ = ["Decoding"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import decoding
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._population import decided

_BINS = 20
_NULL = 0


class Decoding(AbstractExamination):
    """Cross-temporal decoding of the choice, or of the first condition of the task if there is none."""

    name = "decoding"
    heading = "Decoding across time"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        try:
            data, target = decided(subject), "choice"
        except ValueError:
            data, target = subject.data, subject.conditions[0]
        span = float(data["time"].values[-1] - data["time"].values[0])
        width = max(subject.network.dt, np.ceil(span / _BINS / subject.network.dt) * subject.network.dt)
        found = decoding.cross_temporal(data, target, bin_width=width, n_null=_NULL, seed=subject.seed)
        return {"scores": found.assign_attrs(target=target)}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        scores = found["scores"]
        figure, (left, right) = panels(2, height=4.0, share=False)
        decoding.plot_cross_temporal(scores, ax=left)
        decoding.plot_time_course(scores, ax=right)
        best = float(scores["score"].max())
        return Section(
            self.heading,
            clean(figure),
            "Left: score of a decoder trained at one time and tested at another. Right: trained and tested at the same time.",
            f"Decoding of {words(scores.attrs['target'])} from the rates, cross-validated over trials. A code that stays the same is decoded "
            "at all pairs of times, one that changes along the diagonal alone.",
            table={"best score": f"{best:.3f} (chance {float(scores['chance']):.3f})"},
        )
