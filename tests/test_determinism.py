"""One seed, one answer: the same bytes whatever the number of threads."""

import math

import pytest
import torch
from toys import toy_trials

from neurornn import CTRNN, Dale, simulate
from neurornn._threads import single_threaded
from neurornn.connectivity import FixedWeights, Orthogonal
from neurornn.rules import BPTT, TruncatedBPTT

# Sizes at which torch's own products, sums and transcendental functions do depend on the number of threads.
SIZES = [(7, 33, 20), (20, 50, 50), (5, 256, 10)]


def with_threads(compute):
    """What a computation returns with one and with two threads."""
    before, results = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            results.append(compute())
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    return results


def toy_fit(n_trials, n_units, n_steps, activation):
    network = CTRNN(3, n_units, 2, dale=Dale(), sigma_rec=0.1, activation=activation)
    return network, toy_trials(n_trials, n_steps, 3, 2, dtype=torch.float32)


@pytest.mark.parametrize("activation", ["softplus", "tanh"])
@pytest.mark.parametrize("size", SIZES)
def test_threads_do_not_change_a_trajectory(size, activation):
    network, trials = toy_fit(*size, activation)
    one, two = with_threads(lambda: network(trials.inputs, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    one, two = with_threads(lambda: simulate(network, trials, seed=3))
    assert one.drop_attrs().identical(two.drop_attrs())


@pytest.mark.parametrize("rule", [BPTT(), TruncatedBPTT(depth=6, every=4)])
@pytest.mark.parametrize("size", SIZES)
def test_threads_do_not_change_a_gradient(size, rule):
    network, trials = toy_fit(*size, "softplus")

    def gradients():
        network.zero_grad()
        loss = rule.backward(network, trials, generator=torch.Generator().manual_seed(0))
        return [loss, *(p.grad.clone() for p in network.parameters())]

    one, two = with_threads(gradients)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dale": Dale()},
        {"init": Orthogonal()},
        {"connectivity": FixedWeights(torch.full((201, 201), torch.nan).fill_diagonal_(0.1).numpy())},
    ],
    ids=["gaussian", "balanced", "orthogonal", "fixed"],
)
def test_threads_do_not_change_a_new_network(options):
    """In float64, where the spectral radius is exact to the last bit that the solver gives."""
    one, two = with_threads(lambda: CTRNN(3, 201, 2, dtype=torch.float64, **options).state_dict())
    assert all(torch.equal(one[name].nan_to_num(), two[name].nan_to_num()) for name in one)


def test_threads_are_given_back_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="inside"), single_threaded():
            assert torch.get_num_threads() == 1
            raise RuntimeError("inside")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_seed_gives_one_network_and_another_seed_another():
    first, again, other = (CTRNN(3, 20, 2, dale=Dale(), seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(first[name], again[name]) for name in first)
    for name in ("recurrent.raw", "input.raw", "readout.raw"):
        assert not torch.equal(first[name], other[name]), name


def test_matrices_of_one_network_are_independent_draws():
    network = CTRNN(100, 100, 100, dtype=torch.float64)
    flat = torch.stack([W.detach().flatten() for W in (network.W_rec, network.W_in, network.W_out)])
    assert (torch.corrcoef(flat) - torch.eye(3, dtype=torch.float64)).abs().max() < 4.5 / math.sqrt(10_000)


def test_input_and_output_weights_have_variance_one_over_the_number_of_afferents():
    network = CTRNN(50, 400, 200, dale=Dale(), dtype=torch.float64)
    for W, n_afferents in ((network.W_in, 50), (network.W_out[:, :320], 320)):
        variance = W.detach().square().mean().item() * n_afferents
        assert abs(variance - 1) < 4 * math.sqrt(2 / W.numel())
