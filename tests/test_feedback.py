"""Feedback weights: what is fixed, what learns, what is refused, and how all of it is written on the command line."""

import re

import numpy as np
import pytest
import torch
from test_training import TASK, Sign
from toys import toy_trials
from traces import assert_gradients_agree, assert_gradients_differ, gradients_of, random_network

from neurornn import CTRNN, Dale, rules
from neurornn.checkpoint import load_checkpoint
from neurornn.config import decode, encode
from neurornn.rules import (
    MDGL,
    RFLO,
    Adaptive,
    EProp,
    FeedbackAlignment,
    Given,
    KHop,
    ModProp,
    Random,
    SnAp1,
    Symmetric,
)
from neurornn.testing import check_rule
from neurornn.training import train

T = 7
WEIGHTS = np.arange(10.0).reshape(2, 5) / 10 - 0.4


def cosine(one, other):
    return torch.cosine_similarity(one.flatten(), other.flatten(), dim=0).item()


# What does not learn


def test_random_feedback_is_a_function_of_its_seed_and_the_shape():
    one, other = random_network(seed=1), random_network(seed=2)
    assert torch.equal(Random(3).matrix(one, {}), Random(3).matrix(other, {}))
    assert not torch.equal(Random(3).matrix(one, {}), Random(4).matrix(one, {}))
    assert Random(3).matrix(one.float(), {}).dtype == torch.float32


@pytest.mark.parametrize("n_outputs", [1, 16])
def test_random_feedback_sends_a_signal_of_the_size_of_the_error(n_outputs):
    network = CTRNN(1, 100, n_outputs, dale=Dale())
    B = torch.cat([Random(seed, scale=3.0).matrix(network, {}) for seed in range(40)])
    assert B.std().item() == pytest.approx(3 / n_outputs**0.5, rel=0.05)
    assert abs(B.mean().item()) < 0.15 / n_outputs**0.5  # Dale's law is not its concern
    one, other = (Random(scale=3.0, nonnegative=each).matrix(network, {}) for each in (True, False))
    assert torch.equal(one, other.abs())


def test_the_two_random_matrices_of_feedback_alignment_are_not_of_one_stream():
    network = CTRNN(2, 5, 5, dtype=torch.float64)
    recurrent = FeedbackAlignment().hop(network).matrix
    assert abs(cosine(recurrent, Random().matrix(network, {}))) < 0.9
    assert torch.equal(FeedbackAlignment(gain=2.0).hop(network).matrix, 2 * recurrent)


def test_the_gain_of_feedback_alignment_is_its_spectral_radius():
    V = FeedbackAlignment(gain=1.5).hop(CTRNN(1, 400, 1)).matrix
    assert torch.linalg.eigvals(V).abs().max().item() == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("rule", [RFLO(Symmetric()), EProp(), SnAp1(), KHop(2), MDGL(), ModProp()])
def test_symmetric_feedback_is_the_read_out_of_the_moment(rule):
    network, trials = random_network(), toy_trials(3, T)
    old = network.W_out.detach().clone()
    gradients_of(rule, network, trials)  # had it kept a copy, it would be of now
    network.W_out = 2 * old.flip(1)
    found = gradients_of(rule, network, trials)
    now, stale = (type(rule)(**vars(rule) | {"feedback": Given(each)}) for each in (network.W_out, old))
    assert_gradients_agree(found, gradients_of(now, network, trials))
    assert_gradients_differ(found, gradients_of(stale, network, trials))


def test_given_feedback_is_used_as_it_is_and_kept_apart():
    own = WEIGHTS.copy()
    given = Given(own)
    own[:] = 0
    assert torch.equal(given.matrix(random_network(), {}), torch.tensor(WEIGHTS))
    with pytest.raises(ValueError, match="read-only"):
        given.weights[0, 0] = 1
    assert given == given and given != Given(WEIGHTS) and len({given, given, Given(WEIGHTS)}) == 2
    again = decode(encode(RFLO(given)), RFLO)
    np.testing.assert_array_equal(again.feedback.weights, WEIGHTS)


@pytest.mark.parametrize("rule", [RFLO, EProp, SnAp1, FeedbackAlignment, MDGL])
def test_feedback_of_the_wrong_shape_is_refused(rule):
    network, trials = random_network(), toy_trials(3, T)
    with pytest.raises(ValueError, match=r"\(2, 5\) for this network: got \(5, 2\). Transpose them"):
        gradients_of(rule(feedback=Given(WEIGHTS.T)), network, trials)
    with pytest.raises(ValueError, match=r"\(2, 5\) for this network: got \(2, 4\)\.$"):
        gradients_of(rule(feedback=Given(WEIGHTS[:, :4])), network, trials)


@pytest.mark.parametrize(
    ("wrong", "message"), [(WEIGHTS[0], r"got shape \(5,\)"), (WEIGHTS * np.nan, "not finite")]
)
def test_what_is_no_matrix_of_numbers_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Given(wrong)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_scales_are_refused(scale):
    with pytest.raises(ValueError, match="Random feedback needs a finite scale above 0"):
        Random(scale=scale)
    with pytest.raises(ValueError, match="Adaptive feedback needs a finite scale above 0"):
        Adaptive(0.1, 0.1, scale=scale)


# What learns


@pytest.mark.parametrize(
    "make", [RFLO, EProp, SnAp1, FeedbackAlignment, MDGL, ModProp, lambda feedback: KHop(2, feedback)]
)
def test_adaptive_feedback_takes_the_update_of_the_read_out_and_decays(make):
    network, trials = random_network(), toy_trials(3, T)
    rule = make(feedback=Adaptive(0.3, 0.2, seed=4, scale=2.0))
    B = rule.memory(network)["feedback"]
    before = B.clone()
    assert torch.equal(before, Random(4, 2.0).matrix(network, {}))
    first = gradients_of(rule, network, trials)
    assert rule.memory(network)["feedback"] is B
    torch.testing.assert_close(
        B, before - 0.3 * (first["readout.raw"] + 0.2 * before), rtol=1e-12, atol=1e-14
    )
    assert_gradients_agree(first, gradients_of(make(feedback=Given(before)), network, trials))
    now = B.clone()
    second = gradients_of(rule, network, trials)
    assert_gradients_agree(second, gradients_of(make(feedback=Given(now)), network, trials))
    assert_gradients_differ(second, first)


@pytest.mark.parametrize("dale", [None, Dale()])
def test_adaptive_feedback_becomes_the_read_out_at_the_rate_of_the_decay(dale):
    """Trained alike, their difference shrinks by ``1 - rate * decay`` in each step, whatever the task."""
    network, trials = CTRNN(2, 10, 2, dale=dale, seed=2, dtype=torch.float64), toy_trials(8, T)
    rule = RFLO(Adaptive(0.05, 0.4))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, weight_decay=0.4)
    B = rule.memory(network)["feedback"]
    apart, at_first = (B - network.W_out).detach(), cosine(B, network.W_out)
    for step in range(1, 201):
        optimizer.zero_grad()
        rule.backward(network, trials)
        optimizer.step()
        if step in (1, 20):
            torch.testing.assert_close(
                (B - network.W_out).detach(), apart * 0.98**step, rtol=1e-9, atol=1e-12
            )
    assert at_first < 0.6
    assert cosine(B, network.W_out) > 0.9


def test_without_learning_feedback_stays_where_it_is():
    network, trials = random_network(), toy_trials(8, T)
    rule = RFLO(Adaptive(0.0, 0.4))
    B = rule.memory(network)["feedback"].clone()
    gradients_of(rule, network, trials)
    assert torch.equal(rule.memory(network)["feedback"], B)
    assert rules.RFLO(Random()).memory(network) == {}


def test_synapses_the_read_out_lacks_are_not_strengthened_and_a_frozen_one_teaches_nothing():
    network, trials = random_network(dale=Dale()), toy_trials(3, T)
    rule = RFLO(Adaptive(0.5, 0.1))
    B = rule.memory(network)["feedback"]
    before = B.clone()
    gradients_of(rule, network, trials)
    inhibitory = torch.as_tensor(network.cell_types == "I")
    torch.testing.assert_close(B[:, inhibitory], 0.95 * before[:, inhibitory])
    assert not torch.allclose(B[:, ~inhibitory], 0.95 * before[:, ~inhibitory])
    network.readout.raw.requires_grad_(False)
    before = B.clone()
    gradients_of(rule, network, trials)
    assert torch.equal(B, before)


def test_the_update_is_that_of_the_effective_read_out():
    """A read-out that is an absolute value moves against the sign of what it is the absolute value of."""
    network, trials = (
        random_network(dale=Dale(excitatory_readout=False, nonnegative_readout=True)),
        toy_trials(3, T),
    )
    free = random_network(dale=Dale(excitatory_readout=False))
    free.W_out = network.W_out  # all else is equal, from the same seed
    assert bool((network.readout.raw < 0).any() and (network.readout.raw > 0).any())
    rule, found = RFLO(Adaptive(0.5, 0.0)), []
    for each in (network, free):
        gradients_of(rule, each, trials)
        found.append(rule.memory(each)["feedback"])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


def test_each_network_and_each_rule_has_its_own_memory():
    one, other = random_network(seed=1), random_network(seed=1)
    rule = RFLO(Adaptive(0.5, 0.1))
    gradients_of(rule, one, toy_trials(3, T))
    fresh = Random().matrix(other, {})
    assert torch.equal(rule.memory(other)["feedback"], fresh)
    assert torch.equal(RFLO(Adaptive(0.5, 0.2)).memory(one)["feedback"], fresh)
    assert not torch.equal(rule.memory(one)["feedback"], fresh)


def test_adaptive_feedback_survives_an_interruption_to_the_last_byte(tmp_path):
    def run(path, n_steps):
        network = CTRNN(2, 12, 1, sigma_rec=0.1, dale=Dale())
        rule = RFLO(Adaptive(0.01, 0.1))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, weight_decay=0.1)
        train(
            network, TASK, rule=rule, optimizer=optimizer, n_steps=n_steps, batch_size=8, validate_every=4, n_validation=8, checkpoint=path
        )  # fmt: skip
        return rule.memory(network)["feedback"]

    whole = run(tmp_path / "whole", 12)
    run(tmp_path / "parts", 4)
    parts = run(tmp_path / "parts", 12)
    assert torch.equal(whole, parts)
    saved = load_checkpoint(tmp_path / "parts")
    assert torch.equal(saved.rule["feedback"], whole)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()


def test_adaptive_feedback_learns_a_task():
    network = CTRNN(2, 20, 1, sigma_rec=0.1, dale=Dale())
    result = train(network, Sign(), rule=RFLO(Adaptive(0.01, 0.01)), n_steps=100, n_validation=64,
                   optimizer=torch.optim.Adam(network.parameters(), lr=0.01))  # fmt: skip
    assert float(result.history["performance"][-1]) > 0.9


@pytest.mark.parametrize(
    ("rate", "decay"), [(-0.1, 0.1), (0.1, -0.1), (2.0, 0.5), (float("nan"), 0.0), (0.1, float("inf"))]
)
def test_impossible_learning_of_feedback_is_refused(rate, decay):
    with pytest.raises(ValueError, match=re.escape(f"rate * decay < 1: got rate={rate} and decay={decay}")):
        Adaptive(rate, decay)


def test_adaptive_feedback_keeps_the_contract_of_rules():
    """At rest: a second batch would find other feedback weights."""
    network = CTRNN(2, 5, 2, sigma_rec=0.2, dale=Dale())
    for make in (RFLO, MDGL):
        check_rule(make(feedback=Adaptive(0.0, 0.0)), network, toy_trials(3, T))
