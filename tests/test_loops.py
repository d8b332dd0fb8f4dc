"""The time loop in plain tensor operations, with its hand-derived adjoint, against the reference and autograd."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from circuits import Problem, distance, gradients, same
from toys import FORMS, NAMES

from neurornn import Activation
from neurornn.kernels import _device_noise, _node, _numbers, run_reference
from neurornn.kernels._device_noise import device_normals, key_words, normals_at
from neurornn.kernels._node import run_loops
from neurornn.kernels._noise import plain_normals

OWN = Activation("softsign", lambda x: x / (1 + x.abs()), lambda x: (1 + x.abs()) ** -2, -1.0, 1.0)
HOPS = ["exact", "none", "diagonal", "fixed"]
PLACES = [None, "input", "state"]


def reference(record, costs):
    def run(*arguments):
        found = run_reference(*arguments, costs=costs)
        return found if record else found._replace(state=None, rate=None)

    return run


def worst(found, expected):
    return max(distance(found, expected).items(), key=lambda each: each[1])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("activation", [*NAMES, OWN], ids=[*NAMES, "own"])
def test_results_and_gradients_are_those_of_the_reference(form, activation):
    """All places of the noise and all hops, in one stretch and in several; the other options take turns."""
    options = itertools.cycle(itertools.product([True, False], repeat=5))
    for place, hop in itertools.product(PLACES, HOPS):
        given, feedback, record, costs, few = next(options)
        problem = Problem(
            form,
            activation,
            n_trials=3,
            noise=place,
            given=given,
            hop=hop,
            feedback=feedback,
            one_alpha=few,
            bias=not few,
            n_inputs=0 if few else 3,
            seed=HOPS.index(hop),
        )
        expected = problem.everything(reference(record, costs))
        for longest in (None, 4):
            found = problem.everything(run_loops, record=record, costs=costs, longest=longest)
            name, far = worst(found, expected)
            assert far <= 1e-12, (name, far, problem)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_computing_activity_again_changes_no_bit(form, dtype):
    for place, given in [(None, False), ("input", False), ("state", False), ("state", True)]:
        problem = Problem(form, "softplus", n_trials=6, n_units=17, n_steps=23, noise=place, given=given)
        options = {"dtype": dtype, "record": False, "costs": True, "longest": 5}
        expected = problem.everything(run_loops, **options)
        for every in (1, 5, 7, 23, 100):
            assert same(problem.everything(run_loops, checkpoint_every=every, **options), expected), every


@pytest.mark.parametrize("form", FORMS)
def test_computing_activity_again_keeps_less(form):
    """Neither a state a step, nor one a stretch: what waits for the way back is counted."""
    problem = Problem(form, n_trials=2, n_units=10, n_steps=60)

    def waiting(**options):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda each: sizes.append(each.numel()) or each, lambda each: each
        ):
            problem.run(run_loops, record=False, longest=6, **options)
        own = sum(each.numel() for each in problem.leaves().values() if each is not None)
        return sum(sizes) - own

    step = 2 * 10
    assert waiting() == 60 * step + 10 * step  # one activity array, and the states the stretches start from
    assert waiting(checkpoint_every=6) == 10 * step
    assert waiting(checkpoint_every=20) == 3 * step  # rounded up to 4 stretches
    assert waiting(checkpoint_every=60) == step


def test_nothing_waits_when_no_gradient_is_asked_for():
    problem, saved = Problem(), []
    with torch.autograd.graph.saved_tensors_hooks(saved.append, lambda each: each), torch.no_grad():
        run, _ = problem.run(run_loops)
    assert not saved
    assert not run.output.requires_grad


@pytest.mark.parametrize("form", FORMS)
def test_two_calls_give_the_same_bytes(form):
    problem = Problem(form, "sigmoid", noise="input")
    assert same(problem.everything(run_loops, longest=4), problem.everything(run_loops, longest=4))


@pytest.mark.parametrize("form", FORMS)
def test_stretches_change_no_state(form):
    """A state after a stretch is that of a longer one: noise and time go on."""
    problem = Problem(form, n_steps=20, noise="state")
    whole, _ = problem.run(run_loops)
    for longest in (1, 7, 19):
        cut, _ = problem.run(run_loops, longest=longest)
        torch.testing.assert_close(cut.state, whole.state, rtol=1e-13, atol=1e-14)


def test_long_runs_are_cut_by_the_number_of_steps_and_of_numbers(monkeypatch):
    lengths = []

    def lend(plan, *, back):
        lengths.append((plan.n_steps, back))
        return _node.fresh(plan, back=back)

    monkeypatch.setattr(_node, "_STEPS", 9)
    Problem(n_trials=2, n_units=5, n_steps=20).everything(run_loops, lend=lend)
    assert lengths == [(9, False), (9, False), (2, False), (2, True), (9, True), (9, True)]
    lengths.clear()
    monkeypatch.setattr(_node, "_NUMBERS", 79)
    with torch.no_grad():
        Problem(n_trials=2, n_units=5, n_steps=20).run(run_loops, lend=lend)
    assert [each for each, _ in lengths] == [7, 7, 6]


def test_only_what_is_asked_for_gets_a_gradient():
    problem = Problem(noise="state")
    leaves = problem.leaves()
    expected = problem.everything(run_reference)
    for name in ("W_rec", "alpha", "inputs", "start"):
        some = {key: each if key == name or each is None else each.detach() for key, each in leaves.items()}
        run, _ = problem.run(run_loops, leaves=some)
        found = gradients(problem.functional(run), some)
        assert list(found) == [f"gradient of {name}"]
        assert worst(found, {key: expected[key] for key in found})[1] <= 1e-12


@pytest.mark.parametrize("form", FORMS)
def test_each_result_alone_has_its_gradient(form):
    """Gradients that do not arrive count as zero, and none is taken for another."""
    problem = Problem(form, "tanh", n_trials=2, n_steps=7, noise="state")
    for name in ("output", "final", "state", "rate", "mean_abs_rate", "mean_square_rate"):
        found, expected = (
            gradients(
                (getattr(run, name) * problem.numbers(*getattr(run, name).shape)).sum(),
                leaves,
                allow_unused=True,
                materialize_grads=True,
            )
            for run, leaves in (
                problem.run(implementation, costs=True, **options)
                for implementation, options in ((run_loops, {"longest": 3}), (run_reference, {}))
            )
        )
        assert worst(found, expected)[1] <= 1e-12, name


@pytest.mark.parametrize("form", FORMS)
def test_gradients_can_be_differentiated_again(form):
    problem = Problem(form, "tanh", n_trials=2, n_units=4, n_steps=5, noise="input")

    def second(implementation):
        run, leaves = problem.run(implementation)
        first = gradients(problem.functional(run), leaves, create_graph=True)
        value = sum(each.square().sum() for each in first.values())
        return gradients(value, leaves, allow_unused=True, materialize_grads=True)

    assert worst(second(run_loops), second(run_reference))[1] <= 1e-12


@pytest.mark.parametrize("form", FORMS)
def test_many_gradients_at_once_are_the_gradients_one_by_one(form):
    run, leaves = Problem(form, "tanh", n_trials=2, n_steps=4).run(run_loops)
    several = torch.eye(run.final.numel(), dtype=torch.float64).view(-1, *run.final.shape)
    (together,) = torch.autograd.grad(
        run.final, leaves["W_rec"], several, is_grads_batched=True, retain_graph=True
    )
    for each, found in zip(several, together, strict=True):
        (alone,) = torch.autograd.grad(run.final, leaves["W_rec"], each, retain_graph=True)
        torch.testing.assert_close(found, alone, rtol=1e-12, atol=1e-14)


def test_changed_weights_are_refused_on_the_way_back():
    run, leaves = Problem().run(run_loops)
    with torch.no_grad():
        leaves["W_rec"].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        run.output.sum().backward()


def test_results_belong_to_the_user():
    """Changing what was returned changes no gradient that does not depend on it."""
    problem = Problem("current", "tanh")
    run, leaves = problem.run(run_loops)
    expected = gradients(run.output.sum(), leaves, retain_graph=True)
    with torch.no_grad():
        for each in (run.final, run.state, run.rate):
            each.zero_()
    assert same(gradients(run.output.sum(), leaves), expected)


def test_no_size_is_too_small():
    for sizes in ({"n_trials": 1, "n_units": 1, "n_steps": 1}, {"n_trials": 0}):
        problem = Problem(**sizes)
        found, expected = problem.everything(run_loops), problem.everything(run_reference)
        assert worst(found, expected)[1] <= 1e-12
        assert found["output"].shape == expected["output"].shape


@pytest.mark.parametrize(
    ("key", "n_trials", "n_steps", "n_units", "first_step"),
    [
        (0, 1, 1, 1, 0),
        (7, 3, 5, 130, 9),
        (2**63 - 1, 20, 31, 64, 2**31 - 3),
        (2**40 + 5, 2, 4, 63, 2**32 - 2),
    ],
)
def test_device_noise_is_bit_by_bit_that_of_numpy(key, n_trials, n_steps, n_units, first_step):
    expected = plain_normals(key, n_trials, n_steps, n_units, first_step)
    found = device_normals(key, n_trials, n_steps, n_units, "cpu", first_step).numpy()
    assert found.shape == expected.shape
    assert (found.view(np.uint32) == expected.view(np.uint32)).all()


def test_many_device_noise_numbers_are_drawn_in_pieces(monkeypatch):
    expected = device_normals(3, 4, 9, 10, "cpu")
    monkeypatch.setattr(_device_noise, "_TOGETHER", 80)
    assert torch.equal(device_normals(3, 4, 9, 10, "cpu"), expected)


def test_the_key_is_read_from_the_device():
    words = torch.empty(3, dtype=torch.int64)
    for key in (5, 2**62 + 1):
        key_words(words, key, 2)
        found = normals_at(words, 3, 2, 4).transpose(0, 1)
        assert torch.equal(found, torch.from_numpy(plain_normals(key, 2, 3, 4, first_step=2)))


def test_noise_of_tensors_elsewhere_is_drawn_there(monkeypatch):
    """No device is needed to ask where."""
    asked = []

    def drawn(*arguments):
        asked.append(arguments)
        return SimpleNamespace(to=lambda like: ("numbers", like))

    monkeypatch.setattr(_numbers, "device_normals", drawn)
    like = SimpleNamespace(device=torch.device("cuda", 1))
    assert _numbers.normal_numbers(11, 2, 3, 4, like, 5) == ("numbers", like)
    assert asked == [(11, 2, 3, 4, like.device, 5)]
    assert torch.is_tensor(_numbers.normal_numbers(11, 2, 3, 4, torch.empty(1), 5))
    assert len(asked) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_device_draws_the_bits_of_the_processor():
    for key, first_step in ((0, 0), (2**63 - 1, 2**32 - 2), (2**40 + 5, 17)):
        expected = plain_normals(key, 50, 100, 130, first_step)
        found = device_normals(key, 50, 100, 130, "cuda", first_step).cpu().numpy()
        assert (found.view(np.uint32) == expected.view(np.uint32)).all()
