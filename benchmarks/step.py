"""What one training step costs, beside the matrix products it cannot do without.

    python benchmarks/step.py

Forward pass with recurrent noise, backward pass and weight gradients of a tanh network, against the bare products of
the same sizes. Repetitions are interleaved and medians are shown, so other load on the machine hits all alike.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

import neurornn

SIZES = [(20, 50, 100), (64, 100, 100), (64, 256, 200), (256, 256, 200)]  # batch, units, steps
N_INPUTS, N_OUTPUTS, N_REPETITIONS = 6, 3, 15


def floor(batch: int, units: int, steps: int) -> Callable[[], None]:
    """The products of one step: each time step forward and back, and each weight gradient once."""
    W, r = torch.randn(units, units), torch.randn(batch, units)
    everything, inputs = torch.randn(batch * steps, units), torch.randn(batch * steps, N_INPUTS)
    out, W_in, W_out = torch.empty(batch, units), torch.randn(units, N_INPUTS), torch.randn(N_OUTPUTS, units)

    def run() -> None:
        for _ in range(2 * steps):
            torch.mm(r, W, out=out)
        errors = everything @ W_out.t()
        _ = inputs @ W_in.t(), errors @ W_out, errors.t() @ everything
        _ = everything.t() @ everything, everything.t() @ inputs

    return run


def training_step(batch: int, units: int, steps: int) -> Callable[[], None]:
    """Forward, loss and backward of the library."""
    network = neurornn.CTRNN(N_INPUTS, units, N_OUTPUTS, activation="tanh", sigma_rec=0.1)
    trials = neurornn.Trials(
        inputs=torch.randn(batch, steps, N_INPUTS),
        targets=torch.randn(batch, steps, N_OUTPUTS),
        mask=torch.ones(batch, steps),
        conditions={},
        epochs={},
        info=neurornn.TrialInfo("noise", network.dt, 0, ("u",) * N_INPUTS, ("y",) * N_OUTPUTS),
    )
    generator, rule = torch.Generator().manual_seed(0), neurornn.rules.BPTT()

    def run() -> None:
        network.zero_grad()
        rule.backward(network, trials, generator=generator)

    return run


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    sys.stdout.write(f"{'batch, units, steps':>20}  {'products ms':>11}  {'neurornn ms':>11}  {'ratio':>5}\n")
    for size in SIZES:
        runs = [floor(*size), training_step(*size)]
        times: list[list[float]] = [[], []]
        for repetition in range(N_REPETITIONS + 2):
            for run, spent in zip(runs, times, strict=True):
                began = time.perf_counter()
                run()
                if repetition >= 2:
                    spent.append(1e3 * (time.perf_counter() - began))
        bare, step = map(statistics.median, times)
        sys.stdout.write(f"{size!s:>20}  {bare:11.2f}  {step:11.2f}  {step / bare:5.1f}\n")


if __name__ == "__main__":
    main()
