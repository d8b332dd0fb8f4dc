"""The compiled time loop against plain PyTorch: the same numbers, whatever is asked, and the same bytes on any thread."""

import pytest
import torch
from circuits import Problem, distance, gradients, results, same
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from toys import FORMS, NAMES

from neurornn import _share, kernels
from neurornn.kernels import run_reference

HOPS = ["exact", "none", "diagonal", "fixed"]
NOISES = [(None, False), ("input", False), ("state", False), ("input", True), ("state", True)]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}

problems = st.builds(
    Problem,
    form=st.sampled_from(FORMS),
    activation=st.sampled_from(NAMES),
    n_trials=st.integers(1, 40),
    n_units=st.integers(1, 70),
    n_steps=st.integers(1, 40),
    n_inputs=st.integers(0, 5),
    n_outputs=st.integers(1, 20),
    one_alpha=st.booleans(),
    bias=st.booleans(),
    noise=st.sampled_from([None, "input", "state"]),
    given=st.booleans(),
    hop=st.sampled_from(HOPS),
    feedback=st.booleans(),
    seed=st.integers(0, 99),
)


def assert_compiled(problem, dtype):
    leaves = problem.leaves(dtype)
    path = kernels.choose(problem.circuit(leaves), leaves["inputs"], leaves["start"])
    assert path.name == "compiled", path


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    problem=problems,
    record=st.booleans(),
    costs=st.booleans(),
    checkpoint_every=st.none() | st.integers(1, 45),
)
def test_every_result_and_every_gradient_is_that_of_the_reference(problem, record, costs, checkpoint_every):
    """In both types against the reference in double precision, which solves the same problem: all that a problem is made of
    is exact in single precision. Only a number so close to 0 that rounding could move it across a kink is left out."""
    assume(problem.margin() > 1e-6)

    def reference(*arguments):
        run = run_reference(*arguments, costs=costs)
        return run if record else run._replace(state=None, rate=None)

    expected = problem.everything(reference)
    for dtype, tolerance in TOLERANCE.items():
        assert_compiled(problem, dtype)
        found = problem.everything(dtype=dtype, record=record, costs=costs, checkpoint_every=checkpoint_every)
        for name, far in distance(found, expected).items():
            assert found[name].dtype == dtype, name
            assert far <= tolerance, (name, far, dtype)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("hop", HOPS[1:])
def test_another_credit_is_another_gradient(form, hop):
    """The agreement above would not tell hops apart if none of them changed anything."""
    exact, other = (Problem(form, hop=each, noise="state") for each in ("exact", hop))
    exact, other = exact.everything(), other.everything()
    assert torch.equal(exact["output"], other["output"])
    for name in ("W_rec", "W_in", "alpha", "start"):
        far = distance({name: other[f"gradient of {name}"]}, {name: exact[f"gradient of {name}"]})
        assert far[name] > 1e-3, name
    assert torch.equal(exact["gradient of W_out"], other["gradient of W_out"])


def with_threads(compute, counts=(1, 2, 3)):
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in counts:
            torch.set_num_threads(n_threads)
            found.append(compute())
    finally:
        torch.set_num_threads(before)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_trials", [1, 2, 7, 30, 61])
def test_threads_do_not_change_a_bit(form, n_trials, dtype, monkeypatch):
    monkeypatch.setattr(_share, "_WORTH", 1.0, raising=False)  # share out even the smallest run
    problem = Problem(form, "softplus", n_trials, 37, 19, noise="input")
    one, *others = with_threads(lambda: problem.everything(dtype=dtype, costs=True))
    for other in others:
        assert same(other, one)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
def test_a_trial_does_not_know_how_many_run_beside_it(form, dtype):
    """Its noise, its states and the gradients of its own inputs and start are the same bytes alone and in a batch."""
    problem = Problem(form, "tanh", 31, 21, 17, noise="input")
    whole, leaves = problem.run(dtype=dtype, costs=True)
    weights = problem.numbers(*whole.output.shape, dtype=dtype, seed=50)
    own = ("inputs", "start")

    def of(run, leaves, weights):
        found = gradients((run.output * weights).sum(), {name: leaves[name] for name in own})
        return results(run) | found

    expected = of(whole, leaves, weights)
    for n_trials in (1, 2, 25):
        some = leaves | {name: leaves[name].detach()[:n_trials].requires_grad_() for name in own}
        run, _ = problem.run(dtype=dtype, costs=True, leaves=some)
        found = of(run, some, weights[:n_trials])
        assert same(found, {name: each[:n_trials] for name, each in expected.items()})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", [True, False])
def test_a_run_cut_in_two_is_the_whole(form, given):
    """With ``first_step`` the second piece sees the noise the whole saw at its steps."""
    problem, cut = Problem(form, n_steps=23, noise="state", given=given), 9
    whole, leaves = problem.run()
    noise, circuit, inputs = problem.recurrent_noise(), problem.circuit(leaves), leaves["inputs"]

    def piece(start, steps, first_step):
        part = kernels.Noise(
            noise.sigma, noise.place, noise.key, noise.values[:, steps] if given else None, first_step
        )
        return kernels.run(circuit, inputs[:, steps], start, part)

    first = piece(leaves["start"], slice(0, cut), 0)
    second = piece(first.final, slice(cut, None), cut)
    for name in ("output", "state", "rate"):
        assert torch.equal(torch.cat([getattr(first, name), getattr(second, name)], 1), getattr(whole, name))
    if not given:
        other = piece(first.final, slice(cut, None), 0)
        assert not torch.allclose(other.state, second.state, atol=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("noise", "given"), NOISES)
def test_computing_activity_again_changes_no_bit(form, noise, given, dtype):
    problem = Problem(form, "softplus", 14, 18, 29, noise=noise, given=given)
    expected = problem.everything(dtype=dtype, record=False, costs=True)
    for every in (1, 3, 8, 12, 16, 28, 29, 1000):
        found = problem.everything(dtype=dtype, record=False, costs=True, checkpoint_every=every)
        assert same(found, expected), every
    recorded, leaves = problem.run(dtype=dtype, record=True, costs=True, checkpoint_every=6)
    found = gradients(problem.functional(recorded, with_recorded=False), leaves)
    assert same(found, {name: expected[name] for name in found})
