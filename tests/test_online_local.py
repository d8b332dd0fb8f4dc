"""RFLO and e-prop forward in time: the sums of the reverse filters, with weights that may move."""

import math

import numpy as np
import pytest
import torch
from online import PENALTIES, N, T, assert_gradients_differ, assert_same, gradients, make_network, relative
from toys import FORMS, normal, toy_trials

import neurornn
from neurornn import CTRNN, Dale, LearnedTau, Objective, tasks
from neurornn.connectivity import Sparse
from neurornn.rules import (
    BPTT,
    RFLO,
    Adaptive,
    EProp,
    Given,
    OnlineEProp,
    OnlineRFLO,
    Random,
    Symmetric,
    _footprint,
)
from neurornn.testing import check_rule

GIVEN = Given(normal(2, N, seed=11).numpy())
PAIRS = [
    (OnlineRFLO(), RFLO()),
    (OnlineRFLO(Symmetric()), RFLO(Symmetric())),
    (OnlineRFLO(GIVEN), RFLO(GIVEN)),
    (OnlineEProp(), EProp()),
    (OnlineEProp(Random(seed=3), kappa=0.7), EProp(Random(seed=3), kappa=0.7)),
]
EACH_PAIR = pytest.mark.parametrize(("online", "reverse"), PAIRS, ids=lambda rule: type(rule).__name__)


@EACH_PAIR
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tau", [60.0, [20.0, 50.0, 80.0, 200.0, 500.0], LearnedTau(60.0)])
@pytest.mark.parametrize(
    "options", [{}, {"dale": Dale(), "connectivity": Sparse(0.6), "noise": "state"}, {"bias": False}]
)
def test_forward_traces_sum_to_the_reverse_filter(form, tau, options, online, reverse):
    network, trials = make_network(form, tau=tau, **options), toy_trials(3, T)
    expected = gradients(reverse, network, trials)
    assert_same(gradients(online, network, trials), expected)
    in_parts = type(online)(**{**vars(online), "update_every": 2})
    assert_same(gradients(in_parts, network, trials), expected)


@EACH_PAIR
@pytest.mark.parametrize("form", FORMS)
def test_neither_is_back_propagation(form, online, reverse):
    network, trials = make_network(form), toy_trials(3, T)
    assert_gradients_differ(gradients(online, network, trials), gradients(BPTT(), network, trials), 0.02)


def test_feedback_and_filter_move_the_gradient():
    network, trials = make_network(), toy_trials(3, T)
    found = [gradients(online, network, trials) for online, _ in PAIRS]
    for i, j in ((0, 1), (0, 2), (1, 2), (3, 4)):
        assert_gradients_differ(found[i], found[j], 0.02)


def test_symmetric_feedback_is_the_read_out_of_the_moment():
    """Also within the trial: after an update the next step sees the read-out that was just moved."""
    network, trials = make_network(tau=100.0, sigma_rec=0.0, dale=Dale()), toy_trials(1, 2)
    parts = OnlineRFLO(Symmetric(), update_every=1).parts(network, trials, objective=Objective())
    network.zero_grad()
    next(parts)
    with torch.no_grad():
        network.readout.raw.zero_()
    network.zero_grad()
    next(parts)
    assert not network.recurrent.raw.grad.any() and network.bias_out.grad.any()


@pytest.mark.parametrize("rule", [OnlineRFLO(), OnlineEProp(kappa=0.5)])
def test_one_time_constant_in_current_form_needs_no_trace_for_each_synapse(rule, monkeypatch):
    monkeypatch.setattr(_footprint, "machine_memory", lambda device: 100.0)
    trials = toy_trials(3, T)
    assert gradients(rule, make_network(tau=100.0), trials)[0] > 0
    for other in (make_network("rate", tau=100.0), make_network(tau=LearnedTau(60.0))):
        with pytest.raises(
            MemoryError, match=rf"The traces of {type(rule).__name__} need .* filter in reverse time"
        ):
            gradients(rule, other, trials)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", [OnlineRFLO(update_every=1), OnlineEProp(kappa=0.4, update_every=1)])
def test_updates_within_the_trial_tend_to_the_offline_gradient_with_the_rate(form, rule):
    trials = toy_trials(3, T)
    offline = gradients(rule, make_network(form), trials)[1]
    distance = []
    for lr in (1e-3, 1e-4):
        network = make_network(form)
        left = {name: -grad for name, grad in offline.items()}
        network.zero_grad()
        for _ in rule.parts(network, trials, objective=PENALTIES, generator=torch.Generator().manual_seed(0)):
            with torch.no_grad():
                for name, p in network.named_parameters():
                    left[name] += p.grad
                    p -= lr * p.grad
            network.zero_grad()
        distance.append(math.sqrt(sum(each.square().sum() for each in left.values())))
    assert distance[1] > 1e-9 and distance[0] / distance[1] == pytest.approx(10, rel=0.1)


# Feedback that learns


def test_feedback_learns_once_for_each_update():
    trials = toy_trials(3, T)
    feedback = Adaptive(rate=0.3, decay=0.2, seed=5)
    reverse, whole, parts = RFLO(feedback), OnlineRFLO(feedback), OnlineRFLO(feedback, update_every=3)
    kept = []
    for rule in (reverse, whole, parts):
        network = make_network()
        gradients(rule, network, trials)
        kept.append(rule.memory(network)["feedback"])
    torch.testing.assert_close(kept[1], kept[0], rtol=1e-12, atol=0)
    assert not torch.allclose(kept[2], kept[0])


def test_adaptive_feedback_becomes_the_read_out_while_trials_go_on():
    """Read-out and feedback receive the same updates, so their difference shrinks by 1 - rate * decay each time."""
    network, rule = make_network(tau=100.0), OnlineRFLO(Adaptive(rate=0.2, decay=0.5), update_every=1)
    optimizer = torch.optim.SGD([network.readout.raw], lr=0.2, weight_decay=0.5)
    before = rule.memory(network)["feedback"] - network.W_out.detach()
    for _ in rule.parts(network, toy_trials(3, T), generator=torch.Generator().manual_seed(0)):
        optimizer.step()
        network.zero_grad()
    after = rule.memory(network)["feedback"] - network.W_out.detach()
    torch.testing.assert_close(after, before * 0.9**T, rtol=1e-9, atol=1e-12)


def test_training_with_learning_feedback_continues_to_the_same_bytes(tmp_path):
    task = tasks.make("perceptual-decision", dt=50.0)
    rule = OnlineEProp(Adaptive(0.1, 0.01), update_every=10)

    def run(n_steps, path):
        network = CTRNN(task.n_inputs, 6, task.n_outputs, dt=50.0, sigma_rec=0.1)
        options = {"batch_size": 3, "validate_every": 1, "n_validation": 4, "checkpoint": path}
        neurornn.train(network, task, rule=rule, n_steps=n_steps, **options)
        return path.read_bytes()

    whole = run(3, tmp_path / "whole")
    run(1, tmp_path / "stopped")
    assert run(3, tmp_path / "stopped") == whole


# The contract


@EACH_PAIR
@pytest.mark.parametrize(
    "options",
    [
        {"dale": Dale(), "connectivity": Sparse(0.5)},
        {"form": "rate", "sigma_rec": 0.0, "bias": False, "tau": 100.0},
        {"tau": 100.0, "train_initial_state": True},
    ],
)
def test_they_keep_the_contract(options, online, reverse):
    check_rule(online, make_network(**options), toy_trials(3, T), objective=PENALTIES)
    check_rule(online, make_network(**options), toy_trials(3, T, loss="cross_entropy"), objective=PENALTIES)


def test_traces_are_forgotten_with_the_trial():
    network, trials = make_network(), toy_trials(3, T)
    first = gradients(OnlineRFLO(), network, trials)
    assert_same(gradients(OnlineRFLO(), network, trials), first)
    assert relative(gradients(OnlineRFLO(), network, trials, seed=1), first) > 1e-3  # other noise


def test_feedback_of_another_shape_is_refused():
    rule = OnlineRFLO(Given(np.ones((N, 2))))
    with pytest.raises(
        ValueError, match=rf"are \(output, unit\), \(2, {N}\) for this network: got \({N}, 2\)"
    ):
        gradients(rule, make_network(), toy_trials(3, T))


@pytest.mark.parametrize("kappa", [-0.1, 1.0])
def test_a_read_out_that_never_forgets_is_refused(kappa):
    with pytest.raises(ValueError, match=rf"kappa must lie in \[0, 1\): got {kappa}"):
        OnlineEProp(kappa=kappa)
