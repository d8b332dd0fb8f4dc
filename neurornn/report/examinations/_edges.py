"""What lies between the memories?"""

__all__ = ["Edges"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from typing_extensions import override

from neurornn.analysis import landscape
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._legends import legend_above

_MOST_PAIRS = 28  # all pairs of eight
_NAMED = 4


class Edges(AbstractExamination):
    """The saddles on the boundaries between the basins of stable fixed points, for each situation."""

    name = "edges"
    heading = "Edge states"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        found = {}
        memories = {name: subject.stable_points(name) for name in subject.situations}
        for name, held in subject.situations.items():
            if len(memories[name]) > 1:
                pairs = _nearest(memories[name])
                edges = landscape.edge_states(
                    subject.still, input=held, attractors=memories[name], pairs=pairs, seed=subject.seed
                )
                n = len(memories[name])
                found[name] = edges.assign_attrs(n_pairs_left_out=n * (n - 1) // 2 - len(pairs))
        if not found:
            counts = ", ".join(f"{len(each)} in {words(name)}" for name, each in memories.items())
            raise ValueError(
                f"An edge state lies between two stable fixed points, and no situation has two: there are {counts}."
            )
        return found

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        plane = landscape.Plane.from_pca(tree["components"].to_dataset())
        figure, axes = panels(len(found), height=4.4, share=False)
        for ax, (name, edges) in zip(axes, found.items(), strict=True):
            landscape.plot_edge_states(edges, plane, ax=ax)
            ax.margins(0.12)
            legend_above(ax, name)
        return Section(
            self.heading,
            clean(figure),
            "Stable fixed points and the edge states between them in the first two principal components.",
            "Between two memories the state follows the boundary of their basins to a saddle with one unstable direction, the edge "
            "state: what just gets there decides between the memories it is joined to. Network as it is simulated, without noise, while "
            "the input is held.",
            table={
                words(name): _told(found[name]) if name in found else "fewer than two stable fixed points"
                for name in map(str, tree["situations"].to_dataset()["situation"].values)
            },
        )


def _nearest(states: NDArray[np.float64]) -> list[tuple[int, int]]:
    first, second = np.triu_indices(len(states), 1)
    order = np.argsort(cdist(states, states)[first, second], kind="stable")[:_MOST_PAIRS]
    return [(int(first[k]), int(second[k])) for k in np.sort(order)]


def _told(edges: xr.Dataset) -> str:
    n, fine = edges.sizes["edge"], edges["converged"].values.astype(bool)
    said = [
        f"{edges.attrs['n_saddles']} edge {'state' if edges.attrs['n_saddles'] == 1 else 'states'} for {n} {'pair' if n == 1 else 'pairs'} of memories"
    ]
    shown: set[int] = set()
    for k in np.flatnonzero(fine):
        saddle = int(edges["saddle"][k])
        if saddle not in shown and len(shown) < _NAMED:
            shown.add(saddle)
            near, far = (float(each) for each in edges["distance"].values[k])
            said.append(
                f"left at {1e3 * float(edges['unstable_rate'][k]):.3g} /s, {near:.3g} and {far:.3g} away from its memories"
            )
    kinds, counts = np.unique(edges["kind"].values[~fine].astype(str), return_counts=True)
    said += [f"not found {count} × ({kind})" for kind, count in zip(kinds, counts, strict=True)]
    if edges.attrs["n_pairs_left_out"]:
        said.append(f"{edges.attrs['n_pairs_left_out']} pairs further apart left out")
    return "; ".join(dict.fromkeys(said))  # symmetry makes some alike
