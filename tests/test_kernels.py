"""Which implementation of the time loop runs: it says so, it is so, and the answer is right either way."""

import copy
import logging
import sys

import pytest
import torch
from circuits import Problem, distance, gradients, results, same
from toys import FORMS, NAMES, normal

from neurornn import CTRNN, Activation, kernels
from neurornn.activations import power
from neurornn.kernels import Noise, _choose, explain, run_reference

OWN = "there is no compiled code for the activation '{}', which is not one of the package's own"


def bump(x):
    return torch.exp(-x * x)


def bump_slope(x):
    return -2 * x * bump(x)


@pytest.fixture
def used(monkeypatch):
    """Names of the implementations that ran."""
    import neurornn.kernels._cpu as cpu

    names = []

    def watch(module, function, name):
        original = getattr(module, function)

        def watched(*arguments, **options):
            names.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(module, function, watched)

    kernels.run(*plain_problem(torch.float32))  # whatever is done once in a process
    kernels.run(*plain_problem(torch.float64))
    watch(cpu, "run_compiled", "compiled")
    watch(_choose, "run_reference", "reference")
    watch(_choose, "run_segments", "reference")
    return names


def plain_problem(dtype):
    problem = Problem(n_trials=2, n_units=3, n_steps=2)
    leaves = problem.leaves(dtype)
    return problem.circuit(leaves), leaves["inputs"], leaves["start"], None


NETWORKS = {
    "default": ({}, "compiled: current form, softplus, torch.float32 on the CPU"),
    "double": (
        {"dtype": torch.float64, "form": "rate", "activation": "relu"},
        "compiled: rate form, relu, torch.float64 on the CPU",
    ),
    "half": (
        {"dtype": torch.float16},
        "reference: there is compiled code for float32 and float64, not for torch.float16",
    ),
    "bfloat": (
        {"dtype": torch.bfloat16},
        "reference: there is compiled code for float32 and float64, not for torch.bfloat16",
    ),
    "own": ({"activation": Activation("bump", bump, bump_slope)}, "reference: " + OWN.format("bump")),
    "named like another": (
        {"activation": Activation("tanh", bump, bump_slope)},
        "reference: " + OWN.format("tanh"),
    ),
    "own derivative": (
        {"activation": Activation("tanh", torch.tanh, lambda x: 1 - torch.tanh(x).square())},
        "reference: " + OWN.format("tanh"),
    ),
    "power": (
        {"activation": power()},
        "compiled: current form, power, torch.float32 on the CPU",
    ),
    "another power": ({"activation": power(1.5)}, "reference: " + OWN.format("power(1.5, gain=1)")),
    "power with gain": ({"activation": power(2.0, 0.5)}, "reference: " + OWN.format("power(2, gain=0.5)")),
}


@pytest.mark.parametrize("checkpoint_every", [None, 2])
@pytest.mark.parametrize(("options", "expected"), NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network_runs_on_what_explain_says(options, expected, checkpoint_every, used):
    network = CTRNN(3, 5, 2, **options)
    assert explain(network) == expected
    network.outputs(normal(2, 4, 3, dtype=network.W_rec.dtype), checkpoint_every=checkpoint_every)
    assert used == [expected.split(":")[0]]


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_runs_on_the_same(name, used):
    network = CTRNN(3, 5, 2, activation=name)
    for twin in (copy.deepcopy(network), network.noiseless()):
        assert explain(twin) == f"compiled: current form, {name}, torch.float32 on the CPU"
        twin(normal(2, 4, 3, dtype=torch.float32))
    assert used == ["compiled", "compiled"]


def test_a_network_that_is_not_leaky_runs_its_own_loop():
    class Reservoir:
        pass

    assert explain(Reservoir()) == "own: Reservoir is not a leaky network and runs its own loop"


@pytest.mark.parametrize("form", FORMS)
def test_an_activation_named_like_another_is_not_mistaken_for_it(form):
    network = CTRNN(
        3, 5, 2, form=form, activation=Activation("tanh", bump, bump_slope), tau=20.0, dtype=torch.float64
    )
    u, x = normal(4, 1, 3), normal(4, 5, seed=1)
    current = (bump(x) if form == "current" else x) @ network.W_rec.T + u[:, 0] @ network.W_in.T
    torch.testing.assert_close(network(u, x).rate[:, 0], bump(current))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_right_to_its_precision(dtype):
    network, u = CTRNN(3, 20, 2, sigma_rec=0.1, dtype=dtype), normal(4, 10, 3, dtype=torch.float32)
    found = network(u.to(dtype), generator=torch.Generator().manual_seed(0))
    expected = copy.deepcopy(network).float()(u, generator=torch.Generator().manual_seed(0))
    assert found.output.dtype == dtype
    torch.testing.assert_close(found.output.float(), expected.output, rtol=0.05, atol=0.05)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, in forward mode
@pytest.mark.parametrize("form", FORMS)
def test_function_transforms_run_the_reference_and_are_right(form, used):
    problem = Problem(form, "softplus", n_trials=3, n_units=4, n_steps=5, noise="input")
    leaves = {name: each.detach() for name, each in problem.leaves().items()}
    noise, weights = problem.recurrent_noise(), problem.numbers(3, 5, 2, seed=30)

    def end(W_rec, start):
        circuit = problem.circuit(leaves | {"W_rec": W_rec})
        return (kernels.run(circuit, leaves["inputs"], start, noise).output * weights).sum()

    W, x = leaves["W_rec"], leaves["start"]
    v = problem.numbers(4, 4, seed=31)
    W_leaf, x_leaf = W.clone().requires_grad_(), x.clone().requires_grad_()
    expected = torch.autograd.grad(end(W_leaf, x_leaf), (W_leaf, x_leaf))
    assert used == ["compiled"]

    found = torch.func.grad(end, argnums=(0, 1))(W, x)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.func.jacrev(end)(W, x), expected[0])
    torch.testing.assert_close(torch.func.jacfwd(end)(W, x), expected[0])
    many = torch.func.vmap(end, in_dims=(0, None))(torch.stack([W, W + 0.1 * v]), x)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(W, v)
        value, tangent = torch.autograd.forward_ad.unpack_dual(end(dual, x))
    assert set(used[1:]) == {"reference"}
    torch.testing.assert_close(tangent, (expected[0] * v).sum())
    torch.testing.assert_close(many, torch.stack([end(W, x), end(W + 0.1 * v, x)]))
    torch.testing.assert_close(value, end(W, x))
    assert used[-1] == "compiled"


@pytest.mark.parametrize("form", FORMS)
def test_many_gradients_at_once_are_right(form):
    """Of a run that has been made: what arrives at its backward pass is a stack of gradients."""
    problem = Problem(form, n_trials=3, n_units=4, n_steps=5)
    run, leaves = problem.run()
    y, x = run.output[:, -1, 0], leaves["start"]

    def back(v):
        return torch.autograd.grad(y, x, v, retain_graph=True)[0]

    expected = torch.stack([back(v) for v in torch.eye(3, dtype=torch.float64)])
    found = torch.func.vmap(back)(torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(found, expected)
    (found,) = torch.autograd.grad(y, x, torch.eye(3, dtype=torch.float64), is_grads_batched=True)
    torch.testing.assert_close(found, expected)


@pytest.fixture
def without_numba(monkeypatch):
    """A process in which numba cannot be imported."""
    for name in list(sys.modules):
        if name.split(".")[0] in {"numba", "llvmlite"} or name.startswith("neurornn.kernels._cpu"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    _choose._compiler_problem.cache_clear()
    _choose._say.cache_clear()
    yield
    _choose._compiler_problem.cache_clear()
    _choose._say.cache_clear()


def noisy_run(n_trials=3):
    network = CTRNN(3, 37, 2, sigma_rec=0.2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    run = network(normal(n_trials, 11, 3), generator=generator)
    run.output.square().sum().backward()
    numbers = network.draw_noise(61, 50, generator)
    return results(run) | {name: each.grad for name, each in network.named_parameters()}, numbers


@pytest.fixture
def with_numba():
    return noisy_run()


def test_without_numba_all_works_and_the_noise_is_the_same(with_numba, without_numba, caplog):
    with caplog.at_level(logging.DEBUG, "neurornn"):
        expected = "reference: the package numba is not installed"
        assert explain(CTRNN(3, 5, 2)) == expected
        found, numbers = noisy_run()
        noisy_run()
    assert max(distance(found, with_numba[0]).values()) < 1e-12
    assert torch.equal(numbers, with_numba[1])
    said = [each.getMessage() for each in caplog.records if each.name.startswith("neurornn.kernels")]
    assert said == ["The time loop runs in plain PyTorch: the package numba is not installed."]


def test_the_reason_is_said_once_at_debug_level_and_compiled_runs_say_nothing(caplog):
    _choose._say.cache_clear()
    with caplog.at_level(logging.DEBUG, "neurornn"):
        noisy_run()
        for _ in range(3):
            CTRNN(3, 5, 2, activation=power(1.5))(normal(2, 4, 3, dtype=torch.float32))
            CTRNN(3, 5, 2, dtype=torch.float16)(normal(2, 4, 3, dtype=torch.float16))
    said = [each for each in caplog.records if each.name == _choose.__name__]
    assert [each.levelname for each in said] == ["DEBUG", "DEBUG"]
    assert "power(1.5, gain=1)" in said[0].getMessage()
    assert "torch.float16" in said[1].getMessage()


@pytest.mark.parametrize("form", FORMS)
def test_noise_without_a_key_is_the_same_noise_on_both(form):
    problem = Problem(form)
    leaves = problem.leaves()
    noise = Noise(0.3, "input")
    runs = [
        implementation(problem.circuit(leaves), leaves["inputs"], leaves["start"], noise)
        for implementation in (kernels.run, run_reference)
    ]
    assert max(distance(*(results(run) for run in runs)).values()) < 1e-12
    assert not torch.allclose(runs[0].state, problem.run()[0].state, atol=0.01)


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_batch_has_empty_results_and_no_gradient(form):
    problem = Problem(form, n_trials=0, noise="state")
    found = problem.everything(costs=True)
    assert found["output"].shape == (0, 11, 2)
    assert same(found, problem.everything(run_reference, costs=True))
    assert not any(each.any() for each in found.values())
    run, leaves = problem.run(checkpoint_every=3, record=False)
    assert not any(each.any() for each in gradients(run.output.sum(), leaves).values())
