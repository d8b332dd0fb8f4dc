"""How far local credit points along the gradient, and what moves it: draws alignment.png, writes alignment.csv.

python docs/gallery/alignment.py

Set-up of panels a to e: untrained networks in current form, 64 tanh units, tau = 100 ms, Gaussian recurrent weights of
spectral radius ("gain") 1.5, no bias, no noise, start at 0; 3 inputs and 2 targets of white noise, 16 trials of 60
steps, alpha = dt / tau = 0.1, squared error in every step. What a panel varies, it varies from there. Panel f: networks of
50 such units with biases learn context-dependent decisions (alpha = 0.2) by RFLO with random feedback and plain gradient
descent (learning rate 0.03, batches of 32), measured on 200 trials that stay the same. Cosines are those of the
gradient of W_rec with the one of back-propagation through time; 5 seeds of network, trials and feedback; lines are means
and bands one standard deviation.
"""

import argparse
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import neurornn
from neurornn import CTRNN, TrialInfo, Trials, rules, tasks
from neurornn.connectivity import Gaussian
from neurornn.random import torch_generator

TAU, N_UNITS, N_TRIALS = 100.0, 64, 16  # ms
BASE: dict[str, Any] = {"alpha": 0.1, "gain": 1.5, "steps": 60, "error": "every step"}
HOPS = (0, 1, 2, 3)
SWEEPS: dict[str, list[Any]] = {
    "alpha": [0.05, 0.1, 0.2, 0.5, 1.0],
    "gain": [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0],
    "steps": [5, 10, 20, 40, 80, 160, 320],
}
ALL_HOPS, GAINS = (0, 1, 2, 4, 8, 16, 32, 60), (0.5, 1.0, 1.5, 2.0)
N_STEPS, EVERY = 1500, 100  # of training
VERMILION, BLUE, GREY = "#D55E00", "#0072B2", "0.55"


def setting(seed: int, *, alpha: float, gain: float, steps: int, error: str) -> tuple[CTRNN, Trials]:
    """A random network, and trials of white noise."""
    dt = alpha * TAU
    network = CTRNN(
        3, N_UNITS, 2, tau=TAU, dt=dt, activation="tanh", init=Gaussian(gain), bias=False, seed=seed,
        dtype=torch.float64,
    )  # fmt: skip
    generator = torch_generator(seed, "white trials")
    inputs, targets = (
        torch.randn(N_TRIALS, steps, n, generator=generator, dtype=torch.float64) for n in (3, 2)
    )
    mask = torch.ones(N_TRIALS, steps, dtype=torch.float64)
    if error == "last step":
        mask[:, :-1] = 0.0
    info = TrialInfo("white-noise", dt, seed, ("u1", "u2", "u3"), ("y1", "y2"))
    return network, Trials(inputs, targets, mask, {}, {}, info)


def measured(seed: int, hops: tuple[int, ...], *, by_step: bool = False, **what: Any) -> xr.Dataset:
    """Alignment of k-hop credit, and of RFLO with random feedback, in one setting."""
    network, trials = setting(seed, **(BASE | what))
    compared: dict[str, rules.AbstractRule] = {f"KHop({k})": rules.KHop(k) for k in hops}
    compared["RFLO(Random)"] = rules.RFLO(rules.Random(seed))
    return rules.alignment(network, trials, compared, steps=by_step)


def rows(panel: str, seed: int, ds: xr.Dataset, **what: Any) -> Iterator[dict[str, Any]]:
    """One row of the table for each rule."""
    for rule in ds.rule.values:
        value = float(ds.cosine.sel(rule=rule, parameter="W_rec"))
        yield {"panel": panel, "rule": rule, **BASE, **what, "seed": seed, "cosine": value}


def untrained(seed: int) -> Iterator[dict[str, Any]]:
    """Panels a to e for one seed."""
    for gain in GAINS:
        yield from rows("a", seed, measured(seed, ALL_HOPS, gain=gain), gain=gain)
    for panel, name in (("b", "alpha"), ("c", "gain")):
        for value in SWEEPS[name]:
            yield from rows(panel, seed, measured(seed, HOPS, **{name: value}), **{name: value})
    for error in ("every step", "last step"):
        for steps in SWEEPS["steps"]:
            what = {"steps": steps, "error": error}
            yield from rows("d", seed, measured(seed, HOPS, **what), **what)
    ds = measured(seed, HOPS, by_step=True, error="last step")
    for rule in ds.rule.values:
        for time, value in ds.step_cosine.sel(rule=rule).to_series().items():
            what = {"error": "last step", "time_ms": time}
            yield {"panel": "e", "rule": rule, **BASE, **what, "seed": seed, "cosine": value}


def trained(seed: int) -> Iterator[dict[str, Any]]:
    """Panel f for one seed."""
    task = tasks.make("context-decision")
    network = CTRNN(
        task.n_inputs, 50, task.n_outputs, tau=TAU, dt=task.dt, activation="tanh", init=Gaussian(BASE["gain"]),
        seed=seed, dtype=torch.float64,
    )  # fmt: skip
    rule = rules.RFLO(rules.Random(seed))
    watch = rules.AlignmentCallback(
        network,
        task.sample(200, seed=10_000 + seed),
        {"RFLO(Random)": rule, "KHop(0)": rules.KHop(0)},
        every=EVERY,
    )
    result = neurornn.train(
        network,
        task,
        rule=rule,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.03),
        n_steps=N_STEPS,
        batch_size=32,
        seed=seed,
        clip_norm=None,
        validate_every=EVERY,
        callback=watch,
    )
    ds, what = watch.dataset(), {"alpha": task.dt / TAU, "gain": BASE["gain"], "error": "task"}
    performance = dict(
        zip(result.history.validation_step.values, result.history.performance.values, strict=True)
    )
    found = {name: ds.cosine.sel(rule=name, parameter="W_rec").values for name in ds.rule.values}
    found["read-out and feedback"] = ds.feedback_cosine.sel(rule="RFLO(Random)").values
    found["performance"] = np.array([performance[step] for step in ds.step.values])
    for name, values in found.items():
        for step, value in zip(ds.step.values, values, strict=True):
            yield {
                "panel": "f", "rule": name, **what, "training_step": step, "seed": seed, "cosine": value
            }  # fmt: skip


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and range over seeds."""
    keys = [name for name in table.columns if name not in ("seed", "cosine")]
    groups = table.groupby(keys, dropna=False, sort=False)["cosine"]
    return groups.agg(mean="mean", sd="std", lowest="min", highest="max", n_seeds="count").reset_index()


def laws(table: pd.DataFrame) -> Mapping[str, str]:
    """What the cosines do in every single network."""
    khop = table[table.rule.str.startswith("KHop") & table.panel.isin(["a", "b", "c", "d"])].copy()
    khop["k"] = khop.rule.str.extract(r"(\d+)", expand=False).astype(int)
    rising, at_end = [], []
    for _, part in khop.groupby(["panel", "alpha", "gain", "steps", "error", "seed"]):
        cosines = part.sort_values("k").cosine.values
        rising.append(bool((np.diff(cosines) > -1e-9).all()))
        at_end += [1 - cosines[-1]] if part.k.max() == BASE["steps"] else []
    random = table[table.rule == "RFLO(Random)"]
    still = random[random.panel.isin(["a", "b", "c", "d"])].cosine
    first, last = (random[(random.panel == "f") & (random.training_step == step)] for step in (0, N_STEPS))
    risen = int((last.cosine.values > first.cosine.values + 0.1).sum())
    return {
        "cosine does not fall with the number of hops": f"{sum(rising)} of {len(rising)} networks and settings",
        "1 - cosine with as many hops as steps": f"at most {max(at_end):.1e}",
        "random feedback, untrained": f"mean {still.mean():.3f}, sd {still.std():.3f}, n = {len(still)}",
        "random feedback, training": f"{first.cosine.mean():.2f} to {last.cosine.mean():.2f}, risen in {risen} of {len(last)}",
    }


def draw(table: pd.DataFrame) -> Figure:
    """The six panels."""
    figure = Figure(figsize=(7.4, 4.9), layout="constrained")
    panels: list[Axes] = list(figure.subplots(2, 3).flat)
    hop_colours = dict(
        zip((f"KHop({k})" for k in HOPS), colormaps["viridis"](np.linspace(0.85, 0.0, 4)), strict=True)
    )
    lines = hop_colours | {"RFLO(Random)": VERMILION}
    words = {f"KHop({k})": f"{k} hop{'s' * (k != 1)}" for k in HOPS} | {"RFLO(Random)": "random feedback"}
    parts = {name: table[table.panel == name] for name in "abcdef"}

    gains = zip(GAINS, colormaps["plasma"](np.linspace(0.8, 0.05, 4)), strict=True)
    place = {f"KHop({k})": x for x, k in enumerate(ALL_HOPS)}
    for gain, colour in gains:
        here = parts["a"][(parts["a"].gain == gain) & (parts["a"].rule != "RFLO(Random)")]
        band(panels[0], here.assign(x=here.rule.map(place)), "x", colour, f"{gain:g}")
    panels[0].set_xticks(range(len(ALL_HOPS)), [str(k) for k in ALL_HOPS])
    panels[0].legend(title="gain", frameon=False, loc="lower right")

    for ax, name in ((panels[1], "alpha"), (panels[2], "gain")):
        for rule, colour in lines.items():
            here = parts["b" if name == "alpha" else "c"]
            band(ax, here[here.rule == rule], name, colour, words[rule])
    panels[1].set_xscale("log")
    panels[1].set_xticks(SWEEPS["alpha"], [f"{value:g}" for value in SWEEPS["alpha"]])
    panels[1].minorticks_off()

    for rule, colour in hop_colours.items():
        for error, style in (("every step", "-"), ("last step", ":")):
            here = parts["d"][(parts["d"].rule == rule) & (parts["d"].error == error)]
            band(panels[3], here.assign(x=here.steps * BASE["alpha"]), "x", colour, linestyle=style)
    panels[3].set_xscale("log")
    panels[3].set_xticks([0.5, 1, 2, 4, 8, 16, 32], ["0.5", "1", "2", "4", "8", "16", "32"])
    panels[3].minorticks_off()
    for error, style in (("every step", "-"), ("last step", ":")):
        panels[3].plot(
            [], [], color="0.3", linestyle=style, label=f"error in {'the ' * (error[0] == 'l')}{error}"
        )
    panels[3].legend(frameon=False, loc="lower left", fontsize=6.5)

    for rule, colour in lines.items():
        band(panels[4], parts["e"][parts["e"].rule == rule], "time_ms", colour, words[rule])

    for name, colour, text in (
        ("performance", GREY, "performance"),
        ("KHop(0)", BLUE, "symmetric RFLO"),
        ("RFLO(Random)", VERMILION, "RFLO, random feedback"),
        ("read-out and feedback", "black", "read-out and feedback"),
    ):
        band(panels[5], parts["f"][parts["f"].rule == name], "training_step", colour, text)
    handles, labels = panels[4].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, frameon=False, fontsize=7.5)
    panels[5].set_ylim(-0.65, 1.05)
    panels[5].set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    panels[5].legend(frameon=False, loc="lower right", fontsize=6.5, labelspacing=0.3)

    titles = ("recurrent synapses crossed (hops)", r"$\alpha = dt/\tau$", "gain (spectral radius)",
              r"trial length ($\tau$)", "time from trial onset (ms)", "training step")  # fmt: skip
    for letter, ax, title in zip("abcdef", panels, titles, strict=True):
        for guide in (0.0, 1.0):
            ax.axhline(guide, color="0.85", linewidth=0.7, zorder=0)
        ax.set_xlabel(title, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        if letter != "f":
            ax.set_ylim(-0.25, 1.05)
    for ax in (panels[0], panels[3]):
        ax.set_ylabel("cosine to the exact gradient", fontsize=8)
    panels[5].set_ylabel("cosine; performance", fontsize=8)
    panels[0].get_legend().get_title().set_fontsize(7)
    for text in panels[0].get_legend().get_texts():
        text.set_fontsize(7)
    return figure


def band(
    ax: Axes, part: pd.DataFrame, x: str, colour: Any, text: str | None = None, linestyle: str = "-"
) -> None:
    """Mean and standard deviation over seeds."""
    found = part.groupby(x)["cosine"].agg(["mean", "std"])
    ax.plot(found.index, found["mean"], color=colour, linewidth=1.3, linestyle=linestyle, label=text)
    ax.fill_between(
        found.index,
        found["mean"] - found["std"],
        found["mean"] + found["std"],
        color=colour,
        alpha=0.15,
        linewidth=0,
    )


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="folder of the results")
    options = parser.parse_args()
    table = pd.DataFrame([
        row for seed in range(options.seeds) for part in (untrained, trained) for row in part(seed)
    ])
    columns = [
        "panel",
        "rule",
        "alpha",
        "gain",
        "steps",
        "error",
        "time_ms",
        "training_step",
        "seed",
        "cosine",
    ]
    table = table[columns]
    summary(table).to_csv(options.to / "alignment.csv", index=False, float_format="%.5g")
    buffer = io.BytesIO()
    draw(table).savefig(buffer, dpi=180)
    Image.open(buffer).convert("RGB").quantize(256, kmeans=2).save(
        options.to / "alignment.png", optimize=True
    )
    print("\n".join(f"{law}: {found}" for law, found in laws(table).items()))


if __name__ == "__main__":
    main()
