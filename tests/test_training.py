"""Training: it learns, it stops, it can be killed, and the same seed gives the same bytes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn import rules, storage
from neurornn.activations import Activation
from neurornn.checkpoint import load_checkpoint
from neurornn.connectivity import Dale
from neurornn.networks import CTRNN
from neurornn.objective import Objective
from neurornn.random import counter_normal, counter_uniform, derive_seed
from neurornn.training import Progress, TrainingDiverged, TrainingResult, train
from neurornn.trials import TrialInfo, Trials


@dataclass(frozen=True)
class Sign:
    """Say at the end whether the input was mostly positive."""

    noise: float = 0.5
    dt: float = 20.0
    n_steps: int = 10
    name: str = "sign-v1"
    n_inputs: int = 2
    n_outputs: int = 1
    n_conditions: int = 2
    supports_balanced: bool = True

    def sample(self, n_trials: int, *, seed: int, first: int = 0, balanced: bool = False) -> Trials:
        trial = np.arange(first, first + n_trials)
        u = counter_uniform(derive_seed(seed, "sign"), trial.astype(np.uint64))
        sign = np.where(trial % 2 == 0 if balanced else u < 0.5, -1.0, 1.0)
        counter = (trial[:, None] * self.n_steps + np.arange(self.n_steps)).astype(np.uint64)
        x = sign[:, None] + self.noise * counter_normal(derive_seed(seed, "noise"), counter)
        inputs = torch.as_tensor(np.stack([x, np.ones_like(x)], -1), dtype=torch.float32)
        targets = torch.as_tensor(np.repeat(sign[:, None, None], self.n_steps, 1), dtype=torch.float32)
        mask = torch.zeros(n_trials, self.n_steps)
        mask[:, self.n_steps // 2 :] = 1.0
        info = TrialInfo(self.name, self.dt, seed, ("x", "one"), ("y",))
        return Trials(inputs, targets, mask, {"sign": sign}, {}, info)

    def performance(self, trials: Trials, output: Tensor) -> NDArray[np.float64]:
        return (np.sign(output[:, -1, 0].numpy()) == trials.conditions["sign"]).astype(np.float64)


TASK = Sign()


def _network(seed: int = 0, **options: Any) -> CTRNN:
    settings: dict[str, Any] = {"sigma_rec": 0.1, "dale": Dale(), "seed": seed}
    return CTRNN(2, 20, 1, **settings | options)


def _adam(network: CTRNN, lr: float = 0.01) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=lr)


def _train(network: CTRNN, *, make: Any = _adam, **options: Any) -> TrainingResult:
    settings: dict[str, Any] = {"n_steps": 12, "batch_size": 8, "validate_every": 4, "n_validation": 16}
    return train(network, options.pop("task", TASK), optimizer=make(network), **settings | options)


def _bytes(network: CTRNN, result: TrainingResult) -> bytes:
    parts = [value.numpy().tobytes() for value in network.state_dict().values()]
    parts += [result.history[name].values.tobytes() for name in sorted(result.history.variables)]
    return b"".join(parts)


@pytest.fixture
def undisturbed(tmp_path: Path) -> bytes:
    """The final checkpoint of 12 steps in one go."""
    path = tmp_path / "undisturbed" / "checkpoint.safetensors"
    _train(_network(), checkpoint=path)
    return path.read_bytes()


# --- it learns and stops


def test_it_learns_and_stops_at_the_target():
    network = _network()
    result = _train(
        network, n_steps=400, batch_size=32, target_performance=0.97, validate_every=10, n_validation=200
    )
    history = result.history
    assert result.stop_reason == "target reached" and result.n_steps < 400
    assert history.performance[0] < 0.97 <= history.performance[-1] == result.performance
    assert (history.performance[:-1] < 0.97).all()
    assert history.validation_loss[-1] < 0.5 * history.validation_loss[0]
    assert history.sizes == {"step": result.n_steps, "validation_step": result.n_steps // 10 + 1}
    fresh = TASK.sample(500, seed=12345)
    output = network(fresh.inputs, generator=torch.Generator().manual_seed(1)).output.detach()
    assert TASK.performance(fresh, output).mean() > 0.9


def test_dales_law_holds_after_training():
    network = _network(dale=Dale(nonnegative_inputs=True, nonnegative_readout=True))
    before = network.W_rec.detach().clone()
    _train(network, make=lambda n: _adam(n, 0.3), n_steps=30)
    W = network.W_rec.detach()
    assert (W - before).abs().max() > 0.5, "training did not move the weights"
    assert (W[:, network.cell_types == "E"] >= 0).all() and (W[:, network.cell_types == "I"] <= 0).all()
    assert (W.diagonal() == 0).all() and (network.W_in >= 0).all()
    assert (network.W_out >= 0).all() and (network.W_out[:, network.cell_types == "I"] == 0).all()


def test_the_history_is_labelled_and_counts_from_one():
    history = _train(_network(), n_steps=10).history
    assert history.step.values.tolist() == list(range(1, 11))
    assert history.validation_step.values.tolist() == [0, 4, 8, 10]
    assert all(
        history[name].attrs["long_name"] and history[name].attrs["units"] for name in history.variables
    )
    assert history.attrs["schema"] == "neurornn.History/1" and history.attrs["stop_reason"] == "steps done"


def test_no_steps_only_validate():
    network = _network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    result = _train(network, n_steps=0)
    assert result.n_steps == 0 and result.history.validation_step.values.tolist() == [0]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_callback_is_told_every_step():
    told: list[Progress] = []
    result = _train(_network(), callback=told.append)
    assert [each.step for each in told] == list(range(1, 13)) and {each.n_steps for each in told} == {12}
    assert [each.loss for each in told] == result.history.loss.values.tolist()
    assert [each.gradient_norm for each in told] == result.history.gradient_norm.values.tolist()
    of_step = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3]  # the validation known after each step
    assert [each.performance for each in told] == result.history.performance.values[of_step].tolist()
    assert [each.validation_loss for each in told] == result.history.validation_loss.values[of_step].tolist()


# --- what a step is


def test_one_step_is_the_gradient_of_the_stated_trials_clipped_and_descended():
    network, twin = _network(), _network()
    result = _train(
        network, n_steps=1, seed=5, clip_norm=0.01, make=lambda n: torch.optim.SGD(n.parameters(), 1.0)
    )
    trials = TASK.sample(8, seed=derive_seed(5, "train"))
    noise = torch.Generator().manual_seed(derive_seed(5, "noise", 0))
    loss = rules.BPTT().backward(twin, trials, generator=noise)
    norm = torch.cat([each.grad.flatten() for each in twin.parameters()]).norm()
    assert result.history.loss.item() == loss.item()
    assert result.history.gradient_norm.item() == pytest.approx(norm.item(), rel=1e-6) and norm > 0.01
    for moved, start in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(moved, start - 0.01 / norm * start.grad, rtol=1e-5, atol=1e-8)


def test_without_clipping_the_whole_gradient_is_used():
    network, clipped = _network(), _network()
    for each, clip in ((network, None), (clipped, 0.01)):
        _train(each, n_steps=1, clip_norm=clip, make=lambda n: torch.optim.SGD(n.parameters(), 1e-3))
    start = _network()
    assert (network.W_rec - start.W_rec).norm() > 5 * (clipped.W_rec - start.W_rec).norm()


def test_batches_follow_each_other_and_validation_is_balanced():
    calls: list[tuple[int, int, int, bool]] = []

    class Spy(Sign):
        def sample(self, n_trials: int, *, seed: int, first: int = 0, balanced: bool = False) -> Trials:
            calls.append((n_trials, seed, first, balanced))
            return super().sample(n_trials, seed=seed, first=first, balanced=balanced)

    _train(_network(), task=Spy(), n_steps=3, seed=2)
    validation, *batches = calls
    assert validation == (16, derive_seed(2, "validation"), 0, True)
    assert batches == [(8, derive_seed(2, "train"), first, False) for first in (0, 8, 16)]
    for task, expected in (
        (Spy(n_conditions=70), (210, True)),
        (Spy(n_conditions=300), (300, True)),
        (Spy(supports_balanced=False, n_conditions=0), (200, False)),
    ):
        calls.clear()
        _train(_network(), task=task, n_steps=0, n_validation=None)
        assert (calls[0][0], calls[0][3]) == expected


def test_rule_and_objective_are_the_ones_given():
    seen: list[tuple[Objective, int]] = []

    @dataclass(frozen=True)
    class Spy(rules.AbstractRule):
        def backward(
            self, network: Any, trials: Any, *, objective: Any = None, generator: Any = None
        ) -> Tensor:
            seen.append((objective, generator.initial_seed()))
            return rules.BPTT().backward(network, trials, objective=objective, generator=generator)

    plain = _train(_network())
    result = _train(_network(), rule=Spy(), objective=Objective(weight_l2=10.0))
    assert [each for each, _ in seen] == [Objective(weight_l2=10.0)] * 12
    assert [seed for _, seed in seen] == [derive_seed(0, "noise", step) for step in range(12)]
    assert result.history.loss[0] > plain.history.loss[0]
    assert result.history.validation_loss[0] > plain.history.validation_loss[0]


def test_frozen_parameters_stay():
    network = _network()
    network.input.raw.requires_grad_(False)
    before = network.W_in.clone()
    train(network, TASK, n_steps=3, batch_size=8, n_validation=16)
    assert torch.equal(network.W_in, before)


# --- the same seed, the same bytes


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others():
    first, again, other = _network(), _network(), _network()
    assert _bytes(first, _train(first)) == _bytes(again, _train(again))
    assert _bytes(first, _train(first)) != _bytes(other, _train(other, seed=1))


@pytest.mark.parametrize(
    ("batch", "n_steps"), [(64, 8), (330, 2)], ids=["demo size", "batches that torch splits between threads"]
)
def test_one_and_two_threads_give_the_same_bytes(batch: int, n_steps: int):
    from neurornn import tasks

    task = tasks.make("context-decision")
    found = []
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            network = CTRNN(task.n_inputs, 100, task.n_outputs, dale=Dale(), sigma_rec=0.1)
            result = train(
                network, task, n_steps=n_steps, batch_size=batch, n_validation=40, validate_every=n_steps
            )
            assert torch.get_num_threads() == n_threads
            found.append(_bytes(network, result))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


# --- stopping and continuing


@pytest.mark.parametrize(
    "make",
    [
        lambda n: torch.optim.SGD(n.parameters(), 0.1, momentum=0.9),
        lambda n: torch.optim.Adam(n.parameters(), 0.01, amsgrad=True),
        lambda n: torch.optim.RMSprop(n.parameters(), 0.01, centered=True),
        lambda n: torch.optim.Rprop(n.parameters()),
    ],
    ids=["sgd", "adam", "rmsprop", "rprop"],
)
def test_an_interrupted_training_continues_to_the_same_bytes(tmp_path: Path, make: Any):
    whole, path = tmp_path / "whole", tmp_path / "parts"
    _train(_network(), make=make, checkpoint=whole)
    for stop in (3, 4, 6, 7, 11):

        def interrupt(progress: Progress, stop: int = stop) -> None:
            if progress.step == stop:
                raise KeyboardInterrupt

        network = _network(seed=0)
        with pytest.raises(KeyboardInterrupt):
            _train(network, make=make, checkpoint=path, callback=interrupt)
        assert load_checkpoint(path).step == stop
    _train(_network(), make=make, checkpoint=path)
    assert path.read_bytes() == whole.read_bytes()


def test_ctrl_c_in_the_middle_of_an_update_waits_for_its_end(tmp_path: Path, undisturbed: bytes):
    path = tmp_path / "checkpoint"

    class Pressed(torch.optim.Adam):
        def step(self, closure: Any = None) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            return super().step(closure)

    Pressed.__module__, Pressed.__qualname__ = torch.optim.Adam.__module__, torch.optim.Adam.__qualname__
    handler = signal.getsignal(signal.SIGINT)
    for step in (1, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            _train(_network(), make=lambda n: Pressed(n.parameters(), lr=0.01), checkpoint=path)
        assert load_checkpoint(path).step == step and signal.getsignal(signal.SIGINT) is handler
    _train(_network(), checkpoint=path)
    assert path.read_bytes() == undisturbed


def test_it_runs_outside_the_main_thread(tmp_path: Path, undisturbed: bytes):
    path = tmp_path / "checkpoint"
    thread = threading.Thread(target=lambda: _train(_network(), checkpoint=path))
    thread.start()
    thread.join()
    assert path.read_bytes() == undisturbed


def test_a_finished_training_returns_at_once_and_a_longer_one_goes_on(tmp_path: Path, undisturbed: bytes):
    path, network = tmp_path / "checkpoint", _network()
    first = _train(network, n_steps=6, checkpoint=path)  # ends with a validation that 12 steps would not make
    assert first.history.validation_step.values.tolist() == [0, 4, 6]
    twin, told = _network(), []
    again = _train(twin, n_steps=6, checkpoint=path, callback=told.append)
    assert not told and _bytes(twin, again) == _bytes(network, first)
    assert _train(_network(), checkpoint=path).history.validation_step.values.tolist() == [0, 4, 8, 12]
    assert path.read_bytes() == undisturbed
    with pytest.raises(
        ValueError, match=r"holds 12 steps and n_steps=6 are wanted. Ask for at least as many"
    ):
        _train(_network(), n_steps=6, checkpoint=path)


def test_the_target_can_be_moved(tmp_path: Path):
    path = tmp_path / "checkpoint"
    options: dict[str, Any] = {"n_steps": 300, "batch_size": 32, "validate_every": 10, "n_validation": 200}
    early = _train(_network(), checkpoint=path, target_performance=0.8, **options)
    assert early.stop_reason == "target reached"
    assert _train(_network(), checkpoint=path, target_performance=0.8, **options).n_steps == early.n_steps
    late = _train(_network(), checkpoint=path, target_performance=0.97, **options)
    assert late.stop_reason == "target reached" and late.n_steps > early.n_steps
    assert _bytes(_network(), late)[:0] == b"" and late.history.loss[: early.n_steps].equals(
        early.history.loss
    )


def test_a_learning_rate_changed_on_the_way_is_kept(tmp_path: Path):
    def run(path: Path, stop: int | None) -> bytes:
        network = _network()
        optimizer = _adam(network)

        def callback(progress: Progress) -> None:
            optimizer.param_groups[0]["lr"] *= 0.9
            if progress.step == stop:
                raise KeyboardInterrupt

        _train(network, make=lambda _: optimizer, checkpoint=path, callback=callback)
        return path.read_bytes()

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", 5)
    assert run(tmp_path / "a", None) == run(tmp_path / "b", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": Sign(noise=0.7)}, "task.noise is 0.5 in the checkpoint and 0.7 here"),
        ({"batch_size": 16}, "batch_size is 8 in the checkpoint and 16 here"),
        ({"seed": 1}, "seed is 0 in the checkpoint and 1 here"),
        ({"clip_norm": None}, "clip_norm is 1.0 in the checkpoint and None here"),
        ({"validate_every": 6}, "validate_every is 4 in the checkpoint and 6 here"),
        ({"n_validation": 18}, "n_validation is 16 in the checkpoint and 18 here"),
        ({"objective": Objective(rate_l2=0.1)}, "objective.rate_l2 is 0.0 in the checkpoint and 0.1 here"),
        ({"rule": rules.TruncatedBPTT(5)}, "rule.type is 'neurornn.rules._bptt.BPTT' in the checkpoint"),
        (
            {"make": lambda n: _adam(n, 0.02)},
            r"optimizer.groups\[0\].lr is 0.01 in the checkpoint and 0.02 here",
        ),
        (
            {"make": lambda n: torch.optim.SGD(n.parameters(), 0.01)},
            "optimizer.type is 'torch.optim.adam.Adam'",
        ),
        (
            {"make": lambda n: torch.optim.Adam(list(n.parameters())[::-1], 0.01)},
            r"optimizer.groups\[0\].parameters\[0\] is 'bias' in the checkpoint and",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_by_name(
    tmp_path: Path, options: dict[str, Any], message: str
):
    path = tmp_path / "checkpoint"
    _train(_network(), n_steps=2, checkpoint=path)
    whole = path.read_bytes()
    network = _network()
    before = network.W_rec.clone()
    with pytest.raises(ValueError, match=rf"belongs to a training with other settings: .*{message}"):
        _train(network, checkpoint=path, **options)
    assert path.read_bytes() == whole and torch.equal(network.W_rec, before)


def test_a_checkpoint_of_another_network_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "checkpoint"
    _train(_network(), n_steps=2, checkpoint=path)
    for options, message in (
        ({"seed": 1}, "network.seed is 0 in the checkpoint and 1 here"),
        ({"sigma_rec": 0.2}, "network.sigma_rec is 0.1 in the checkpoint and 0.2 here"),
        ({"dale": None}, "network.dale is {.* in the checkpoint and None here"),
    ):
        with pytest.raises(ValueError, match=message):
            _train(_network(**options), checkpoint=path)


def test_a_network_no_configuration_can_name_is_trained_and_continued(tmp_path: Path):
    cube = Activation("cube", lambda x: 0.1 * x**3, lambda x: 0.3 * x**2)
    for path, steps in ((tmp_path / "a", (5, 12)), (tmp_path / "b", (12,))):
        for n_steps in steps:
            _train(_network(activation=cube), n_steps=n_steps, checkpoint=path)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# --- killed


def _survive(folder: str, n_kills: int) -> None:
    """Kill a training at random moments, and inside its writes, until enough kills have hit; print what came of it."""
    torch.set_num_threads(1)
    path, whole = Path(folder, "killed", "checkpoint"), Path(folder, "whole", "checkpoint")
    options: dict[str, Any] = {"n_steps": 150, "validate_every": 2, "n_validation": 4, "batch_size": 4}

    def start(before: Callable[[], None]) -> int:
        child = os.fork()
        if child == 0:
            before()
            _train(_network(), checkpoint=path, **options)
            os._exit(0)
        return child

    def die_in_write(function: str, after: bool, calls: int) -> Callable[[], None]:
        def arm() -> None:
            original, count = getattr(os, function), iter(range(calls))

            def dying(*args: Any) -> Any:
                last = next(count) == calls - 1
                result = original(*args) if after or not last else None
                if last:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            setattr(os, function, dying)

        return arm

    def half_a_file() -> None:
        def dying(self: Path, content: bytes) -> None:
            with self.open("wb") as file:
                file.write(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        Path.write_bytes = dying  # type: ignore[method-assign]

    _train(_network(), n_steps=1)  # what torch loads at the first step is loaded before the forks
    steps, kills, leftovers, in_write = [], 0, 0, 0
    rng = np.random.default_rng(0)
    for arm in (
        half_a_file,  # before there is any checkpoint
        die_in_write("replace", True, 3),
        die_in_write("replace", False, 2),
        die_in_write("fsync", False, 4),
        half_a_file,
    ):
        in_write += os.WIFSIGNALED(os.waitpid(start(arm), 0)[1])
        leftovers = max(leftovers, sum(each.name.endswith(".part") for each in path.parent.iterdir()))
    while kills < n_kills:
        child = start(lambda: None)
        time.sleep(rng.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        hit, done = os.WIFSIGNALED(os.waitpid(child, 0)[1]), load_checkpoint(path).step
        if not hit or done == options["n_steps"]:
            options["n_steps"] += 50  # the training was over before the kill: take it further
            continue
        kills += 1
        steps.append(done)
    finished = os.waitstatus_to_exitcode(os.waitpid(start(lambda: None), 0)[1]) == 0
    result = _train(_network(), checkpoint=whole, **options)
    same = path.read_bytes() == whole.read_bytes()
    outcome = {
        "kills": kills,
        "in_write": in_write,
        "leftovers": leftovers,
        "finished": finished,
        "same": same,
    }
    names = [each.name for each in path.parent.iterdir()]
    print(json.dumps(outcome | {"steps": steps, "files": names, "total": result.n_steps}))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_twenty_random_moments_it_ends_with_the_same_bytes(tmp_path: Path):
    code = f"import test_training; test_training._survive({str(tmp_path)!r}, 20)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    outcome = json.loads(run.stdout.splitlines()[-1])
    assert outcome["kills"] == 20 and outcome["in_write"] == 5, outcome
    assert outcome["leftovers"] > 0, "no kill left half a file, so none was inside a write"
    assert outcome["steps"] == sorted(outcome["steps"]) and 0 < outcome["steps"][-1] < outcome["total"], (
        outcome
    )
    assert outcome["finished"] and outcome["same"], outcome
    assert outcome["files"] == ["checkpoint"], "what the killed left behind was not cleaned"


# --- divergence


@dataclass(frozen=True)
class _Broken(rules.AbstractRule):
    """BPTT that goes wrong at one step."""

    at: int
    loss: float | None = None
    gradient: float | None = None

    def backward(self, network: Any, trials: Any, *, objective: Any = None, generator: Any = None) -> Tensor:
        loss = rules.BPTT().backward(network, trials, objective=objective, generator=generator)
        if (
            trials.inputs[0, 0, 0]
            == TASK.sample(8, seed=derive_seed(0, "train"), first=8 * (self.at - 1)).inputs[0, 0, 0]
        ):
            if self.gradient is not None:
                network.bias.grad[0] = self.gradient
            if self.loss is not None:
                loss = torch.tensor(self.loss)
        return loss


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (_Broken(7, loss=float("nan")), "the loss is nan"),
        (_Broken(7, loss=float("inf")), "the loss is inf"),
        (_Broken(7, loss=1e9), r"the loss is 1e\+09 and was 0?"),
        (_Broken(7, gradient=float("nan")), "the norm of the gradient is nan"),
        (_Broken(7, gradient=float("inf")), "the norm of the gradient is inf"),
    ],
)
def test_divergence_is_reported_and_the_last_good_weights_are_kept(
    tmp_path: Path, rule: _Broken, message: str
):
    path, network, good = tmp_path / "checkpoint", _network(), _network()
    expected = _train(good, n_steps=4)
    with pytest.raises(
        TrainingDiverged, match=rf"diverged at step 7: {message}.*after 4 steps. Lower the"
    ) as caught:
        _train(network, rule=rule, checkpoint=path)
    assert caught.value.step == 7 and caught.value.kept == 4 and isinstance(caught.value, RuntimeError)
    result = caught.value.result
    assert result.stop_reason == "diverged" and result.n_steps == 6 and result.history.sizes["step"] == 6
    assert np.isfinite(result.history.loss).all() and result.performance == expected.performance
    for name, value in good.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)
        assert torch.equal(load_checkpoint(path).network[name], value)
    assert all(each.grad is None for each in network.parameters())


def test_a_real_divergence_before_any_validation_gives_the_start_back():
    network = _network(activation="relu", dale=None)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(TrainingDiverged, match="weights back, those after 0 steps") as caught:
        _train(
            network,
            make=lambda n: torch.optim.SGD(n.parameters(), 1e6),
            clip_norm=None,
            n_steps=100,
            validate_every=100,
        )
    assert 1 < caught.value.step < 100
    assert all(torch.equal(value, start[name]) for name, value in network.state_dict().items())


def test_weights_that_fail_their_validation_are_not_kept(tmp_path: Path):
    """The last update before a validation spoils the weights: neither memory nor disk may keep them."""
    path, network = tmp_path / "checkpoint", _network(activation="relu")

    class Spoil(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            if not self.param_groups[0].setdefault("left", 8):
                network.bias_out.data.fill_(float("inf"))
            self.param_groups[0]["left"] -= 1

    with pytest.raises(TrainingDiverged, match=r"at step 9|at step 12: the validation loss is inf") as caught:
        _train(network, make=lambda n: Spoil(n.parameters(), 1e-3), validate_every=3, checkpoint=path)
    assert caught.value.step == 9 and caught.value.kept == 6 and load_checkpoint(path).step == 6
    assert network.bias_out.isfinite().all()


# --- bad input and bad disks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"task": Sign(n_inputs=3)},
            "Task 'sign-v1' has 3 input channels but the network was built with n_inputs=2",
        ),
        ({"task": Sign(n_outputs=2)}, "has 2 output channels but the network was built with n_outputs=1"),
        (
            {"task": Sign(dt=10.0)},
            r"steps by dt=10 ms but the network by dt=20 ms. Make the task with dt=20, or use",
        ),
        ({"n_steps": -1}, "n_steps must be at least 0: got -1"),
        ({"batch_size": 0}, "batch_size must be at least 1: got 0"),
        ({"validate_every": 0}, "validate_every must be at least 1: got 0"),
        ({"n_validation": 0}, "n_validation must be at least 1: got 0"),
        ({"checkpoint_every": 6}, "checkpoint_every must be a multiple of validate_every.*: got 6 and 4"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1: got 0"),
        ({"target_performance": 90.0}, r"target_performance is a fraction in \[0, 1\].*: got 90"),
        ({"target_performance": float("nan")}, "target_performance is a fraction"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0, or None"),
        (
            {"make": lambda n: _adam(_network())},
            "The optimiser holds 5 parameters that do not belong to the network",
        ),
        ({"make": lambda n: torch.optim.LBFGS(n.parameters())}, "LBFGS asks for several gradients in a step"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_step(options: dict[str, Any], message: str):
    network, told = _network(), []
    before = network.W_rec.clone()
    with pytest.raises(ValueError, match=message):
        _train(network, callback=told.append, **options)
    assert not told and torch.equal(network.W_rec, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "bptt"}, "rule must be an object of class AbstractRule: got 'bptt'"),
        ({"rule": rules.BPTT}, "rule must be an object of class AbstractRule: got <class"),
        ({"objective": 1}, "objective must be an object of class Objective: got 1"),
        (
            {"optimizer": "adam"},
            r"optimizer must be an object of class torch\.optim\.Optimizer, or None for Adam",
        ),
        (
            {"task": "sign"},
            r"task must be a task object: got 'sign'\. Make it with neurornn\.tasks\.make\('sign'\)",
        ),
    ],
)
def test_names_and_classes_are_no_objects(options: dict[str, Any], message: str):
    with pytest.raises(TypeError, match=message):
        train(**{"network": _network(), "task": Sign(), "n_steps": 1} | options)


def test_a_frozen_network_is_refused():
    with pytest.raises(ValueError, match="No parameter of the network wants a gradient"):
        train(_network().requires_grad_(False), Sign(), n_steps=1)


def test_a_task_that_measures_nothing_is_refused():
    class Blind(Sign):
        def performance(self, trials: Trials, output: Tensor) -> NDArray[np.float64]:
            return np.full(trials.n_trials, np.nan)

    with pytest.raises(ValueError, match=r"gives no performance: it is NaN in all 16 validation trials"):
        _train(_network(), task=Blind())


def test_a_rule_that_leaves_no_gradient_is_refused():
    class Idle(rules.AbstractRule):
        def backward(
            self, network: Any, trials: Any, *, objective: Any = None, generator: Any = None
        ) -> Tensor:
            return torch.zeros(())

    with pytest.raises(ValueError, match="Idle left no gradient on any parameter of the optimiser"):
        _train(_network(), rule=Idle())


def test_trials_without_a_performance_do_not_count():
    class Half(Sign):
        def performance(self, trials: Trials, output: Tensor) -> NDArray[np.float64]:
            return np.where(np.arange(trials.n_trials) % 2 == 0, 1.0, np.nan)

    assert _train(_network(), task=Half(), n_steps=1).performance == 1.0


def test_a_damaged_checkpoint_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "checkpoint"
    _train(_network(), n_steps=2, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-10])
    damaged, network = path.read_bytes(), _network()
    with pytest.raises(storage.CorruptFile, match=r"delete it to train from the start"):
        _train(network, checkpoint=path)
    assert path.read_bytes() == damaged and torch.equal(network.W_rec, _network().W_rec)


def test_a_read_only_disk_is_noticed_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def read_only(*args: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", read_only)
    told: list[Progress] = []
    with pytest.raises(
        storage.StorageError, match=r"Cannot write .*Read-only file system. The file system is read-only"
    ):
        _train(_network(), checkpoint=tmp_path / "new" / "checkpoint", callback=told.append)
    assert not told and list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(storage.StorageError, match=r"Cannot create the folder"):
        _train(_network(), checkpoint=tmp_path / "file" / "checkpoint")
    with pytest.raises(storage.StorageError, match=r"Cannot read '.*new'"):
        _train(_network(), checkpoint=tmp_path / "new")


def test_a_disk_that_fills_up_leaves_a_run_that_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: bytes
):
    path, left, fsync = tmp_path / "checkpoint", iter(range(4)), os.fsync

    def full(handle: int) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(storage.StorageError, match=r"The disk is full. Free some space.*is whole"):
        _train(_network(), checkpoint=path)
    monkeypatch.undo()
    assert load_checkpoint(path).step == 4 and len(list(path.parent.glob(".*"))) == 0
    _train(_network(), checkpoint=path)
    assert path.read_bytes() == undisturbed


def test_checkpoints_are_as_rare_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written: list[int] = []
    write = storage.write_tensors

    def spy(path: Path, tensors: Any, metadata: Any, **options: Any) -> None:
        written.append(metadata["step"])
        write(path, tensors, metadata, **options)

    monkeypatch.setattr(storage, "write_tensors", spy)
    _train(_network(), n_steps=14, validate_every=2, checkpoint_every=6, checkpoint=tmp_path / "c")
    assert written == [0, 6, 12, 14]


def test_a_task_of_the_package_is_trained(tmp_path: Path):
    from neurornn import tasks

    task = tasks.make("context-decision")
    for path, steps in ((tmp_path / "a", (3, 6)), (tmp_path / "b", (6,))):
        for n_steps in steps:
            network = CTRNN(task.n_inputs, 16, task.n_outputs, dale=Dale(), sigma_rec=0.1)
            result = train(network, task, n_steps=n_steps, batch_size=16, validate_every=2, checkpoint=path)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert 0 <= result.performance <= 1 and result.history.attrs["task"] == task.name
    with pytest.raises(ValueError, match=r"task\.sigma_in is 0\.1 in the checkpoint and 0\.5 here"):
        train(
            network, replace(task, sigma_in=0.5), n_steps=6, batch_size=16, validate_every=2, checkpoint=path
        )
