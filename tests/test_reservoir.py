"""Reservoirs forget where they started, remember what they saw, and are read out by ridge regression."""

import copy

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from toys import normal, toy_trials

from neurornn import CTRNN, Dale, Objective, TrialInfo, Trials, tasks, train
from neurornn._coding import TYPES, decode, encode
from neurornn.connectivity import Sparse
from neurornn.networks import reservoir
from neurornn.rules import RidgeReadout
from neurornn.testing import check_rule

DOUBLE = torch.float64


def stream(inputs, targets):
    """One long trial of one input and some outputs."""
    inputs, targets = (
        torch.as_tensor(each, dtype=DOUBLE).reshape(1, len(each), -1) for each in (inputs, targets)
    )
    names = tuple(f"out{k}" for k in range(targets.shape[2]))
    info = TrialInfo("stream", 1.0, 0, tuple(f"in{k}" for k in range(inputs.shape[2])), names)
    return Trials(inputs, targets, torch.ones(inputs.shape[:2], dtype=DOUBLE), {}, {}, info)


# ---- the reservoir


@pytest.mark.parametrize("radius", [0.3, 0.95, 1.4])
@pytest.mark.parametrize("density", [0.05, 1.0])
def test_the_spectral_radius_is_that_of_the_effective_matrix(radius, density):
    network = reservoir(2, 120, 1, spectral_radius=radius, density=density, dtype=DOUBLE)
    found = np.abs(np.linalg.eigvals(network.circuit().W_rec.detach().numpy())).max()
    assert abs(found / radius - 1) < 1e-6
    share = float((network.W_rec != 0).double().mean())
    assert abs(share - density) < 0.02


def test_its_parts_are_what_is_asked_for():
    network = reservoir(400, 50, 2, leak=0.25, input_scale=0.3, bias_scale=0.2, dt=10.0, seed=4)
    assert (
        network.alpha.item() == pytest.approx(0.25) and network.form == "rate" and network.tau.item() == 40.0
    )
    for values, scale in ((network.W_in, 0.3), (network.bias, 0.2)):
        assert scale * 0.9 < values.abs().max() <= scale and values.min() < 0 < values.max()
    assert {name for name, each in network.named_parameters() if each.requires_grad} == {
        "bias_out",
        "readout.raw",
    }
    assert torch.equal(network.W_in, reservoir(400, 50, 2, input_scale=0.3, seed=4).W_in)
    assert not torch.equal(network.W_in, reservoir(400, 50, 2, input_scale=0.3, seed=5).W_in)
    for leak in (0.0, 1.5):
        with pytest.raises(ValueError, match=r"leak must lie in \(0, 1\]"):
            reservoir(1, 10, 1, leak=leak)


def distance_after(network, n_steps=500):
    inputs = 0.1 * normal(1, n_steps, 1, seed=2).expand(2, -1, -1)
    start = torch.stack([normal(200, seed=3), normal(200, seed=4)])
    with torch.no_grad():
        final = network(inputs, start).final
    return float((final[0] - final[1]).norm())


def test_below_a_spectral_radius_of_1_it_forgets_where_it_started():
    assert distance_after(reservoir(1, 200, 1, spectral_radius=0.9, dtype=DOUBLE)) < 1e-8
    assert distance_after(reservoir(1, 200, 1, spectral_radius=1.3, dtype=DOUBLE)) > 1e-2


def kept(network, alpha, n_delays, n_steps=6000, washout=600):
    """For each delay the squared correlation between a past input and what a read-out says of it, in new data."""
    found = {}
    for name, seed in (("train", 5), ("test", 6)):
        u = normal(n_steps + washout, 1, seed=seed)
        past = torch.stack([torch.roll(u[:, 0], delay) for delay in range(1, n_delays + 1)], 1)
        found[name] = stream(u, past)
    RidgeReadout(alpha, washout).fit(network, found["train"])
    with torch.no_grad():
        said = network(found["test"].inputs).output[0, washout:].numpy()
    wanted = found["test"].targets[0, washout:].numpy()
    return np.array([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(said.T, wanted.T, strict=True)])


def kept_by_theory(network, alpha, n_delays, n_steps=6000):
    """The same for endless new data, from the covariance of the rates: linear units, white inputs of variance 1."""
    a, W, w = (each.detach().numpy() for each in (network.alpha, network.W_rec, network.W_in[:, 0]))
    A, c = (1 - a) * np.eye(len(w)) + a * W, a * w
    S, power = np.outer(c, c), A
    for _ in range(14):  # the sum of A^k c c' A^k', doubled each time
        S, power = S + power @ S @ power.T, power @ power
    sizes, directions = np.linalg.eigh(S)
    found = []
    for _ in range(n_delays):
        c = A @ c
        shares = (directions.T @ c) ** 2
        weighed = shares / (np.abs(sizes) + alpha / n_steps)
        found.append(weighed.sum() ** 2 / (weighed * sizes / (np.abs(sizes) + alpha / n_steps)).sum())
    return np.array(found)


def linear(n, n_outputs, **options):
    return reservoir(1, n, n_outputs, dt=1.0, dtype=DOUBLE, **({"activation": "identity"} | options))


@pytest.mark.parametrize("seed", [0, 1])
def test_100_linear_units_hold_between_50_and_100_inputs(seed):
    network = linear(100, 200, spectral_radius=0.95, seed=seed)
    capacity = {alpha: kept(network, alpha, 200).sum() for alpha in (1e-26, 1e-20, 1.0)}
    chance = 200 / 6000  # squared correlations of unrelated series
    assert 50 < capacity[1e-20] < capacity[1e-26] < 100 + 2 * chance  # the second is below rounding
    assert capacity[1.0] < 40  # a penalty takes the weak directions, in which the distant past is held
    forgetful = linear(100, 200, spectral_radius=0.2, seed=seed)
    assert kept(forgetful, 1e-20, 200).sum() < capacity[1e-20] / 2


@pytest.mark.parametrize(
    ("alpha", "options"),
    [
        (1e-2, {}),
        (1e-6, {}),
        (1e-2, {"leak": 0.3}),
        (1.0, {"density": 1.0, "input_scale": 0.1}),
        (1e-4, {"spectral_radius": 0.5}),
    ],
)
def test_the_memory_of_linear_units_is_that_of_theory(alpha, options):
    network = linear(100, 150, **({"spectral_radius": 0.95} | options))
    found, expected = kept(network, alpha, 150), kept_by_theory(network, alpha, 150)
    assert np.abs(found - expected).max() < 0.1
    assert abs(found.sum() / expected.sum() - 1) < 0.08
    assert 5 < expected.sum() < 60 and np.ptp(expected) > 0.9


@pytest.mark.parametrize(("n", "radius"), [(20, 0.95), (100, 0.95), (100, 0.98)])
def test_a_ring_of_linear_units_holds_almost_as_many_inputs_as_there_are(n, radius):
    """Each unit hands on what it holds; after a round the input at the start is added: N - 1 + radius^(2N)."""
    network = linear(n, 3 * n, density=1.0)
    network.W_rec = radius * torch.eye(n).roll(1, 0)
    network.W_in = torch.eye(n)[:, :1]
    found = kept(network, 1e-12, 3 * n)
    rounds = np.arange(1, 3 * n + 1) // n
    np.testing.assert_allclose(found, radius ** (2 * n * rounds) * (1 - radius ** (2 * n)), atol=0.05)
    assert abs(found.sum() - (n - 1 + radius ** (2 * n))) < 0.02 * n


# ---- the read-out


def fitted(trials, rates, alpha, washout=0, **options):
    keep = (slice(None), slice(washout, None))
    model = Ridge(alpha=alpha, **options)
    rows = [each[keep].flatten(0, 1).numpy() for each in (rates, trials.targets, trials.mask)]
    return model.fit(rows[0], rows[1], sample_weight=rows[2])


def made(**options):
    network = CTRNN(2, 30, 2, **({"activation": "tanh", "dtype": DOUBLE, "seed": 2} | options))
    with torch.no_grad():
        network.bias.copy_(3 + normal(30, seed=8))
        network.bias_out.copy_(normal(2, seed=9))
    return network


def one_step(rule, network, trials):
    loss = rule.backward(network, trials)
    rule.optimizer(network).step()
    network.zero_grad()
    return loss


@pytest.mark.parametrize("alpha", [1e-4, 1.0])
@pytest.mark.parametrize("washout", [0, 10])
def test_the_read_out_is_that_of_scikit_learn(alpha, washout):
    network, trials = made(), toy_trials(5, 60)
    rates = network(trials.inputs).rate.detach()
    before = Objective()(network, trials, network(trials.inputs))
    loss = one_step(RidgeReadout(alpha, washout), network, trials)
    model = fitted(trials, rates, alpha, washout)
    assert np.abs(network.W_out.detach().numpy() - model.coef_).max() < 1e-8
    assert np.abs(network.bias_out.detach().numpy() - model.intercept_).max() < 1e-8
    torch.testing.assert_close(loss, before.detach())  # of the read-out before
    assert np.abs(model.intercept_).max() > 0.05


def test_batches_add_up_to_the_solution_for_all_of_them():
    network, rule = made(), RidgeReadout(0.1)
    batches = [toy_trials(3, 40, seed=k) for k in range(4)]
    rates = torch.cat([network(each.inputs).rate.detach() for each in batches])
    for each in batches:
        one_step(rule, network, each)
    together = Trials(
        torch.cat([each.inputs for each in batches]),
        torch.cat([each.targets for each in batches]),
        torch.cat([each.mask for each in batches]),
        {}, {}, batches[0].info,
    )  # fmt: skip
    model = fitted(together, rates, 0.1)
    assert np.abs(network.W_out.detach().numpy() - model.coef_).max() < 1e-8
    assert np.abs(network.bias_out.detach().numpy() - model.intercept_).max() < 1e-8
    last = fitted(batches[-1], rates[-3:], 0.1)
    assert np.abs(network.W_out.detach().numpy() - last.coef_).max() > 1e-2
    alone = copy.deepcopy(network)
    assert rule.fit(alone, batches[-1]) < Objective()(network, batches[-1], network(batches[-1].inputs))
    assert np.abs(alone.W_out.detach().numpy() - last.coef_).max() < 1e-8


def test_a_bias_that_is_frozen_is_taken_as_it_is():
    network, trials = made(), toy_trials(5, 60)
    network.bias_out.requires_grad_(False)
    rates, bias = network(trials.inputs).rate.detach(), network.bias_out.clone()
    one_step(RidgeReadout(0.1), network, trials)
    rest = Trials(trials.inputs, trials.targets - bias, trials.mask, {}, {}, trials.info)
    model = fitted(rest, rates, 0.1, fit_intercept=False)
    assert torch.equal(network.bias_out, bias)
    assert np.abs(network.W_out.detach().numpy() - model.coef_).max() < 1e-8


def test_units_that_are_not_read_out_do_not_count():
    network, trials = made(dale=Dale()), toy_trials(5, 60)
    read = network.cell_types == "E"
    rates = network(trials.inputs).rate.detach()[:, :, torch.as_tensor(read)]
    one_step(RidgeReadout(0.1), network, trials)
    model = fitted(trials, rates, 0.1)
    assert np.abs(network.W_out.detach().numpy()[:, read] - model.coef_).max() < 1e-8
    assert (network.W_out[:, torch.as_tensor(~read)] == 0).all()


def test_without_a_penalty_it_is_ordinary_regression():
    for options in ({}, {"dale": Dale()}):
        network, trials = made(**options), toy_trials(5, 60)
        read = torch.ones(30, dtype=torch.bool) if not options else torch.as_tensor(network.cell_types == "E")
        rates = torch.cat([network(trials.inputs).rate.detach()[:, :, read], torch.ones(5, 60, 1)], 2)
        one_step(RidgeReadout(0.0), network, trials)
        root = trials.mask.flatten().sqrt()[:, None]
        wanted = torch.linalg.lstsq(rates.flatten(0, 1) * root, trials.targets.flatten(0, 1) * root).solution
        found = torch.cat([network.W_out[:, read], network.bias_out[:, None]], 1)
        torch.testing.assert_close(found.t(), wanted, rtol=1e-6, atol=1e-8)


def test_what_is_left_is_told_for_the_noise_that_was_there():
    network, trials = made(sigma_rec=0.3), toy_trials(5, 60)
    left = RidgeReadout(0.1).fit(network, trials, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        run = network(trials.inputs, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(left, Objective()(network, trials, run))


def test_the_rule_keeps_the_contract():
    for options in ({"sigma_rec": 0.2}, {"form": "rate", "connectivity": Sparse(0.5)}):
        network = CTRNN(2, 6, 2, bias=False, **options)
        for name, each in network.named_parameters():
            each.requires_grad_(name == "readout.raw")
        check_rule(RidgeReadout(0.1, 2), network, toy_trials(3, 9))


def mackey_glass(n_steps, delay=17, fine=10, seed=0):
    """The series of the delay equation x' = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x, at whole numbers of time."""
    start = 1.2 + 0.1 * normal(delay * fine, seed=seed).numpy()
    x = np.concatenate([start, np.empty((n_steps + 200) * fine)])
    for k in range(delay * fine, len(x)):
        late = x[k - delay * fine]
        x[k] = x[k - 1] + (0.2 * late / (1 + late**10) - 0.1 * x[k - 1]) / fine
    return np.tanh(x[delay * fine :: fine][200:] - 1)


def test_a_reservoir_goes_on_with_a_chaotic_series():
    """84 steps ahead, by itself: the targets stand in for the outputs while it is trained."""
    series, told, ahead = mackey_glass(2600), 2000, 84
    network = reservoir(
        0, 300, 1, spectral_radius=0.9, output_feedback=0.6, bias_scale=0.2, leak=0.6, dt=1.0, dtype=DOUBLE
    )
    untrained = copy.deepcopy(network)
    trials = stream(np.zeros((told, 0)), series[:told])
    rule = RidgeReadout(alpha=1e-8, washout=200)
    rule.fit(network, trials)

    def goes_on(each):
        back = torch.as_tensor(series[: told - 1]) - each.bias_out  # the output without its bias returns
        state = each.initial_state(1)
        with torch.no_grad():
            for value in torch.cat([torch.zeros(1), back]):
                current = each.recurrent() @ state[0] + each.W_fb[:, 0] * value + each.bias
                state = torch.lerp(state, torch.tanh(current)[None], each.alpha)
            return each(torch.zeros(1, ahead, 0, dtype=DOUBLE), state).output[0, :, 0].numpy()

    wanted = series[told : told + ahead]
    error = np.sqrt(np.mean((goes_on(network) - wanted) ** 2)) / series.std()
    assert error < 1e-2, error
    assert np.sqrt(np.mean((goes_on(untrained) - wanted) ** 2)) / series.std() > 0.5


# ---- training


def test_a_training_goes_on_to_the_same_bytes(tmp_path):
    task, rule = tasks.make("perceptual-decision"), RidgeReadout(0.1)

    def trained(n_steps, path):
        network = reservoir(task.n_inputs, 40, task.n_outputs, sigma_rec=0.05)
        train(network, task, rule=rule, n_steps=n_steps, batch_size=8, validate_every=2, checkpoint=path)
        return {**network.state_dict(), **rule.memory(network)}

    whole = trained(4, tmp_path / "whole.safetensors")
    trained(2, tmp_path / "parts.safetensors")
    parts = trained(4, tmp_path / "parts.safetensors")
    assert whole.keys() == parts.keys() and all(
        torch.equal(parts[name], each) for name, each in whole.items()
    )
    with pytest.raises(ValueError, match="whole changes of the weights"):
        network = reservoir(task.n_inputs, 40, task.n_outputs)
        train(network, task, rule=rule, optimizer=torch.optim.Adam(network.parameters()), n_steps=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha must be a finite number of at least 0"),
        ({"washout": -1}, "washout must be a number of steps, at least 0"),
        ({"washout": 1.5}, "washout must be a whole number of steps"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        RidgeReadout(**options)


def test_what_cannot_be_solved_is_refused():
    network, trials = made(), toy_trials(1, 12)
    with pytest.raises(ValueError, match="alpha=0 the read-out is not determined"):
        RidgeReadout(alpha=0.0).backward(network, trials)
    with pytest.raises(ValueError, match="washout=12 leaves nothing of trials of 12 steps"):
        RidgeReadout(washout=12).backward(network, trials)
    with pytest.raises(ValueError, match="cannot trade errors for penalties"):
        RidgeReadout().backward(network, trials, objective=Objective(rate_l1=1.0))
    with pytest.raises(ValueError, match="without regard to signs"):
        RidgeReadout().backward(made(dale=Dale(nonnegative_readout=True)), trials)
    assert decode(encode(RidgeReadout(0.5, 3)), RidgeReadout, TYPES) == RidgeReadout(0.5, 3)
