"""Transfer functions: closed forms, exact derivatives, honest bounds, and refusal of wrong derivatives."""

import math

import pytest
import torch

from neurornn import CTRNN, Activation
from neurornn.activations import activation, power

NAMES = ["relu", "softplus", "tanh", "sigmoid", "retanh", "power", "identity"]


@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_the_central_difference(name):
    phi = activation(name)
    x = torch.linspace(-6, 6, 1201, dtype=torch.float64) + 1e-3  # no point within h of the kink at 0
    h = 1e-5
    difference = (phi(x + h) - phi(x - h)) / (2 * h)
    torch.testing.assert_close(phi.derivative(x), difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "closed_form"),
    [
        ("relu", lambda x: max(x, 0)),
        ("softplus", lambda x: math.log1p(math.exp(x))),
        ("tanh", math.tanh),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("retanh", lambda x: math.tanh(max(x, 0))),
        ("power", lambda x: max(x, 0) ** 2),
        ("identity", lambda x: x),
        (power(3.5, gain=0.2), lambda x: 0.2 * max(x, 0) ** 3.5),
        (power(1.0, gain=2.0), lambda x: 2 * max(x, 0)),
    ],
)
def test_closed_forms(name, closed_form):
    x = [-3.2, -0.7, 0.0, 0.4, 2.5]
    found = activation(name)(torch.tensor(x, dtype=torch.float64)).tolist()
    assert found == pytest.approx([closed_form(value) for value in x], rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_reached_and_never_passed(name):
    phi = activation(name)
    r = phi(torch.linspace(-60, 60, 4001, dtype=torch.float64))
    assert r.min() >= phi.lower
    assert r.max() <= phi.upper
    if math.isfinite(phi.lower):
        assert r.min() == pytest.approx(phi.lower, abs=1e-10)
    if math.isfinite(phi.upper):
        assert r.max() == pytest.approx(phi.upper, abs=1e-10)
    else:
        assert r.max() >= 59
    assert phi.bounded == (name in {"tanh", "sigmoid", "retanh"})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_is_kept(name, dtype):
    phi, x = activation(name), torch.linspace(-2, 2, 5, dtype=dtype)
    assert phi(x).dtype == phi.derivative(x).dtype == dtype


def test_a_wrong_derivative_is_refused():
    with pytest.raises(ValueError, match=r"derivative given for activation 'cube' is .* but autograd finds"):
        Activation("cube", lambda x: x**3, lambda x: 2 * x**2)


def test_a_derivative_wrong_on_one_side_is_refused():
    with pytest.raises(ValueError, match="Correct the derivative"):
        Activation("relu", torch.relu, torch.ones_like)


def test_a_derivative_can_be_checked_where_gradients_are_off():
    with torch.no_grad():
        assert Activation("double", lambda x: 2 * x, lambda x: torch.full_like(x, 2.0)).name == "double"


def test_a_custom_activation_runs_in_a_network():
    softsign = Activation("softsign", lambda x: x / (1 + x.abs()), lambda x: (1 + x.abs()) ** -2, -1.0, 1.0)
    network = CTRNN(1, 4, 1, activation=softsign, dtype=torch.float64)
    run = network(torch.ones(2, 3, 1, dtype=torch.float64))
    torch.testing.assert_close(run.rate, run.state / (1 + run.state.abs()))
    assert "activation=softsign" in repr(network)


@pytest.mark.parametrize(
    ("name", "hint"), [("sofplus", "Did you mean 'softplus'"), ("zzz", "Known: relu, softplus")]
)
def test_unknown_names_get_a_hint(name, hint):
    with pytest.raises(ValueError, match=hint):
        activation(name)


def test_power_refuses_an_infinite_slope_and_a_negative_gain():
    with pytest.raises(ValueError, match=r"exponent >= 1 and gain > 0: got exponent=0\.5"):
        power(0.5)
    with pytest.raises(ValueError, match="gain=-1"):
        power(2.0, gain=-1.0)


def test_power_carries_its_parameters_in_its_name():
    assert power().name == "power"
    assert power(3.0, gain=0.5).name == "power(3, gain=0.5)"
