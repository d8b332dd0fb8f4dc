"""The leaky network: its equation, its three levels of time, its Jacobians, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from toys import FORMS, TAUS, make_network, normal

from neurornn import CTRNN, Dale, LearnedTau
from neurornn.connectivity import Areas, Gaussian, Projection
from neurornn.networks import Trajectory


@pytest.mark.parametrize("form", FORMS)
def test_drift_is_the_published_equation(form):
    network = make_network(form)
    x, u = normal(5), normal(3, seed=1)
    W, W_in, b, tau = (t.detach() for t in (network.W_rec, network.W_in, network.bias, network.tau))
    if form == "current":
        expected = (-x + W @ torch.tanh(x) + W_in @ u + b) / tau
    else:
        expected = (-x + torch.tanh(W @ x + W_in @ u + b)) / tau
    torch.testing.assert_close(network.drift(x, u).detach(), expected)
    rate = torch.tanh(x) if form == "current" else x
    torch.testing.assert_close(network.rate(x), rate)
    torch.testing.assert_close(
        network.read_out(rate).detach(), network.W_out.detach() @ rate + network.bias_out.detach()
    )


@pytest.mark.parametrize("form", FORMS)
def test_one_linear_unit_has_a_closed_form(form):
    """``x_k = (1 - alpha (1 - w))^k x_0`` plus the geometric series of the constant drive."""
    network = CTRNN(
        1, 1, 1, form=form, activation="identity", init=Gaussian(0.0), bias=False, dtype=torch.float64
    )
    w, gain, u, x_0, alpha, k = 0.4, -0.7, 1.3, 2.0, 0.2, 25
    network.W_rec, network.W_in = (torch.tensor([[value]], dtype=torch.float64) for value in (w, gain))
    run = network(torch.full((1, k, 1), u, dtype=torch.float64), torch.full((1, 1), x_0, dtype=torch.float64))
    a, fixed_point = 1 - alpha * (1 - w), gain * u / (1 - w)
    expected = [fixed_point + a**step * (x_0 - fixed_point) for step in range(1, k + 1)]
    assert run.state[0, :, 0].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tau", TAUS.values(), ids=TAUS.keys())
def test_a_step_follows_the_drift_for_dt(form, tau):
    network = make_network(form, tau=tau)
    x, u = normal(4, 5), normal(4, 3, seed=1)
    torch.testing.assert_close(
        network.step(x, u), x + network.dt * network.drift(x, u), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("noise", ["input", "state"])
def test_forward_is_the_step_repeated(form, noise):
    network = make_network(form, noise=noise, sigma_rec=0.3)
    u, xi = normal(4, 7, 3), normal(4, 7, 5, seed=1)
    state, states = network.initial_state(4), []
    for t in range(7):
        state = network.step(state, u[:, t], xi[:, t])
        states.append(state)
    run = network(u, noise=xi)
    torch.testing.assert_close(run.state, torch.stack(states, 1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(run.rate, network.rate(run.state))
    torch.testing.assert_close(run.output, network.read_out(run.rate))
    assert (network(u, noise=-xi).state - run.state).abs().max() > 0.1


@pytest.mark.parametrize("form", FORMS)
def test_two_pieces_joined_by_the_final_state_are_the_whole(form):
    network = make_network(form, sigma_rec=0.3, noise="state")
    u, xi = normal(4, 9, 3), normal(4, 9, 5, seed=1)
    whole = network(u, noise=xi)
    first = network(u[:, :4], noise=xi[:, :4])
    second = network(u[:, 4:], first.final, noise=xi[:, 4:])
    for name in ("state", "rate", "output"):
        joined = torch.cat([getattr(first, name), getattr(second, name)], 1)
        torch.testing.assert_close(joined, getattr(whole, name), rtol=1e-12, atol=1e-12)
    assert torch.equal(whole.final, whole.state[:, -1])


def test_trials_do_not_meet():
    network = make_network()
    u = normal(6, 8, 3)
    whole = network(u).state
    for trial in range(6):
        torch.testing.assert_close(
            network(u[trial : trial + 1]).state[0], whole[trial], rtol=1e-12, atol=1e-12
        )


def test_the_trajectory_is_named_and_typed():
    run = make_network()(normal(4, 7, 3))
    assert isinstance(run, Trajectory)
    assert [tuple(part.shape) for part in run] == [(4, 7, 5), (4, 7, 5), (4, 7, 2), (4, 5)]
    assert {part.dtype for part in run} == {torch.float64}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_agree_within_their_precision(dtype):
    run = make_network(dtype=dtype)(normal(4, 7, 3).to(dtype))
    reference = make_network()(normal(4, 7, 3))
    assert run.state.dtype == dtype
    tolerance = {torch.float32: 1e-5, torch.float64: 0.0}[dtype]
    torch.testing.assert_close(run.state.double(), reference.state, rtol=tolerance, atol=tolerance)


def test_converting_to_double_converts_everything():
    network = CTRNN(2, 10, 1, dale=Dale(), tau=LearnedTau(), train_initial_state=True).double()
    assert {t.dtype for t in network.state_dict().values()} == {torch.float64}
    assert network(torch.zeros(1, 2, 2, dtype=torch.float64)).output.dtype == torch.float64


def test_a_trained_initial_state_is_where_trials_start():
    network = make_network(train_initial_state=True)
    assert "start" in dict(network.named_parameters())
    with torch.no_grad():
        network.start.copy_(normal(5))
    u = normal(4, 1, 3)
    torch.testing.assert_close(network(u).state[:, 0], network.step(normal(5).expand(4, 5), u[:, 0]))
    assert "start" not in dict(make_network().named_parameters())
    assert not make_network().initial_state(2).any()


def test_without_bias_there_is_none():
    network = CTRNN(2, 4, 1, bias=False, activation="tanh")
    assert network.bias is None
    assert network.bias_out is None
    assert not network(torch.zeros(2, 5, 2)).output.any()


def test_a_network_without_inputs_runs_on_its_own():
    network = CTRNN(0, 4, 1, activation="tanh", dtype=torch.float64)
    x = normal(2, 4)
    run = network(torch.zeros(2, 3, 0, dtype=torch.float64), x)
    torch.testing.assert_close(
        run.state[:, 0], x + network.dt * network.drift(x, torch.zeros(0, dtype=torch.float64))
    )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (torch.zeros(2, 4, 5), "inputs has 5 channels but the network was built with n_inputs=3"),
        (torch.zeros(4, 3), r"inputs must be \(batch, time, input\): got shape \(4, 3\)"),
        (torch.zeros(2, 0, 3), "inputs has no time steps"),
    ],
)
def test_inputs_of_another_shape_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        CTRNN(3, 5, 2)(inputs)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_inputs_that_are_not_finite_are_refused_by_their_place(value):
    inputs = torch.zeros(3, 4, 3)
    inputs[2, 1, 0] = value
    with pytest.raises(ValueError, match=rf"got {value} in trial 2, step 1, channel 0"):
        CTRNN(3, 5, 2)(inputs)


def test_a_start_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"state must be \(batch, unit\) = \(2, 5\): got \(1, 5\)"):
        CTRNN(3, 5, 2)(torch.zeros(2, 4, 3), torch.zeros(1, 5))


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((-1, 5, 1), {}, "n_inputs must be at least 0: got -1"),
        ((3, 0, 1), {}, "n_units must be at least 1: got 0"),
        ((3, 5, 0), {}, "n_outputs must be at least 1: got 0"),
        ((3, 5, 1), {"form": "firing"}, "form must be 'current' or 'rate': got 'firing'"),
        ((3, 5, 1), {"noise": "output"}, "with the 'input' or on the 'state': got 'output'"),
        ((3, 5, 1), {"sigma_rec": -0.1}, r"sigma_rec must be finite and at least 0: got -0\.1"),
        ((3, 5, 1), {"sigma_rec": math.nan}, "sigma_rec must be finite"),
        ((3, 5, 1), {"activation": "sofplus"}, "Did you mean 'softplus'"),
        ((3, 5, 1), {"connectivity": Areas({"a": 3, "b": 3})}, "hold 6 units .* n_units=5"),
    ],
)
def test_impossible_networks_are_refused(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        CTRNN(*sizes, **options)


def test_repr_prints_the_physics():
    network = CTRNN(
        6,
        100,
        2,
        tau=100.0,
        dt=20.0,
        form="rate",
        sigma_rec=0.15,
        noise="state",
        dale=Dale(rectifier="relu"),
        connectivity=Areas(
            {"V1": 60, "PFC": 40}, {"V1->PFC": Projection(sources="E"), "PFC->V1": Projection()}
        ),
    )
    text = repr(network)
    for phrase in (
        "n_inputs=6, n_units=100, n_outputs=2",
        "form=rate",
        "tau=100 ms, dt=20 ms, alpha=0.2",
        "activation=softplus",
        "sigma_rec=0.15 (on the state)",
        "dale=80E/20I (relu)",
        "areas=['V1', 'PFC']",
        "signs=relu(80+, 20-)",
    ):
        assert phrase in text, phrase


@pytest.mark.parametrize(
    ("tau", "phrase"),
    [
        (TAUS["per unit"], "tau=20 to 500 ms, dt=20 ms, alpha=0.04 to 1,"),
        (TAUS["learned"], "tau=100 ms, learned in [20.0, 500.0] ms, dt=20 ms, alpha=0.2,"),
    ],
)
def test_repr_prints_the_range_of_time_constants(tau, phrase):
    assert phrase in repr(CTRNN(3, 5, 2, tau=tau))


def test_cell_types_are_empty_without_dales_law():
    assert CTRNN(3, 5, 2).cell_types.tolist() == [""] * 5
    assert np.unique(CTRNN(3, 5, 2, dale=Dale()).cell_types).tolist() == ["E", "I"]
