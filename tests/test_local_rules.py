"""Rules that are settings of the backward kernel: their traces, their limits, what each knob does."""

import numpy as np
import pytest
import torch
from toys import toy_trials
from traces import (
    assert_gradients_agree,
    assert_gradients_differ,
    forward_gradients,
    gradients_of,
    of_parameters,
    random_network,
    readout_gradients,
    roll_out,
)

from neurornn import CTRNN, Dale, LearnedTau, Objective, kernels
from neurornn.connectivity import FixedWeights, Orthogonal, Sparse
from neurornn.kernels import Credit, DiagonalHop, FixedHop, NoHop
from neurornn.rules import BPTT, RFLO, EProp, FeedbackAlignment, Given, Random, SnAp1, Symmetric
from neurornn.testing import check_rule

N, T = 5, 7
FORMS = ["current", "rate"]
PENALTIES = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)
GIVEN = Given([[0.5, -1.0, 0.3, 2.0, 0.7], [1.0, 0.2, -0.6, 0.1, -1.5]])


def fixed_plan():
    weights = np.full((N, N), np.nan)
    weights[0, 1], weights[2, 4], weights[3, 3] = 0.25, -0.5, 0.4
    return FixedWeights(weights, base=Sparse(0.7, autapses=True))


EVERYTHING = {"tau": LearnedTau(60.0), "train_initial_state": True, "sigma_rec": 0.3}
NETWORKS = {
    "one tau": {},
    "tau of each unit, no bias": {"bias": False, "tau": [20.0, 40.0, 60.0, 100.0, 300.0]},
    "noise with the input": EVERYTHING,
    "noise on the state": EVERYTHING | {"noise": "state", "activation": "softplus"},
    "dale, mask": EVERYTHING | {"dale": Dale(), "connectivity": Sparse(0.6)},
    "dale, fixed synapses": EVERYTHING | {"dale": Dale(nonnegative_readout=True), "connectivity": fixed_plan(), "noise": "state"},
}  # fmt: skip
ALL = pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS.keys())
EACH_FORM = pytest.mark.parametrize("form", FORMS)
RULES = {
    "rflo": RFLO(Random(seed=3)),
    "rflo symmetric": RFLO(Symmetric()),
    "e-prop": EProp(),
    "e-prop kappa": EProp(GIVEN, kappa=0.7),
    "snap-1": SnAp1(),
    "snap-1 random": SnAp1(Random(seed=5, scale=2.0)),
}
HOPS = {RFLO: NoHop(), EProp: NoHop(), SnAp1: DiagonalHop()}


def through_autograd(rule, network, trials, objective, seed=0):
    """The plain loop, its recurrent edges cut by detaching, differentiated by autograd."""
    B = rule.feedback.matrix(network, {})
    noise = kernels.Noise(network.sigma_rec, network.noise, values=network.draw_noise(
        trials.n_trials, trials.n_steps, torch.Generator().manual_seed(seed)
    )) if network.sigma_rec else None  # fmt: skip
    hop = rule.hop(network) if isinstance(rule, FeedbackAlignment) else HOPS[type(rule)]
    start = network.initial_state(trials.n_trials)
    run = kernels.run_reference(network.circuit(), trials.inputs, start, noise, Credit(hop, B), costs=True)
    network.zero_grad()
    objective(network, trials, run).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


# One rule, three ways


@ALL
@EACH_FORM
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_the_reverse_filter_is_the_sum_over_forward_traces(form, options, rule):
    """The proof that no trace of batch x units x units is needed."""
    network, trials = random_network(form, **options), toy_trials(3, T)
    run = roll_out(network, trials, PENALTIES)
    B, kappa = rule.feedback.matrix(network, {}), getattr(rule, "kappa", 0.0)
    snap = isinstance(rule, SnAp1)
    effective = forward_gradients(run, run.e @ (run.C if B is None else B), autapses=snap, kappa=kappa)
    penalty = forward_gradients(run, run.direct, autapses=snap)  # local, and not filtered by the read-out
    effective = {name: effective[name] + penalty[name] for name in effective} | readout_gradients(run, kappa)
    expected = of_parameters(network, effective, PENALTIES)
    assert_gradients_agree(gradients_of(rule, network, trials, PENALTIES), expected)


@ALL
@EACH_FORM
@pytest.mark.parametrize(
    "rule", [RFLO(Random(seed=3)), EProp(), SnAp1(GIVEN), FeedbackAlignment(gain=1.5), FeedbackAlignment(Symmetric(), 0.5, 7)]
)  # fmt: skip
def test_the_kernel_is_autograd_through_a_graph_with_cut_edges(form, options, rule):
    network, trials = random_network(form, **options), toy_trials(3, T)
    found = gradients_of(rule, network, trials, PENALTIES)
    assert_gradients_agree(found, through_autograd(rule, network, trials, PENALTIES))


@EACH_FORM
@pytest.mark.parametrize("rule", [*RULES.values(), FeedbackAlignment()])
def test_none_of_them_is_back_propagation(form, rule):
    network, trials = random_network(form, **EVERYTHING), toy_trials(3, T)
    assert_gradients_differ(
        gradients_of(rule, network, trials), gradients_of(BPTT(), network, trials), "recurrent.raw", by=0.02
    )


@pytest.mark.parametrize("rule", [*RULES.values(), FeedbackAlignment(gain=0.5)])
@pytest.mark.parametrize("options", [{}, {"sigma_rec": 0.0, "form": "rate", "bias": False}, EVERYTHING])
def test_they_keep_the_contract_of_rules(rule, options):
    network = CTRNN(2, N, 2, **({"sigma_rec": 0.2, "dale": Dale()} | options))
    check_rule(rule, network, toy_trials(3, T), objective=PENALTIES)
    check_rule(rule, network, toy_trials(3, T, loss="cross_entropy", dtype=torch.float32))


# Limits in which they are exact


@EACH_FORM
def test_without_recurrence_symmetric_feedback_is_exact(form):
    network, trials = random_network(form, **EVERYTHING), toy_trials(3, T)
    network.W_rec = torch.zeros(N, N)
    exact = gradients_of(BPTT(), network, trials, PENALTIES)
    for rule in (RFLO(Symmetric()), EProp(), SnAp1(), FeedbackAlignment(Symmetric(), gain=0.0)):
        assert_gradients_agree(gradients_of(rule, network, trials, PENALTIES), exact)
    for rule in (RFLO(), FeedbackAlignment(Symmetric())):
        assert_gradients_differ(gradients_of(rule, network, trials, PENALTIES), exact)


@EACH_FORM
def test_with_autapses_alone_snap_1_is_exact_and_rflo_is_not(form):
    network, trials = random_network(form, **EVERYTHING), toy_trials(3, T)
    network.W_rec = torch.diag(torch.tensor([0.9, -0.5, 0.7, 0.3, -1.2]))
    exact = gradients_of(BPTT(), network, trials)
    assert_gradients_agree(gradients_of(SnAp1(), network, trials), exact)
    assert_gradients_differ(gradients_of(RFLO(Symmetric()), network, trials), exact, by=0.05)


@EACH_FORM
def test_without_autapses_snap_1_is_rflo(form):
    network, trials = random_network(form, connectivity=Sparse(1.0)), toy_trials(3, T)
    assert not network.W_rec.diagonal().any()
    assert_gradients_agree(
        gradients_of(SnAp1(), network, trials), gradients_of(RFLO(Symmetric()), network, trials)
    )
    network = random_network(form)
    assert_gradients_differ(
        gradients_of(SnAp1(), network, trials), gradients_of(RFLO(Symmetric()), network, trials)
    )


def test_units_without_memory_learn_by_the_delta_rule_of_one_step():
    """With tau equal to dt a trace is slope times rate, and nothing else."""
    network, trials = random_network("rate", tau=20.0), toy_trials(3, T)
    run = roll_out(network, trials, Objective())
    signal = run.e @ GIVEN.matrix(network, {})
    expected = sum((signal[:, t] * run.slope_a[t]).T @ run.rate[:, t] for t in range(T))
    torch.testing.assert_close(
        gradients_of(RFLO(GIVEN), network, trials)["recurrent.raw"], expected, rtol=1e-12, atol=1e-14
    )


@EACH_FORM
def test_feedback_alignment_with_the_recurrent_matrix_itself_is_back_propagation(form, monkeypatch):
    network, trials = random_network(form, **EVERYTHING), toy_trials(3, T)
    exact = gradients_of(BPTT(), network, trials, PENALTIES)
    monkeypatch.setattr(FeedbackAlignment, "hop", lambda self, network: FixedHop(network.W_rec.detach()))
    assert_gradients_agree(gradients_of(FeedbackAlignment(Symmetric()), network, trials, PENALTIES), exact)


# Structure of the update


@pytest.mark.parametrize(("rule", "rank"), [(RFLO(), 2), (EProp(), 2), (BPTT(), 5)])
def test_in_a_linear_network_the_weights_move_within_the_rank_of_the_feedback(rule, rank):
    """With one time constant the update is ``B^T`` times something: as many dimensions as there are outputs."""
    network, trials = CTRNN(2, N, 2, activation="identity", seed=1, dtype=torch.float64), toy_trials(8, T)
    if isinstance(rule, EProp):  # the read-out moves, so only a frozen one stays within its own rank
        network.readout.raw.requires_grad_(False)
    before, optimizer = network.W_rec.detach().clone(), torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        rule.backward(network, trials)
        optimizer.step()
    singular = torch.linalg.svdvals(network.W_rec.detach() - before)
    assert int((singular > 1e-9 * singular[0]).sum()) == rank


def test_shared_alpha_makes_the_trace_of_current_form_that_of_the_presynaptic_cell():
    """``P_ab = alpha p_b``: the update of a linear network is signal times filtered rate, with no index of the unit."""
    network, trials = CTRNN(2, N, 2, activation="identity", seed=1, dtype=torch.float64), toy_trials(3, T)
    run = roll_out(network, trials, Objective())
    signal, p, expected = run.e @ GIVEN.matrix(network, {}), torch.zeros(3, N).double(), 0.0
    for t in range(T):
        p = (1 - run.alpha[0]) * p + run.rate[:, t]
        expected = expected + run.alpha[0] * signal[:, t].T @ p
    torch.testing.assert_close(
        gradients_of(RFLO(GIVEN), network, trials)["recurrent.raw"], expected, rtol=1e-12, atol=1e-14
    )


@EACH_FORM
def test_e_prop_and_rflo_are_one_rule_for_leaky_units(form):
    network, trials = random_network(form, **EVERYTHING), toy_trials(3, T)
    assert_gradients_agree(
        gradients_of(EProp(GIVEN), network, trials), gradients_of(RFLO(GIVEN), network, trials), 1e-15
    )


def test_the_filter_of_e_prop_is_that_of_a_leaky_read_out():
    """Errors linear in a leaky read-out ``z``: differentiating through the leak is what ``kappa`` does without it."""
    network, trials, kappa = random_network(tau=LearnedTau(60.0)), toy_trials(3, T), 0.8
    errors = torch.randn(3, T, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    class Linear(Objective):
        def of_steps(self, trials, trajectory, start=0):
            return (errors * trajectory.output).sum()

    class Leaky(Objective):
        def of_steps(self, trials, trajectory, start=0):
            z, total = torch.zeros(3, 2).double(), 0.0
            for t in range(T):
                z = kappa * z + trajectory.output[:, t]
                total = total + (errors[:, t] * z).sum()
            return total

    expected = gradients_of(EProp(), network, trials, Leaky())
    assert_gradients_agree(gradients_of(EProp(kappa=kappa), network, trials, Linear()), expected)
    assert_gradients_differ(gradients_of(EProp(), network, trials, Linear()), expected, *expected)


# Knobs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RFLO(Random(0)), RFLO(Random(1))),
        (RFLO(Random(0)), RFLO(Random(0, nonnegative=True))),
        (RFLO(Random(0)), RFLO(Symmetric())),
        (RFLO(Random(0)), RFLO(GIVEN)),
        (EProp(kappa=0.3), EProp()),
        (EProp(kappa=0.3), EProp(kappa=0.4)),
        (FeedbackAlignment(gain=1.0), FeedbackAlignment(gain=1.2)),
        (FeedbackAlignment(seed=0), FeedbackAlignment(seed=1)),
        (FeedbackAlignment(gain=0.01), FeedbackAlignment(gain=1.0)),
        (FeedbackAlignment(GIVEN), FeedbackAlignment(Random())),
    ],
)
def test_every_knob_moves_the_gradient(one, other):
    network, trials = random_network(), toy_trials(3, T)
    found, reference = (gradients_of(rule, network, trials) for rule in (one, other))
    assert_gradients_differ(found, reference, "recurrent.raw", "input.raw", "bias")


def test_the_scale_of_the_feedback_scales_the_update_of_the_units_alone():
    network, trials = random_network(), toy_trials(3, T)
    one, three = (gradients_of(RFLO(Random(scale=scale)), network, trials) for scale in (1.0, 3.0))
    for name in ("recurrent.raw", "input.raw", "bias"):
        torch.testing.assert_close(three[name], 3 * one[name])
    for name in ("readout.raw", "bias_out"):
        torch.testing.assert_close(three[name], one[name])


@pytest.mark.parametrize("rule", [*RULES.values(), FeedbackAlignment()])
def test_the_read_out_learns_by_the_exact_delta_rule(rule):
    network, trials = random_network(), toy_trials(3, T)
    exact, found = (gradients_of(each, network, trials) for each in (BPTT(), rule))
    if getattr(rule, "kappa", 0):
        assert_gradients_differ(found, exact, "readout.raw", "bias_out")
        return
    for name in ("readout.raw", "bias_out"):
        torch.testing.assert_close(found[name], exact[name], rtol=1e-12, atol=0)


@EACH_FORM
def test_slower_units_and_larger_time_steps_leave_credit_to_the_recurrence(form):
    """With a stronger recurrence the local part of the gradient shrinks."""
    trials, cosines = toy_trials(8, 30), []
    for gain in (0.1, 0.5, 1.5):
        network = CTRNN(
            2, 30, 2, form=form, activation="tanh", seed=1, dtype=torch.float64, init=Orthogonal(gain)
        )
        one, other = (
            gradients_of(rule, network, trials)["recurrent.raw"].flatten() for rule in (EProp(), BPTT())
        )
        cosines.append(torch.cosine_similarity(one, other, dim=0).item())
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] > 0.98 and cosines[-1] < 0.95
