"""Analytic Jacobians of the drift, against automatic differentiation and against each other."""

import copy

import pytest
import torch
from torch.func import jacrev, vmap
from toys import FORMS, NAMES, TAUS, make_network, normal


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tau", TAUS.values(), ids=TAUS.keys())
@pytest.mark.parametrize("name", NAMES)
def test_analytic_jacobians_are_those_of_automatic_differentiation(form, tau, name):
    network = make_network(form, activation=name, tau=tau)
    x, u = normal(4, 5), normal(4, 3, seed=1)
    by_state = vmap(jacrev(network.drift, 0))(x, u)
    by_input = vmap(jacrev(network.drift, 1))(x, u)
    torch.testing.assert_close(network.drift_jacobian(x, u), by_state, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(network.input_jacobian(x, u), by_input, rtol=1e-10, atol=1e-14)
    assert by_state.abs().max() > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("state_shape", "input_shape"),
    [((5,), (3,)), ((4, 5), (3,)), ((5,), (4, 3)), ((2, 4, 5), (4, 3)), ((2, 1, 5), (4, 3))],
)
def test_one_input_serves_many_states_and_the_reverse(form, state_shape, input_shape):
    network = make_network(form)
    x, u = normal(*state_shape), normal(*input_shape, seed=1)
    shape = torch.broadcast_shapes(state_shape[:-1], input_shape[:-1])
    every_x, every_u = x.expand(*shape, 5).reshape(-1, 5), u.expand(*shape, 3).reshape(-1, 3)
    for method, tail in (("drift", (5,)), ("drift_jacobian", (5, 5)), ("input_jacobian", (5, 3))):
        found = getattr(network, method)(x, u)
        one_by_one = torch.stack([
            getattr(network, method)(a, b) for a, b in zip(every_x, every_u, strict=True)
        ])
        assert found.shape == (*shape, *tail)
        torch.testing.assert_close(found, one_by_one.reshape(*shape, *tail))


def test_jacobian_of_the_step_is_one_plus_dt_times_that_of_the_drift():
    network = make_network("rate")
    x, u = normal(1, 5), normal(1, 3, seed=1)
    by_step = jacrev(lambda state: network.step(state, u)[0])(x)[:, 0]
    expected = torch.eye(5, dtype=torch.float64) + network.dt * network.drift_jacobian(x, u)[0]
    torch.testing.assert_close(by_step, expected)


def test_jacobians_leave_the_network_untouched():
    network = make_network()
    before = copy.deepcopy(network.state_dict())
    network.drift_jacobian(normal(4, 5), normal(4, 3))
    network.input_jacobian(normal(4, 5), normal(4, 3))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
