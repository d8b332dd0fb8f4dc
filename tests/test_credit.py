"""Credit that crosses synapses: a limited number of them, or as a modulator between types of cells."""

import numpy as np
import pytest
import torch
from test_local_rules import ALL, EACH_FORM, EVERYTHING, GIVEN, NETWORKS, PENALTIES, N, T
from toys import toy_trials
from traces import (
    PLAIN,
    assert_gradients_agree,
    assert_gradients_differ,
    forward_gradients,
    gradients_of,
    of_parameters,
    random_network,
    readout_gradients,
    roll_out,
)

from neurornn import CTRNN, Dale
from neurornn.networks import AbstractNetwork
from neurornn.rules import (
    BPTT,
    MDGL,
    RFLO,
    EProp,
    FeedbackAlignment,
    KHop,
    ModProp,
    Random,
    SnAp1,
    Symmetric,
    TruncatedBPTT,
)
from neurornn.rules._reverse import credit_sequence
from neurornn.testing import check_rule

RULES = {
    "bptt": BPTT(),
    "truncated": TruncatedBPTT(4, 2),
    "windows": TruncatedBPTT(3),
    "rflo": RFLO(),
    "e-prop": EProp(kappa=0.6),
    "snap-1": SnAp1(GIVEN),
    "feedback alignment": FeedbackAlignment(),
    "2 hops": KHop(2),
    "mdgl": MDGL(3),
    "modprop": ModProp(2, 0.7),
}


def expected_of(network, run, signal, start=0.0, hops=None):
    """Gradients of the parameters from a learning signal and forward traces; ``start``: signal before the first step."""
    effective = forward_gradients(run, signal, hops=hops)
    effective["start"] = effective["start"] + (
        start * run.slope_x[:, 0] if run.current else start * torch.ones(3, N)
    ).sum(0)
    return of_parameters(network, effective | readout_gradients(run), PENALTIES)


def type_means(network, types):
    """The mean weight between each two types, written out."""
    W, mean = network.W_rec.detach(), torch.zeros(N, N).double()
    for i in range(N):
        for j in range(N):
            pairs = [
                W[a, b] for a in range(N) for b in range(N) if types[a] == types[i] and types[b] == types[j]
            ]
            mean[i, j] = sum(pairs) / len(pairs)
    return mean


# A limited number of synapses


@ALL
@EACH_FORM
@pytest.mark.parametrize("k", [0, 1, 3])
def test_hops_are_counted_as_influence_tensors_count_them(form, options, k):
    """Real-time recurrent learning with one tensor for each number of synapses crossed."""
    network, trials = random_network(form, **options), toy_trials(3, T)
    run = roll_out(network, trials, PENALTIES)
    expected = expected_of(network, run, run.e @ run.C + run.direct, hops=k)
    assert_gradients_agree(gradients_of(KHop(k), network, trials, PENALTIES), expected)


@ALL
@EACH_FORM
def test_no_hop_is_symmetric_rflo_and_all_hops_are_back_propagation(form, options):
    network, trials = random_network(form, **options), toy_trials(3, T)
    none, every, local, exact = (
        gradients_of(rule, network, trials, PENALTIES)
        for rule in (KHop(0), KHop(T), RFLO(Symmetric()), BPTT())
    )
    assert_gradients_agree(none, local)
    assert_gradients_agree(every, exact)
    assert_gradients_differ(none, exact, by=0.02)


@EACH_FORM
@pytest.mark.parametrize("gain", [0.8, 1.5])
def test_each_hop_brings_the_gradient_nearer(form, gain):
    trials = toy_trials(8, 30)
    network = CTRNN(2, 24, 2, form=form, activation="tanh", seed=1, dtype=torch.float64)
    network.W_rec = network.W_rec.detach() * gain
    exact = gradients_of(BPTT(), network, trials)["recurrent.raw"]
    off = [
        (gradients_of(KHop(k), network, trials)["recurrent.raw"] - exact).norm() / exact.norm()
        for k in (0, 2, 4, 8, 16, 30)
    ]
    assert off == sorted(off, reverse=True)
    assert off[0] > 0.1 and off[-1] < 1e-12


# Types of cells


@ALL
@EACH_FORM
@pytest.mark.parametrize(("n_types", "types"), [(N, [0, 1, 2, 3, 4]), (2, None)])
def test_mdgl_is_the_signal_of_the_moment_across_one_synapse(form, options, n_types, types):
    network, trials = random_network(form, **options), toy_trials(3, T)
    if types is None:
        types = [0, 0, 0, 0, 1] if network.dale else [0, 0, 0, 1, 1]
    run, mean = roll_out(network, trials, PENALTIES), type_means(network, types)
    L, slope = run.e @ run.C + run.direct, run.slope_x[:, 1:] if run.current else torch.stack(run.slope_a, 1)
    secreted = (run.alpha * slope * L) @ mean
    heard = torch.cat([secreted[:, 1:], torch.zeros(3, 1, N)], 1)
    expected = expected_of(network, run, L + heard, secreted[:, 0])
    assert_gradients_agree(gradients_of(MDGL(n_types), network, trials, PENALTIES), expected)


@ALL
@EACH_FORM
@pytest.mark.parametrize(("n_types", "slope"), [(N, 0.8), (2, 0.4)])
def test_modprop_is_a_fixed_filter_between_types(form, options, n_types, slope):
    r"""Taps :math:`(1-\alpha+\alpha\mu\bar W)^{k-1}\,\alpha\mu\bar W` of the signal ``k`` steps later, in either form."""
    network, trials = random_network(form, **options), toy_trials(3, T)
    types = [0, 1, 2, 3, 4] if n_types == N else [0, 0, 0, 0, 1] if network.dale else [0, 0, 0, 1, 1]
    run = roll_out(network, trials, PENALTIES)
    step = run.alpha[:, None] * slope * type_means(network, types)
    L, A = run.e @ run.C + run.direct, torch.diag(1 - run.alpha) + step
    signal = torch.cat([torch.zeros(3, 1, N).double(), L], 1)
    heard = signal.clone()
    for t in range(T + 1):
        for k in range(1, T + 1 - t):
            heard[:, t] += signal[:, t + k] @ torch.linalg.matrix_power(A, k - 1) @ step
    expected = expected_of(network, run, heard[:, 1:], heard[:, 0])
    assert_gradients_agree(gradients_of(ModProp(n_types, slope), network, trials, PENALTIES), expected)


@ALL
@EACH_FORM
def test_limits_of_cell_type_rules(form, options):
    network, trials = random_network(form, **options), toy_trials(3, T)
    exact, local = (gradients_of(rule, network, trials, PENALTIES) for rule in (BPTT(), RFLO(Symmetric())))
    assert_gradients_agree(gradients_of(ModProp(N, None), network, trials, PENALTIES), exact)
    for rule in (ModProp(0, None), ModProp(0), MDGL(0)):
        assert_gradients_agree(gradients_of(rule, network, trials, PENALTIES), local)
    for rule in (ModProp(N, 0.5), ModProp(None, None), MDGL(N)):
        found = gradients_of(rule, network, trials, PENALTIES)
        assert_gradients_differ(found, exact)
        assert_gradients_differ(found, local)


@EACH_FORM
def test_in_units_without_memory_mdgl_of_single_cells_is_one_hop(form):
    network, trials = random_network(form, tau=20.0, train_initial_state=True), toy_trials(3, T)
    hop = gradients_of(KHop(1), network, trials, PENALTIES)
    assert_gradients_agree(gradients_of(MDGL(N), network, trials, PENALTIES), hop)
    network = random_network(form, tau=60.0)
    hop = gradients_of(KHop(1), network, trials, PENALTIES)
    assert_gradients_differ(gradients_of(MDGL(N), network, trials, PENALTIES), hop)


def test_types_are_those_of_the_network_unless_a_number_is_given():
    network = CTRNN(
        2, 10, 1, dale=Dale(), dtype=torch.float64
    )  # eight excitatory units, then two inhibitory ones
    W = network.W_rec.detach()
    E, inhibitory = slice(0, 8), slice(8, 10)
    mean = MDGL().type_means(network, W)
    for post in (E, inhibitory):
        for pre in (E, inhibitory):
            torch.testing.assert_close(mean[post, pre], W[post, pre].mean().expand_as(W[post, pre]))
    assert torch.equal(MDGL(10).type_means(network, W), W)
    found = [len(np.unique(MDGL(n).type_means(network, W).numpy(), axis=0)) for n in range(2, 11)]
    assert found == list(range(2, 11))
    plain = CTRNN(2, 10, 1, dtype=torch.float64)
    W = plain.W_rec.detach()
    torch.testing.assert_close(MDGL().type_means(plain, W), W.mean().expand_as(W))
    one_each = MDGL(3).type_means(network, network.W_rec.detach())
    assert bool((one_each[:, :8] >= 0).all()) and bool(
        (one_each[:, 8:] <= 0).all()
    )  # no type mixes the signs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (KHop(1), KHop(2)),
        (KHop(1), KHop(1, Random())),
        (MDGL(2), MDGL(3)),
        (MDGL(2), MDGL(2, GIVEN)),
        (ModProp(2), ModProp(3)),
        (ModProp(slope=0.4), ModProp(slope=0.5)),
        (ModProp(slope=0.5), ModProp(slope=None)),
        (ModProp(feedback=Random()), ModProp()),
    ],
)  # fmt: skip
@EACH_FORM
def test_every_knob_moves_the_gradient(form, one, other):
    network, trials = random_network(form), toy_trials(3, T)
    found, reference = (gradients_of(rule, network, trials) for rule in (one, other))
    assert_gradients_differ(found, reference, "recurrent.raw", "input.raw", "bias")


# One recursion for all


@EACH_FORM
@pytest.mark.parametrize("options", [NETWORKS["one tau"], NETWORKS["noise with the input"]])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_credit_times_rate_is_the_gradient(form, options, rule):
    """The plain recursion finds the credit that the compiled kernel used."""
    network, trials = random_network(form, **options), toy_trials(3, T)
    found = gradients_of(rule, network, trials, seed=5)
    before = {name: p.grad.clone() for name, p in network.named_parameters()}
    A, rates, inputs = credit_sequence(rule, network, trials, PLAIN, torch.Generator().manual_seed(5))
    assert all(torch.equal(p.grad, before[name]) for name, p in network.named_parameters())
    assert not (A.requires_grad or rates.requires_grad)
    credit = {
        "recurrent.raw": torch.einsum("bta,btc->ac", A, rates),
        "input.raw": torch.einsum("bta,btc->ac", A, inputs),
        "bias": A.sum((0, 1)),
    }
    assert_gradients_agree({name: found[name] for name in credit}, credit)


@pytest.mark.parametrize(
    ("depth", "every", "steps"), [(3, 3, T), (4, 2, 2 + 4 + 4 + 3 + 4), (T, 1, 28), (T, T, T)]
)
def test_truncation_runs_no_step_without_need_and_records_none(depth, every, steps, monkeypatch):
    """Windows that meet run each step once; those that overlap run it again, and so does what leads to them."""
    network, trials, runs = random_network(**EVERYTHING), toy_trials(3, T), []
    own = CTRNN.stretch

    def stretch(self, inputs, state, key, first, *, record):
        runs.append((inputs.shape[1], record))
        return own(self, inputs, state, key, first, record=record)

    monkeypatch.setattr(CTRNN, "stretch", stretch)
    gradients_of(TruncatedBPTT(depth, every), network, trials)
    assert sum(n for n, _ in runs) == steps
    assert not any(record for _, record in runs)


@pytest.mark.parametrize("rule", [KHop(2), KHop(0, Random()), MDGL(), ModProp(slope=0.3)])
@pytest.mark.parametrize("options", [{}, {"sigma_rec": 0.0, "form": "rate", "bias": False}, EVERYTHING])
def test_they_keep_the_contract_of_rules(rule, options):
    network = CTRNN(2, N, 2, **({"sigma_rec": 0.2, "dale": Dale()} | options))
    check_rule(rule, network, toy_trials(3, T), objective=PENALTIES)
    check_rule(rule, network, toy_trials(3, T, loss="cross_entropy", dtype=torch.float32))


# Refusals


class Other(AbstractNetwork):
    """A network that is no leaky one."""

    n_inputs, n_units, n_outputs, dt, sigma_rec = 2, N, 2, 20.0, 0.0
    drift = step = forward = cell_types = W_rec = None


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if not isinstance(rule, BPTT | TruncatedBPTT)]
)
def test_a_network_that_does_not_leak_is_refused(rule):
    message = f"{type(rule).__name__} is derived for leaky networks such as CTRNN, and Other is none"
    with pytest.raises(TypeError, match=message):
        rule.backward(Other(), toy_trials(3, T))


def test_rules_without_a_credit_sequence_are_refused():
    with pytest.raises(TypeError, match="object is no filter that runs backwards in time"):
        credit_sequence(object(), random_network(), toy_trials(3, T))


def test_more_hops_than_steps_are_refused():
    with pytest.raises(
        ValueError, match=rf"cannot cross {T + 1} synapses in trials of {T} steps. Use rules.BPTT\(\)"
    ):
        gradients_of(KHop(T + 1), random_network(), toy_trials(3, T))


def test_impossible_types_are_refused():
    for make in (MDGL, ModProp):
        for wrong in (-1, 0.5):
            with pytest.raises(
                ValueError, match=f"at least 0, or None for the types of the network: got {wrong}"
            ):
                make(wrong)
    with pytest.raises(ValueError, match="n_types=6 does not suit a network of 5 units: give 1 to 5, or 0"):
        gradients_of(MDGL(6), random_network(), toy_trials(3, T))
    with pytest.raises(ValueError, match="5 units of excitatory and inhibitory ones: give 2 to 5, or 0"):
        gradients_of(ModProp(1), random_network(dale=Dale()), toy_trials(3, T))
    with pytest.raises(ValueError, match="slope must be a finite number, or None for the true one: got nan"):
        ModProp(slope=float("nan"))
