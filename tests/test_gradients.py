"""Gradients of back-propagation through time, against finite differences and against theory."""

import numpy as np
import pytest
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from toys import toy_trials

from neurornn import CTRNN, Dale, LearnedTau, Objective
from neurornn.connectivity import Areas, FixedWeights, Gaussian, Orthogonal, Projection, Sparse
from neurornn.rules import BPTT

N = 5
DEFAULT = Objective()
PENALTIES = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)


def fixed_plan():
    weights = np.full((N, N), np.nan)
    weights[0, 1], weights[2, 4], weights[3, 3] = 0.25, -0.5, 0.1
    return FixedWeights(weights, base=Sparse(0.7))


def make_network(form, **options):
    options = {"activation": "tanh", "seed": 2, "dtype": torch.float64} | options
    network = CTRNN(2, N, 2, form=form, **options)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():  # away from the symmetric start: biases, signs and initial states of all kinds
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def gradient(network, trials, objective=DEFAULT, seed=0):
    network.zero_grad()
    BPTT().backward(network, trials, objective=objective, generator=torch.Generator().manual_seed(seed))
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def central_differences(network, trials, objective=DEFAULT, seed=0, h=1e-6):
    """Of the value the objective takes, one parameter at a time."""
    parameters = list(network.parameters())
    center = parameters_to_vector(parameters).detach().clone()

    def value(vector):
        vector_to_parameters(vector, parameters)
        with torch.no_grad():
            run = network(trials.inputs, generator=torch.Generator().manual_seed(seed))
            return objective(network, trials, run).item()

    differences = []
    for k in range(center.numel()):
        shift = torch.zeros_like(center)
        shift[k] = h
        differences.append((value(center + shift) - value(center - shift)) / (2 * h))
    vector_to_parameters(center, parameters)
    return torch.tensor(differences, dtype=torch.float64)


def assert_gradient_is_exact(network, trials, objective=DEFAULT):
    found, expected = gradient(network, trials, objective), central_differences(network, trials, objective)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
    assert found.abs().max() > 1e-3


EVERYTHING = {"tau": LearnedTau(60.0), "train_initial_state": True, "sigma_rec": 0.3}
NETWORKS = {
    "plain": {},
    "without bias": {"bias": False, "tau": [20.0, 40.0, 60.0, 100.0, 300.0]},
    "learned tau, initial state": EVERYTHING,
    "noise on the state": EVERYTHING | {"noise": "state"},
    "dale abs": EVERYTHING | {"dale": Dale(), "connectivity": Sparse(0.6)},
    "dale relu": EVERYTHING | {"dale": Dale(rectifier="relu", nonnegative_inputs=True), "noise": "state"},
    "dale fixed": EVERYTHING | {"dale": Dale(nonnegative_readout=True), "connectivity": fixed_plan()},
    "areas": EVERYTHING
    | {"connectivity": Areas({"A": 3, "B": 2}, {"A->B": Projection(0.8)}), "noise": "state"},
}


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS.keys())
def test_the_gradient_is_that_of_finite_differences(form, options):
    network = make_network(form, **options)
    assert_gradient_is_exact(network, toy_trials(2, 4))


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("activation", ["relu", "softplus", "sigmoid", "retanh", "power", "identity"])
def test_every_activation(form, activation):
    assert_gradient_is_exact(make_network(form, activation=activation), toy_trials(2, 3))


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_losses_and_penalties(form, loss):
    network = make_network(form, dale=Dale(), connectivity=Sparse(0.6))
    assert_gradient_is_exact(network, toy_trials(2, 4, loss=loss), PENALTIES)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_gradients_reach_inputs_and_the_start(form):
    """First and second derivatives of the trajectory itself."""
    network = make_network(form, tau=LearnedTau(60.0), dale=Dale())
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    start = torch.randn(2, N, generator=generator, dtype=torch.float64, requires_grad=True)

    def run(inputs, start):
        return network(inputs, start).output

    with torch.random.fork_rng():  # the check itself draws from the global generator
        assert torch.autograd.gradcheck(run, (inputs, start))
        assert torch.autograd.gradgradcheck(run, (inputs, start))


def test_every_part_of_the_network_is_learned():
    """No parameter is left out: each gradient is finite and somewhere not 0."""
    network = make_network("current", **NETWORKS["dale fixed"])
    gradient(network, toy_trials(4, 6))
    names = dict(network.named_parameters())
    assert set(names) == {
        "recurrent.raw",
        "input.raw",
        "readout.raw",
        "bias",
        "bias_out",
        "start",
        "time_constant.raw",
    }
    for name, parameter in names.items():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def gradient_ratio(network, n_steps):
    """How much longer the gradient is at the start than at the end, for an error at the last step alone."""
    start = torch.randn(3, network.n_units, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start.requires_grad_()
    run = network(torch.zeros(3, n_steps, 2, dtype=torch.float64), start)
    at_start, at_end = torch.autograd.grad(run.final.square().sum(), [start, run.final])
    return (at_start.norm(dim=1) / at_end.norm(dim=1)).detach()


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("gain", [0.8, 1.0, 1.2])
def test_gradients_vanish_or_explode_with_the_singular_values(form, gain):
    """A linear network whose singular values are all ``s`` scales gradients by ``s`` at each step, exactly."""
    network = CTRNN(
        2,
        20,
        1,
        form=form,
        tau=20.0,
        dt=20.0,
        activation="identity",
        init=Orthogonal(gain),
        dtype=torch.float64,
    )
    n_steps = 30
    expected = torch.full((3,), gain**n_steps, dtype=torch.float64)
    torch.testing.assert_close(gradient_ratio(network, n_steps), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_a_leak_alone_forgets_geometrically(form):
    network = CTRNN(2, 20, 1, form=form, tau=100.0, dt=5.0, init=Gaussian(0.0), dtype=torch.float64)
    if form == "rate":
        with torch.no_grad():
            network.bias.fill_(1.0)
    expected = torch.full((3,), 0.95**40, dtype=torch.float64)
    torch.testing.assert_close(gradient_ratio(network, 40), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_slow_units_carry_gradients_past_the_recurrence(form):
    """For small ``alpha`` and a fixed number of steps the ratio tends to ``(1 - alpha)^k``, at order ``alpha``."""
    n_steps, gaps = 20, []
    for tau in (1e3, 1e4, 1e5):
        network = CTRNN(2, 20, 1, form=form, tau=tau, dt=1.0, activation="tanh", dtype=torch.float64)
        gaps.append((gradient_ratio(network, n_steps) / (1 - 1 / tau) ** n_steps - 1).abs().max().item())
    assert gaps[0] < 0.1
    assert gaps[1] / gaps[0] == pytest.approx(0.1, rel=0.1)
    assert gaps[2] / gaps[1] == pytest.approx(0.1, rel=0.1)
