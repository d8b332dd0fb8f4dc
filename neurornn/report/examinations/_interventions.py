"""What does the network need its parts for?"""

__all__ = ["Interventions"]

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import interventions as iv
from neurornn.random import derive_seed
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels
from neurornn.report.examinations._base import AbstractExamination, Subject

_N_TRIALS = 240
_TENTH = 10


class Interventions(AbstractExamination):
    """Performance when units are silenced, the slow directions are clamped or noise and time constants change."""

    name = "interventions"
    heading = "Interventions"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        network, task = subject.network, subject.task
        trials = task.sample(
            _N_TRIALS, seed=derive_seed(subject.seed, "interventions"), balanced=task.supports_balanced
        )
        what: dict[str, Any] = {}
        draw = np.random.default_rng(derive_seed(subject.seed, "silenced units"))
        for kind, name in (("E", "excitatory"), ("I", "inhibitory"), ("", "all")):
            units = np.flatnonzero(network.cell_types == kind)
            if len(units) >= _TENTH:
                chosen = draw.choice(units, len(units) // _TENTH, replace=False)
                what[f"a tenth of the {name} units silent"] = iv.Silence(np.sort(chosen))
        components = subject.tree["components"].to_dataset()
        for k in range(min(3, components.sizes["component"])):
            axis = components["component_vector"].values[k]
            what[f"component {k + 1} held at its mean"] = iv.Clamp(axis, reference=components["mean"].values)
        if network.sigma_rec > 0:
            what |= {"no noise": iv.ChangeNoise(0.0), "noise doubled": iv.ChangeNoise(2 * network.sigma_rec)}
        what["time constants doubled"] = iv.ChangeTau(factor=2.0)
        by = "context" if "context" in trials.conditions else None
        return {"effects": iv.compare(network, trials, what, task=task, by=by, seed=subject.seed)}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        effects = found["effects"]
        figure, (ax,) = panels(1, height=1.2 + 0.45 * effects.sizes["intervention"])
        iv.plot_effects(effects, groups="group" in effects.dims, ax=ax)
        part = effects.sel(outcome="performance")
        table = {}
        for name in map(str, part["intervention"].values):
            one = part.sel(intervention=name)
            low, high = one["interval"].values
            table[name] = f"{float(one['effect']):+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
        return Section(
            self.heading,
            clean(figure),
            "The change of performance that each intervention makes, with its interval.",
            f"Change of performance in {effects.sizes['trial']} held-out trials when each intervention lasts the whole trial. Every trial "
            "runs with and without it on the same input and the same noise, so all of a difference is its effect. The intervals are "
            "about other trials of this network, not about other networks.",
            table=table,
        )
