"""Random circuits for tests of the time loop, and everything a run and its gradients give."""

from typing import NamedTuple

import torch
from torch import Tensor

from neurornn import kernels
from neurornn.activations import activation as find_activation
from neurornn.kernels import Circuit, Credit, DiagonalHop, ExactHop, FixedHop, NoHop, Noise


class Problem(NamedTuple):
    """Sizes and choices; all numbers follow from the seed and are exact in single precision."""

    form: str = "current"
    activation: str = "tanh"
    n_trials: int = 5
    n_units: int = 13
    n_steps: int = 11
    n_inputs: int = 3
    n_outputs: int = 2
    one_alpha: bool = False
    bias: bool = True
    noise: str | None = None  # "input" or "state"
    given: bool = False  # whether the normal numbers are given or drawn
    hop: str = "exact"
    feedback: bool = False
    seed: int = 0

    def numbers(self, *shape, scale=1.0, dtype=torch.float64, seed=0):
        generator = torch.Generator().manual_seed(1000 * self.seed + seed)
        return (torch.randn(*shape, generator=generator) * scale).to(dtype)

    def leaves(self, dtype=torch.float64):
        """Everything that can be differentiated, by name; tame, so that rounding is not amplified."""
        n, o, i = self.n_units, self.n_outputs, self.n_inputs
        tame = 0.1 if self.activation == "power" else 1.0
        fan = max(n, 4) ** -0.5
        alpha = 0.1 + 0.8 * torch.rand(
            () if self.one_alpha else (n,), generator=torch.Generator().manual_seed(self.seed)
        )
        leaves = {
            "W_rec": self.numbers(n, n, scale=0.7 * tame * fan, dtype=dtype, seed=1),
            "W_in": self.numbers(n, i, scale=tame, dtype=dtype, seed=2),
            "bias": self.numbers(n, scale=0.3, dtype=dtype, seed=3) if self.bias else None,
            "W_out": self.numbers(o, n, scale=fan, dtype=dtype, seed=4),
            "bias_out": self.numbers(o, dtype=dtype, seed=5) if self.bias else None,
            "alpha": alpha.to(dtype),
            "inputs": self.numbers(self.n_trials, self.n_steps, i, scale=0.5, dtype=dtype, seed=6),
            "start": self.numbers(self.n_trials, n, scale=0.5, dtype=dtype, seed=7),
        }
        return {name: None if each is None else each.requires_grad_() for name, each in leaves.items()}

    def circuit(self, leaves):
        own = {name: leaves[name] for name in ("W_rec", "W_in", "bias", "W_out", "bias_out", "alpha")}
        return Circuit(**own, activation=find_activation(self.activation), form=self.form)

    def recurrent_noise(self, dtype=torch.float64):
        if self.noise is None:
            return None
        if not self.given:
            return Noise(0.2, self.noise, key=2**40 + self.seed)
        values = self.numbers(self.n_trials, self.n_steps, self.n_units, dtype=dtype, seed=8)
        return Noise(0.2, self.noise, values=values)

    def credit(self, dtype=torch.float64):
        n = self.n_units
        matrix = self.numbers(n, n, scale=0.5 * max(n, 4) ** -0.5, dtype=dtype, seed=9)
        hop = {"exact": ExactHop(), "none": NoHop(), "diagonal": DiagonalHop(), "fixed": FixedHop(matrix)}
        feedback = self.numbers(self.n_outputs, n, dtype=dtype, seed=10) if self.feedback else None
        return Credit(hop[self.hop], feedback)

    def run(self, implementation=kernels.run, dtype=torch.float64, leaves=None, **options):
        """What an implementation gives, and the leaves it was given."""
        leaves = self.leaves(dtype) if leaves is None else leaves
        run = implementation(
            self.circuit(leaves),
            leaves["inputs"],
            leaves["start"],
            self.recurrent_noise(dtype),
            self.credit(dtype),
            **options,
        )
        return run, leaves

    def everything(self, implementation=kernels.run, dtype=torch.float64, **options):
        """Results and gradients of a random functional of them, by name."""
        run, leaves = self.run(implementation, dtype, **options)
        return results(run) | gradients(self.functional(run), leaves)

    def margin(self):
        """How far the closest state, or potential inside the activation, is from 0, where slopes may jump."""
        with torch.no_grad():
            run, leaves = self.run(kernels.run_reference)
            before = torch.cat([leaves["start"].unsqueeze(1), run.state], 1)
            margin = before.abs().min().item()
            if self.form == "rate":
                circuit, noise = self.circuit(leaves), self.recurrent_noise()
                potential = before[:, :-1] @ circuit.W_rec.T + leaves["inputs"] @ circuit.W_in.T
                potential += 0 if circuit.bias is None else circuit.bias
                if noise is not None:
                    xi = noise.numbers(self.n_trials, self.n_steps, self.n_units, potential)
                    potential += noise.scales(circuit.alpha, "rate")[0] * xi
                margin = min(margin, potential.abs().min().item())
        return margin

    def functional(self, run, with_recorded=True):
        """A random number that depends on all results, those that are only recorded included or not."""
        total = torch.zeros((), dtype=run.output.dtype)
        for seed, (name, each) in enumerate(run._asdict().items()):
            if each is not None and (with_recorded or name not in {"state", "rate"}):
                total = total + (each * self.numbers(*each.shape, dtype=each.dtype, seed=20 + seed)).sum()
        return total


def results(run) -> dict[str, Tensor]:
    return {name: each.detach() for name, each in run._asdict().items() if each is not None}


def gradients(value, leaves, **options) -> dict[str, Tensor]:
    wanted = {name: each for name, each in leaves.items() if each is not None and each.requires_grad}
    found = torch.autograd.grad(value, list(wanted.values()), **options)
    return {f"gradient of {name}": each for name, each in zip(wanted, found, strict=True)}


def distance(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    """Largest difference of each array, relative to the largest entry of the expected one.

    A gradient of one number is a sum that may happen to cancel, and no other entry lends it a scale: it is measured
    against the largest entry of all gradients.
    """
    assert found.keys() == expected.keys()
    sizes = {name: each.abs().max().item() for name, each in expected.items() if each.numel()}
    largest = max((size for name, size in sizes.items() if name.startswith("gradient")), default=0.0)
    far = {}
    for name, size in sizes.items():
        assert found[name].shape == expected[name].shape, name
        lone = name.startswith("gradient") and expected[name].numel() == 1
        difference = (found[name].to(expected[name]) - expected[name]).abs().max().item()
        far[name] = difference / ((largest if lone else size) or 1.0)
    return far


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    """Whether all arrays are the same to the last bit, NaN included."""
    assert found.keys() == expected.keys()
    return all(
        torch.equal(found[name].nan_to_num(), each.nan_to_num())
        and torch.equal(found[name].isnan(), each.isnan())
        for name, each in expected.items()
    )
