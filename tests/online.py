"""What the tests of learning rules share."""

import torch

from neurornn import CTRNN, LearnedTau, Objective

T, N = 9, 5
PENALTIES = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)


def make_network(form="current", **options):
    """A network with everything that can be trained; its state does not start at 0."""
    options = {
        "activation": "tanh",
        "sigma_rec": 0.2,
        "tau": LearnedTau(60.0),
        "train_initial_state": True,
        "n_units": N,
    } | options
    network = CTRNN(2, options.pop("n_units"), 2, form=form, seed=4, dtype=torch.float64, **options)
    with torch.no_grad():
        network.start.copy_(torch.linspace(-0.4, 0.5, network.n_units))
    return network


def gradients(rule, network, trials, objective=PENALTIES, seed=0):
    network.zero_grad()
    loss = rule.backward(network, trials, objective=objective, generator=torch.Generator().manual_seed(seed))
    return loss, {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def assert_same(found, expected, **tolerance):
    tolerance = {"rtol": 1e-10, "atol": 1e-12} | tolerance
    torch.testing.assert_close(found[0], expected[0], **tolerance)
    assert found[1].keys() == expected[1].keys()
    for name, grad in expected[1].items():
        torch.testing.assert_close(
            found[1][name], grad, **tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


def relative(found, expected, name="recurrent.raw"):
    return ((found[1][name] - expected[1][name]).norm() / expected[1][name].norm()).item()


def cosine(found, expected, name="recurrent.raw"):
    return torch.cosine_similarity(found[1][name].flatten(), expected[1][name].flatten(), dim=0).item()


def assert_gradients_differ(found, expected, at_least=1e-3):
    """Same loss and read-out, other gradients of what has a past."""
    torch.testing.assert_close(found[0], expected[0], rtol=1e-10, atol=1e-12)
    for name in ("recurrent.raw", "input.raw", "bias"):
        assert relative(found, expected, name) > at_least, name
