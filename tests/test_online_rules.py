"""Rules that run forward in time: exact where they say so, the reverse filters' equals, and updates within a trial."""

import itertools
import math

import numpy as np
import pytest
import torch
from online import PENALTIES, N, T, assert_gradients_differ, assert_same, gradients, make_network, relative
from toys import FORMS, toy_trials

from neurornn import CTRNN, Dale, LearnedTau, Objective
from neurornn.connectivity import AbstractConnectivity, AllToAll, FixedWeights, Gaussian, Sparse, Wiring
from neurornn.kernels import Credit, DiagonalHop, NoHop
from neurornn.networks import AbstractNetwork
from neurornn.rules import BPTT, DNI, RTRL, UORO, KeRNL, KroneckerRTRL, ReverseKroneckerRTRL, SnAp, _footprint
from neurornn.testing import check_rule

STILL = [KeRNL(rate=0.0), DNI(rate=0.0)]  # what they learn of the network is held
RULES = [RTRL(), SnAp(1), SnAp(2), UORO(), KroneckerRTRL(), ReverseKroneckerRTRL(), *STILL]
TAUS = [100.0, [20.0, 50.0, 80.0, 200.0, 500.0], LearnedTau(60.0)]


def surrogate(network, trials, credit, seed=0):
    """Autograd through a graph in which credit goes other ways."""
    network.zero_grad()
    run = network.outputs(
        trials.inputs, generator=torch.Generator().manual_seed(seed), costs=True, credit=credit
    )
    loss = PENALTIES(network, trials, run)
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in network.named_parameters()}


class Ring(AbstractConnectivity):
    """Each unit projects to the next one, and the last to the first."""

    def wiring(self, cell_types, seed):
        return Wiring(np.roll(np.eye(len(cell_types), dtype=bool), 1, axis=0))

    def areas(self, n_units):
        return np.full(n_units, "", dtype="<U1")


class Chain(Ring):
    """Each unit projects to the next one, the last to none."""

    def wiring(self, cell_types, seed):
        return Wiring(np.eye(len(cell_types), k=-1, dtype=bool))


# RTRL is back-propagation


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize(
    "options",
    [
        {"noise": "state"},
        {"dale": Dale(), "connectivity": Sparse(0.5), "bias": False},
        {"sigma_rec": 0.0, "train_initial_state": False, "activation": "softplus"},
    ],
)
def test_rtrl_is_the_exact_gradient(form, tau, options):
    network, trials = make_network(form, tau=tau, **options), toy_trials(3, 40)
    assert_same(gradients(RTRL(), network, trials), gradients(BPTT(), network, trials), rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_rtrl_is_exact_for_every_loss_and_alone_without_penalties(loss):
    network, trials = make_network(), toy_trials(3, T, loss=loss)
    found, exact = (gradients(rule, network, trials, Objective()) for rule in (RTRL(), BPTT()))
    assert_same(found, exact, rtol=1e-12)


@pytest.mark.parametrize("rule", [RTRL(), SnAp(2), *STILL])
@pytest.mark.parametrize("every", [1, 4, T, 100])
def test_parts_add_up_to_the_whole_while_weights_rest(rule, every):
    network, trials = make_network(), toy_trials(3, T)
    in_parts = type(rule)(**{**vars(rule), "update_every": every})
    parts = list(
        in_parts.parts(network, trials, objective=PENALTIES, generator=torch.Generator().manual_seed(0))
    )
    assert len(parts) == math.ceil(T / every)
    assert all(part.ndim == 0 and not part.requires_grad for part in parts)
    assert_same(gradients(in_parts, network, trials), gradients(rule, network, trials))


def test_blocks_of_a_long_trial_join_seamlessly():
    network, trials = make_network(tau=300.0), toy_trials(2, 70)
    assert_same(gradients(RTRL(), network, trials), gradients(BPTT(), network, trials))
    assert_same(gradients(RTRL(33), network, trials), gradients(BPTT(), network, trials))


# SnAp keeps what is reached


@pytest.mark.parametrize("form", FORMS)
def test_snap_1_is_the_reverse_filter_with_autapses(form):
    network, trials = make_network(form), toy_trials(3, T)
    found = gradients(SnAp(1), network, trials)
    assert_same(found, surrogate(network, trials, Credit(DiagonalHop())))
    assert_gradients_differ(found, gradients(BPTT(), network, trials))


@pytest.mark.parametrize("form", FORMS)
def test_snap_1_without_autapses_is_symmetric_rflo(form):
    trials = toy_trials(3, T)
    bare, with_autapses = make_network(form, dale=Dale()), make_network(form)
    assert_same(gradients(SnAp(1), bare, trials), surrogate(bare, trials, Credit(NoHop())))
    assert_gradients_differ(
        gradients(SnAp(1), with_autapses, trials), surrogate(with_autapses, trials, Credit(NoHop()))
    )


@pytest.mark.parametrize("form", FORMS)
def test_snap_n_of_at_least_the_number_of_units_is_rtrl(form):
    for options in ({}, {"connectivity": Sparse(0.4, autapses=True)}):
        network, trials = make_network(form, **options), toy_trials(3, T)
        exact = gradients(RTRL(), network, trials)
        for n in (N, N + 3):
            assert_same(gradients(SnAp(n), network, trials), exact)


def test_on_a_ring_influence_needs_one_step_for_each_unit():
    """The last unit is N - 1 synapses away, so N steps reach it and N - 1 do not."""
    network, trials = make_network(connectivity=Ring(), tau=40.0), toy_trials(3, 20)
    network.W_rec = 1.5 * network.recurrent.mask
    exact = gradients(RTRL(), network, trials)
    distance = [relative(gradients(SnAp(n), network, trials), exact) for n in range(1, N + 1)]
    assert distance[0] > 0.1 and min(distance[: N - 1]) > 1e-2 and distance[N - 1] < 1e-12


@pytest.mark.parametrize("form", FORMS)
def test_on_a_chain_most_influences_need_not_be_carried(form):
    network, trials = make_network(form, connectivity=Chain(), init=Gaussian(0.0)), toy_trials(3, T)
    network.W_rec = 1.5 * network.recurrent.mask
    exact = gradients(RTRL(), network, trials)
    assert_same(gradients(SnAp(N), network, trials), exact)
    assert_gradients_differ(gradients(SnAp(2), network, trials), exact)


def test_synapses_fixed_at_0_carry_no_influence():
    fixed = FixedWeights(np.where(np.tri(N, k=-1), np.nan, 0.0), AllToAll(autapses=True))
    network, trials = make_network(connectivity=fixed, init=Gaussian(0.0)), toy_trials(3, T)
    network.W_rec = torch.as_tensor(np.tri(N, k=-1))
    exact = gradients(RTRL(), network, trials)
    assert_same(gradients(SnAp(N), network, trials), exact)
    assert_gradients_differ(gradients(SnAp(1), network, trials), exact)


def test_snap_n_is_rtrl_with_influences_set_to_zero():
    """Against the same recursion with whole matrices and a mask, one trial and one unit at a time."""
    network = make_network(connectivity=Sparse(0.3, autapses=True), sigma_rec=0.0, tau=50.0)
    trials = toy_trials(2, T)
    W, alpha = network.W_rec.detach(), network.alpha.detach()
    reach = torch.eye(N) + (network.recurrent.mask != 0)  # units reached within two steps: (to, from)
    expected = torch.zeros(N, N, dtype=torch.float64)
    run = network(trials.inputs)
    output = run.output.detach().requires_grad_()
    (error,) = torch.autograd.grad(Objective().of_steps(trials, run._replace(output=output)), output)
    for b in range(2):
        x, M = network.start.detach(), torch.zeros(N, N, N, dtype=torch.float64)
        for t in range(T):
            J = torch.diag(1 - alpha.expand(N)) + alpha * W * (1 - torch.tanh(x) ** 2)
            M = torch.einsum("ij,jab->iab", J, M)
            for a in range(N):
                M[a, a] += alpha * torch.tanh(x)
            M = M * (reach > 0)[:, :, None]
            x = run.state[b, t].detach()
            signal = (1 - torch.tanh(x) ** 2) * (error[b, t] @ network.W_out.detach())
            expected += torch.einsum("i,iab->ab", signal, M)
    found = gradients(SnAp(2), network, trials, Objective())[1]["recurrent.raw"]
    torch.testing.assert_close(found, expected * network.recurrent.mask, rtol=1e-10, atol=1e-13)
    assert 0 < int((reach == 0).sum()) < N * N - N  # the mask does something


# The contract


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(
    "options",
    [
        {"dale": Dale(), "connectivity": Sparse(0.5)},
        {"form": "rate", "sigma_rec": 0.0, "bias": False, "tau": 100.0},
    ],
)
def test_forward_rules_keep_the_contract(rule, options):
    check_rule(rule, make_network(**options), toy_trials(3, T), objective=PENALTIES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_rule_that_approximates_does_not_return_the_exact_gradient(rule):
    network, trials = make_network(dale=Dale(), connectivity=Sparse(0.4)), toy_trials(3, T)
    found, exact = (gradients(each, network, trials) for each in (rule, BPTT()))
    if isinstance(rule, RTRL):
        assert_same(found, exact)
    else:
        assert_gradients_differ(found, exact)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(RULES[1:], 2)))
def test_no_two_approximations_are_the_same(one, other):
    network, trials = make_network(connectivity=Sparse(0.5, autapses=True)), toy_trials(3, T)
    assert_gradients_differ(gradients(one, network, trials), gradients(other, network, trials))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_padding_changes_nothing(rule):
    network, trials = make_network(sigma_rec=0.0), toy_trials(3, T)
    padded = toy_trials(3, T + 4)
    for name in ("inputs", "targets", "mask"):
        whole = getattr(padded, name)
        whole[:, :T] = getattr(trials, name)
        whole[:, T:] = 7.0 if name != "mask" else 0.0
    padded.epochs["trial"][:] = trials.epochs["trial"]
    learning = type(rule)(**{**vars(rule), "rate": 0.3}) if hasattr(rule, "rate") else rule
    penalties = Objective(rate_l1=0.3, rate_l2=0.2)
    results = []
    for each in (padded, trials):
        network = make_network(sigma_rec=0.0)
        results.append((gradients(learning, network, each, penalties), learning.memory(network)))
    assert_same(results[0][0], results[1][0])
    for name, value in results[1][1].items():
        if name != "n_steps" and name != "target":
            torch.testing.assert_close(results[0][1][name], value)


@pytest.mark.parametrize(
    "rule", [*RULES, KeRNL(rate=0.5), DNI(rate=0.5)], ids=lambda rule: type(rule).__name__
)
def test_a_trial_that_is_over_teaches_nothing_while_others_go_on(rule):
    kept = []
    for after in (0.0, 7.0):
        network, trials = make_network(sigma_rec=0.0), toy_trials(3, T)
        assert not trials.valid.all()
        trials.inputs[trials.valid == 0] = after
        kept.append((gradients(rule, network, trials), rule.memory(network)))
    assert_same(kept[0][0], kept[1][0])
    for name, value in kept[0][1].items():
        torch.testing.assert_close(kept[1][1][name], value, rtol=1e-9, atol=1e-12)


# Refusals


@pytest.mark.parametrize("kind", [RTRL, SnAp, UORO, KroneckerRTRL, ReverseKroneckerRTRL, KeRNL, DNI])
@pytest.mark.parametrize("every", [0, -2, 1.5, True])
def test_updates_come_after_whole_steps(kind, every):
    with pytest.raises(ValueError, match=f"update_every must be a whole number of steps, .* got {every}"):
        kind(update_every=every)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SnAp(0), "n must be a whole number of steps, at least 1: got 0"),
        (lambda: SnAp(1.5), "at least 1: got 1.5"),
        (lambda: KeRNL(rate=2.0), r"kernel must lie in \[0, 2\): got 2.0"),
        (lambda: KeRNL(sigma=0.0), "size sigma above 0: got 0.0"),
        (lambda: DNI(rate=-1.0), r"predictor must lie in \[0, 2\): got -1.0"),
        (lambda: DNI(target_every=0), "target_every must be a whole number of steps, at least 1: got 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("rule", [RTRL(), SnAp(2), UORO(), KroneckerRTRL(), ReverseKroneckerRTRL(), KeRNL()])
def test_what_the_machine_cannot_hold_is_refused_with_its_size(rule, monkeypatch):
    monkeypatch.setattr(_footprint, "machine_memory", lambda device: 1024.0)
    network, trials = make_network(connectivity=Sparse(0.5)), toy_trials(3, T)
    with pytest.raises(
        MemoryError, match=r"need \S+ GiB .* and this machine has 9.54e-07 GiB. Use fewer trials"
    ):
        gradients(rule, network, trials)


def test_the_influence_matrices_are_counted(monkeypatch):
    """4 trials of 60 units with 2 inputs and a bias each, twice, in 4 bytes: 7.26e6 of them."""
    network, trials = CTRNN(2, 60, 2), toy_trials(4, 2)
    monkeypatch.setattr(_footprint, "machine_memory", lambda device: 7.25e6)
    with pytest.raises(
        MemoryError, match=r"of RTRL need 0.00676 GiB \(2 x 4 x 60 x 60 x 63 numbers of 4 bytes"
    ):
        RTRL().backward(network, trials)
    monkeypatch.setattr(_footprint, "machine_memory", lambda device: 7.26e6)
    assert RTRL().backward(network, trials) > 0


def test_the_memory_of_the_machine_is_known():
    found = _footprint.machine_memory(torch.device("cpu"))
    assert 2**28 < found < 2**50


@pytest.mark.parametrize("rule", [UORO(), KroneckerRTRL(), ReverseKroneckerRTRL(), KeRNL()])
def test_random_signs_need_a_generator_even_without_noise(rule):
    name = type(rule).__name__
    with pytest.raises(ValueError, match=f"{name} draws random numbers from an explicit source"):
        rule.backward(make_network(sigma_rec=0.0), toy_trials(3, T))
    assert RTRL().backward(make_network(sigma_rec=0.0), toy_trials(3, T)) > 0


def test_a_network_of_another_family_is_refused():
    class Other(AbstractNetwork):
        drift = step = forward = cell_types = W_rec = None

    with pytest.raises(TypeError, match="RTRL is derived for the leaky network CTRNN: got a Other"):
        RTRL().backward(Other(), toy_trials(3, T))


def test_trials_of_another_time_step_are_refused():
    with pytest.raises(ValueError, match="sampled with dt=10 ms but the network steps by dt=20 ms"):
        gradients(RTRL(), make_network(), toy_trials(3, T, dt=10.0))
