"""Saved states: what belongs to a network loads, what does not is refused and changes nothing."""

import copy

import numpy as np
import pytest
import torch

from neurornn import CTRNN, Dale, LearnedTau
from neurornn.connectivity import FixedWeights, Sparse

N = 8


def make_network(seed=0, **options):
    weights = np.full((N, N), np.nan)
    weights[0, 1] = 0.1  # not exact in binary
    plan = FixedWeights(weights, base=Sparse(0.6))
    options = {
        "dale": Dale(),
        "connectivity": plan,
        "tau": LearnedTau(),
        "train_initial_state": True,
    } | options
    return CTRNN(2, N, 1, seed=seed, **options)


def trained(network):
    """Every parameter moved a little, some weights across zero."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return network


def same(network, state):
    return all(torch.equal(v.nan_to_num(), state[k].nan_to_num()) for k, v in network.state_dict().items())


def test_a_state_round_trips():
    state = trained(make_network()).state_dict()
    network = make_network()
    assert not same(network, state)
    network.load_state_dict(state)
    assert same(network, state)


def test_a_state_holds_the_effective_matrix_beside_what_the_optimiser_moves():
    network = trained(make_network())
    state = network.state_dict()
    assert torch.equal(state["recurrent.weight"], network.W_rec.detach())
    assert torch.equal(state["readout.weight"], network.W_out.detach())
    assert "input.weight" not in state  # no constraint: raw is the matrix itself
    assert (state["recurrent.raw"] < 0).any()


@pytest.mark.parametrize("dale", [Dale(), Dale(rectifier="relu", nonnegative_inputs=True), None])
def test_effective_matrices_alone_are_enough(dale):
    """As written by a program that knows nothing of the parametrisation."""
    network = trained(make_network(dale=dale))
    state = network.state_dict()
    for name, W in (("recurrent", network.W_rec), ("input", network.W_in), ("readout", network.W_out)):
        state.pop(f"{name}.raw")
        state[f"{name}.weight"] = W.detach().clone()
    other = make_network(dale=dale)
    other.load_state_dict(state)
    for name in ("W_rec", "W_in", "W_out"):
        assert torch.equal(getattr(other, name), getattr(network, name)), name


def test_what_the_optimiser_moves_alone_is_enough():
    network = trained(make_network())
    state = {name: value for name, value in network.state_dict().items() if not name.endswith(".weight")}
    other = make_network()
    other.load_state_dict(state)
    assert same(other, network.state_dict())


@pytest.mark.parametrize(
    ("saved", "loaded"), [(torch.float32, torch.float64), (torch.float64, torch.float32)]
)
def test_a_state_loads_into_another_precision(saved, loaded):
    network = trained(make_network(dtype=saved))
    other = make_network(dtype=loaded)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other.W_rec.double(), network.W_rec.double(), rtol=1e-6, atol=1e-7)
    assert other.W_rec.dtype == loaded


def edit(name, index, value):
    def change(state):
        state[name][index] = value

    return change


def flip_weight_and_raw(state):
    """A consistent edit of both copies that still breaks Dale's law cannot exist; signs are edited instead."""
    state["recurrent.sign"] = -state["recurrent.sign"]
    state["recurrent.weight"] = -state["recurrent.weight"]


REFUSED = {
    "weight of the wrong sign": (
        edit("recurrent.weight", (0, 7), 0.5),
        r"'recurrent\.weight' violates the declared signs",
    ),
    "weight edited alone": (
        edit("recurrent.weight", (0, 1), 0.7),
        r"'recurrent\.weight' changes fixed weights",
    ),
    "raw edited alone": (
        edit("recurrent.raw", slice(None), 0.7),
        "disagree: one was edited without the other",
    ),
    "readout from an inhibitory unit": (edit("readout.weight", (0, 7), 0.5), "synapses that do not exist"),
    "another mask": (
        edit("recurrent.mask", (0, 0), 1.0),
        r"'recurrent\.mask' is not the one this network declares",
    ),
    "another sign": (flip_weight_and_raw, r"'recurrent\.sign' is not the one this network declares"),
    "another fixed weight": (edit("recurrent.fixed", (0, 1), 0.3), r"'recurrent\.fixed' is not the one"),
    "NaN weight": (
        edit("recurrent.weight", (1, 0), torch.nan),
        r"'recurrent\.weight' holds values that are not finite",
    ),
    "NaN raw": (edit("input.raw", (1, 0), torch.nan), r"'input\.raw' holds values that are not finite"),
    "NaN bias": (edit("bias", 2, torch.nan), "'bias' holds values that are not finite"),
    "infinite bias": (edit("bias_out", 0, torch.inf), "'bias_out' holds values that are not finite"),
    "NaN tau": (
        edit("time_constant.raw", 0, torch.nan),
        r"'time_constant\.raw' holds values that are not finite",
    ),
    "wrong shape": (
        lambda s: s.update(bias=torch.zeros(N + 1)),
        r"'bias' has shape \(9,\) but the network needs \(8,\)",
    ),
    "broadcastable shape": (lambda s: s.update(bias=torch.zeros(1)), r"'bias' has shape \(1,\)"),
    "missing name": (
        lambda s: s.pop("bias"),
        r"belongs to another network: missing \['bias'\], unknown \[\]",
    ),
    "missing matrix": (
        lambda s: (s.pop("recurrent.raw"), s.pop("recurrent.weight")),
        r"missing \['recurrent\.raw', 'recurrent\.weight'\]",
    ),
    "unknown name": (lambda s: s.update(gate=torch.zeros(1)), r"missing \[\], unknown \['gate'\]"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(change, message):
    state = {name: value.clone() for name, value in trained(make_network()).state_dict().items()}
    change(state)
    network = make_network()
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=message):
        network.load_state_dict(state)
    assert same(network, before)


def test_a_matrix_of_another_shape_is_refused_under_either_name():
    network = make_network(dale=None, connectivity=None)
    before = copy.deepcopy(network.state_dict())
    state = dict(before)
    state["recurrent.weight"] = state.pop("recurrent.raw")[:1]
    state["bias"] = state["bias"] + 1
    with pytest.raises(
        ValueError, match=r"'recurrent\.weight' has shape \(1, 8\) but the network needs \(8, 8\)"
    ):
        network.load_state_dict(state)
    assert same(network, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dale": None}, "belongs to another network|is not the one this network declares"),
        ({"dale": Dale(fraction_excitatory=0.5)}, r"'recurrent\.sign' is not the one"),
        (
            {"seed": 1},
            r"'recurrent\.mask' is not the one this network declares.*same Dale's law, connectivity and seed",
        ),
        ({"connectivity": Sparse(0.6)}, "belongs to another network"),
        ({"tau": 100.0}, r"missing \['time_constant\.value'\], unknown \['time_constant\.raw'\]"),
    ],
)
def test_the_state_of_a_network_with_another_structure_is_refused(options, message):
    network = make_network(**options)
    with pytest.raises(ValueError, match=message):
        network.load_state_dict(make_network().state_dict())


def test_fixed_time_constants_are_physics_and_not_overwritten():
    """Loading tau = 20 ms into a network stepped by 50 ms would otherwise leave dt > tau unnoticed."""
    slow, fast = CTRNN(2, N, 1, tau=100.0, dt=50.0), CTRNN(2, N, 1, tau=20.0, dt=10.0)
    with pytest.raises(
        ValueError, match=r"saved time constants \(20 ms\) are not those this network declares \(100 ms\)"
    ):
        slow.load_state_dict(fast.state_dict())
    assert slow.tau == 100.0
    slow.load_state_dict(CTRNN(2, N, 1, tau=100.0, seed=3).state_dict())


def test_a_partial_load_keeps_the_rest():
    network = make_network()
    before = copy.deepcopy(network.state_dict())
    network.load_state_dict({"bias": torch.ones(N)}, strict=False)
    assert network.bias.sum() == N
    assert torch.equal(network.recurrent.raw, before["recurrent.raw"])


def test_the_law_holds_for_a_network_inside_another_module():
    outer = torch.nn.ModuleDict({"circuit": make_network()})
    state = outer.state_dict()
    state["circuit.recurrent.weight"] = -state["circuit.recurrent.weight"]
    with pytest.raises(ValueError, match="violates the declared signs"):
        outer.load_state_dict(state)
