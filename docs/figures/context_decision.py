"""Draw the picture of the README from the run that ``make demo`` leaves.

python docs/figures/context_decision.py runs/demo-seed0 docs/figures/context_decision.png
"""

import io
import sys

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from neurornn import tasks
from neurornn.analysis import behaviour, fixed_points, landscape, pca
from neurornn.runs import Run

run, target = Run.open(sys.argv[1]), sys.argv[2]
data, tree = run.load_trials(), run.load_analysis()
components, points = tree["components"].to_dataset(), tree["fixed_points"].to_dataset()
projected = pca.project(data["state"].where(data["valid"] > 0), components)
shown = projected.sel(time=slice(200, 880))  # the stimuli are on
situations = ["motion context", "colour context"]
near = landscape.Plane.from_pca(components).extent(data["state"].sel(time=slice(200, 880)), margin=0.05)
still, held = run.load_network().noiseless(), tasks.make("context-decision").probe_inputs()
flows = []
for name in situations:
    middle = points["state"].isel(fixed_point=points["context"].values == name).mean("fixed_point")
    plane = landscape.Plane.from_pca(components, origin=middle)
    flows.append(landscape.flow(still, plane, input=held[name], extent=near))
low, high = landscape.common_limits(*flows)

figure = Figure(figsize=(11.5, 4.1), layout="constrained")
left, *panels = figure.subplots(1, 3, width_ratios=(0.8, 1, 1))

colours = {"motion": "#0072B2", "colour": "#D55E00"}
curve = tree["psychometric/motion_coherence"].to_dataset()
for context, colour in colours.items():
    here = curve.sel(group=context)
    behaviour.plot_psychometric(here, ax=left)
    for artist in [*left.lines[-2:], *left.collections[-2:]]:
        artist.set_color(colour)
    left.plot([], [], color=colour, label=f"{context} context")
left.legend(frameon=False, loc="upper left", fontsize="small")
left.set(ylabel="P(choose right)", title="behaviour")
left.spines[["top", "right"]].set_visible(False)

for ax, name, flow in zip(panels, situations, flows, strict=True):
    landscape.plot_flow(flow, vmin=low, vmax=high, colorbar=False, ax=ax)
    ax.set_title("")
    ax.set_title("", loc="right")
    ax.set_title(name)
    context = name.split()[0]
    relevant = data[f"{context}_coherence"].values
    for coherence in np.unique(relevant):
        chosen = (data["context"].values == context) & (relevant == coherence)
        path = shown.isel(trial=np.flatnonzero(chosen)).mean("trial").transpose("time", "component").values
        shade = "#ff9a8d" if coherence > 0 else "#9ecbff"
        ax.plot(path[:, 0], path[:, 1], color=shade, linewidth=1.6)
    n_before = len(ax.lines)
    here = points.isel(fixed_point=points["context"].values == name)
    fixed_points.plot_fixed_points(here, components, ax=ax)
    ax.get_legend().remove()
    for line in ax.lines[n_before:]:
        line.set_path_effects([withStroke(linewidth=3, foreground="white")])
figure.colorbar(panels[-1].collections[0], ax=panels, label="log10 speed (1/ms)", shrink=0.85)
buffer = io.BytesIO()
figure.savefig(buffer, dpi=110)
Image.open(buffer).convert("RGB").quantize(256, kmeans=2).save(
    target, optimize=True
)  # small enough for a repository
