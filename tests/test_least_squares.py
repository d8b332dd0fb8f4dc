"""Recursive least squares is ridge regression, FORCE and full-FORCE are what a plain loop over their equations does."""

import copy

import numpy as np
import pytest
import torch
from toys import FORMS, TAUS, normal, toy_trials

from neurornn import CTRNN, Dale, Objective, TrialInfo, Trials, tasks, train
from neurornn._coding import TYPES, decode, encode
from neurornn.connectivity import Gaussian, Sparse
from neurornn.objective import CrossEntropy, SquaredError
from neurornn.rules import BPTT, FORCE, FullFORCE, Ramp
from neurornn.rules.least_squares._rls import fold, inverse_correlation
from neurornn.testing import check_rule

X, Y = normal(200, 12, seed=1), normal(200, 3, seed=2)


def recursive(x, y, alpha, forgetting=1.0, rows=1):
    P, W = inverse_correlation(x.shape[1], alpha, x), torch.zeros(y.shape[1], x.shape[1], dtype=x.dtype)
    for some, wanted in zip(x.split(rows), y.split(rows), strict=True):
        error = some @ W.T - wanted
        W -= error.T @ fold(P, some, forgetting)
    return P, W


def weighted_ridge(x, y, alpha, weight):
    gram = (x * weight[:, None]).T @ x + alpha * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, (x * weight[:, None]).T @ y).T


def close(one, other, atol):
    torch.testing.assert_close(one, other, rtol=0, atol=atol)


# ---- recursive least squares


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("alpha", [0.01, 1.0, 30.0])
def test_without_forgetting_it_is_ridge_regression(rows, alpha):
    P, W = recursive(X, Y, alpha, rows=rows)
    close(W, weighted_ridge(X, Y, alpha, torch.ones(200, dtype=X.dtype)), 1e-8)
    close(P, torch.linalg.inv(X.T @ X + alpha * torch.eye(12, dtype=X.dtype)), 1e-10)


def test_an_error_shrinks_by_what_its_row_adds():
    P, W = recursive(X[:7], Y[:7], 0.5)
    r = X[7]
    before = W @ r - Y[7]
    shrinks = 1 / (1 + r @ P @ r)
    W = W - torch.outer(before, fold(P, r[None])[0])
    close(W @ r - Y[7], before * shrinks, 1e-12)
    assert float(shrinks) < 0.9


def test_rows_of_a_step_count_alike_in_any_order():
    one_by_one, in_blocks = recursive(X, Y, 0.5), recursive(X, Y, 0.5, rows=40)
    order = torch.cat([
        torch.randperm(40, generator=torch.Generator().manual_seed(k)) + 40 * k for k in range(5)
    ])
    shuffled = recursive(X[order], Y[order], 0.5, rows=40)
    for one, other, third in zip(one_by_one, in_blocks, shuffled, strict=True):
        close(one, other, 1e-10)
        close(other, third, 1e-11)


@pytest.mark.parametrize("rows", [1, 4])
def test_forgetting_weighs_the_past_down(rows):
    forgetting, alpha, n = 0.97, 0.8, 200 // rows
    age = torch.arange(n - 1, -1, -1, dtype=X.dtype).repeat_interleave(rows)
    _, W = recursive(X, Y, alpha, forgetting, rows)
    close(W, weighted_ridge(X, Y, alpha * forgetting**n, forgetting**age), 1e-9)
    assert (W - recursive(X, Y, alpha, rows=rows)[1]).abs().max() > 1e-2


def test_the_state_stays_symmetric_and_positive_in_single_precision():
    x = normal(3000, 20, seed=3).float() * torch.logspace(0, -3, 20)
    for rows in (1, 30):
        P, _ = recursive(x, x[:, :1], 1e-2, rows=rows)
        assert P.dtype == torch.float32 and (P - P.T).abs().max() <= 1e-6 * P.abs().max()
        assert torch.linalg.eigvalsh(P.double()).min() > 0


def test_a_state_that_rounding_has_spoiled_is_refused():
    P = torch.diag(torch.tensor([1.0, -5.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="indefinite"):
        fold(P, torch.eye(2, dtype=torch.float64))


# ---- FORCE


def made(form="current", **options):
    options = {"tau": TAUS["per unit"], "activation": "tanh", "seed": 1, "dtype": torch.float64} | options
    network = CTRNN(2, 5, 2, form=form, **options)
    with torch.no_grad():
        network.start.copy_(normal(5, seed=7))
        if network.bias is not None:
            network.bias.copy_(normal(5, seed=8))
            network.bias_out.copy_(normal(2, seed=9))
    return network


def change_by(rule, network, trials, **options):
    """Loss, and the effective read-out, recurrent matrix and biases after one finished step."""
    twin = copy.deepcopy(network)
    loss = rule.backward(twin, trials, **options)
    rule.optimizer(twin).step()
    return loss, twin


def noise_of(network, trials, seed):
    return network.draw_noise(trials.n_trials, trials.n_steps, torch.Generator().manual_seed(seed))


OPTIONS = [
    {},
    {"output_feedback": 1.0},
    {"output_feedback": 1.0, "bias": False, "connectivity": Sparse(0.6)},
    {"output_feedback": 1.0, "sigma_rec": 0.3},
    {"output_feedback": 1.0, "sigma_rec": 0.3, "noise": "state", "tau": 50.0},
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("forgetting", [1.0, 0.9])
def test_force_is_a_plain_loop_over_its_equations(form, options, forgetting):
    network, trials = made(form, **options), toy_trials(3, 9)
    rule = FORCE(alpha=0.3, update_every=2, forgetting=forgetting)
    loss, after = change_by(rule, network, trials, generator=torch.Generator().manual_seed(5))
    plain = copy.deepcopy(network)
    xi = noise_of(plain, trials, 5)
    biased = plain.bias_out is not None
    P, state, outputs = torch.eye(5 + biased, dtype=torch.float64) / 0.3, plain.initial_state(3), []
    with torch.no_grad():
        for t in range(9):
            state = plain.step(state, trials.inputs[:, t], None if xi is None else xi[:, t])
            rate = plain.rate(state)
            outputs.append(plain.read_out(rate))
            if t % 2 == 0:
                continue
            row = torch.cat([rate, torch.ones(3, 1)], 1) if biased else rate
            R, weight = row, trials.mask[:, t].diag()
            P_new = torch.linalg.inv(forgetting * torch.linalg.inv(P) + R.T @ weight @ R)
            step = (outputs[-1] - trials.targets[:, t]).T @ weight @ R @ P_new
            P = P_new
            plain.readout.raw -= step[:, :5]
            if biased:
                plain.bias_out -= step[:, 5]
    for name, value in plain.state_dict().items():
        close(after.state_dict()[name], value, 1e-9)
    assert (after.W_out - network.W_out).abs().max() > 0.05
    run = plain(trials.inputs, noise=xi)._replace(output=torch.stack(outputs, 1))
    close(loss, Objective().of_steps(trials, run), 1e-9)


def test_without_feedback_force_is_ridge_regression_around_the_start():
    network, trials = made(), toy_trials(4, 20)
    with torch.no_grad():
        rates = torch.cat([network(trials.inputs).rate, torch.ones(4, 20, 1)], 2).flatten(0, 1)
        start = torch.cat([network.W_out, network.bias_out[:, None]], 1)
        rest = trials.targets.flatten(0, 1) - rates @ start.T
    _, after = change_by(FORCE(alpha=0.2), network, trials)
    wanted = start + weighted_ridge(rates, rest, 0.2, trials.mask.flatten())
    close(torch.cat([after.W_out, after.bias_out[:, None]], 1), wanted, 1e-8)


def test_batches_add_up_and_the_order_of_trials_does_not_matter():
    network, trials = made(), toy_trials(4, 20)
    rule, halves = FORCE(), copy.deepcopy(network)
    for part in (slice(0, 2), slice(2, 4)):
        halves.zero_grad()
        rule.backward(halves, trials.select(part))
        rule.optimizer(halves).step()
    _, whole = change_by(rule, network, trials)
    _, turned = change_by(rule, network, trials.select([2, 0, 3, 1]))
    close(halves.W_out, whole.W_out, 1e-9)  # without feedback the rates are the same ones
    close(turned.W_out, whole.W_out, 1e-11)
    close(rule.memory(halves)["P"], FORCE().memory(halves)["P"], 0)  # one memory for equal rules
    assert rule.memory(halves)["P"].data_ptr() != FORCE(alpha=2.0).memory(halves)["P"].data_ptr()


def test_frozen_biases_and_missing_synapses_of_the_read_out_stay():
    network, trials = made(dale=Dale(0.6), tau=100.0), toy_trials(3, 12)
    missing = network.readout.mask[0] == 0
    assert missing.sum() == 2
    _, after = change_by(FORCE(), network, trials)
    assert (after.W_out[:, missing] == 0).all() and (after.W_out != network.W_out)[:, ~missing].all()
    network = made(output_feedback=1.0)
    network.bias_out.requires_grad_(False)
    _, after = change_by(FORCE(), network, trials)
    assert torch.equal(after.bias_out, network.bias_out) and (after.W_out != network.W_out).all()
    assert FORCE().memory(network)["P"].shape == (5, 5)


@pytest.mark.parametrize("rule", [FORCE(update_every=7), FORCE(update_every=7, alpha=0.1)])
def test_a_rule_that_updates_once_keeps_the_contract(rule):
    for options in ({}, {"output_feedback": 1.0}, {"sigma_rec": 0.2, "form": "rate"}):
        network = made(**({"bias": False} | options))
        for name, each in network.named_parameters():
            each.requires_grad_(name == "readout.raw")
        check_rule(rule, network, toy_trials(1, 7))


def periodic(n_periods, period, dtype=torch.float64):
    phase = 2 * np.pi * np.arange(1, n_periods * period + 1) / period
    y = np.sin(phase) + np.sin(2 * phase) / 2 + np.sin(3 * phase) / 6 + np.sin(4 * phase) / 3
    y = torch.as_tensor(y, dtype=dtype)[None, :, None]
    info = TrialInfo("four-sines", 1.0, 0, (), ("z",))
    return Trials(
        torch.zeros(1, y.shape[1], 0, dtype=dtype), y, torch.ones(1, y.shape[1], dtype=dtype), {}, {}, info
    )


def generator_of_sines(output_feedback):
    network = CTRNN(
        0, 300, 1, tau=10.0, dt=1.0, activation="tanh", init=Gaussian(1.5), bias=False,
        output_feedback=output_feedback, dtype=torch.float64, seed=3,
    )  # fmt: skip
    network.start.copy_(0.5 * normal(300, seed=4))
    network.W_out = torch.zeros(1, 300)
    return network


def error_afterwards(network, trials):
    with torch.no_grad():
        output = network.evolve(trials.inputs, record_every=1).output
    return float((output - trials.targets).square().mean() / trials.targets.var())


def test_force_makes_a_chaotic_network_produce_four_sines():
    rule, trials, longer = FORCE(update_every=2), periodic(8, 200), periodic(12, 200)
    errors = {}
    for feedback in (1.0, 0.0):
        network = generator_of_sines(feedback)
        untrained = error_afterwards(network, longer)
        for _ in range(3):
            network.zero_grad()
            rule.backward(network, trials)
            rule.optimizer(network).step()
        errors[feedback] = error_afterwards(network, longer)  # nothing learns here, and it goes on for longer
    assert errors[1.0] < 1e-2 < 0.3 < errors[0.0] and untrained > 0.9


# ---- full-FORCE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"sigma_rec": 0.3}, {"frozen": True}])
@pytest.mark.parametrize(
    "rule", [FullFORCE(alpha=0.3), FullFORCE(exponential=True, forgetting=0.95, hint=Ramp("trial"))]
)
def test_full_force_is_a_plain_loop_over_its_equations(form, options, rule):
    options = dict(options)
    frozen = options.pop("frozen", False)
    network, trials = made(form, **options), toy_trials(2, 8)
    if frozen:
        network.bias.requires_grad_(False)
        network.bias_out.requires_grad_(False)
    loss, after = change_by(rule, network, trials, generator=torch.Generator().manual_seed(5))
    told = trials.targets if rule.hint is None else torch.cat([trials.targets, rule.hint.signal(trials)], 2)
    teacher, plain = rule.teacher(network, told.shape[2] - 2), copy.deepcopy(network)
    xi, biased = noise_of(plain, trials, 5), plain.bias is not None and not frozen
    alpha_d = 1 - torch.exp(-plain.alpha) if rule.exponential else plain.alpha
    x = x_d = plain.initial_state(2)
    P, c_d, outputs = (
        torch.eye(5 + biased, dtype=torch.float64) / rule.alpha,
        plain.rate(x_d) @ teacher.J.T,
        [],
    )
    with torch.no_grad():
        for t in range(8):
            u = trials.inputs[:, t]
            x = plain.step(x, u, None if xi is None else xi[:, t])
            reaching = u @ plain.W_in.T + c_d
            x_d = x_d + alpha_d * ((reaching if form == "current" else torch.tanh(reaching)) - x_d)
            c_d = (
                plain.rate(x_d) @ teacher.J.T + told[:, t] @ torch.cat([teacher.targets, teacher.hints], 1).T
            )
            r = plain.rate(x)
            outputs.append(plain.read_out(r))
            own = r @ plain.W_rec.T + (0 if plain.bias is None else plain.bias)
            row = torch.cat([r, torch.ones(2, 1)], 1) if biased else r
            R = row * trials.valid[:, t, None]
            P = torch.linalg.inv(rule.forgetting * torch.linalg.inv(P) + R.T @ R)
            gain = R @ P
            for weights, bias, error in (
                (plain.recurrent.raw, plain.bias, own - c_d),
                (plain.readout.raw, plain.bias_out, outputs[-1] - trials.targets[:, t]),
            ):
                weights -= error.T @ gain[:, :5]
                if biased:
                    bias -= error.T @ gain[:, 5]
    for name, value in plain.state_dict().items():
        close(after.state_dict()[name], value, 1e-9)
    assert (after.W_rec - network.W_rec).abs().max() > 0.05
    run = plain(trials.inputs, noise=xi)._replace(output=torch.stack(outputs, 1))
    close(loss, Objective().of_steps(trials, run), 1e-9)


def test_full_force_needs_no_feedback_to_produce_four_sines():
    rule, trials, longer = FullFORCE(), periodic(8, 200), periodic(12, 200)
    network = generator_of_sines(0.0)
    network.W_rec = torch.zeros(300, 300)
    for _ in range(3):
        network.zero_grad()
        rule.backward(network, trials)
        rule.optimizer(network).step()
    assert error_afterwards(network, longer) < 1e-2
    network.W_rec = network.W_rec.detach()[:, torch.arange(299, -1, -1)]
    assert error_afterwards(network, longer) > 0.5  # it is the recurrent matrix that does it


def test_updates_by_chance_are_a_function_of_the_generator():
    network, trials = made(), toy_trials(2, 30)
    rule = FullFORCE(update_probability=0.5)
    found = [
        change_by(rule, network, trials, generator=torch.Generator().manual_seed(k))[1].W_rec
        for k in (1, 1, 2)
    ]
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    with pytest.raises(ValueError, match=r"draws the steps of its updates.*explicit source"):
        rule.backward(network, trials)


def test_where_nothing_counts_nothing_is_forgotten():
    network, trials, rule = made(), toy_trials(2, 6), FORCE(forgetting=0.5)
    padded = toy_trials(2, 9)
    padded.inputs[:, :6], padded.targets[:, :6], padded.mask[:, :6] = (
        trials.inputs,
        trials.targets,
        trials.mask,
    )
    padded.mask[:, 6:] = 0.0
    found = []
    for batch in (trials, padded):
        each = copy.deepcopy(network)
        rule.backward(each, batch)
        found.append(rule.memory(each)["P"])
    close(found[0], found[1], 0)


def test_a_teacher_is_a_function_of_its_seed():
    network = made()
    one, same, other = (FullFORCE(seed=k).teacher(network, 1) for k in (1, 1, 2))
    for a, b, c in zip(one, same, other, strict=True):
        assert torch.equal(a, b) and not torch.isclose(a, c).any()


def test_a_ramp_tells_the_time_of_an_epoch():
    trials = toy_trials(3, 6)
    hint = Ramp("trial").signal(trials)[:, :, 0]
    close(hint[0], torch.arange(6, dtype=torch.float64) / 6, 1e-12)
    close(hint[2], torch.tensor([0, 0.25, 0.5, 0.75, 0, 0], dtype=torch.float64), 1e-12)
    trials.epochs["late"] = trials.epochs["trial"] + np.array([[40.0, 0.0]])
    late = Ramp("late").signal(trials)[:, :, 0]
    close(late[0], torch.tensor([0, 0, 0, 0.25, 0.5, 0.75], dtype=torch.float64), 1e-12)
    with pytest.raises(KeyError, match="No epoch 'delay'"):
        Ramp("delay").signal(trials)


# ---- training


TASK = tasks.make("sine-wave", oscillate=1000.0)


@pytest.mark.parametrize(
    ("rule", "options"),
    [(FORCE(), {"output_feedback": 1.0}), (FullFORCE(update_probability=0.5), {"sigma_rec": 0.1})],
)
def test_a_training_goes_on_to_the_same_bytes(rule, options, tmp_path):
    def network():
        return CTRNN(1, 20, 1, activation="tanh", seed=2, **options)

    def trained(each, n_steps, path):
        options = {"n_steps": n_steps, "batch_size": 3, "n_validation": 7, "validate_every": 2}
        train(each, TASK, rule=rule, checkpoint=path, **options)
        return each.state_dict(), rule.memory(each)["P"]

    whole = trained(network(), 4, tmp_path / "whole.safetensors")
    trained(network(), 2, tmp_path / "parts.safetensors")
    parts = trained(network(), 4, tmp_path / "parts.safetensors")
    assert all(torch.equal(parts[0][name], value) for name, value in whole[0].items())
    assert torch.equal(parts[1], whole[1])


@pytest.mark.parametrize("rule", [FORCE(), FullFORCE()])
def test_training_insists_on_whole_steps(rule):
    network = CTRNN(1, 10, 1, activation="tanh")
    options = {"n_steps": 1, "n_validation": 7}
    for optimizer in (torch.optim.Adam(network.parameters()), torch.optim.SGD(network.parameters(), lr=0.1)):
        with pytest.raises(ValueError, match="whole changes of the weights, not directions"):
            train(network, TASK, rule=rule, optimizer=optimizer, **options)
    with pytest.raises(ValueError, match="clipping would cut them short"):
        train(network, TASK, rule=rule, clip_norm=1.0, **options)
    train(network, TASK, rule=rule, **options)
    train(network, TASK, rule=BPTT(), optimizer=torch.optim.SGD(network.parameters(), lr=0.1), **options)


def test_the_loss_that_is_penalised_or_no_squared_error_is_refused():
    network, trials = made(), toy_trials(2, 6)
    for rule in (FORCE(), FullFORCE()):
        with pytest.raises(ValueError, match="cannot trade errors for penalties"):
            rule.backward(network, trials, objective=Objective(rate_l2=0.1))
        for objective, batch in (
            (Objective(CrossEntropy()), trials),
            (Objective(), toy_trials(2, 6, loss="cross_entropy")),
        ):
            with pytest.raises(ValueError, match="minimises squared errors"):
                rule.backward(network, batch, objective=objective)
        rule.backward(network, toy_trials(2, 6, loss="cross_entropy"), objective=Objective(SquaredError()))


def test_networks_that_least_squares_cannot_solve_for_are_refused():
    trials = toy_trials(2, 6)
    for rule in (FORCE(), FullFORCE()):
        with pytest.raises(ValueError, match="without regard to signs"):
            rule.backward(made(dale=Dale(nonnegative_readout=True)), trials)
        network = made()
        network.readout.raw.requires_grad_(False)
        with pytest.raises(ValueError, match="it is frozen"):
            rule.backward(network, trials)
        with pytest.raises(TypeError, match="derived for the leaky network CTRNN"):
            rule.backward(torch.nn.Identity(), trials)
    with pytest.raises(ValueError, match="without regard to signs"):
        FullFORCE().backward(made(dale=Dale()), trials)
    with pytest.raises(ValueError, match="synapses are missing or fixed"):
        FullFORCE().backward(made(connectivity=Sparse(0.5)), trials)
    with pytest.raises(ValueError, match="build the network without output_feedback"):
        FullFORCE().backward(made(output_feedback=1.0), trials)
    network = made()
    network.bias.requires_grad_(False)
    with pytest.raises(ValueError, match="Freeze both or none"):
        FullFORCE().backward(network, trials)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (FORCE, {"alpha": 0.0}, "alpha must be a finite number above 0"),
        (FORCE, {"forgetting": 1.1}, r"forgetting must be a number in \(0, 1\]"),
        (FORCE, {"update_every": 0}, "update_every must be a whole number"),
        (FORCE, {"update_every": 1.5}, "update_every must be a whole number"),
        (FullFORCE, {"alpha": True}, "alpha must be a finite number above 0"),
        (FullFORCE, {"forgetting": 0.0}, r"forgetting must be a number in \(0, 1\]"),
        (FullFORCE, {"update_probability": 0}, r"update_probability must be a number in \(0, 1\]"),
        (FullFORCE, {"gain": -1.0}, "gain must be a finite number of at least 0"),
        (FullFORCE, {"scale": float("nan")}, "scale must be a finite number above 0"),
        (FullFORCE, {"hint": "ramp"}, "hint must be an object"),
    ],
)
def test_settings_that_make_no_sense_are_refused(rule, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        rule(**options)


@pytest.mark.parametrize("rule", [FORCE(0.5, 3, 0.9), FullFORCE(hint=Ramp("delay"), exponential=True)])
def test_rules_survive_a_file(rule):
    assert decode(encode(rule), type(rule), TYPES) == rule
