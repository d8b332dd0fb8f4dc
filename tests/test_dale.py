"""Dale's law and masks hold whatever is done to a network: training, copying, converting, saving, editing."""

import copy

import numpy as np
import pytest
import torch
from toys import toy_trials

from neurornn import CTRNN, Dale
from neurornn.connectivity import Areas, FixedWeights, Gaussian, Projection, Sparse
from neurornn.rules import BPTT

N = 10


def fixed_synapses():
    weights = np.full((N, N), np.nan)
    weights[0, 1], weights[2, 9], weights[3, 3] = 0.25, -0.5, 0.0
    return weights


PLANS = {
    "all": None,
    "sparse": Sparse({"E->E": 0.3, "I->E": 0.7}),
    "areas": Areas({"A": 5, "B": 5}, {"A->B": Projection(sources="E")}),
    "fixed": FixedWeights(fixed_synapses(), base=Sparse(0.5)),
}


def make_network(plan="all", rectifier="abs", seed=0, **options):
    dale = Dale(rectifier=rectifier, nonnegative_inputs=True, nonnegative_readout=True)
    return CTRNN(3, N, 2, dale=dale, connectivity=PLANS[plan], seed=seed, **options)


def obeys(network):
    """Signs, mask, fixed weights, read-out and inputs, on the effective matrices."""
    W, types = network.W_rec.detach(), network.cell_types
    wiring = network.connectivity.wiring(types, network.seed)
    fixed = np.isnan(wiring.fixed) if wiring.fixed is not None else np.ones((N, N), dtype=bool)
    return {
        "excitation": bool((W[:, types == "E"] >= 0).all()),
        "inhibition": bool((W[:, types == "I"] <= 0).all()),
        "mask": not W[~torch.as_tensor(wiring.mask)].any(),
        "fixed": wiring.fixed is None or np.allclose(W.numpy()[~fixed], wiring.fixed[~fixed], atol=1e-7),
        "read-out": not network.W_out[:, types == "I"].any() and bool((network.W_out >= 0).all()),
        "inputs": bool((network.W_in >= 0).all()),
    }


LAWFUL = dict.fromkeys(["excitation", "inhibition", "mask", "fixed", "read-out", "inputs"], True)


def train(network, n_steps=5, lr=0.3):
    """Steps so large that every free weight changes its sign."""
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, weight_decay=0.1)
    trials = toy_trials(8, 12, 3, 2, dtype=network.bias.dtype)
    for _ in range(n_steps):
        optimizer.zero_grad()
        BPTT().backward(network, trials)
        optimizer.step()
    return network


@pytest.mark.parametrize("rectifier", ["abs", "relu"])
@pytest.mark.parametrize("plan", PLANS)
def test_the_law_holds_before_and_after_training(plan, rectifier):
    network = make_network(plan, rectifier)
    assert obeys(network) == LAWFUL
    before = network.W_rec.detach().clone()
    train(network)
    assert obeys(network) == LAWFUL
    assert (network.recurrent.raw < 0).any()  # the optimiser did cross zero
    assert (network.W_rec.detach() - before).abs().max() > 0.1


def test_without_the_law_the_same_training_breaks_it():
    """Negative control of the test above."""
    network = CTRNN(3, N, 2, init=Gaussian())
    with torch.no_grad():
        network.recurrent.raw.abs_()
    assert (train(network).W_rec < 0).any()


@pytest.mark.parametrize("rectifier", ["abs", "relu"])
@pytest.mark.parametrize("plan", PLANS)
def test_the_law_and_the_network_survive_copies_conversion_and_saving(plan, rectifier, tmp_path):
    network = train(make_network(plan, rectifier))
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    loaded = make_network(plan, rectifier)
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    inputs = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    expected = network(inputs).output
    for twin in (loaded, copy.deepcopy(network), network.noiseless()):
        assert obeys(twin) == LAWFUL
        assert torch.equal(twin(inputs).output, expected)
    double = copy.deepcopy(network).double()
    assert obeys(double) == LAWFUL
    torch.testing.assert_close(double(inputs.double()).output.float(), expected, rtol=1e-5, atol=1e-5)
    assert obeys(train(loaded)) == LAWFUL


def test_fixed_weights_never_move_and_plastic_ones_do():
    network = make_network("fixed")
    fixed = ~np.isnan(network.connectivity.wiring(network.cell_types, 0).fixed)
    before = network.W_rec.detach().numpy().copy()
    after = train(network).W_rec.detach().numpy()
    assert fixed.sum() == 3
    assert np.array_equal(after[fixed], before[fixed])
    plastic = (before != 0) & ~fixed
    assert (after[plastic] != before[plastic]).all()


def test_missing_and_fixed_synapses_receive_no_gradient():
    network = make_network("fixed")
    BPTT().backward(network, toy_trials(4, 6, 3, 2, dtype=torch.float32))
    wiring = network.connectivity.wiring(network.cell_types, 0)
    silent = torch.as_tensor(~wiring.mask | ~np.isnan(wiring.fixed))
    assert not network.recurrent.raw.grad[silent].any()
    assert network.recurrent.raw.grad[~silent].all()


@pytest.mark.parametrize("dale", [None, Dale()])
def test_a_mask_holds_whatever_the_optimiser_has_moved(dale):
    network = CTRNN(3, N, 2, dale=dale, connectivity=Sparse(0.5), init=Gaussian())
    missing = torch.as_tensor(~network.connectivity.wiring(network.cell_types, 0).mask)
    with torch.no_grad():
        network.recurrent.raw.add_(1.0)
    assert missing.sum() > 20
    assert not network.W_rec[missing].any()
    assert network.W_rec[~missing].all()
    network = train(CTRNN(3, N, 2, dale=dale, connectivity=Sparse(0.5), init=Gaussian()))
    assert not network.W_rec[missing].any()


def test_a_rectified_weight_that_reaches_zero_stays_there_and_an_absolute_one_bounces():
    gradients = {}
    for rectifier in ("relu", "abs"):
        network = make_network(rectifier=rectifier)
        with torch.no_grad():
            network.recurrent.raw.neg_()
        BPTT().backward(network, toy_trials(4, 6, 3, 2, dtype=torch.float32))
        off_diagonal = ~torch.eye(N, dtype=torch.bool)
        gradients[rectifier] = network.recurrent.raw.grad[off_diagonal]
        assert bool(network.W_rec.any()) == (rectifier == "abs")
    assert not gradients["relu"].any()
    assert gradients["abs"].all()


@pytest.mark.parametrize("excitatory_readout", [True, False])
def test_the_output_is_read_from_excitatory_units_alone(excitatory_readout):
    network = CTRNN(3, N, 2, dale=Dale(excitatory_readout=excitatory_readout), form="rate")
    rate = torch.zeros(1, N)
    rate[:, network.cell_types == "I"] = 5.0
    assert bool(network.read_out(rate).any()) == (not excitatory_readout)


def test_signs_of_inputs_and_read_out_are_free_unless_declared():
    network = CTRNN(3, N, 2, dale=Dale())
    assert (network.W_in < 0).any()
    assert (network.W_out < 0).any()


def test_a_network_without_excitatory_units_has_nothing_to_read():
    with pytest.raises(ValueError, match=r"none among n_units=3 with fraction_excitatory=0\.1"):
        CTRNN(1, 3, 1, dale=Dale(fraction_excitatory=0.1), init=Gaussian(0.0))


# Assigning a matrix


def lawful_matrix(network, scale=2.0):
    """The network's own matrix scaled, fixed weights kept."""
    W = network.W_rec.detach().clone()
    wiring = network.connectivity.wiring(network.cell_types, network.seed)
    plastic = (
        torch.ones(N, N, dtype=torch.bool)
        if wiring.fixed is None
        else torch.as_tensor(np.isnan(wiring.fixed))
    )
    W[plastic] *= scale
    return W


@pytest.mark.parametrize("rectifier", ["abs", "relu"])
@pytest.mark.parametrize("plan", PLANS)
def test_an_assigned_matrix_is_the_effective_matrix(plan, rectifier):
    network = make_network(plan, rectifier)
    W = lawful_matrix(network)
    network.W_rec = W
    assert torch.equal(network.W_rec, W)
    network.W_in, network.W_out = network.W_in * 3, network.W_out * 0.5
    assert obeys(network) == LAWFUL


@pytest.mark.parametrize(
    ("plan", "post", "pre", "weight", "message"),
    [
        (
            "all",
            0,
            1,
            -0.5,
            r"The matrix violates the declared signs \(Dale's law\) at 1 of 100 synapses, .* unit 1 to unit 0",
        ),
        ("all", 4, 9, 0.5, r"violates the declared signs .* from unit 9 to unit 4 \(weight 0\.5\)"),
        ("all", 3, 3, 0.5, "puts weight on synapses that do not exist .* from unit 3 to unit 3"),
        ("areas", 0, 6, 0.5, "puts weight on synapses that do not exist .* from unit 6 to unit 0"),
        ("fixed", 0, 1, 0.3, "changes fixed weights .* from unit 1 to unit 0"),
        ("all", 0, 1, torch.nan, "holds values that are not finite"),
        ("all", 0, 1, torch.inf, "holds values that are not finite"),
    ],
)
def test_an_unlawful_matrix_is_refused_and_nothing_changes(plan, post, pre, weight, message):
    network = make_network(plan)
    before = copy.deepcopy(network.state_dict())
    W = network.W_rec.detach().clone()
    W[post, pre] = weight
    with pytest.raises(ValueError, match=message):
        network.W_rec = W
    assert all(torch.equal(v.nan_to_num(), before[k].nan_to_num()) for k, v in network.state_dict().items())


def test_other_matrices_are_validated_too():
    network = make_network()
    with pytest.raises(ValueError, match=r"The matrix is \(10, 10\) \(post, pre\): got \(10, 9\)"):
        network.W_rec = torch.zeros(10, 9)
    with pytest.raises(ValueError, match="violates the declared signs"):
        network.W_in = -torch.ones(10, 3)
    with pytest.raises(ValueError, match=r"synapses that do not exist .* from unit 8 to unit 0"):
        network.W_out = torch.ones(2, 10)
