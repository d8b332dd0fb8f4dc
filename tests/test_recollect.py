"""A gated memory whose synapses trace and tag, and the rule that learns by acting."""

import importlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import neurornn
from neurornn import CTRNN, Objective, TrialInfo, Trials, rules, tasks
from neurornn.cli._options import NetworkOptions, TrainingOptions
from neurornn.config import decode, encode, network_from_config, network_to_config
from neurornn.networks import GatedMemory
from neurornn.rules.recollect._course import TrialCourse
from neurornn.rules.recollect._synapses import Tags, Traces
from neurornn.tasks._behaviour import as_array
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._task import AbstractTask
from neurornn.testing import check_network, check_rule

WEIGHTS = ("W_gate", "b_gate", "W_candidate", "b_candidate", "W_out", "bias_out")


def make_network(n_inputs=3, n_units=4, n_outputs=3, **options):
    options = {"slope": 1.7, "threshold": 0.3, "spread": 1.0, "dt": 100.0, "dtype": torch.float64} | options
    return GatedMemory(n_inputs, n_units, n_outputs, **options)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def asking(right, inputs=None, names=("fixation", "left", "right"), n_inputs=3):
    """Trials that ask for the actions ``right (batch, time)``; -1 asks for nothing."""
    right = torch.as_tensor(right)
    targets = torch.zeros(*right.shape, len(names), dtype=torch.float64)
    targets.scatter_(2, right.clamp(min=0)[..., None], (right >= 0).double()[..., None])
    u = normal(*right.shape, n_inputs, seed=5) if inputs is None else inputs
    epochs = {"trial": np.tile([0.0, right.shape[1] * 100.0], (len(right), 1))}
    info = TrialInfo("asking-v1", 100.0, 0, tuple(f"u{k}" for k in range(u.shape[2])), names)
    return Trials(u, targets, torch.ones(right.shape, dtype=torch.float64), {}, epochs, info)


def gradients(rule, network, trials, seed=0):
    network.zero_grad()
    rule.backward(network, trials, generator=torch.Generator().manual_seed(seed))
    return {name: getattr(network, name).grad.clone() for name in WEIGHTS}


# The network


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"slope": 2.0, "threshold": 0.0, "dt": 500.0}])
def test_the_network_keeps_the_contract(options):
    check_network(GatedMemory(3, 5, 2, **options))


def test_a_gate_of_1_keeps_and_a_gate_of_0_overwrites():
    network, m, u = make_network(), torch.sigmoid(normal(6, 4)), normal(6, 3)
    with torch.no_grad():
        network.W_gate.zero_()
        network.b_gate.fill_(1e4)
        assert torch.equal(network.step(m, u), m)
        network.b_gate.fill_(-1e4)
        assert torch.equal(network.step(m, u), network.gates(u).candidate)
        assert not torch.allclose(network.step(m, u), m)


def test_held_inputs_are_forgotten_exponentially():
    """With a constant gate the distance to the candidate falls by that factor in each step."""
    network, u = make_network(), normal(1, 3).expand(1, 30, 3)
    with torch.no_grad():
        g, c = network.gates(u[:, 0])
        run = network(u)
        steps = torch.arange(1, 31)[None, :, None]
        torch.testing.assert_close(run.state, c[:, None] * (1 - g[:, None] ** steps), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(run.output, network.read_out(run.rate))


def test_units_do_not_contact_each_other():
    network = make_network()
    assert not network.W_rec.any()
    J = network.drift_jacobian(torch.sigmoid(normal(4)), normal(3))
    assert torch.equal(J, torch.diag(J.diagonal()))
    tau = -1 / J.diagonal()
    assert bool((tau >= network.dt).all())
    silent = (
        -1
        / network.drift_jacobian(
            torch.zeros(4, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        ).diagonal()
    )
    assert network.slowest >= float(silent.detach().max())


def test_a_configuration_makes_the_network_again():
    network = make_network(bias=False, seed=3)
    again = network_from_config(json.loads(json.dumps(network_to_config(network))))
    assert again.settings() == network.settings()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert not torch.equal(again.W_gate, make_network(bias=False, seed=4).W_gate)
    assert float(GatedMemory(50, 50, 3).W_gate.detach().abs().max()) <= 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slope": 0.0}, "slope must be finite and above 0"),
        ({"threshold": float("inf")}, "threshold must be finite"),
        ({"spread": -1.0}, "spread must be finite and at least 0"),
        ({"dt": 0.0}, "dt must be finite and above 0"),
    ],
)
def test_networks_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GatedMemory(3, 4, 2, **options)


# Traces and tags


def trajectory_of_traces(network, inputs):
    traces, m = Traces.silent(network, len(inputs)), network.initial_state(len(inputs))
    seen = []
    with torch.no_grad():
        for u in inputs.unbind(1):
            traces, m = traces.advanced(network, m, u)
            seen.append((traces, m))
    return seen


def test_traces_are_the_derivatives_of_the_memory():
    """Exactly what real-time recurrent learning carries: no other path leads from a weight to a unit."""
    network, inputs = make_network(), normal(2, 9, 3)
    seen = trajectory_of_traces(network, inputs)
    state = network(inputs).state
    for step in (0, 3, 8):
        traces, m = seen[step]
        torch.testing.assert_close(m, state[:, step].detach(), rtol=0, atol=1e-15)
        for weights, bias, trace in (
            ("W_gate", "b_gate", traces.gate),
            ("W_candidate", "b_candidate", traces.candidate),
        ):
            for b in range(2):
                for unit in range(4):
                    wanted = (getattr(network, weights), getattr(network, bias))
                    dW, db = torch.autograd.grad(state[b, step, unit], wanted, retain_graph=True)
                    others = torch.arange(4) != unit
                    assert not dW[others].any() and not db[others].any()
                    own = torch.cat([db[unit, None], dW[unit]])
                    torch.testing.assert_close(trace[b, unit], own, rtol=0, atol=1e-12)
                    assert own.abs().max() > 1e-4


def test_tags_are_the_discounted_sum_of_what_decisions_left():
    network, inputs, fade = make_network(), normal(3, 7, 3), 0.6
    seen = trajectory_of_traces(network, inputs)
    actions = torch.tensor([[0, 2, 1, 1, 0, 2, 2], [1] * 7, [2, 1, 0, 2, 1, 0, 2]])
    acting = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [0, 1, 0, 0, 1, 0, 1], [1, 0, 0, 1, 0, 0, 0]]).bool()
    tags = Tags.blank(network, 3)
    for t, (traces, m) in enumerate(seen):
        tags = tags.marked(network, traces, m, actions[:, t], acting[:, t], fade)
    for b in range(3):
        moments = acting[b].nonzero()[:, 0].tolist()
        candidate, gate, readout = (torch.zeros_like(each[b]) for each in tags)
        for age, t in enumerate(reversed(moments)):
            traces, m = seen[t]
            feedback = network.W_out.detach()[actions[b, t]]
            for unit in range(4):
                candidate[unit] += fade**age * feedback[unit] * traces.candidate[b, unit]
                gate[unit] += fade**age * feedback[unit] * traces.gate[b, unit]
                readout[actions[b, t], 1 + unit] += fade**age * m[b, unit]
            readout[actions[b, t], 0] += fade**age
        for found, wanted in zip(tags, (candidate, gate, readout), strict=True):
            torch.testing.assert_close(found[b], wanted, rtol=0, atol=1e-12)


# The rule


class OnPaper:
    """The published equations, one synapse after the other, with updates between the decisions."""

    def __init__(self, network, rule):
        self.w = {name: getattr(network, name).detach().numpy().copy() for name in WEIGHTS}
        self.slope, self.threshold, self.rule = network.slope, network.threshold, rule
        n, i, o = network.n_units, network.n_inputs, network.n_outputs
        self.m, self.last = np.zeros(n), None
        self.Tc, self.Tg = np.zeros((n, 1 + i)), np.zeros((n, 1 + i))
        self.Sc, self.Sg, self.So = np.zeros((n, 1 + i)), np.zeros((n, 1 + i)), np.zeros((o, 1 + n))

    def squash(self, W, b, u):
        return 1 / (1 + np.exp(-(self.slope * (self.w[W] @ u + self.w[b]) - self.threshold)))

    def learn(self, delta):
        for weights, bias, tag, rate in (
            ("W_candidate", "b_candidate", self.Sc, self.rule.rate),
            ("W_gate", "b_gate", self.Sg, self.rule.rate * self.rule.gate_rate),
            ("W_out", "bias_out", self.So, self.rule.rate),
        ):
            self.w[weights] += rate * delta * tag[:, 1:]
            self.w[bias] += rate * delta * tag[:, 0]

    def decide(self, u, reward):
        g, c = self.squash("W_gate", "b_gate", u), self.squash("W_candidate", "b_candidate", u)
        before, self.m = self.m, g * self.m + (1 - g) * c
        q = self.w["W_out"] @ self.m + self.w["bias_out"]
        action = int(np.argmax(q))
        if self.last is not None:
            self.learn(reward + self.rule.discount * q[action] - self.last)
        x = np.concatenate([[1.0], u])
        for unit in range(len(g)):
            for k in range(len(x)):
                self.Tc[unit, k] = (
                    g[unit] * self.Tc[unit, k] + (1 - g[unit]) * self.slope * c[unit] * (1 - c[unit]) * x[k]
                )
                self.Tg[unit, k] = (
                    g[unit] * self.Tg[unit, k]
                    + (before[unit] - c[unit]) * self.slope * g[unit] * (1 - g[unit]) * x[k]
                )
        fade = self.rule.discount * self.rule.decay
        feedback = self.w["W_out"][action][:, None]
        self.Sc, self.Sg, self.So = (
            fade * self.Sc + feedback * self.Tc,
            fade * self.Sg + feedback * self.Tg,
            fade * self.So,
        )
        self.So[action] += np.concatenate([[1.0], self.m])
        self.last = q[action]
        return action

    def end(self, reward):
        self.learn(reward - self.last)


def descended(rule, network, trials, task=None, seed=0):
    """The network after plain descent along every part."""
    optimizer = rule.optimizer(network)
    ready = rule if task is None else rule.for_task(task)
    for _ in ready.parts(network, trials, generator=torch.Generator().manual_seed(seed)):
        optimizer.step()
        optimizer.zero_grad()
    return network


@pytest.mark.parametrize("numbers", [{}, {"rate": 0.5, "gate_rate": 0.6, "discount": 0.7, "decay": 0.9}])
def test_one_trial_is_the_published_rule(numbers):
    """Free choices in each of 8 steps, rewarded one by one: the weights of the equations on paper."""
    rule = rules.RECOLLECT(exploration=0.0, each_step=True, **numbers)
    network = make_network()
    right = [[0, 1, 2, 2, 1, 0, 0, 1]]
    trials = asking(right, names=("a", "b", "c"))
    paper, reward, hits = OnPaper(network, rule), 0.0, 0
    for u, wanted in zip(trials.inputs[0].numpy(), right[0], strict=True):
        reward = 1.5 * (paper.decide(u, reward) == wanted)
        hits += reward > 0
    paper.end(reward)
    assert 0 < hits < 8
    start = make_network()
    descended(rule, network, trials)
    for name in WEIGHTS:
        found = getattr(network, name).detach().numpy()
        np.testing.assert_allclose(found, paper.w[name], rtol=0, atol=1e-12)
        assert np.abs(found - getattr(start, name).detach().numpy()).max() > 1e-4


def test_a_world_is_played():
    """What is seen follows from what is done: the same reversals, played by the equations on paper."""
    rule = rules.RECOLLECT(exploration=0.0)
    task = tasks.make("reversal", n_decisions=25, dt=100.0, grace=0.0, hazard=0.2)
    network = make_network(task.n_inputs, 5, task.n_outputs)
    trials = task.sample(1, seed=3, first=7)
    paper, world, reward = OnPaper(network, rule), task.play(1, seed=3, first=7), 0.0
    while not world.done:
        reward = float(world.act([paper.decide(world.observe()[0].double().numpy(), reward)])[0])
    paper.end(reward)
    assert len(set(world.actions[0].tolist())) == 2
    descended(rule, network, trials, task)
    for name in WEIGHTS:
        np.testing.assert_allclose(getattr(network, name).detach().numpy(), paper.w[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("each_step", [True, False])
def test_gradients_of_resting_weights_are_sums_of_derivatives_of_values(each_step):
    """Minus the error times the discounted sum of all derivatives so far; a stretch counts by its mean."""
    rule = rules.RECOLLECT(exploration=0.0, gate_rate=1.0, discount=0.8, decay=0.5, each_step=each_step)
    network, trials = make_network(), asking([[0, 0, 0, 1, 1, -1, 2, 2]], names=("a", "b", "c"))
    stretches = [[0, 1, 2], [3, 4], [6, 7]]
    moments = [[t] for t in (0, 1, 2, 3, 4, 6, 7)] if each_step else stretches
    parameters = [getattr(network, name) for name in WEIGHTS]
    output = network(trials.inputs).output[0]
    values, derivatives, rewards = [], [], []
    for steps in moments:
        q = output[steps].mean(0)
        a = int(q.argmax())
        values.append(q[a].item())
        derivatives.append(torch.autograd.grad(q[a], parameters, retain_graph=True))
        rewards.append(1.5 * (a == int(trials.targets[0, steps[0]].argmax())))
    expected, tag = (
        [torch.zeros_like(each) for each in parameters],
        [torch.zeros_like(each) for each in parameters],
    )
    for k in range(len(moments)):
        tag = [0.8 * 0.5 * old + new for old, new in zip(tag, derivatives[k], strict=True)]
        then = 0.8 * values[k + 1] if k + 1 < len(moments) else 0.0
        expected = [e - (rewards[k] + then - values[k]) * s for e, s in zip(expected, tag, strict=True)]
    found = gradients(rule, network, trials)
    for name, each in zip(WEIGHTS, expected, strict=True):
        torch.testing.assert_close(found[name], each, rtol=0, atol=1e-12)


def test_one_decision_descends_the_squared_error_of_its_prediction():
    rule = rules.RECOLLECT(exploration=0.0, gate_rate=1.0, discount=0.0, decay=0.0)
    network, trials = make_network(), asking([[-1, -1, -1, 2], [-1, -1, -1, 0]], names=("a", "b", "c"))
    q = network(trials.inputs).output[:, -1]
    action = q.argmax(1)
    reward = 1.5 * (action == torch.tensor([2, 0]))
    error = 0.5 * (reward - q.gather(1, action[:, None])[:, 0]).square().mean()
    expected = torch.autograd.grad(error, [getattr(network, name) for name in WEIGHTS])
    found = gradients(rule, network, trials)
    for name, each in zip(WEIGHTS, expected, strict=True):
        torch.testing.assert_close(found[name], each, rtol=0, atol=1e-12)


def test_a_batch_asks_for_the_mean_of_its_trials():
    rule = rules.RECOLLECT(exploration=0.0, each_step=True)
    network = make_network()
    trials = asking([[0, 0, 0, 1, 1], [0, 1, 1, 1, -1], [-1, -1, 0, 2, 2], [0, 0, -1, 0, -1]])
    alone = [gradients(rule, network, trials.select([k])) for k in range(4)]
    for name, found in gradients(rule, network, trials).items():
        torch.testing.assert_close(found, sum(each[name] for each in alone) / 4, rtol=0, atol=1e-13)


def test_gates_learn_at_their_own_rate():
    network, trials = make_network(), asking([[0, 0, 1]])
    one, other = (
        gradients(rules.RECOLLECT(exploration=0.0, gate_rate=k), network, trials) for k in (0.25, 1.0)
    )
    for name in WEIGHTS:
        factor = 0.25 if name in ("W_gate", "b_gate") else 1.0
        torch.testing.assert_close(one[name], factor * other[name], rtol=1e-12, atol=1e-15)
        assert other[name].any()


def test_exploration_takes_each_action_as_often_as_it_says():
    """With one decision in each of many trials the read-out bias tells which action was taken."""
    n = 4000
    network, trials = make_network(), asking([[1]] * n, inputs=torch.ones(n, 1, 3, dtype=torch.float64))
    rule = rules.RECOLLECT(exploration=0.3, reward=1e9, hold_reward=0.0)  # only what is right moves anything
    q = network(trials.inputs[:1]).output[0, -1].detach()
    for temperature in (None, 0.5):
        share = torch.full((3,), 1 / 3) if temperature is None else torch.softmax(q / temperature, 0)
        expected = 0.3 * share[1] + 0.7 * (q.argmax() == 1)
        found = gradients(replace(rule, temperature=temperature), network, trials)["bias_out"][1] / -1e9
        assert abs(float(found - expected)) < 4 * (0.25 / n) ** 0.5


# What is rewarded


def walk(right, actions, **options):
    """Rewards and the step after which each trial is over, for actions in every step."""
    options = {"hold": "fixation", "reward": 1.5, "hold_reward": 0.2, "each_step": True} | options
    course = TrialCourse(asking(right), **options)
    actions, n = torch.tensor(actions), len(right)
    alive, paid, end = course.closes.any(1), [], np.full(n, -1)
    for step in range(course.n_steps):
        acting = alive & course.closes[:, step]
        reward, over = course.act(step, actions[:, step], acting)
        paid.append(torch.where(acting, reward, 0.0).tolist())
        end[(acting & over).numpy()] = step
        alive = alive & ~(acting & over)
    return np.array(paid).T.tolist(), end.tolist()


def test_holding_answering_waiting_and_breaking_fixation():
    right = [[0, 0, 0, 2, 2, 2]] * 5
    done = [
        [0, 0, 0, 2, 0, 0],  # right at once
        [0, 0, 0, 0, 2, 2],  # right, later
        [0, 0, 0, 1, 2, 2],  # the first answer counts
        [0, 2, 0, 2, 2, 2],  # too early, though to the right side
        [0, 0, 0, 0, 0, 0],  # never
    ]
    paid, end = walk(right, done)
    assert end == [3, 4, 3, 1, 5]
    np.testing.assert_allclose(paid[0], [0.2, 0, 0, 1.5, 0, 0])
    np.testing.assert_allclose(paid[1], [0.2, 0, 0, 0, 1.5, 0])
    np.testing.assert_allclose(paid[2], [0.2, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(paid[3], [0.2, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(paid[4], [0.2, 0, 0, 0, 0, 0])


def test_without_a_way_to_hold_each_decision_is_rewarded():
    paid, end = walk([[0, 2, 1, -1]], [[0, 1, 1, 0]], hold="nothing of that name")
    assert paid == [[1.5, 0.0, 1.5, 0.0]] and end == [2]


def test_stretches_are_one_decision():
    course = TrialCourse(
        asking([[0, 0, -1, 0, 1, 1]]), hold="fixation", reward=1.0, hold_reward=0.0, each_step=False
    )
    assert course.closes[0].tolist() == [False, True, False, True, False, True]


def test_choices_are_judged_as_the_task_judges_them():
    """In a two-choice task the action taken is the choice that the task reads from the outputs."""
    task = tasks.make("perceptual-decision", dt=50.0)
    trials = task.sample(60, seed=1).to(torch.zeros((), dtype=torch.float64))
    network = make_network(task.n_inputs, 6, task.n_outputs, dt=50.0, spread=3.0, seed=2)
    rule = rules.RECOLLECT(exploration=0.0, reward=1e9, rate=1.0)
    done = np.mean(task.performance(trials, network(trials.inputs).output))
    assert 0.05 < done < 0.95
    rewarded = -float(gradients(rule, network, trials)["bias_out"].sum()) / 1e9
    assert rewarded == pytest.approx(done, abs=1e-6)


# Contract, refusals


@pytest.mark.parametrize("each_step", [True, False])
def test_the_rule_keeps_the_contract(each_step):
    trials = asking([[0, 0, 0, 1, 1], [0, 0, 2, 2, -1]])
    for dtype in (torch.float32, torch.float64):
        check_rule(rules.RECOLLECT(each_step=each_step), make_network(dtype=dtype), trials)
    check_rule(rules.RECOLLECT(), make_network(bias=False), trials)


def test_trials_that_ask_for_nothing_change_nothing():
    network = make_network()
    loss = rules.RECOLLECT().backward(network, asking([[-1, -1]]), generator=torch.Generator())
    assert float(loss) == pytest.approx(
        float(network(asking([[-1, -1]]).inputs).output.detach().square().mean())
    )
    assert not any(each.grad.any() for each in network.parameters())


@pytest.mark.parametrize(
    ("network", "trials", "objective", "error", "message"),
    [
        (
            CTRNN(3, 4, 3, dt=100.0),
            asking([[0]]),
            Objective(),
            TypeError,
            r"needs a GatedMemory .*, got CTRNN",
        ),
        (make_network(), asking([[0]]), Objective(rate_l2=0.1), ValueError, "penalties are none"),
        (make_network(n_outputs=1), asking([[0]], names=("a",)), Objective(), ValueError, "has one output"),
        (make_network(dt=20.0), asking([[0]]), Objective(), ValueError, "dt=100 ms"),
    ],
)
def test_what_cannot_be_learned_is_refused(network, trials, objective, error, message):
    with pytest.raises(error, match=message):
        rules.RECOLLECT().backward(network, trials, objective=objective, generator=torch.Generator())


def test_graded_targets_and_actions_from_nowhere_are_refused():
    trials = asking([[0, 1]])
    graded = replace(trials, targets=torch.tensor([[[0.1, 0.5, 1.0], [0.1, 0.5, 1.0]]], dtype=torch.float64))
    with pytest.raises(ValueError, match="graded, not one action among several"):
        rules.RECOLLECT().backward(make_network(), graded, generator=torch.Generator())
    with pytest.raises(ValueError, match="need an explicit source"):
        rules.RECOLLECT().backward(make_network(), trials)
    rules.RECOLLECT(exploration=0.0).backward(make_network(), trials)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discount": 1.1}, "discount must lie between 0 and 1"),
        ({"decay": -0.1}, "decay must lie"),
        ({"exploration": 2.0}, "exploration must lie"),
        ({"rate": 0.0}, "rate must be finite and above 0"),
        ({"gate_rate": -1.0}, "gate_rate must be"),
        ({"temperature": 0.0}, "temperature must be"),
        ({"reward": float("nan")}, "reward must be finite"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        rules.RECOLLECT(**options)


def test_episodes_are_played_in_their_order():
    task = tasks.make("bandit", n_decisions=3, dt=100.0, grace=0.0)
    network, rule = make_network(task.n_inputs, 4, task.n_outputs), rules.RECOLLECT().for_task(task)
    with pytest.raises(ValueError, match="in the order of their numbers"):
        rule.backward(network, task.sample(6, seed=0).select([0, 2, 4]), generator=torch.Generator())


def test_noise_of_the_world_needs_a_source_and_matters():
    task = tasks.make("reversal", n_decisions=5, dt=100.0, grace=0.0, sigma_in=0.5)
    network, rule = (
        make_network(task.n_inputs, 4, task.n_outputs),
        rules.RECOLLECT(exploration=0.0).for_task(task),
    )
    trials = task.sample(2, seed=0)
    with pytest.raises(ValueError, match="input noise and noise needs an explicit source"):
        rule.backward(network, trials)
    a, b, c = (gradients(rule, network, trials, seed)["W_out"] for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_the_command_line_knows_network_and_rule():
    task = tasks.make("reversal", dt=100.0, grace=0.0)
    network = NetworkOptions(
        kind="recollect:slope=2,threshold=0", n_units=9, excitatory=None, sigma_rec=0.0
    ).build(task, 4)
    assert network.settings() == GatedMemory(3, 9, 2, dt=100.0, slope=2.0, threshold=0.0, seed=4).settings()
    rule = TrainingOptions(rule="recollect:rate=0.1,temperature=0.5", optimizer="rule").build_rule()
    assert rule == rules.RECOLLECT(rate=0.1, temperature=0.5)
    assert decode(encode(rule), rules.AbstractRule) == rule
    assert rule.optimizer(network).param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("name", ["reversal", "two-step"])
def test_a_training_that_was_stopped_ends_with_the_same_bytes(name, tmp_path):
    task = tasks.make(
        name, n_decisions=6, dt=50.0
    )  # an action takes two steps, of which the first is not judged

    def trained(n_steps, path):
        network = GatedMemory(task.n_inputs, 5, task.n_outputs, dt=50.0)
        rule = rules.RECOLLECT(rate=0.1, exploration=0.5)
        neurornn.train(
            network,
            task,
            rule=rule,
            n_steps=n_steps,
            batch_size=3,
            validate_every=2,
            n_validation=2,
            checkpoint=path,
        )
        return [each.detach().numpy().tobytes() for each in network.parameters()]

    whole = trained(6, tmp_path / "a.safetensors")
    part = trained(2, tmp_path / "b.safetensors")
    assert trained(6, tmp_path / "b.safetensors") == whole
    assert part != whole


# Learning


@dataclass(frozen=True, kw_only=True)
class DelayedResponse(AbstractTask):
    """A cue on one side, a delay, an answer; in a control the answer that is rewarded is that of another trial."""

    dt: float = 100.0
    shuffled: bool = False

    name = "delayed-response-v1"
    input_names = ("left", "right", "wait")
    output_names = ("fixation", "left", "right")

    def _generate(self, draws):
        cue = draws.choice("cue", (1, 2)).astype(int)
        paid = draws.choice("paid", (1, 2)).astype(int) if self.shuffled else cue
        one = np.ones(len(cue), dtype=int)
        epochs = Epochs(self.dt, {"cue": one, "delay": 2 * one, "go": one})
        shown, wait, go = epochs.during("cue"), epochs.before("go"), epochs.during("go")
        left, right = (shown & (cue == side)[:, None] for side in (1, 2))
        wanted = {"fixation": wait, **{n: go & (paid == k)[:, None] for n, k in (("left", 1), ("right", 2))}}
        return self._assemble(
            draws,
            epochs,
            inputs={"left": left, "right": right, "wait": wait},
            targets=wanted,
            mask=epochs.valid,
            conditions={"side": cue},
        )

    def behaviour(self, trials, output):
        action = as_array(trials, output).argmax(-1)
        held = (action[:, :-1] == 0).all(1)
        return {"performance": (held & (action[:, -1] == trials.conditions["side"])).astype(float)}

    def probe_inputs(self):
        return {"delay": torch.tensor([0.0, 0.0, 1.0])}


def learned(task, *, forgetful=False, n_steps=700):
    network = GatedMemory(3, 6, 3, dt=100.0, threshold=0.0, slope=2.0, seed=1)
    if forgetful:
        with torch.no_grad():
            network.b_gate.fill_(-1e3)
        network.W_gate.requires_grad_(False)
        network.b_gate.requires_grad_(False)
    rule = rules.RECOLLECT(rate=0.3, gate_rate=0.6, decay=0.4, each_step=True, exploration=0.05)
    result = neurornn.train(
        network,
        task,
        rule=rule,
        n_steps=n_steps,
        batch_size=16,
        validate_every=50,
        n_validation=8,
        target_performance=1.0,
    )
    return result.performance


def test_a_memory_is_learned_from_reward_alone():
    assert learned(DelayedResponse()) == 1.0


@pytest.mark.parametrize(
    "control", [{"task": DelayedResponse(shuffled=True)}, {"task": DelayedResponse(), "forgetful": True}]
)
def test_nothing_is_learned_without_reason_or_without_memory(control):
    """Reward for the answer of another trial; gates that never keep anything. Chance is a half."""
    assert learned(**control, n_steps=400) <= 0.75


# The study


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "docs" / "gallery")
    return importlib.import_module("recollect")


def test_the_saccades_of_the_study_are_judged_by_fixation_and_side(study):
    task = study.ProAnti(delay=2)
    trials = task.grid()
    assert trials.n_trials == 4 and task.performance(trials, trials.targets).tolist() == [1.0] * 4
    pro, left = trials.conditions["rule"] == "pro", trials.conditions["cue"] == "left"
    assert ((trials.conditions["side"] == 1) == (pro == left)).all()
    swapped = trials.targets[..., [0, 2, 1]]
    late, early = trials.targets.clone(), trials.targets.clone()
    late[:, 4] = torch.tensor([1.0, 0.0, 0.0])
    early[:, 3] = trials.targets[:, 4]
    assert task.performance(trials, late).tolist() == [1.0] * 4
    assert task.performance(trials, swapped).sum() == task.performance(trials, early).sum() == 0
    shuffled = study.ProAnti(shuffled=True).sample(400, seed=0)
    paid = shuffled.targets[:, -1].argmax(-1).numpy()
    assert abs((paid == shuffled.conditions["side"]).mean() - 0.5) < 0.1


def test_choices_around_reversals_are_those_of_lone_reversals(study, monkeypatch):
    """Two episodes of 40 decisions that follow a reversal two decisions late; a second one close by is left out."""
    monkeypatch.setattr(study, "N_EPISODES", 2)
    good, turn = np.zeros((2, 40), dtype=int), np.zeros((2, 40), dtype=bool)
    good[:, 10:], turn[:, 10] = 1, True
    good[1, 13:], turn[1, 13] = 0, True
    choice = np.roll(good, 2, axis=1)
    choice[:, :2] = 0
    columns = {"choice": choice, "good_option": good, "reversal": turn, "reward": choice == good}
    history = xr.Dataset({name: ("trial", values.reshape(-1)) for name, values in columns.items()})
    assert study.around(history) == [0.0] * 7 + [1.0] * 14
    assert study.stays(history) == {"stay after reward": 1.0, "stay after none": 0.5}


def test_the_table_of_the_study_holds_what_it_plans(study):
    rows = pd.read_csv(Path(study.__file__).with_name("recollect.csv"))
    planned = {(run.what, run.seed) for run in study.planned(5)}
    assert set(zip(rows.what, rows.seed, strict=True)) == planned
