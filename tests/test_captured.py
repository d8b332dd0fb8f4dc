"""Recorded stretches: replays see the numbers of their own call, results stay, what cannot be recorded still runs.

Without a device the recorder is a tape of tensor operations: like a CUDA graph it repeats them on the same
tensors, runs no Python, and refuses what a graph refuses.
"""

import gc
import logging
import threading
from dataclasses import replace
from functools import partial

import pytest
import torch
from circuits import Problem, distance, gradients, results, same
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from toys import FORMS

from neurornn import CTRNN, Activation, kernels
from neurornn.activations import activation as find_activation
from neurornn.kernels import _captured, _choose, run_reference
from neurornn.kernels._captured import Captures, CudaRecorder
from neurornn.kernels._node import run_loops

aten = torch.ops.aten
SYNCHRONISES = {aten._local_scalar_dense.default, aten.lift_fresh.default, aten.nonzero.default}


class Tape(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation in SYNCHRONISES:
            raise RuntimeError("operation not permitted when stream is capturing")
        result = operation(*args, **(kwargs or {}))
        self.operations.append((operation, args, kwargs or {}, result))
        return result

    def replay(self):
        for operation, args, kwargs, result in self.operations:
            again = operation(*args, **kwargs)
            if isinstance(result, torch.Tensor) and again.data_ptr() != result.data_ptr():
                result.copy_(again)  # to where the first result was


class TapeRecorder:
    """Records on the processor; counts recordings, replays and those that are alive."""

    def __init__(self, queue=0):
        self.where, self.n_recorded, self.n_replayed = queue, 0, 0

    def queue(self, device):
        return self.where

    def record(self, device, works):
        tapes = []
        for work in works:
            work()
            with Tape() as tape:
                work()
            tapes.append(tape)
        self.n_recorded += 1
        return [partial(self.replay, tape) for tape in tapes]

    def replay(self, tape):
        self.n_replayed += 1
        tape.replay()


@pytest.fixture
def recorder():
    return TapeRecorder()


@pytest.fixture
def captured(recorder):
    return partial(run_loops, lend=Captures(recorder).lend)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", [None, "input", "state"])
@pytest.mark.parametrize("hop", ["exact", "none", "diagonal", "fixed"])
def test_a_replay_gives_the_bytes_of_the_operations(form, place, hop, captured, recorder):
    options = {"record": hop == "exact", "costs": hop != "none", "longest": 4}
    for given in (False, True):
        problem = Problem(form, "softplus", noise=place, given=given, hop=hop, feedback=given)
        expected = problem.everything(run_loops, **options)
        for _ in range(3):
            assert same(problem.everything(captured, **options), expected)
    assert recorder.n_recorded == 2 * (1 if place is None else 2)  # 11 steps are stretches of 4, 4 and 3
    assert recorder.n_replayed > 20


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_an_earlier_call_is_seen_in_a_later_one(form, captured, recorder):
    """Weights, time constants, inputs, start, key and feedback of the same shapes."""
    for seed in range(5):
        problem = Problem(form, noise="state", seed=seed, feedback=True, bias=seed % 2 == 0)
        assert same(problem.everything(captured), problem.everything(run_loops)), seed
    assert recorder.n_recorded == 1


def test_size_and_first_step_of_the_noise_are_not_recorded(captured, recorder):
    problem = Problem(noise="input")
    leaves = problem.leaves()
    outputs = []
    for sigma, first_step in [(0.2, 0), (0.2, 0), (0.4, 0), (0.2, 7), (0.2, 0)]:
        noise = kernels.Noise(sigma, "input", key=3, first_step=first_step)
        outputs.append(captured(problem.circuit(leaves), leaves["inputs"], leaves["start"], noise).output)
    assert recorder.n_recorded == 1
    assert torch.equal(outputs[1], outputs[4])
    assert not torch.allclose(outputs[1], outputs[2])
    assert not torch.allclose(outputs[1], outputs[3])


def test_weights_that_an_optimiser_changes_are_followed(captured, recorder):
    """Training with replays is training without."""

    def train(implementation):
        problem = Problem("rate", noise="state")
        leaves = problem.leaves()
        optimiser = torch.optim.SGD([each for each in leaves.values() if each is not None], lr=0.01)
        for _ in range(6):
            optimiser.zero_grad()
            problem.functional(problem.run(implementation, leaves=leaves)[0]).backward()
            optimiser.step()
        return {name: each.detach() for name, each in leaves.items()}

    assert same(train(captured), train(run_loops))
    assert recorder.n_recorded == 1


def test_results_are_not_overwritten_by_later_calls(captured):
    first, second = Problem(noise="state"), Problem(noise="state", seed=1)
    for _ in range(2):
        first.everything(captured)
    run, leaves = first.run(captured, costs=True)
    held = {name: each for name, each in run._asdict().items()} | gradients(
        first.functional(run), leaves, retain_graph=True
    )
    copies = {name: each.detach().clone() for name, each in held.items()}
    for _ in range(3):
        second.everything(captured, costs=True)
    assert same({name: each.detach() for name, each in held.items()}, copies)


def test_runs_that_wait_for_their_gradients_do_not_disturb_each_other(captured):
    problems = [Problem("rate", noise="input", seed=seed) for seed in range(3)]
    expected = [each.everything(run_loops, longest=4) for each in problems]
    for each in problems:
        each.everything(captured, longest=4)
    runs = [each.run(captured, longest=4) for each in problems]
    for problem, (run, leaves), right in zip(problems, runs, expected, strict=True):
        found = gradients(problem.functional(run), leaves)
        assert same(found, {name: right[name] for name in found})


@pytest.mark.parametrize("form", FORMS)
def test_activity_is_computed_again_by_replays_to_the_same_bits(form, captured):
    problem = Problem(form, "tanh", n_steps=20, noise="state")
    options = {"record": False, "longest": 4}
    expected = problem.everything(run_loops, **options)
    for _ in range(3):
        assert same(problem.everything(captured, checkpoint_every=8, **options), expected)


def test_what_is_asked_for_once_is_not_recorded(captured, recorder):
    for n_steps in range(3, 9):
        Problem(n_steps=n_steps).everything(captured)
    assert recorder.n_recorded == recorder.n_replayed == 0
    Problem(n_steps=5).run(captured)
    assert (recorder.n_recorded, recorder.n_replayed) == (1, 1)


def test_nothing_is_recorded_on_the_way_back(captured, recorder):
    """Its thread belongs to autograd."""
    Problem().everything(captured)
    assert recorder.n_recorded == 0


def test_different_operations_are_different_recordings(captured, recorder):
    problem = Problem(noise="input")
    variants = [
        problem,
        problem._replace(form="rate"),
        problem._replace(form="rate", noise="state"),
        problem._replace(noise=None),
        problem._replace(given=True),
        problem._replace(activation="relu"),
        problem._replace(hop="diagonal"),
        problem._replace(n_trials=4),
    ]
    for each in variants:
        for _ in range(2):
            found = each.everything(captured)
        assert same(found, each.everything(run_loops))
    assert recorder.n_recorded == len(variants)
    for options in ({"record": False}, {"costs": True}):
        for _ in range(2):
            problem.run(captured, **options)
    with torch.no_grad():
        for _ in range(2):
            problem.run(captured)
    assert recorder.n_recorded == len(variants) + 3


def test_a_recording_belongs_to_its_queue(captured, recorder):
    for where in (0, 1):
        recorder.where = where
        for _ in range(3):
            Problem().run(captured)
    assert (recorder.n_recorded, recorder.n_replayed) == (2, 4)


def test_a_recording_of_the_users_own_takes_the_operations_in(captured, recorder):
    recorder.where = None
    expected = Problem().everything(run_loops)
    for _ in range(3):
        assert same(Problem().everything(captured), expected)
    assert recorder.n_recorded == 0


def test_the_longest_unused_recording_is_forgotten_first(recorder):
    captures = Captures(recorder, size=2)
    captured = partial(run_loops, lend=captures.lend)

    def recorded(n_steps):
        before = recorder.n_recorded
        Problem(n_steps=n_steps).run(captured)
        return recorder.n_recorded > before

    assert [recorded(n) for n in (3, 4, 5)] == [False] * 3  # seen once
    assert [recorded(n) for n in (3, 4, 3, 5)] == [True, True, False, True]  # the last in place of 4
    assert [recorded(n) for n in (3, 5, 4, 5, 3)] == [False, False, True, False, True]
    captures.forget()
    assert not recorded(3)


def test_forgotten_recordings_are_gone_at_once(recorder):
    """No cycle keeps their memory until the collector comes by."""
    captures = Captures(recorder, size=1)
    gc.collect()
    gc.disable()
    try:
        sizes = []
        for n_steps in (5, 6, 7):
            for _ in range(2):
                Problem(n_steps=n_steps).everything(partial(run_loops, lend=captures.lend))
            sizes.append(sum(type(each) is _captured._Recorded for each in gc.get_objects()))
        assert sizes == [1, 1, 1]
        captures.forget()
        assert not any(type(each) is _captured._Recorded for each in gc.get_objects())
    finally:
        gc.enable()


def test_a_recording_forgotten_between_the_ways_is_not_missed(recorder):
    captures = Captures(recorder)
    problem = Problem(noise="state")
    expected = problem.everything(run_loops)
    captured = partial(run_loops, lend=captures.lend)
    for _ in range(2):
        problem.everything(captured)
    run, leaves = problem.run(captured)
    captures.forget()
    found = gradients(problem.functional(run), leaves)
    assert same(found, {name: expected[name] for name in found})


def looked_at(x):
    return x.tanh() if float(x.detach().abs().max()) < 100 else x.clamp(-1, 1)


def test_what_cannot_be_recorded_runs_as_it_is_and_is_not_tried_again(captured, recorder, caplog):
    """An activation that looks at its numbers waits for the device."""
    own = Activation("looked at", looked_at, find_activation("tanh").derivative, -1.0, 1.0)
    problem = Problem(activation=own)
    expected = problem.everything(run_loops)
    with caplog.at_level(logging.DEBUG, logger="neurornn.kernels._captured"):
        for _ in range(4):
            assert same(problem.everything(captured), expected)
    assert [each.message for each in caplog.records] == [
        "A stretch of 11 steps cannot be recorded: operation not permitted when stream is capturing."
    ]
    assert recorder.n_recorded == 0


def test_an_activation_of_the_users_own_is_recorded(captured, recorder):
    own = Activation("softsign", lambda x: x / (1 + x.abs()), lambda x: (1 + x.abs()) ** -2, -1.0, 1.0)
    problem = Problem("rate", own, noise="input")
    for _ in range(2):
        found = problem.everything(captured)
    assert recorder.n_recorded == 1
    assert same(found, problem.everything(run_loops))


@pytest.mark.parametrize("first", [torch.inference_mode, torch.no_grad])
def test_recordings_made_in_one_mode_serve_another(first, captured, recorder):
    problem = Problem(noise="state")
    expected = problem.everything(run_loops)
    for mode in (first, first, torch.no_grad, torch.inference_mode):
        with mode():
            run, _ = problem.run(captured)
        assert torch.equal(run.output, expected["output"])
    assert recorder.n_recorded == 1
    for _ in range(3):
        assert same(problem.everything(captured), expected)


def test_autocast_does_not_reach_inside(captured):
    problem = Problem()
    expected = problem.everything(run_loops, torch.float32)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            found = problem.everything(captured, torch.float32)
        assert same(found, expected)


def test_threads_take_turns(captured):
    problems = [Problem("rate", n_trials=3, noise="input", seed=seed) for seed in range(4)]
    expected = [each.everything(run_loops) for each in problems]
    for _ in range(2):
        problems[0].everything(captured)
    right = [False] * len(problems)

    def work(index):
        right[index] = all(same(problems[index].everything(captured), expected[index]) for _ in range(3))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(problems))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(right)


def test_a_network_on_a_cuda_device_is_captured():
    own = Activation("scaled", lambda x: 2 * x, lambda x: torch.full_like(x, 2.0))
    shapes = {name: each.shape for name, each in Problem().leaves().items()}
    with FakeTensorMode():  # tensors with a type and a place but no numbers
        circuit = Problem().circuit({
            name: torch.empty(shape, device="cuda") for name, shape in shapes.items()
        })
        reason = "current form, tanh, torch.float32 on cuda:0"
        assert kernels.choose(circuit) == kernels.Path("captured", reason)
        elsewhere = kernels.choose(circuit, torch.empty(3))
        assert elsewhere == kernels.Path("reference", "the network is on cpu, cuda:0")
        half = {name: each.half() for name, each in circuit._asdict().items() if torch.is_tensor(each)}
        half = kernels.choose(circuit._replace(**half))
        assert half.name == "reference"
        assert "not for torch.float16" in half.reason
        assert kernels.choose(circuit._replace(activation=own)).name == "captured"
        gain = torch.nn.Parameter(torch.ones((), device="cuda"))
        object.__setattr__(own, "function", lambda x: gain)
        trained = kernels.choose(circuit._replace(activation=own))
        assert trained == kernels.Path("reference", "the activation 'scaled' has trained numbers of its own")


@pytest.mark.parametrize("checkpoint_every", [None, 4])
def test_a_captured_path_is_taken(monkeypatch, recorder, checkpoint_every):
    monkeypatch.setattr(_choose, "choose", lambda *tensors: kernels.Path("captured", "a test"))
    monkeypatch.setattr(_captured, "_captures", Captures(recorder))
    problem = Problem("rate", noise="state")
    expected = problem.everything(
        lambda *each: run_reference(*each, costs=True)._replace(state=None, rate=None)
    )
    for _ in range(2):
        found = problem.everything(kernels.run, costs=True, record=False, checkpoint_every=checkpoint_every)
    assert recorder.n_recorded == 1
    assert max(distance(found, expected).values()) <= 1e-12


def on_device(each):
    return each.detach().cuda().requires_grad_(each.requires_grad) if torch.is_tensor(each) else each


def everything_on_device(problem, dtype, **options):
    """As :meth:`Problem.everything`, with everything on the device and what it gives on the processor."""
    leaves = {name: on_device(each) for name, each in problem.leaves(dtype).items()}
    noise, credit = problem.recurrent_noise(dtype), problem.credit(dtype)
    if noise is not None:
        noise = replace(noise, values=on_device(noise.values))
    if problem.hop == "fixed":
        credit = replace(credit, hop=kernels.FixedHop(on_device(credit.hop.matrix)))
    credit = replace(credit, feedback=on_device(credit.feedback))
    circuit = problem.circuit(leaves)
    assert kernels.choose(circuit, leaves["inputs"], leaves["start"]).name == "captured"
    run = kernels.run(circuit, leaves["inputs"], leaves["start"], noise, credit, **options)
    here = kernels.Run(*(None if each is None else each.cpu() for each in run))
    found = gradients(problem.functional(here), leaves)
    return results(here) | {name: each.cpu() for name, each in found.items()}


@pytest.fixture
def captures(monkeypatch):
    """Captures of a test's own, and how many stretches they recorded; all of them must succeed."""
    captures = Captures(CudaRecorder())
    monkeypatch.setattr(_captured, "_captures", captures)
    yield lambda: len(captures._recorded)
    assert None not in captures._recorded.values()
    captures.forget()


needs_device = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.gpu
@needs_device
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", [None, "input", "state"])
@pytest.mark.parametrize("hop", ["exact", "none", "diagonal", "fixed"])
def test_a_device_agrees_with_the_reference_and_replays_with_operations(form, place, hop, captures):
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 2e-5)):
        for given, activation in ((False, "tanh"), (True, "softplus")):
            problem = Problem(form, activation, noise=place, given=given, hop=hop, feedback=given)
            expected = problem.everything(lambda *each: run_reference(*each, costs=True))
            calls = [everything_on_device(problem, dtype, costs=True) for _ in range(4)]
            assert max(distance(calls[0], expected).values()) <= tolerance
            for later in calls[1:]:  # the first was not recorded
                assert same(later, calls[0])
    assert captures() == 4


@pytest.mark.gpu
@needs_device
@pytest.mark.parametrize("form", FORMS)
def test_long_runs_on_a_device_are_computed_again_to_the_same_bits(form, captures):
    """More steps than one stretch has, and a rest."""
    problem = Problem(form, "tanh", n_trials=4, n_units=30, n_steps=1100, noise="state")
    options = {"record": False, "costs": True}
    expected = [everything_on_device(problem, torch.float32, **options) for _ in range(3)]
    assert same(expected[0], expected[2])
    for every in (100, 600):
        for _ in range(2):
            found = everything_on_device(problem, torch.float32, checkpoint_every=every, **options)
            assert same(found, expected[0])
    assert captures() == 2


@pytest.mark.gpu
@needs_device
def test_training_on_a_device_is_training_on_the_processor(captures):
    trained = []
    for device in ("cpu", "cuda"):
        network = CTRNN(3, 40, 2, sigma_rec=0.1, dtype=torch.float64, device=device, seed=3)
        optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
        inputs = Problem().numbers(16, 50, 3).to(device)
        for step in range(4):
            optimiser.zero_grad()
            network.outputs(
                inputs, generator=torch.Generator().manual_seed(step)
            ).output.square().mean().backward()
            optimiser.step()
        trained.append({name: each.detach().cpu() for name, each in network.named_parameters()})
    assert captures() == 1
    for name, each in trained[0].items():
        torch.testing.assert_close(trained[1][name], each, rtol=1e-9, atol=1e-11)


@pytest.mark.gpu
@needs_device
def test_memory_of_a_device_does_not_grow(captures):
    problem = Problem("rate", n_trials=64, n_units=100, n_steps=100, noise="input")
    used = []
    for _ in range(12):
        everything_on_device(problem, torch.float32, record=False, costs=True)
        used.append(torch.cuda.memory_allocated())
    assert len(set(used[3:])) == 1
    assert captures() == 1


@pytest.mark.gpu
@needs_device
def test_recordings_outlive_others(captures):
    """Those that are kept are not harmed when others are forgotten."""
    first = Problem(noise="state")
    expected = everything_on_device(first, torch.float32)
    for n_steps in range(12, 24):
        for _ in range(2):
            everything_on_device(first._replace(n_steps=n_steps), torch.float32)
        assert same(everything_on_device(first, torch.float32), expected)
    assert captures() == _captured._SIZE


@pytest.mark.gpu
@needs_device
def test_a_capture_that_fails_leaves_the_device_as_it_was(caplog):
    own = Activation("looked at", looked_at, find_activation("tanh").derivative, -1.0, 1.0)
    problem, queue = Problem(activation=own, noise="input"), torch.cuda.current_stream()
    expected = problem.everything(run_reference)
    with caplog.at_level(logging.DEBUG, logger="neurornn.kernels._captured"):
        for _ in range(3):
            found = everything_on_device(problem, torch.float64)
            assert max(distance(found, expected).values()) <= 1e-11
    assert len(caplog.records) == 1
    assert torch.cuda.current_stream() == queue
    other = problem._replace(activation="tanh")
    for _ in range(3):
        assert max(distance(everything_on_device(other, torch.float64), expected).values()) <= 1e-11


@pytest.mark.gpu
@needs_device
def test_a_graph_of_the_users_own_takes_a_run_in(captures):
    problem = Problem(noise="state")
    leaves = {name: on_device(each) for name, each in problem.leaves(torch.float32).items()}
    circuit, noise = problem.circuit(leaves), problem.recurrent_noise()

    def run():
        with torch.no_grad():
            return kernels.run(circuit, leaves["inputs"], leaves["start"], noise, record=False).output

    expected, graph = run().clone(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = run()
    output.zero_()
    graph.replay()
    assert torch.equal(output, expected)
    with torch.no_grad():
        leaves["inputs"].add_(1)
    graph.replay()
    assert torch.equal(output, run())
