"""Memory that is used again: never while anyone looks at it, and no more of it than the backward pass needs."""

import threading
import weakref

import numpy as np
import pytest
import torch
from circuits import Problem, distance, gradients, results, same
from toys import FORMS, normal

from neurornn import CTRNN, kernels
from neurornn.kernels import run_reference
from neurornn.kernels._cpu import _engine, _workspace
from neurornn.kernels._cpu._workspace import lend

LOOKS = {
    "a slice": lambda a: a[1:, ::2],
    "a slice of a slice": lambda a: a[2:][:, 1:],
    "a transpose": lambda a: a.T,
    "another shape": lambda a: a.reshape(-1),
    "another type": lambda a: a.view(np.uint8),
    "a buffer": memoryview,
    "a tensor": torch.from_numpy,
    "a view of a tensor": lambda a: torch.from_numpy(a)[:, 1:].t(),
    "a detached tensor": lambda a: torch.from_numpy(a).requires_grad_().detach(),
    "an array of a tensor": lambda a: torch.from_numpy(a).numpy()[3:],
    "the storage of a tensor": lambda a: torch.from_numpy(a).untyped_storage(),
}


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_memory_is_not_lent_again_while_something_looks_at_it_and_is_afterwards(look):
    shape = (31, 4099)
    array = lend(shape, np.float32)
    place = address(array)
    seen = look(array)
    del array
    others = [lend(shape, np.float32) for _ in range(6)]
    assert place not in [address(each) for each in others]
    del seen
    assert address(lend(shape, np.float32)) == place


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 0), (5, 3, 17), (1024, 33)])
def test_lent_arrays_are_aligned_whole_and_apart(shape, dtype):
    arrays = [lend(shape, dtype) for _ in range(8)]
    for array in arrays:
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert address(array) % 64 == 0
    for number, array in enumerate(arrays):
        array.fill(number)
    for number, array in enumerate(arrays):
        assert (array == number).all()


def test_idle_memory_is_bounded():
    kept = [lend((997,), np.float64) for _ in range(20)]
    n_bytes = kept[0].nbytes
    del kept
    assert 0 < len(_workspace._idle[n_bytes]) < 10
    for n in range(1, 50):
        lend((10_000 + n,), np.float64)
    assert len(_workspace._idle) < 40
    assert n_bytes not in _workspace._idle


def test_threads_are_never_lent_the_same_memory():
    clashes = []

    def work(number):
        for _ in range(300):
            array = lend((50, 7), np.float32)
            array.fill(number)
            if not (array == number).all():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not clashes


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_units", [13, 16])
def test_results_are_not_overwritten_by_later_runs(form, n_units):
    problem = Problem(form, n_units=n_units, noise="state")
    run, leaves = problem.run(costs=True)
    held = results(run)
    held["rows"] = run.state.detach()[2:, ::3]
    before = {name: each.clone() for name, each in held.items()}
    value = gradients(run.output.sum(), leaves)
    before_gradients = {name: each.clone() for name, each in value.items()}
    del run
    for seed in range(1, 6):
        problem._replace(seed=seed).everything(costs=True)
    assert same(held, before)
    assert same(value, before_gradients)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("checkpoint_every", [None, 4])
def test_a_graph_that_is_kept_gives_the_same_gradient_again(form, checkpoint_every):
    problem = Problem(form, noise="input")
    run, leaves = problem.run(record=False, checkpoint_every=checkpoint_every)
    value = problem.functional(run)
    first = gradients(value, leaves, retain_graph=True)
    assert same(gradients(value, leaves, retain_graph=True), first)
    assert same(gradients(value, leaves), first)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        gradients(value, leaves)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_runs_before_two_backward_passes_do_not_disturb_each_other(form, order):
    pair = [Problem(form, noise="input", seed=seed) for seed in (1, 2)]
    expected = [problem.everything() for problem in pair]
    runs = [problem.run() for problem in pair]
    for k in order:
        run, leaves = runs[k]
        assert same(results(run) | gradients(pair[k].functional(run), leaves), expected[k])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"record": False, "checkpoint_every": 3}])
def test_second_derivatives_are_those_of_the_reference(form, options):
    problem, with_recorded = Problem(form, "softplus", noise="input"), not options

    def second(implementation, **options):
        run, leaves = problem.run(implementation, costs=True, **options)
        value = problem.functional(run, with_recorded=with_recorded) + run.output.square().sum()
        first = gradients(value, leaves, create_graph=True)
        size = sum(each.square().sum() for each in first.values())
        return {name: each.detach() for name, each in first.items()}, gradients(size, leaves)

    for found, expected in zip(second(kernels.run, **options), second(run_reference), strict=True):
        assert max(distance(found, expected).values()) < 1e-12


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part", ["W_rec", "inputs", "start", "noise"])
def test_what_the_gradient_rests_on_must_not_change_before_it_is_taken(form, part):
    problem = Problem(form, noise="input", given=True)
    leaves, noise = problem.leaves(), problem.recurrent_noise()
    run = kernels.run(problem.circuit(leaves), leaves["inputs"], leaves["start"], noise)
    gradients(run.output.sum(), leaves, retain_graph=True)
    with torch.no_grad():
        (noise.values if part == "noise" else leaves[part]).mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(run.output.sum(), leaves)


def test_recorded_states_must_not_change_before_the_gradient_is_taken():
    """In current form the recorded states are the memory the backward pass reads."""
    run, leaves = Problem("current").run()
    run.state.detach().mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(run.output.sum(), leaves)


@pytest.mark.parametrize("form", FORMS)
def test_outputs_may_be_changed_in_place(form):
    found, expected = [], []
    for implementation, into in ((kernels.run, found), (run_reference, expected)):
        run, leaves = Problem(form).run(implementation)
        into.append(gradients(run.output.mul_(2.0).tanh_().sum(), leaves))
    assert max(distance(found[0], expected[0]).values()) < 1e-12


class Ledger:
    """Bytes that runs hold."""

    def __init__(self):
        self.pieces, self.most = {}, 0

    @property
    def held(self):
        return sum(self.pieces.values())

    def lend(self, shape, dtype):
        array = lend(shape, dtype)
        self.pieces[id(array)] = array.nbytes
        weakref.finalize(array, self.pieces.pop, id(array))
        self.most = max(self.most, self.held)
        return array


@pytest.fixture
def ledger(monkeypatch):
    ledger, before = Ledger(), torch.get_num_threads()
    monkeypatch.setattr(_engine, "lend", ledger.lend)
    torch.set_num_threads(1)  # each thread has scratch of its own
    yield ledger
    torch.set_num_threads(before)


SIZES = {"n_trials": 8, "n_steps": 400, "n_units": 64}
ACTIVITY = 4 * 8 * 400 * 64  # bytes of batch x time x units in single precision


def long_run(form, n_steps=400, **options):
    network = CTRNN(2, 64, 1, form=form, sigma_rec=0.1, dtype=torch.float32)
    return network.outputs(
        normal(8, n_steps, 2, dtype=torch.float32), generator=torch.Generator().manual_seed(0), **options
    )


@pytest.mark.parametrize("form", FORMS)
def test_one_activity_array_waits_for_the_backward_pass_and_none_after_it(form, ledger):
    """Beside the potentials the rate form keeps the rates of one step in eight."""
    run = long_run(form)
    assert ACTIVITY <= ledger.held < (1.1 if form == "current" else 1.22) * ACTIVITY
    loss = run.output.square().mean()
    loss.backward()
    assert ledger.held < 0.25 * ACTIVITY
    assert ledger.most < 1.6 * ACTIVITY
    del run, loss
    assert ledger.held == 0


@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_take_far_less_memory(form, ledger):
    run = long_run(form, checkpoint_every=20)
    assert ledger.held < 0.12 * ACTIVITY
    run.output.square().mean().backward()
    assert ledger.most < 0.45 * ACTIVITY


@pytest.mark.parametrize("form", FORMS)
def test_recorded_activity_is_let_go_of_when_only_the_loss_is_kept(form, ledger):
    network = CTRNN(2, 64, 1, form=form, dtype=torch.float32)
    run = network(normal(8, 400, 2, dtype=torch.float32))
    assert ledger.held > 1.9 * ACTIVITY
    loss = run.output.square().mean()
    del run
    assert ledger.held < (1.1 if form == "current" else 1.22) * ACTIVITY
    loss.backward()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_memory_grows_with_the_outputs_alone(form, mode, ledger, monkeypatch):
    monkeypatch.setattr("neurornn._share.n_threads", lambda: 1)  # threads have their own scratch
    most = []
    for n_steps in (400, 800):
        ledger.most = 0
        with mode():
            long_run(form, n_steps)
        most.append(ledger.most)
    assert most[1] - most[0] == 4 * 8 * 400
    assert most[0] < 0.2 * ACTIVITY
