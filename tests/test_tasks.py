"""Laws every task obeys, the registry, and a task a user writes from the public pieces alone."""

import dataclasses
import hashlib
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from neurornn import tasks
from neurornn.tasks import _registry
from neurornn.testing import check_task

VARIANTS = [
    ("context-decision", {"delay": tasks.TruncatedExponential(600.0, 300.0, 3000.0), "dt": 10.0}),
    ("perceptual-decision", {"stimulus": tasks.TruncatedExponential(330.0, 80.0, 1500.0), "p_catch": 0.2}),
    ("perceptual-decision", {"stimulus": tasks.Choice((100.0, 200.0)), "delay": tasks.Uniform(0.0, 500.0), "sigma_in": 0.0}),
    ("delayed-comparison", {"delay": tasks.Uniform(2500.0, 3500.0), "pairs": [[10.0, 14.0], [14.0, 18.0]]}),
    ("delayed-match-to-sample", {"n_directions": 3, "n_ring": 32, "delay": tasks.Uniform(200.0, 1600.0)}),
    ("flip-flop", {"n_bits": 1, "hold": tasks.Uniform(1000.0, 3000.0)}),
    ("ready-set-go", {"interval": tasks.Uniform(600.0, 1200.0), "gain": 1.5}),
]  # fmt: skip


@pytest.mark.parametrize("name", tasks.names())
def test_registered_tasks_keep_the_contract(name):
    check_task(tasks.make(name))


@pytest.mark.parametrize(("name", "fields"), VARIANTS)
def test_tasks_keep_the_contract_with_other_parameters(name, fields):
    check_task(tasks.make(name, **fields))


@pytest.mark.parametrize("name", ["context-decision", "flip-flop", "ready-set-go"])
def test_a_trial_does_not_depend_on_its_batch(name):
    task = tasks.make(name)
    whole, part = task.sample(64, seed=3).select(slice(10, 20)), task.sample(10, seed=3, first=10)
    for field in ("inputs", "targets", "mask"):
        a, b = getattr(whole, field), getattr(part, field)
        assert torch.equal(a[:, : b.shape[1]], b) and not a[:, b.shape[1] :].any()
    assert not torch.equal(part.inputs[0], part.inputs[1])


def digest():
    total = hashlib.sha256()
    for name in tasks.names():
        trials = tasks.make(name).sample(20, seed=5)
        for part in (trials.inputs, trials.targets, trials.mask):
            total.update(part.numpy().tobytes())
        for values in (*trials.conditions.values(), *trials.epochs.values()):
            total.update(values.tobytes())
    return total.hexdigest()


def test_same_seed_same_bytes_in_another_process_with_other_threads():
    code = "import torch; torch.set_num_threads(2); import test_tasks; print(test_tasks.digest())"
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "2",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": os.path.dirname(__file__),
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest()


@pytest.mark.parametrize("dt", [5.0, 20.0, 50.0])
def test_input_noise_means_the_same_at_any_dt(dt):
    """A leaky unit of 100 ms reading one noisy channel has variance sigma^2 / (1 - alpha/2)."""
    sigma, alpha = 0.3, dt / 100.0
    quiet = tasks.make("perceptual-decision", dt=dt, sigma_in=0.0, stimulus=3000.0)
    noisy = dataclasses.replace(quiet, sigma_in=sigma)
    noise = (noisy.sample(400, seed=0).inputs - quiet.sample(400, seed=0).inputs).double().numpy()
    x = np.zeros((400, 3))
    collected = []
    for k in range(noise.shape[1]):
        x = (1 - alpha) * x + alpha * noise[:, k]
        if k * dt > 600:
            collected.append(x)
    variance = np.mean(np.square(collected))
    assert variance == pytest.approx(sigma**2 / (1 - alpha / 2), rel=0.05)


@pytest.mark.parametrize("name", tasks.names())
@pytest.mark.parametrize("dt", [10.0, 20.0, 50.0])
def test_timing_survives_resampling(name, dt):
    fine, other = (tasks.make(name, dt=each).sample(24, seed=0) for each in (1.0, dt))
    for epoch in fine.epochs:
        lengths = [np.diff(each.epochs[epoch]) for each in (fine, other)]
        assert np.abs(lengths[0] - lengths[1]).max() <= dt / 2 + 0.5, epoch


def test_balanced_and_conditions_reach_the_trials():
    task = tasks.make("context-decision")
    grid = task.sample(task.n_conditions, seed=0, balanced=True)
    c = grid.conditions
    assert len(set(zip(c["context"], c["motion_coherence"], c["colour_coherence"], strict=True))) == 72
    held = task.sample(12, seed=0, balanced=True, conditions={"colour_coherence": 0.25, "stimulus": 400.0})
    assert set(held.conditions["colour_coherence"]) == {0.25}
    assert len(set(zip(held.conditions["context"], held.conditions["motion_coherence"], strict=True))) == 12
    assert np.all(np.diff(held.epochs["stimulus"]) == 400.0) and held.info.units["stimulus"] == "ms"


def test_the_registry_finds_the_newest_version(monkeypatch):
    monkeypatch.setattr(_registry, "_CLASSES", dict(_registry._CLASSES))

    @tasks.register
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Tenth(tasks.FlipFlop):
        name = "flip-flop-v10"

    @tasks.register
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Second(tasks.FlipFlop):
        name = "flip-flop-v2"

    assert type(tasks.make("flip-flop")) is Tenth
    assert type(tasks.make("flip-flop-v1")) is tasks.FlipFlop
    flips = [name for name in tasks.names() if name.startswith("flip")]
    assert flips == ["flip-flop-v1", "flip-flop-v2", "flip-flop-v10"]
    tasks.register(Second)  # again is no mistake
    with pytest.raises(ValueError, match="'flip-flop-v2' is already registered by Second"):
        tasks.register(dataclasses.make_dataclass("Other", [], bases=(Second,), frozen=True, kw_only=True))


@pytest.mark.parametrize("name", ["My-Task-v1", "my-task", "my-task-v0", 3])
def test_malformed_names_are_refused(name):
    cls = type("Wrong", (tasks.FlipFlop,), {"name": name})
    with pytest.raises(ValueError, match="Wrong needs a class attribute name like 'my-task-v1'"):
        tasks.register(cls)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tasks.make("contxt-decision"), "Task 'contxt-decision' doesn't exist. Did you mean 'context-decision'? neurornn.tasks.names() lists them all."),
        (lambda: tasks.make("flip-flop-v7"), "Task 'flip-flop-v7' doesn't exist in that version. There is flip-flop-v1."),
        (lambda: tasks.make("zzz"), "Task 'zzz' doesn't exist. neurornn.tasks.names() lists them all."),
    ],
)  # fmt: skip
def test_unknown_tasks(act, message):
    with pytest.raises(tasks.TaskNotFound) as error:
        act()
    assert str(error.value) == message and isinstance(error.value, KeyError)


CONTEXT = tasks.make("context-decision")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tasks.make("flip-flop", nbits=2), r"'flip-flop-v1' has no parameter 'nbits'. Did you mean 'n_bits'\? It has: dt, sigma_in"),
        (lambda: tasks.make("context-decision", dt=0.0), "dt must be a finite number of ms above 0: got 0"),
        (lambda: tasks.make("context-decision", dt=150.0), "shortest epoch: got dt=150 ms and 'fixation' of 100 ms"),
        (lambda: tasks.make("flip-flop", dt=120.0), "the pulse and the shortest gap: got dt=120 ms and 100 ms"),
        (lambda: tasks.make("ready-set-go", dt=90.0), "as long as the pulse: got dt=90 ms, pulse=83"),
        (lambda: tasks.make("context-decision", sigma_in=-1.0), "sigma_in must be finite and at least 0: got -1"),
        (lambda: tasks.make("context-decision", grace=300.0), "leave a step of the decision epoch to judge: got grace=300"),
        (lambda: tasks.make("context-decision", low=2.0), "high target must exceed the low one"),
        (lambda: tasks.make("context-decision", motion_coherences=(0.1, 1.5)), r"motion_coherences needs different signed strengths in \[-1, 1\]"),
        (lambda: tasks.make("context-decision", scale=0.0), "scale must be finite and above 0"),
        (lambda: tasks.make("perceptual-decision", coherences=()), "coherences needs different signed strengths"),
        (lambda: tasks.make("perceptual-decision", p_catch=2.0), "probability of 'catch'"),
        (lambda: tasks.make("delayed-comparison", pairs=((10, 10),)), "pairs of two different frequencies"),
        (lambda: tasks.make("delayed-match-to-sample", n_directions=1), "two directions and two channels"),
        (lambda: tasks.make("flip-flop", n_bits=0), "n_bits must be at least 1"),
        (lambda: tasks.make("flip-flop", grace=5000.0), "shorter than hold"),
        (lambda: tasks.make("ready-set-go", margin=0.0), "gain and margin must be finite and above 0"),
        (lambda: tasks.make("perceptual-decision", scale=float("inf")), "scale must be finite and above 0"),
        (lambda: tasks.make("delayed-comparison", pairs=((10, float("nan")),)), "pairs of two different frequencies"),
        (lambda: tasks.make("delayed-match-to-sample", n_directions=2.5), "n_directions=2.5"),
        (lambda: tasks.make("ready-set-go", gain=float("inf")), "gain and margin must be finite and above 0"),
        (lambda: tasks.make("ready-set-go", pulse=float("inf")), "pulse must be finite"),
        (lambda: tasks.make("flip-flop", pulse=float("nan")), "pulse must be finite"),
        (lambda: tasks.make("flip-flop").sample(2, seed=0, conditions={"start_2": 0}), r"starts at -1 or \+1"),
        (lambda: CONTEXT.performance(tasks.make("perceptual-decision").sample(2, seed=0), torch.zeros(2, 60, 2)), "of task 'perceptual-decision-v1' and this is 'context-decision-v1'"),
        (lambda: CONTEXT.sample(0, seed=0), "n_trials >= 1 and first >= 0: got n_trials=0"),
        (lambda: CONTEXT.sample(1, seed=0, first=-1), "got n_trials=1, first=-1"),
        (lambda: CONTEXT.sample(1, seed=0, conditions={"motion_coherenc": 0.1}), r"'context-decision-v1' has no condition 'motion_coherenc'. Did you mean 'motion_coherence'\?"),
        (lambda: CONTEXT.sample(1, seed=0, conditions={"correct_choice": 1}), "'correct_choice' follows from the others and cannot be set"),
        (lambda: CONTEXT.sample(1, seed=0, conditions={"context": "color"}), r"got 'color'. Did you mean 'colour'\?"),
        (lambda: CONTEXT.sample(1, seed=0, conditions={"decision": 100.0}), "must outlast the grace period of 100 ms"),
        (lambda: CONTEXT.performance(CONTEXT.sample(2, seed=0), torch.zeros(2, 60, 3)), r"output must be .* = \(2, 60, 2\) .* got \(2, 60, 3\)"),
        (lambda: tasks.make("delayed-match-to-sample").sample(1, seed=0, conditions={"match": False, "non_match_distance": 0.0}), "must not be 0"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize("seed", [0.5, None, "1"])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(TypeError):
        CONTEXT.sample(1, seed=seed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoNoGo(tasks.AbstractTask):
    """Answer to one of two cues and hold still at the other, after a delay."""

    name = "go-no-go-v1"
    input_names = ("fixation", "go", "no_go")
    output_names = ("respond",)

    sigma_in: float = 0.05
    cue: tasks.Timing = 200.0
    delay: tasks.Timing = tasks.Uniform(200.0, 800.0)  # noqa: RUF009
    decision: tasks.Timing = 300.0

    def _generate(self, draws):
        shown = draws.choice("cue", ("go", "no go"))
        epochs = tasks.Epochs(
            self.dt,
            {
                "cue": draws.duration("cue_shown", self.cue),
                "delay": draws.duration("delay", self.delay),
                "decision": draws.duration("decision", self.decision),
            },
        )
        cue = tasks.one_hot(shown, ("go", "no go"))[:, None] * epochs.during("cue")[..., None]
        answer = epochs.during("decision") & (shown == "go")[:, None]
        return self._assemble(
            draws,
            epochs,
            inputs={"fixation": epochs.before("decision"), "cues": cue},
            targets={"respond": answer},
            mask=epochs.valid,
        )

    def behaviour(self, trials, output):
        responded = tasks.epoch_average(trials, output, "decision")[:, 0] > 0.5
        correct = responded == (trials.conditions["cue"] == "go")
        return {"responded": responded, "correct": correct, "performance": correct.astype(float)}

    def probe_inputs(self):
        return {"delay": torch.tensor([1.0, 0.0, 0.0])}


def test_a_task_of_your_own_takes_one_short_class(monkeypatch):
    monkeypatch.setattr(_registry, "_CLASSES", dict(_registry._CLASSES))
    assert len(inspect.getsource(GoNoGo).splitlines()) < 80
    check_task(GoNoGo())
    tasks.register(GoNoGo)
    assert tasks.make("go-no-go", dt=10.0) == GoNoGo(dt=10.0)
    with pytest.raises(ValueError, match=r"channels .* are not those the task declares"):
        dataclasses.make_dataclass("Odd", [], bases=(GoNoGo,), namespace={"input_names": ("a", "b", "c")}, frozen=True, kw_only=True)()  # fmt: skip
