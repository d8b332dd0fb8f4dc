"""Extreme numbers, numbers that are none, and tensors of every kind, in the compiled time loop."""

import math

import pytest
import torch
from circuits import Problem, distance, gradients, results, same
from toys import FORMS, NAMES, normal

from neurornn import CTRNN, kernels
from neurornn.activations import activation as find_activation
from neurornn.kernels import Circuit, run_reference

WIDTH = 16
ACCURACY = {torch.float32: 5e-7, torch.float64: 2e-15}


def transfer(form, name, x):
    """Rates and their derivatives at each potential of a vector, from a network that does nothing else."""
    n = -(-x.numel() // WIDTH)
    rows = torch.zeros(n * WIDTH, dtype=x.dtype)
    rows[: x.numel()] = x
    rows = rows.view(n, WIDTH).requires_grad_()
    nothing = torch.zeros(WIDTH, WIDTH, dtype=x.dtype)
    zero = torch.zeros(n, WIDTH, dtype=x.dtype)
    if form == "rate":  # with alpha 1 the rate is the activation of the input
        alpha, W_in, inputs, start = 1.0, torch.eye(WIDTH, dtype=x.dtype), rows[:, None], zero
    else:  # with alpha 0 the state is the start
        alpha, W_in, inputs, start = 0.0, nothing[:, :0], zero[:, None, :0], rows
    circuit = Circuit(
        nothing, W_in, None, nothing, None, torch.tensor(alpha, dtype=x.dtype), find_activation(name), form
    )
    assert kernels.choose(circuit, inputs, start).name == "compiled"
    rate = kernels.run(circuit, inputs, start, None).rate[:, 0]
    (slope,) = torch.autograd.grad(rate.sum(), rows)
    return rate.detach().flatten()[: x.numel()], slope.flatten()[: x.numel()]


def potentials(dtype):
    small = torch.logspace(-44, 0, 300, dtype=torch.float64)
    large = torch.logspace(0, 4, 100, dtype=torch.float64)
    middle = torch.linspace(-30, 30, 3001, dtype=torch.float64)
    special = torch.tensor([
        0.0,
        20.0,
        math.nextafter(20, 30),
        20.00001,
        86.9,
        87.1,
        88.8,
        104.0,
        707.0,
        709.0,
        750.0,
    ])
    x = torch.cat([-large, -small, middle, small, large, special, -special]).to(dtype)
    return torch.cat([
        x,
        torch.tensor([-0.0, torch.finfo(dtype).tiny / 8, -torch.finfo(dtype).tiny / 8], dtype=dtype),
    ])


@pytest.mark.parametrize("dtype", ACCURACY)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_activations_keep_their_relative_accuracy_everywhere(form, name, dtype):
    """Near 0, in the tails and far beyond; below the smallest normal number a tail may end."""
    x = potentials(dtype)
    rate, slope = transfer(form, name, x)
    exact = x.double().requires_grad_()
    expected = find_activation(name)(exact)
    (expected_slope,) = torch.autograd.grad(expected.sum(), exact)
    if name == "sigmoid":  # torch takes s (1 - s), which loses the upper tail
        expected_slope = (torch.sigmoid(exact) * torch.sigmoid(-exact)).detach()
    smallest = 2 * torch.finfo(dtype).tiny
    close = {"rtol": ACCURACY[dtype], "atol": smallest}
    torch.testing.assert_close(rate.double(), expected.detach(), **close)
    if name in {"tanh", "retanh"}:  # 1 - r^2
        close["atol"] = ACCURACY[dtype]
    torch.testing.assert_close(slope.double(), expected_slope, **close)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [("softplus", -50.0, math.exp(-50)), ("sigmoid", -80.0, math.exp(-80)), ("tanh", 1e-20, 1e-20)],
)
def test_tails_are_not_rounded_to_zero(name, x, expected):
    rate, _ = transfer("rate", name, torch.tensor([x]))
    assert rate.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", ACCURACY)
@pytest.mark.parametrize("name", NAMES)
def test_infinite_potentials_saturate_or_stay_infinite_and_nan_stays(name, dtype):
    """As in torch; a potential overflows where weights are large, not only where inputs are."""
    x = torch.tensor([math.inf, -math.inf, math.nan], dtype=dtype)
    nothing, one = torch.zeros(3, 3, dtype=dtype), torch.ones((), dtype=dtype)
    circuit = Circuit(nothing, nothing[:, :0], x, nothing, None, one, find_activation(name), "rate")
    rate = kernels.run(circuit, torch.zeros(1, 1, 0, dtype=dtype), nothing[:1], None).rate[0, 0]
    torch.testing.assert_close(
        rate, circuit.activation(x), equal_nan=True, rtol=0, atol=1e-300 if dtype == torch.float64 else 1e-37
    )


@pytest.mark.parametrize("dtype", ACCURACY)
@pytest.mark.parametrize("form", FORMS)
def test_an_explosion_is_not_hidden(form, dtype):
    """A trial that overflows does so in the step the reference does, stays so, and leaves the others alone."""
    problem = Problem(form, "relu", n_trials=4, n_units=13, n_steps=200)
    leaves = {name: each.detach() for name, each in problem.leaves(dtype).items()}
    leaves["W_rec"] = 40 * leaves["W_rec"].abs()
    leaves["start"][1:3] = 0
    leaves["inputs"][1:3] = 0
    leaves["bias"] = torch.zeros_like(leaves["bias"])
    found, expected = (
        results(problem.run(implementation, dtype, leaves, costs=True)[0])
        for implementation in (kernels.run, run_reference)
    )
    for name, each in expected.items():
        finite = each.isfinite()
        assert torch.equal(found[name].isfinite(), finite), name
        torch.testing.assert_close(found[name][finite], each[finite], rtol=1e-3, atol=0)
    finite = found["state"].isfinite().all(-1)
    assert not finite[[0, 3], -1].any()
    assert finite[1:3].all()
    assert (finite.int().diff(dim=1) <= 0).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_start_that_is_no_number_spoils_its_own_trial_alone(form, value):
    """What is finite there is right; an infinite rate spoils the rest of the trial sooner than in the reference."""
    problem = Problem(form, "softplus", n_trials=5)
    leaves = {name: each.detach() for name, each in problem.leaves().items()}
    whole = results(problem.run(leaves=leaves)[0])
    leaves["start"][2, 4] = value
    found = results(problem.run(leaves=leaves)[0])
    expected = results(problem.run(run_reference, leaves=leaves)[0])
    for name, each in whole.items():
        assert torch.equal(found[name][[0, 1, 3, 4]], each[[0, 1, 3, 4]])
        finite = found[name].isfinite()
        torch.testing.assert_close(found[name][finite], expected[name][finite])
        assert not (finite & ~expected[name].isfinite()).any()
    assert torch.equal(found["state"][:, 0].isfinite(), expected["state"][:, 0].isfinite())
    assert not found["state"][2, -1].isfinite().all()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_subnormal_numbers_are_kept(n_threads):
    """A decay goes on below the smallest normal number, as in torch, on every thread."""
    before = torch.get_num_threads()
    nothing = torch.zeros(3, 3)
    circuit = Circuit(
        nothing,
        nothing[:, :0],
        None,
        torch.eye(3),
        None,
        torch.tensor(0.5),
        find_activation("identity"),
        "current",
    )
    try:
        torch.set_num_threads(n_threads)
        run = kernels.run(circuit, torch.zeros(4, 20, 0), torch.full((4, 3), 2.0**-120), None)
    finally:
        torch.set_num_threads(before)
    expected = 2.0 ** (-121 - torch.arange(20.0))
    assert torch.equal(run.output, expected[None, :, None].expand(4, 20, 3))
    assert 0 < run.final.max() < torch.finfo(torch.float32).tiny


LAYOUTS = {
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "strided": lambda x: torch.stack([x, -x], -1)[..., 0],
    "reversed": lambda x: torch.cat([x.new_full(x[:1].shape, 9.0), x])[1:],
    "expanded": lambda x: x[:1].expand(x.shape),
    "a view of doubles": lambda x: torch.stack([x, x], 0)[1],
}


@pytest.mark.parametrize("dtype", ACCURACY)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_layout_of_tensors_changes_no_bit(form, layout, dtype):
    problem = Problem(form, n_trials=6, n_units=6, n_inputs=6, n_outputs=6, noise="state", given=True)
    leaves = {name: layout(each.detach()) for name, each in problem.leaves(dtype).items()}
    noise = problem.recurrent_noise(dtype)

    def everything(leaves, values):
        leaves = {name: each.detach().requires_grad_() for name, each in leaves.items()}
        run = kernels.run(
            problem.circuit(leaves),
            leaves["inputs"],
            leaves["start"],
            kernels.Noise(0.2, "state", values=values),
        )
        weights = layout(problem.numbers(*run.output.shape, dtype=dtype, seed=40))
        return results(run) | gradients(
            (run.output * weights).sum() + run.final.sum() + run.state.sum(), leaves
        )

    found = everything(leaves, layout(noise.values))
    copies = {name: each.contiguous().clone() for name, each in leaves.items()}
    assert same(found, everything(copies, layout(noise.values).contiguous().clone()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wanted", ["W_rec", "W_in", "bias", "W_out", "bias_out", "alpha", "inputs", "start"])
def test_each_gradient_can_be_had_alone(form, wanted):
    problem = Problem(form, noise="input")
    expected = problem.everything()
    leaves = {name: each.detach().requires_grad_(name == wanted) for name, each in problem.leaves().items()}
    run, _ = problem.run(leaves=leaves)
    found = gradients(problem.functional(run), leaves)
    assert list(found) == [f"gradient of {wanted}"]
    assert same(found, {name: expected[name] for name in found})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part", ["output", "final", "state", "rate", "mean_abs_rate", "mean_square_rate"])
def test_each_result_alone_hands_its_gradient_back(form, part):
    """Whatever the others would have added is left out."""
    problem = Problem(form, "softplus", noise="state")

    def of(implementation):
        run, leaves = problem.run(implementation, costs=True)
        run = run._replace(**{name: None for name in run._fields if name not in {part, "output"}})
        value = (
            problem.functional(run)
            if part == "output"
            else problem.functional(run._replace(output=0 * run.output))
        )
        return gradients(value, leaves)

    found, expected = of(kernels.run), of(run_reference)
    assert max(distance(found, expected).values()) < 1e-12
    assert expected["gradient of W_rec"].any()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("form", FORMS)
def test_without_gradients_the_numbers_are_the_same(form, mode):
    network, u = CTRNN(3, 21, 2, form=form, dtype=torch.float64), normal(4, 9, 3)
    expected = network(u)
    with mode():
        run = network(u)
    for one, other in zip(run, expected, strict=True):
        assert torch.equal(one, other)
        assert other.requires_grad
        assert not one.requires_grad
    with torch.inference_mode():
        inside = network(normal(4, 9, 3))
    assert torch.equal(inside.output, expected.output)


def test_the_default_type_changes_nothing():
    network, u = CTRNN(3, 21, 2, sigma_rec=0.1, dtype=torch.float32), normal(4, 9, 3, dtype=torch.float32)

    def everything():
        network.zero_grad()
        run = network(u, generator=torch.Generator().manual_seed(0))
        run.output.sum().backward()
        return [*run, *(each.grad.clone() for each in network.parameters())]

    expected = everything()
    torch.set_default_dtype(torch.float64)
    try:
        found = everything()
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)
