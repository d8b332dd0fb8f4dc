"""Context-dependent decisions under Dale's law, learned by one rule after another: draws context_rules.png, writes context_rules.csv.

python docs/gallery/context_rules.py

One setting, the same for all rules. Network: 100 units in current form, 80 excitatory and 20 inhibitory, rectified tanh,
tau = 100 ms, dt = 20 ms, balanced gamma weights of spectral radius 1.5, no autapses, recurrent noise 0.1, read out
from excitatory units. Task: the context decision of the library (100 ms fixation, 800 ms of both noisy stimuli, 300 ms
decision), except that the target is shown, and the loss counts, from 100 ms after stimulus onset; choices are judged where
the task judges them, 100 to 300 ms after the evidence is gone. Training: 1,000 steps of Adam on 64 trials, learning rate 0.005
for the read-out and 0.0005 for everything else, gradient norm clipped to 1. Random feedback: scale 0.1, to all units.

Without autapses SnAp-1 and e-prop with the read-out as feedback are symmetric RFLO, and e-prop with random feedback is
RFLO: they are one run each. Two controls: feedback redrawn in every step, which the read-out cannot align with, and a network
of which only the read-out learns.

Accuracy: 1,440 new balanced trials with noise. Alignment: cosine of the gradient of W_rec with the one of back-propagation
through time, on 144 trials that stay the same. Dynamics: fixed points of the noiseless network while both stimuli are on
with coherence 0; the slowest mode of a point is the one whose eigenvalue has the largest real part. The selection index
compares how much of the coherence that counts, and of the one that does not, enters this mode (left eigenvector times W_in):
1 is perfect gating, 0 none.

Networks: 5 for RFLO with random feedback, 3 for each other rule, 2 for each change of panel g; the setting was found on
seeds 0 to 2 of RFLO with random feedback. Finished runs are kept in .cache and used again: interrupt and continue as you like.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from typing_extensions import override

import neurornn
from neurornn import CTRNN, Trials, analysis, rules
from neurornn.connectivity import BalancedGamma, Dale
from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.tasks.perceptual import ContextDecision

CRITERION, EVERY, MEASURE = 0.85, 50, 200
N_OTHERS, N_LEVERS = 3, 2  # networks for the other rules and for each lever
SCALE = 0.1  # of random feedback


@dataclass(frozen=True, kw_only=True)
class Spoken(ContextDecision):
    """The context decision with the target shown from some time after stimulus onset, or only in the decision."""

    target_from: float | None = 100.0  # ms

    @override
    def _generate(self, draws: Any) -> Trials:
        trials = super()._generate(draws)
        if self.target_from is None:
            return trials
        onset = trials.epochs["stimulus"][:, :1] + self.target_from
        spoken = np.asarray(trials.time)[None] >= onset
        sides = (trials.conditions["correct_choice"][:, None] == side for side in (-1, 1))
        targets = np.stack([np.where(spoken & side, self.high, self.low) for side in sides], -1)
        mask = np.maximum(np.asarray(trials.mask), spoken)
        return replace(
            trials,
            targets=torch.as_tensor(targets).to(trials.targets),
            mask=torch.as_tensor(mask).to(trials.mask),
        )


@dataclass(frozen=True)
class Redrawn(rules.AbstractRule):
    """RFLO through feedback weights that are new in every step."""

    scale: float = SCALE

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        rule = rules.RFLO(rules.Random(network.noise_key(generator) % 2**31, self.scale))
        return rule.backward(network, trials, objective=objective, generator=generator)


@dataclass(frozen=True)
class Setting:
    """What may be changed, one at a time."""

    activation: str = "retanh"
    tau: float = 100.0
    target_from: float | None = 100.0
    delay: float = 0.0
    lr: float = 5e-4
    lr_readout: float = 5e-3
    scale: float = SCALE
    n_units: int = 100
    n_steps: int = 1000


@dataclass(frozen=True)
class Run:
    """One network to train."""

    rule: str
    seed: int
    setting: Setting = Setting()


Maker = Callable[[int, float], rules.AbstractRule]
RULES: dict[str, tuple[Maker, str]] = {
    "BPTT": (lambda s, b: rules.BPTT(), "black"),
    "truncated BPTT, 200 ms": (lambda s, b: rules.TruncatedBPTT(10), "#8c6d31"),
    "2 hops": (lambda s, b: rules.KHop(2), "#08519c"),
    "1 hop": (lambda s, b: rules.KHop(1), "#4292c6"),
    "ModProp": (lambda s, b: rules.ModProp(), "#6a51a3"),
    "MDGL": (lambda s, b: rules.MDGL(), "#9a86cc"),
    "recurrent feedback alignment": (
        lambda s, b: rules.FeedbackAlignment(rules.Random(s, b), gain=0.8, seed=s),
        "#CC79A7",
    ),
    "RFLO, symmetric feedback": (lambda s, b: rules.RFLO(rules.Symmetric()), "#009E73"),
    "RFLO, adaptive feedback": (
        lambda s, b: rules.RFLO(rules.Adaptive(rate=0.1, decay=0.01, seed=s, scale=b)),
        "#E69F00",
    ),
    "RFLO, random feedback": (lambda s, b: rules.RFLO(rules.Random(s, b)), "#D55E00"),
    "control: feedback redrawn": (lambda s, b: Redrawn(b), "0.5"),
    "control: read-out alone": (lambda s, b: rules.BPTT(), "0.65"),
}
CONTEXTS = {"motion": "#0072B2", "colour": "#D55E00"}
LOCAL, ALONE = "RFLO, random feedback", "control: read-out alone"
LEVERS: dict[str, dict[str, Any]] = {
    "as in a to f": {},
    "target only after the evidence": {"target_from": None},
    "... and after a delay of 300 ms": {"target_from": None, "delay": 300.0},
    "tau = 50 ms": {"tau": 50.0},
    "tau = 200 ms": {"tau": 200.0},
    "read-out as slow as the rest": {"lr_readout": 5e-4},
    "all as fast as the read-out": {"lr": 5e-3},
    "feedback of scale 1": {"scale": 1.0},
    "softplus units": {"activation": "softplus"},
}


def execute(run: Run) -> dict[str, Any]:
    """Train one network and look at it."""
    rule, setting, seed = run.rule, run.setting, run.seed
    task = Spoken(target_from=setting.target_from, delay=setting.delay)
    network = CTRNN(
        task.n_inputs, setting.n_units, task.n_outputs, tau=setting.tau, dt=task.dt, activation=setting.activation,
        sigma_rec=0.1, dale=Dale(), init=BalancedGamma(1.5), seed=seed,
    )  # fmt: skip
    readout = [network.readout.raw, network.bias_out]
    rest = [p for p in network.parameters() if all(p is not each for each in readout)]
    if rule == ALONE:
        for p in rest:
            p.requires_grad_(False)
    groups = [{"params": readout, "lr": setting.lr_readout}, {"params": rest, "lr": setting.lr}]
    learner = RULES[rule][0](seed, setting.scale)
    watch = None
    if rule != ALONE:
        fixed = task.sample(144, seed=30_000 + seed, balanced=True)
        watch = rules.AlignmentCallback(network, fixed, {rule: learner}, every=MEASURE)
    diverged = False
    try:
        result = neurornn.train(
            network,
            task,
            rule=learner,
            optimizer=torch.optim.Adam(groups),
            n_steps=setting.n_steps,
            batch_size=64,
            seed=seed,
            validate_every=EVERY,
            n_validation=216,
            callback=watch,
        )
    except neurornn.TrainingDiverged as failure:
        result, diverged = failure.result, True
    curve = result.history.performance.values.astype(float)
    solved = np.flatnonzero(curve >= CRITERION)
    trials = task.sample(1440, seed=20_000 + seed, balanced=True)
    data = neurornn.simulate(network, trials, task=task, seed=seed)
    found: dict[str, Any] = {
        "rule": rule, "setting": asdict(setting), "seed": seed, "diverged": diverged,
        "steps_done": int(result.n_steps), "accuracy": float(data.performance.mean()), "curve": curve.tolist(),
        "steps_to_criterion": int(result.history.validation_step[solved[0]]) if len(solved) else None,
    }  # fmt: skip
    if watch is not None:
        aligned = watch.dataset()
        found["aligned_steps"] = aligned.step.values.tolist()
        found["cosine"] = aligned.cosine.sel(rule=rule, parameter="W_rec").values.tolist()
        found["cosine_in"] = aligned.cosine.sel(rule=rule, parameter="W_in").values.tolist()
        found["feedback_cosine"] = aligned.feedback_cosine.sel(rule=rule).values.tolist()
    if setting == Setting():
        found["points"] = [*dissected(network, task, seed)]
    return found


def dissected(network: CTRNN, task: Spoken, seed: int) -> Iterator[dict[str, Any]]:
    """The fixed points of a network in both contexts."""
    quiet = network.noiseless()
    data = neurornn.simulate(quiet, task.sample(72, seed=40_000 + seed, balanced=True), task=task)
    during = data.state.sel(time=slice(300.0, 900.0))
    points = analysis.fixed_points.find(
        quiet,
        inputs=task.probe_inputs(),
        candidates=analysis.fixed_points.candidates_from(during, 128, seed=seed),
        n_rounds=3,
        wave=64,
        eigenvectors=True,
    )
    W_in, W_out = (W.detach().double().numpy() for W in (network.W_in, network.W_out))
    read = W_out[1] - W_out[0]
    for k in range(points.sizes["fixed_point"]):
        point = points.isel(fixed_point=k)
        state = torch.as_tensor(point.state.values)
        left = point.left_eigenvector.isel(mode=0).values
        context = str(point.context.item())
        coherence = [W_in[:, 2] - W_in[:, 1], W_in[:, 4] - W_in[:, 3]]  # motion, colour
        counts, other = coherence if context.startswith("motion") else coherence[::-1]
        yield {
            "context": context, "kind": str(point.kind.item()), "n_unstable": int(point.n_unstable),
            "stable": bool(point.stable_ode), "time_constant": float(point.time_constant.isel(mode=0)),
            "frequency": float(point.frequency.isel(mode=0)), "speed": float(point.speed),
            "decision": float(read @ network.activation(state).numpy()),
            "selection": contrast(left @ counts, left @ other),
            "completeness": str(points.completeness.sel(search=context).item()),
        }  # fmt: skip


def contrast(one: complex, other: complex) -> float:
    """1 if the second is nothing beside the first, 0 if they are equal."""
    return float((abs(one) - abs(other)) / (abs(one) + abs(other)))


def queue(n_seeds: int) -> list[tuple[str, str, Run]]:
    """All runs, those most worth having first: the study, what is changed in it, and the run."""
    found = [("rules", "", Run(LOCAL, seed)) for seed in range(n_seeds)]
    for seed in range(min(n_seeds, N_OTHERS)):
        found += [("rules", "", Run(rule, seed)) for rule in RULES if rule != LOCAL]
        if seed < N_LEVERS:
            found += [
                ("levers", each, Run(LOCAL, seed, Setting(**change))) for each, change in LEVERS.items()
            ]
    return found


def table_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """One row for each network."""
    rows = []
    for one in found:
        points, cosine = one.get("points", []), one.get("cosine")
        row = {
            name: one[name] for name in ("study", "rule", "lever", "seed", "accuracy", "steps_to_criterion")
        }
        row |= {"steps_done": one["steps_done"], "diverged": one["diverged"]}
        for k, step in enumerate((0, *range(MEASURE, Setting().n_steps + 1, MEASURE))):
            row[f"cosine_at_{step}"] = cosine[k] if cosine and k < len(cosine) else np.nan
        row["feedback_cosine_at_end"] = one["feedback_cosine"][-1] if cosine else np.nan
        for context in ("motion", "colour") if points else ():
            here = [p for p in points if p["context"].startswith(context)]
            fixed = [p for p in here if p["kind"] == "fixed"]
            row[f"n_fixed_{context}"] = len(fixed)
            row[f"n_slow_{context}"] = len(here) - len(fixed)
            row[f"n_stable_{context}"] = sum(p["stable"] for p in fixed)
            row[f"complete_{context}"] = here[0]["completeness"] if here else "nothing found"
            centre = min(fixed, key=lambda p: abs(p["decision"]), default=None)
            for name in ("time_constant", "frequency", "selection"):
                row[f"{name}_{context}"] = np.nan if centre is None else centre[name]
        rows.append(row)
    table = pd.DataFrame(rows)
    order = {name: k for k, name in enumerate([*RULES, *LEVERS])}
    keys = ["study", "lever", "rule", "seed"]
    return table.sort_values(
        keys, key=lambda c: c.map(order) if c.name in ("lever", "rule") else c, na_position="first",
        ascending=[False, True, True, True],
    ).reset_index(drop=True)  # fmt: skip


def draw(found: list[dict[str, Any]], table: pd.DataFrame) -> Figure:
    """The seven panels."""
    figure = Figure(figsize=(11.5, 7.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.08, 1])
    upper = list(top.subplots(1, 4, sharey=True, width_ratios=[1.0, 0.8, 1.1, 0.9]))
    lower = list(bottom.subplots(1, 3))
    runs = [one for one in found if one["study"] == "rules"]
    across(upper[0], table[table.study == "rules"], "accuracy")
    upper[0].axvline(CRITERION, color="0.3", linewidth=0.8, linestyle=":")
    upper[0].axvline(0.5, color="0.8", linewidth=0.8)
    upper[0].set(xlim=(0.45, 1.0), xlabel="accuracy after training")
    steps(upper[1], table[table.study == "rules"])
    landscapes(upper[2], runs)
    selections(upper[3], table[table.study == "rules"])
    upper[0].set_yticks(range(len(RULES)), [*RULES])
    upper[0].set_ylim(len(RULES) - 0.5, -0.5)
    for label, (_, colour) in zip(upper[0].get_yticklabels(), RULES.values(), strict=True):
        label.set_color(colour)

    for rule, (_, colour) in RULES.items():
        style: dict[str, Any] = {"color": colour, "linestyle": "--" if rule.startswith("control") else "-"}
        style["linewidth"] = 2.2 if rule == LOCAL else 1.2
        mine = [one for one in runs if one["rule"] == rule and not one["diverged"]]
        if not mine:
            continue
        curves = np.median([one["curve"] for one in mine], axis=0)
        lower[0].plot(np.arange(len(curves)) * EVERY, curves, **style)
        if "cosine" in mine[0] and rule != "BPTT":
            cosines = np.median([one["cosine"] for one in mine], axis=0)
            lower[1].plot(mine[0]["aligned_steps"], cosines, label=rule, **style)
    lower[0].axhline(CRITERION, color="0.3", linewidth=0.8, linestyle=":")
    lower[0].set(ylim=(0.35, 1.0), xlabel="training step", ylabel="accuracy, median of networks")
    lower[1].axhline(0, color="0.8", linewidth=0.8)
    lower[1].set(ylim=(-0.35, 1.05), xlabel="training step", ylabel="cosine to the exact gradient, median")
    levers(lower[2], table[table.study == "levers"])
    for letter, ax in zip("abcdefg", [*upper, *lower], strict=True):
        ax.set_title(letter, loc="left", fontsize=10, fontweight="bold", color="black")
        ax.tick_params(labelsize=7.5)
        ax.xaxis.label.set_size(8.5)
        ax.yaxis.label.set_size(8.5)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def across(ax: Axes, table: pd.DataFrame, name: str, changes: Mapping[str, Any] | None = None) -> None:
    """A point for each network and a bar at the median, one line for each rule, or for each lever."""
    for y, line in enumerate(RULES if changes is None else changes):
        mine = table[(table.rule if changes is None else table.lever) == line]
        colour = RULES[LOCAL if changes else line][1]
        values = mine[name].to_numpy(dtype=float)
        shift = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.plot(values, y + shift, "o", color=colour, markersize=3.6, alpha=0.85, markeredgewidth=0)
        if np.isfinite(values).any():
            ax.plot([np.nanmedian(values)] * 2, [y - 0.36, y + 0.36], color=colour, linewidth=2.2)
    ax.grid(axis="y", color="0.93", linewidth=0.7)
    ax.set_axisbelow(True)


def steps(ax: Axes, table: pd.DataFrame) -> None:
    """Steps to the criterion; networks that never reached it are counted at the right."""
    across(ax, table, "steps_to_criterion")
    for y, rule in enumerate(RULES):
        mine = table[table.rule == rule]
        failed = int(mine.steps_to_criterion.isna().sum())
        if failed:
            ax.text(1.0, y, f"{failed} of {len(mine)} never", transform=ax.get_yaxis_transform(),
                    ha="right", va="center", fontsize=6.5, color="0.35")  # fmt: skip
    ax.set(xlim=(0, Setting().n_steps * 1.25), xlabel=f"steps to an accuracy of {CRITERION}")


def landscapes(ax: Axes, runs: list[dict[str, Any]]) -> None:
    """Time constant of the slowest mode of every fixed point: full if stable, empty if not."""
    for y, rule in enumerate(RULES):
        for shift, (context, colour) in zip((-0.18, 0.18), CONTEXTS.items(), strict=True):
            points = [p for one in runs if one["rule"] == rule for p in one["points"]]
            for point in points:
                if point["context"].startswith(context) and point["kind"] == "fixed":
                    face = colour if point["stable"] else "none"
                    ax.plot(
                        abs(point["time_constant"]), y + shift, "o", markersize=3.8, color=colour, alpha=0.75,
                        markerfacecolor=face, markeredgewidth=0.8,
                    )  # fmt: skip
    for context, colour in CONTEXTS.items():
        ax.plot([], [], "o", color=colour, markersize=4, label=context)
    ax.plot([], [], "o", color="0.4", markerfacecolor="none", markersize=4, label="unstable")
    ax.axvline(Setting().tau, color="0.6", linewidth=0.8, linestyle="--")
    ax.set_xscale("log")
    ax.set_xlabel("slowest mode of each fixed point (ms)")
    ax.grid(axis="y", color="0.93", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.legend(
        frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.55, 1.0), ncols=3, handletextpad=0.1
    ).set_in_layout(False)
    ax.set_xticks([100, 200, 500, 1000, 2000, 5000], ["100", "200", "500", "1000", "2000", "5000"])
    ax.minorticks_off()


def selections(ax: Axes, table: pd.DataFrame) -> None:
    """Selection index of the slowest mode at the fixed point nearest to indecision."""
    for y, rule in enumerate(RULES):
        mine = table[table.rule == rule]
        for shift, (context, colour) in zip((-0.18, 0.18), CONTEXTS.items(), strict=True):
            values = mine[f"selection_{context}"].to_numpy(dtype=float)
            ax.plot(
                values,
                [y + shift] * len(values),
                "o",
                color=colour,
                markersize=3.8,
                alpha=0.75,
                markeredgewidth=0,
            )
    ax.axvline(0, color="0.6", linewidth=0.8, linestyle="--")
    ax.grid(axis="y", color="0.93", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.set(xlim=(-1.05, 1.05), xlabel="selection index of that mode")


def levers(ax: Axes, table: pd.DataFrame) -> None:
    """Accuracy of RFLO with random feedback when one thing is changed."""
    across(ax, table, "accuracy", LEVERS)
    ax.set_yticks(range(len(LEVERS)), [*LEVERS])
    ax.set_ylim(len(LEVERS) - 0.5, -0.5)
    ax.axvline(CRITERION, color="0.3", linewidth=0.8, linestyle=":")
    ax.axvline(0.5, color="0.8", linewidth=0.8)
    ax.set(xlim=(0.45, 1.0), xlabel="accuracy after training, one thing changed")
    ax.set_title(LOCAL, fontsize=8, color=RULES[LOCAL][1])


def main() -> None:
    """Run, draw, write."""
    options, runs = arguments(__doc__, "context_rules", n_seeds=5)
    wanted = queue(options.seeds)
    results = dict(
        zip(done := [*{run: None for *_, run in wanted}], runs.finished(execute, done), strict=True)
    )
    found = [{"study": study, "lever": lever, **results[run]} for study, lever, run in wanted]
    table = table_of(found)
    table.to_csv(options.to / "context_rules.csv", index=False, float_format="%.5g")
    save_figure(draw(found, table), options.to / "context_rules.png")


if __name__ == "__main__":
    main()
