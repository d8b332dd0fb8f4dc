"""Estimates of the influence matrix: unbiased where they say so, learned where they learn."""

import itertools

import pytest
import torch
from online import N, T, assert_gradients_differ, assert_same, cosine, gradients, make_network, relative
from toys import FORMS, normal, toy_trials

from neurornn import Objective
from neurornn.kernels import Credit, NoHop, normal_numbers
from neurornn.random import derive_seed
from neurornn.rules import (
    BPTT,
    DNI,
    RTRL,
    UORO,
    KeRNL,
    KroneckerRTRL,
    ReverseKroneckerRTRL,
    SnAp,
    _stochastic,
)

STOCHASTIC = [UORO(), KroneckerRTRL(), ReverseKroneckerRTRL()]
PLAIN = Objective()


def identical(n_trials, n_steps):
    """One trial, many times: the gradient of the batch is the mean over what is random in the rule."""
    return toy_trials(1, n_steps).select([0] * n_trials)


def whole_trials(n_trials, n_steps):
    """Trials without padding in which every step counts the same."""
    trials = toy_trials(n_trials, n_steps)
    trials.epochs["trial"][:, 1] = n_steps * trials.info.dt
    trials.mask[:] = 1.0
    return trials


# Unbiased


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", STOCHASTIC, ids=lambda rule: type(rule).__name__)
def test_the_mean_of_many_draws_points_along_the_exact_gradient(form, rule):
    network = make_network(form, n_units=4, sigma_rec=0.0)
    exact, found = gradients(RTRL(), network, identical(1, 6)), gradients(rule, network, identical(20_000, 6))
    for name, grad in exact[1].items():
        assert cosine(found, exact, name) > 0.99, name
        assert found[1][name].norm().item() == pytest.approx(grad.norm().item(), rel=0.05), name
    few = gradients(rule, network, identical(2, 6))
    assert relative(few, exact) > 5 * relative(found, exact)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rule", "width", "at_start"), [(UORO(), 2, 2), (KroneckerRTRL(), 2, 0), (ReverseKroneckerRTRL(), 2, 2)]
)
def test_the_mean_over_all_signs_is_the_exact_gradient(form, rule, width, at_start, monkeypatch):
    """Two units and four steps: every combination of signs is tried once, with the scales that depend on past signs."""
    n_steps = 4
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=at_start + width * n_steps))).double()

    class All:
        def __init__(self, setting, purpose, width):
            self.first = 0 if purpose == "start" else at_start
            self.width = width

        def at(self, t):
            return signs[:, self.first + t * self.width : self.first + (t + 1) * self.width]

    monkeypatch.setattr(_stochastic, "_Signs", All)
    network, every = make_network(form, n_units=2, sigma_rec=0.0), identical(len(signs), n_steps)
    assert_same(gradients(rule, network, every), gradients(RTRL(), network, identical(1, n_steps)))
    signs = signs[-1:]
    one = identical(1, n_steps)
    assert_gradients_differ(gradients(rule, network, one), gradients(RTRL(), network, one), 1e-2)


def test_kronecker_factors_vary_less_than_a_rank_one_estimate():
    network, trials = make_network(n_units=12, sigma_rec=0.0), toy_trials(1, 10)
    exact = gradients(RTRL(), network, trials)
    spread = []
    for rule in (KroneckerRTRL(), UORO()):
        draws = [gradients(rule, network, trials, seed=seed) for seed in range(100)]
        spread.append(sum(relative(draw, exact) ** 2 for draw in draws))
    assert spread[0] < 0.5 * spread[1]


@pytest.mark.parametrize("rule", STOCHASTIC, ids=lambda rule: type(rule).__name__)
def test_each_trial_draws_its_own_signs_whatever_the_batch(rule):
    network = make_network(sigma_rec=0.0)
    two, three = (gradients(rule, network, identical(n, T))[1]["recurrent.raw"] * n for n in (2, 3))
    one = gradients(rule, network, identical(1, T))[1]["recurrent.raw"]
    first, second, third = one, two - one, three - two
    assert not torch.allclose(first, second, rtol=1e-2) and not torch.allclose(second, third, rtol=1e-2)
    again = gradients(rule, network, identical(3, T))[1]["recurrent.raw"] * 3
    assert torch.equal(again, three)


@pytest.mark.parametrize("rule", [*STOCHASTIC, KeRNL()], ids=lambda rule: type(rule).__name__)
def test_another_generator_draws_other_numbers_even_without_noise(rule):
    trials = toy_trials(3, T)
    found = [gradients(rule, make_network(sigma_rec=0.0), trials, seed=seed) for seed in (0, 0, 1)]
    assert_same(found[0], found[1])
    assert_gradients_differ(found[0], found[2], 1e-5)


def test_signs_are_fair_and_independent_of_the_noise():
    network = make_network(n_units=N)
    setting = _setting(network, n_trials=400, key=7)
    signs = _stochastic._Signs(setting, "step", N)
    drawn = torch.stack([signs.at(t) for t in range(70)], 1)
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    noise = normal_numbers(7, 400, 70, N, drawn)
    flat = torch.cat([drawn, noise, drawn.roll(1, 0), drawn.roll(1, 1)], 2).flatten(0, 1)
    limit = 5 / len(flat) ** 0.5
    assert flat.mean(0).abs().max() < limit
    assert (flat.T @ flat / len(flat) - torch.eye(4 * N)).fill_diagonal_(0.0).abs().max() < limit


def _setting(network, n_trials, key):
    from neurornn.rules._steps import Columns, Setting

    columns = Columns(N, 2, bias=True, alpha=True, start=True)
    return Setting(columns, network.circuit(), network.initial_state(n_trials).detach(), key)


# KeRNL


def test_kernl_starts_as_symmetric_rflo():
    network, trials = make_network(), toy_trials(3, T)
    network.zero_grad()
    run = network.outputs(trials.inputs, generator=torch.Generator().manual_seed(0), credit=Credit(NoHop()))
    PLAIN(network, trials, run).backward()
    expected = {name: p.grad.clone() for name, p in network.named_parameters()}
    found = gradients(KeRNL(rate=0.0), network, trials, PLAIN)
    for name, grad in expected.items():
        torch.testing.assert_close(found[1][name], grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_kernl_with_a_kernel_at_rest_is_a_filter_in_reverse_time(form):
    """Its trace forgets at a rate of its own, whatever the receiving unit: that factorises."""
    network, trials, rule = make_network(form, sigma_rec=0.0), toy_trials(3, T), KeRNL(rate=0.0)
    A, decay = normal(N, N, seed=3), torch.linspace(0.1, 0.6, N, dtype=torch.float64)
    rule.memory(network)["kernel"].copy_(A)
    rule.memory(network)["decay"].copy_(decay)
    found = gradients(rule, network, trials, PLAIN)[1]

    with torch.no_grad():
        run, alpha, W = network(trials.inputs), network.alpha, network.W_rec
        before = torch.cat([network.initial_state(3)[:, None], run.state[:, :-1]], 1)
        r = network.rate(before)
        a = r @ W.T + trials.inputs @ network.W_in.T + network.bias
    slope = 1 - torch.tanh(run.state if form == "current" else a).detach() ** 2
    output = run.output.detach().requires_grad_()
    (error,) = torch.autograd.grad(PLAIN.of_steps(trials, run._replace(output=output)), output)
    signal = (error @ network.W_out.detach()) * (slope if form == "current" else 1) @ A
    m, credit = torch.zeros(3, N, dtype=torch.float64), []
    for t in reversed(range(T)):
        m = signal[:, t] + (1 - decay) * m
        credit.append(alpha.detach() * m * (slope[:, t] if form == "rate" else 1))
    credit = torch.stack(credit[::-1], 1)
    for name, pre in (("recurrent.raw", r), ("input.raw", trials.inputs)):
        expected = torch.einsum("bta,btp->ap", credit, pre)
        torch.testing.assert_close(found[name], expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found["bias"], credit.sum((0, 1)), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found["start"], ((1 - decay) * m).sum(0), rtol=1e-10, atol=1e-12)


def test_the_kernel_of_units_without_synapses_is_their_leak():
    """Then a perturbation stays where it is and decays with alpha: A = 1 and gamma = alpha, exactly."""
    network = make_network(tau=[20.0, 50.0, 80.0, 200.0, 500.0])
    network.W_rec = torch.zeros(N, N)
    rule = KeRNL(rate=1.0)
    memory = rule.memory(network)
    memory["kernel"].add_(0.5 * normal(N, N, seed=3))
    memory["decay"].fill_(0.5)
    for seed in range(60):
        gradients(rule, network, toy_trials(20, 30), seed=seed)
    torch.testing.assert_close(memory["kernel"], torch.eye(N, dtype=torch.float64), rtol=0, atol=1e-5)
    torch.testing.assert_close(memory["decay"], network.alpha, rtol=0, atol=1e-5)


def test_kernl_learns_as_the_twin_taught_it_one_trial_at_a_time():
    """Against the update written out for two trials, the twin stepped by the network itself."""
    network, trials, rule = make_network(tau=60.0), whole_trials(2, 4), KeRNL(rate=0.3, sigma=1e-2)
    key = network.noise_key(torch.Generator().manual_seed(5))
    noise = network.draw_noise(2, 4, torch.Generator().manual_seed(5))
    zeta = normal_numbers(derive_seed(key, "twin"), 2, 4, N, noise)
    A, decay = torch.eye(N, dtype=torch.float64), network.alpha.expand(N).clone()
    x, omega, gamma = (
        network.initial_state(2).detach(),
        torch.zeros(2, N).double(),
        torch.zeros(2, N).double(),
    )
    twin = x
    with torch.no_grad():
        for t in range(4):
            x = network.step(x, trials.inputs[:, t], noise[:, t])
            twin = network.step(twin, trials.inputs[:, t], noise[:, t]) + 1e-2 * zeta[:, t]
            gamma = (1 - decay) * gamma - omega
            omega = (1 - decay) * omega + zeta[:, t]
            dA, dg, length = torch.zeros(N, N).double(), torch.zeros(N).double(), 0.0
            for b in range(2):
                e = A @ omega[b] - (twin[b] - x[b]) / 1e-2
                dA += torch.outer(e, omega[b])
                dg += (A.T @ e) * gamma[b]
                length += omega[b] @ omega[b] + ((A * gamma[b]) ** 2).sum()
            A, decay = A - 0.3 * dA / length, (decay - 0.3 * dg / length).clamp(0, 1)
    gradients(rule, network, trials, seed=5)
    torch.testing.assert_close(rule.memory(network)["kernel"], A, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(rule.memory(network)["decay"], decay, rtol=1e-9, atol=1e-12)


def test_a_decay_stays_a_decay_where_perturbations_grow():
    """With self-weights of 1.5 a unit multiplies a perturbation by 1 + alpha / 2 in each step: no decay is best."""
    network, rule = make_network(activation="identity", tau=60.0, sigma_rec=0.0), KeRNL(rate=1.0)
    network.W_rec = 1.5 * torch.eye(N)
    for seed in range(20):
        gradients(rule, network, toy_trials(10, 10), seed=seed)
    decay = rule.memory(network)["decay"]
    assert decay.min() == 0 and decay.max() < 0.05


def test_a_learned_kernel_brings_kernl_nearer_to_the_gradient():
    network, trials, rule = make_network(n_units=20, tau=100.0, sigma_rec=0.0), toy_trials(10, 30), KeRNL(0.5)
    network.W_rec = normal(20, 20, seed=1) / 20**0.5
    exact = gradients(BPTT(), network, trials)
    found = [cosine(gradients(rule, network, trials, seed=seed), exact) for seed in range(30)]
    assert found[-1] > found[0] + 0.05
    assert rule.memory(network)["kernel"].diagonal().mean() > 0.5


# DNI


@pytest.mark.parametrize("form", FORMS)
def test_dni_predicts_the_gradient_of_a_single_step_exactly(form):
    """It is linear in rate and target where the rate does not bend: rate form, or an identity."""
    network = make_network(form, sigma_rec=0.0, activation="identity" if form == "current" else "tanh")
    trials, rule = whole_trials(40, 1), DNI(rate=1.0)
    exact = gradients(BPTT(), network, trials, PLAIN)
    nothing = gradients(DNI(rate=0.0), network, trials, PLAIN)
    assert not nothing[1]["input.raw"].any() and torch.equal(nothing[0], exact[0])
    for _ in range(800):
        found = gradients(rule, network, trials, PLAIN)
    for name in exact[1]:
        assert relative(found, exact, name) < 0.1, name


@pytest.mark.parametrize("form", FORMS)
def test_dni_learns_and_teaches_as_written_one_trial_at_a_time(form):
    network, rule = make_network(form, sigma_rec=0.0, bias=False), DNI(rate=0.3, target_every=2)
    trials = whole_trials(1, 5)
    A = 0.1 * normal(N, N + 3, seed=6)
    rule.memory(network)["predictor"].copy_(A)
    rule.memory(network)["target"].copy_(old := A / 2)
    with torch.no_grad():
        run = network(trials.inputs)
        x = torch.cat([network.start[None], run.state[0]])
        jacobians = torch.eye(N) + network.dt * network.drift_jacobian(x[:-1], trials.inputs[0])
    states = run.state.detach().requires_grad_()
    total = PLAIN.of_steps(trials, run._replace(output=network.read_out(network.rate(states))))
    q = torch.autograd.grad(total, states)[0][0]
    z = torch.cat([run.rate[0].detach(), trials.targets[0], torch.ones(5, 1)], 1)
    found = torch.zeros(N, N, dtype=torch.float64)
    for t in range(5):
        lessons = [] if t == 0 else [(z[t - 1], q[t - 1] + jacobians[t].T @ (old @ z[t]))]
        lessons += [(z[t], q[t])] if t == 4 else []
        if lessons:
            change = sum(torch.outer(A @ seen - truth, seen) for seen, truth in lessons)
            A = A - 0.3 * change / sum(seen @ seen for seen, _ in lessons)
        old = A if (t + 1) % 2 == 0 else old
        with torch.enable_grad():
            W = network.W_rec.detach().requires_grad_()
            network_step = _step(network, W, x[t], trials.inputs[0, t])
            (local,) = torch.autograd.grad(network_step @ (A @ z[t]), W)
        found += local
    computed = gradients(rule, network, trials, PLAIN)[1]["recurrent.raw"]
    torch.testing.assert_close(computed, found, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(rule.memory(network)["predictor"], A, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(rule.memory(network)["target"], old, rtol=1e-9, atol=1e-12)
    assert rule.memory(network)["n_steps"] == 5


def _step(network, W, x, u):
    alpha, drive = network.alpha.detach(), u @ network.W_in.detach().T
    if network.form == "current":
        return (1 - alpha) * x + alpha * (W @ torch.tanh(x) + drive)
    return (1 - alpha) * x + alpha * torch.tanh(W @ x + drive)


def test_a_learned_predictor_brings_dni_near_the_gradient():
    network, trials, rule = make_network(n_units=20, tau=100.0, sigma_rec=0.0), toy_trials(10, 30), DNI(0.5)
    exact = gradients(BPTT(), network, trials)
    found = [cosine(gradients(rule, network, trials), exact) for _ in range(30)]
    assert found[-1] > 0.8 and found[-1] > cosine(gradients(SnAp(1), network, trials), exact)
    assert found[-1] < 0.9999


def test_the_target_network_is_a_copy_that_is_renewed_now_and_then():
    trials = whole_trials(2, 7)
    predictors = []
    for every in (1, 100):
        network, rule = make_network(sigma_rec=0.0), DNI(rate=0.5, target_every=every)
        gradients(rule, network, trials)
        memory = rule.memory(network)
        assert memory["n_steps"] == 7
        assert torch.equal(memory["target"], memory["predictor"]) == (every == 1)
        assert bool(memory["target"].any()) == (every == 1)
        predictors.append(memory["predictor"])
    assert not torch.allclose(*predictors)


@pytest.mark.parametrize("rule", [KeRNL(), DNI()])
def test_what_is_learned_of_a_network_is_carried_to_the_next_batch_and_kept_apart(rule):
    network, other, trials = make_network(), make_network(), toy_trials(3, T)
    first = gradients(rule, network, trials)
    second = gradients(rule, network, trials)
    assert_gradients_differ(first, second)
    assert_same(gradients(rule, other, trials), first)
    before = {name: value.clone() for name, value in rule.memory(network).items()}
    still = type(rule)(rate=0.0)
    for name, value in still.memory(network).items():
        value.copy_(before[name])
    assert_same(gradients(still, network, trials), gradients(still, network, trials))
    for name, value in still.memory(network).items():
        assert name == "n_steps" or torch.equal(value, before[name])
