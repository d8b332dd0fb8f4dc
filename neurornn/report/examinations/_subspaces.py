"""Does the network use the same dimensions in both contexts?"""

__all__ = ["Subspaces"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import pca, subspaces
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._legends import legend_above

_SHARE, _MOST = 0.9, 10  # of the variance; components
_NOTHING = 1e-9  # share of the variance of an axis along which nothing varies
_N_NULL = 1000


class Subspaces(AbstractExamination):
    """Alignment of the activity of two contexts, or of the two halves of the trials if there are not two."""

    name = "subspaces"
    heading = "Alignment of subspaces"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        (one, first), (other, second), conditions = _parts(subject)
        fits = [pca.fit(each, condition=conditions) for each in (first, second)]
        n = max(
            int(np.searchsorted(np.cumsum(fit["explained_variance_ratio"].values), _SHARE)) + 1
            for fit in fits
        )
        varies = [int((fit["explained_variance_ratio"].values > _NOTHING).sum()) for fit in fits]
        n = min(n, _MOST, *varies)
        index = subspaces.alignment_index(
            first, second, n_components=n, condition=conditions, n_null=_N_NULL, seed=subject.seed
        )
        angles = subspaces.principal_angles(
            *(fit.isel(component=slice(n)) for fit in fits), n_null=_N_NULL, seed=subject.seed
        )
        names = {"parts": [one, other]}
        return {"alignment": index.assign_attrs(names), "angles": angles.assign_attrs(names)}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        index, angles = found["alignment"], found["angles"]
        one, other = (words(name) for name in index.attrs["parts"])
        figure, (left, right) = panels(2, height=3.8, share=False)
        subspaces.plot_alignment(index, ax=left)
        subspaces.plot_angles(angles, ax=right)
        for line, text in zip(
            left.lines, (f"{one} in axes of {other}", f"{other} in axes of {one}"), strict=True
        ):
            line.set_label(f"variance of {text}")
        legend_above(left, columns=1)
        legend_above(right, columns=2)
        n = index.attrs["n_components"]
        table = {
            f"{a} in axes of {b}": _told(index.isel(captured=k))
            for k, (a, b) in enumerate(((one, other), (other, one)))
        }
        values = angles["angle"].values
        table["principal angles"] = f"{values.min():.0f}° to {values.max():.0f}°"
        return Section(
            self.heading,
            clean(figure),
            "Left: share of the variance of one part that the leading axes of the other capture, over that of random axes. Right: "
            "principal angles between the two subspaces.",
            f"The first {n} principal components of the average rates in '{one}' and in '{other}' (Elsayed et al., 2016): the index is 1 if "
            "they span the same space and 0 if the spaces are orthogonal. Random axes on the left are drawn from the space both occupy, "
            "on the right from all directions.",
            table=table,
        )


def _parts(subject: Subject) -> tuple[tuple[str, xr.Dataset], tuple[str, xr.Dataset], list[str] | None]:
    """Two pieces of the activity by name, and what each is averaged by."""
    data = subject.data
    if "context" in subject.conditions:
        member = data["context"].values
        levels = np.unique(member).tolist()
        if len(levels) == 2:
            first, second = (
                (
                    f"context {level}" if not isinstance(level, str) else f"the {level} context",
                    data.isel(trial=np.flatnonzero(member == level)),
                )
                for level in levels
            )
            return first, second, [name for name in subject.conditions if name != "context"] or None
    middle = data.sizes["time"] // 2
    early, late = (data.isel(time=part) for part in (slice(middle), slice(middle, None)))
    return ("the first half", early), ("the second half", late), list(subject.conditions)


def _told(one: xr.Dataset) -> str:
    low, high = np.quantile(one["null_index"].values, [0.025, 0.975])
    aligned, orthogonal = float(one["p_aligned"]), float(one["p_orthogonal"])
    return (
        f"index {float(one['index']):.3f}, random axes {low:.3f} to {high:.3f} (95 %); as high by chance p = {aligned:.2g}, "
        f"as low p = {orthogonal:.2g}"
    )
