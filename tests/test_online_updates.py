"""Updates within a trial: they tend to the offline gradient, follow the moving weights, train and continue."""

import copy
import math

import pytest
import torch
from online import PENALTIES, T, gradients, make_network
from toys import FORMS, toy_trials

import neurornn
from neurornn import CTRNN, Dale, Objective, tasks
from neurornn.cli._options import TrainingOptions
from neurornn.config import decode, encode
from neurornn.rules import (
    DNI,
    RTRL,
    UORO,
    KeRNL,
    KroneckerRTRL,
    OnlineEProp,
    OnlineRFLO,
    Random,
    ReverseKroneckerRTRL,
    SnAp,
    Symmetric,
)

RULES = [
    RTRL(),
    SnAp(2),
    UORO(),
    KroneckerRTRL(),
    ReverseKroneckerRTRL(),
    KeRNL(rate=0.0),
    DNI(rate=0.0),
    KeRNL(),
]


def updated_within(rule, trials, lr):
    """What a rule hands over in all while plain gradient descent moves the weights, and how far they moved."""
    network = make_network()
    total = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    network.zero_grad()
    for _ in rule.parts(network, trials, objective=PENALTIES, generator=torch.Generator().manual_seed(0)):
        with torch.no_grad():
            for name, p in network.named_parameters():
                total[name] += p.grad
                p -= lr * p.grad
        network.zero_grad()
    return total


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_updates_within_the_trial_tend_to_the_offline_gradient_with_the_rate(rule):
    """The difference is of the first order in the learning rate: a tenth of the rate, a tenth of the difference."""
    trials = toy_trials(3, T)
    online = type(rule)(**{**vars(rule), "update_every": 1})
    offline = gradients(rule, make_network(), trials)[1]
    far, near = (
        math.sqrt(
            sum(
                (updated_within(online, trials, lr)[name] - grad).square().sum()
                for name, grad in offline.items()
            )
        )
        for lr in (1e-3, 1e-4)
    )
    assert far > 1e-8 and far / near == pytest.approx(10, rel=0.1)


def slopes(network, name):
    """Derivative of alpha with respect to its parameter: influences are carried for alpha, and handed on as it is now."""
    if name != "time_constant.raw":
        return 1.0
    raw = network.time_constant.raw
    return torch.autograd.grad(network.alpha.sum(), raw)[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("every", [1, 2])
def test_rtrl_online_is_the_gradient_along_the_trajectory_that_was_visited(form, every):
    """Against autograd through steps that each go through a network of their own."""
    network, trials = make_network(form, dale=Dale()), toy_trials(3, 6)
    noise = network.draw_noise(3, 6, torch.Generator().manual_seed(0))
    x, twins = network.initial_state(3), []
    parts = RTRL(every).parts(
        network, trials, objective=Objective(), generator=torch.Generator().manual_seed(0)
    )
    for first in range(0, 6, every):
        network.zero_grad()
        twins.append(copy.deepcopy(network))
        x = twins[0].initial_state(3) if first == 0 else x
        loss = 0.0
        for t in range(first, first + every):
            x = twins[-1].step(x, trials.inputs[:, t], noise[:, t])
            error = (twins[-1].read_out(network.rate(x)) - trials.targets[:, t]).square().mean(-1)
            loss = loss + (trials.mask[:, t] * error).sum() / trials.mask.sum()
        torch.testing.assert_close(next(parts), loss.detach())
        for twin in twins:
            twin.zero_grad()
        loss.backward(retain_graph=True)
        for name, p in network.named_parameters():
            now = slopes(network, name)
            expected = sum(
                twin.get_parameter(name).grad * now / slopes(twin, name)
                for twin in twins
                if twin.get_parameter(name).grad is not None
            )
            torch.testing.assert_close(p.grad, expected, rtol=1e-9, atol=1e-12, msg=name)
            with torch.no_grad():
                p -= 0.3 * p.grad
    assert list(parts) == []


@pytest.mark.parametrize("rule", [RTRL(1), KeRNL(update_every=1), DNI(update_every=3)])
def test_training_with_updates_within_trials_continues_to_the_same_bytes(rule, tmp_path):
    task = tasks.make("perceptual-decision", dt=50.0)

    def run(n_steps, path):
        network = CTRNN(task.n_inputs, 6, task.n_outputs, dt=50.0, sigma_rec=0.1)
        options = {"rule": rule, "batch_size": 3, "validate_every": 1, "n_validation": 4}
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        result = neurornn.train(
            network, task, optimizer=optimizer, n_steps=n_steps, checkpoint=path, **options
        )
        return result, path.read_bytes()

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    result, expected = run(3, whole)
    run(1, stopped)
    assert run(3, stopped)[1] == expected
    assert (result.history.gradient_norm > 0).all()


def test_updates_within_trials_learn():
    task = tasks.make("perceptual-decision", dt=50.0, sigma_in=0.0)
    network = CTRNN(task.n_inputs, 12, task.n_outputs, dt=50.0, activation="tanh")
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    result = neurornn.train(
        network, task, rule=RTRL(1), optimizer=optimizer, n_steps=40, batch_size=16, n_validation=64
    )
    loss = result.history.loss.values
    assert loss[-5:].mean() < 0.5 * loss[0]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rtrl", RTRL()),
        ("snap:n=2,update_every=1", SnAp(2, 1)),
        ("online-rflo:feedback=symmetric,update_every=4", OnlineRFLO(Symmetric(), 4)),
        ("online-e-prop:kappa=0.5,feedback=random(seed=2)", OnlineEProp(Random(2), 0.5)),
        ("uoro:update_every=1", UORO(1)),
        ("kf-rtrl", KroneckerRTRL()),
        ("r-kf-rtrl", ReverseKroneckerRTRL()),
        ("kernl:rate=0.2,sigma=0.01", KeRNL(0.2, 0.01)),
        ("dni:target_every=3", DNI(target_every=3)),
    ],
)
def test_the_command_line_knows_them_and_a_configuration_holds_them(text, rule):
    assert TrainingOptions(rule=text).build_rule() == rule
    assert decode(encode(rule), type(rule)) == rule
