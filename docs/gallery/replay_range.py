"""How far networks can run backwards from their last state: draws replay_range.png, writes replay_range.csv and prints a table.

python docs/gallery/replay_range.py

Random networks of 128 tanh units, driven by normal inputs of 3 channels, run forward for 300 steps and are then run backwards with the
same inputs: a leaky network in either form by iteration, two populations of 64 by their exact inverse. The error is the distance
of a recovered state from the true one, relative to the larger of its norm and the square root of the number of units, median over 16
trials. Gain is the spectral radius of the recurrent matrix of a leaky network, and times the square root of the number of units the
standard deviation of the weights from one population to the other. It takes half a minute.
"""

import argparse
import math
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from _runs import HERE, save_figure
from matplotlib.figure import Figure
from tqdm import tqdm

from neurornn import CTRNN, rules
from neurornn.connectivity import Gaussian
from neurornn.networks import ReversibleRNN
from neurornn.rules.replay import distance, replayed

N_UNITS, N_STEPS, N_TRIALS, TAU = 128, 300, 16, 10.0
ALPHAS, GAINS, TOLERANCE = (0.05, 0.1, 0.2, 0.3, 0.5), (0.5, 1.0, 1.5, 2.5), 1e-3
PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
NETWORKS = {
    "current": "leaky, current form",
    "rate": "leaky, rate form",
    "populations": "two populations",
}
COLOURS = dict(zip(ALPHAS, ["#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00"], strict=True))


def network_of(kind: str, alpha: float, gain: float, dtype: torch.dtype) -> CTRNN | ReversibleRNN:
    """An untrained network."""
    given = {"tau": TAU, "dt": TAU * alpha, "activation": "tanh", "dtype": dtype}
    if kind == "populations":
        return ReversibleRNN(3, N_UNITS, 1, gain=gain, **given)
    return CTRNN(3, N_UNITS, 1, form=kind, init=Gaussian(gain), **given)


def measured(kind: str, alpha: float, gain: float, precision: str) -> pd.DataFrame:
    """Errors of one network, one row for each number of steps back."""
    network = network_of(kind, alpha, gain, PRECISIONS[precision])
    source = rules.Reversible(math.inf) if kind == "populations" else rules.Inverted(math.inf)
    inputs = torch.randn(
        N_TRIALS, N_STEPS, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    past, true = replayed(source, network, inputs.to(PRECISIONS[precision]))
    error = distance(past.state, true).median(0).values.flip(0)[1:-1]  # the start is known
    norm = torch.linalg.matrix_norm(network.W_rec.detach(), 2).item()
    return pd.DataFrame({
        "network": kind,
        "precision": precision,
        "alpha": alpha,
        "gain": gain,
        "contraction": round(alpha * norm / (1 - alpha), 3),
        "steps_back": range(1, N_STEPS),
        "error": [float(f"{each:.3g}") for each in error],
        "redone": [float(f"{each:.3g}") for each in past.residual.max(0).values.flip(0)[:-1]],
    })


def reach(errors: pd.DataFrame) -> pd.DataFrame:
    """Steps back until the error first exceeds the tolerance, one row for each network and precision."""
    good = errors.assign(steps=errors.steps_back.where(~(errors.error <= TOLERANCE), N_STEPS))
    first = good.groupby(["network", "precision", "gain", "alpha"]).steps.min() - 1
    return first.unstack("alpha")


def markdown(table: pd.DataFrame) -> str:
    """The table of reaches as a page has it."""
    lines = [
        "| network | precision | gain | " + " | ".join(f"$\\alpha$ = {alpha:g}" for alpha in ALPHAS) + " |"
    ]
    lines.append("|---|---|---|" + "---|" * len(ALPHAS))
    for kind, words in NETWORKS.items():
        for precision in PRECISIONS:
            for gain in GAINS:
                row = table.loc[kind, precision, gain]
                cells = [f"{row[alpha]:.0f}" if row[alpha] < N_STEPS - 1 else "all" for alpha in ALPHAS]
                lines.append(f"| {words} | {precision} | {gain:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def drawn(errors: pd.DataFrame) -> Figure:
    """Error against steps back at gain 1.5."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    for ax, (kind, words) in zip(axes, NETWORKS.items(), strict=True):
        for alpha in ALPHAS:
            for precision, style in (("float64", "-"), ("float32", ":")):
                here = errors[
                    (errors.network == kind)
                    & (errors.alpha == alpha)
                    & (errors.precision == precision)
                    & (errors.gain == 1.5)
                ]
                ax.plot(here.steps_back, here.error, style, color=COLOURS[alpha], lw=1.4)
        ax.axhline(TOLERANCE, color="0.6", lw=0.8, zorder=0)
        ax.set(title=words, xlabel="steps back", yscale="log", xlim=(1, 150), ylim=(1e-17, 1e3))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("relative error of the state")
    for alpha in ALPHAS:
        axes[2].plot([], [], color=COLOURS[alpha], label=f"$\\alpha$ = {alpha:g}")
    axes[2].plot([], [], "k-", label="float64")
    axes[2].plot([], [], "k:", label="float32")
    axes[2].plot([], [], color="0.6", lw=0.8, label="tolerance")
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    return figure


def main() -> None:
    """Measure, write, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=HERE, help="folder of figure and table")
    options = parser.parse_args()
    settings = [(k, a, g, p) for k in NETWORKS for p in PRECISIONS for g in GAINS for a in ALPHAS]
    errors = pd.concat(
        [measured(*each) for each in tqdm(settings, unit="network", disable=None)], ignore_index=True
    )
    table = reach(errors)
    kept = errors[errors.steps_back.isin([10, 20, 30, 50, 70, 100, 150, 200, 299])]
    options.to.mkdir(parents=True, exist_ok=True)
    kept.to_csv(options.to / "replay_range.csv", index=False)
    save_figure(drawn(errors), options.to / "replay_range.png")
    print(markdown(table))


if __name__ == "__main__":
    main()
