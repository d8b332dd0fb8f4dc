"""Small random trials for tests that need no task, and a small random network."""

import numpy as np
import torch

from neurornn import CTRNN, LearnedTau, TrialInfo, Trials

FORMS = ["current", "rate"]
NAMES = ["relu", "softplus", "tanh", "sigmoid", "retanh", "power", "identity"]
TAUS = {"shared": 100.0, "per unit": [20.0, 50.0, 80.0, 200.0, 500.0], "learned": LearnedTau()}


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_network(form="current", **options):
    options = {"tau": TAUS["per unit"], "activation": "tanh", "seed": 1, "dtype": torch.float64} | options
    network = CTRNN(3, 5, 2, form=form, **options)
    with torch.no_grad():
        network.bias.copy_(normal(5, seed=8))
        network.bias_out.copy_(normal(2, seed=9))
    return network


def toy_trials(
    n_trials=3,
    n_steps=6,
    n_inputs=2,
    n_outputs=2,
    *,
    dt=20.0,
    seed=0,
    dtype=torch.float64,
    loss="squared_error",
):
    """Gaussian inputs and targets, uneven mask; trial ``i`` ends ``i`` steps before the padding does."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n_trials, n_steps, n_inputs, generator=generator, dtype=dtype)
    targets = torch.randn(n_trials, n_steps, n_outputs, generator=generator, dtype=dtype)
    if loss == "cross_entropy":
        targets = torch.softmax(targets, -1)
    steps = n_steps - np.arange(n_trials)
    mask = torch.rand(n_trials, n_steps, generator=generator, dtype=dtype) + 0.1
    mask = mask * torch.as_tensor(np.arange(n_steps) < steps[:, None])
    return Trials(
        inputs=inputs,
        targets=targets,
        mask=mask,
        conditions={"strength": np.arange(n_trials) / n_trials},
        epochs={"trial": np.stack([np.zeros(n_trials), steps * dt], 1)},
        info=TrialInfo(
            "toy-v1",
            dt,
            seed,
            tuple(f"in{k}" for k in range(n_inputs)),
            tuple(f"out{k}" for k in range(n_outputs)),
            loss,
        ),
    )
