"""check_task notices each broken promise: one sabotaged task for each."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from neurornn import tasks
from neurornn.testing import TaskCheckError, check_task


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base(tasks.PerceptualDecision):
    """A task that passes, with trials of different length so that there is padding."""

    name = "sabotaged-v1"
    stimulus: tasks.Timing = tasks.Uniform(100.0, 400.0)  # noqa: RUF009


def spoil(change):
    """A task whose trials are changed after they were made."""

    class Spoiled(Base):
        def _generate(self, draws):
            trials = super()._generate(draws)
            return dataclasses.replace(trials, **change(self, draws, trials))

    return Spoiled


def with_(**methods):
    return type("Spoiled", (Base,), methods)


def put(name, index, value):
    def change(task, draws, trials):
        array = getattr(trials, name).clone()
        array[index] = value
        return {name: array}

    return spoil(change)


def info(**fields):
    return spoil(lambda task, draws, trials: {"info": dataclasses.replace(trials.info, **fields)})


def epoch(name, move):
    return spoil(lambda task, draws, trials: {"epochs": {**trials.epochs, name: move(trials.epochs[name])}})


def noisy(generator):
    def change(task, draws, trials):
        return {"inputs": trials.inputs + trials.valid[..., None] * generator(draws)}

    return spoil(change)


calls = iter(range(10**6))


def use_global(draws):
    torch.rand(1)
    return 0.0


def use_numpy(draws):
    np.random.rand()  # noqa: NPY002
    return 0.0


def use_random(draws):
    random.random()
    return 0.0


def padding(trials):
    return (trials.valid == 0).float()


def renamed(trials, names):
    return dataclasses.replace(trials, info=dataclasses.replace(trials.info, input_names=names))


TWICE = ("fixation", "motion", "motion")

BROKEN = {
    "input_names .* differ": info(input_names=("a", "b", "c")),
    "input_names are not all different": with_(
        input_names=TWICE,
        _generate=lambda self, draws: renamed(Base()._generate(draws), TWICE),
    ),
    "trials.info.dt is 10.0 instead of 20.0": info(dt=10.0),
    "trials.info.seed is 99 instead of 0": info(seed=99),
    "trials.info.task is 'other-v1' instead of 'sabotaged-v1'": info(task="other-v1"),
    "the trials have no epochs": spoil(lambda task, draws, trials: {"epochs": {}}),
    "epoch 'stimulus' is not ordered within the trial: trial 0 has": epoch("stimulus", lambda b: b[:, ::-1]),
    "epoch 'decision' is not ordered within the trial: trial": epoch("decision", lambda b: b + 1000.0),
    "epoch 'stimulus' is not a whole number of steps of 20 ms: trial 0": epoch("stimulus", lambda b: b - 7.0),
    "condition 'odd' has dtype object": spoil(
        lambda task, draws, trials: {"conditions": {**trials.conditions, "odd": np.full(trials.n_trials, None)}}
    ),
    "inputs has values that are not finite": put("inputs", (0, 0, 0), float("nan")),
    "inputs is not zero in the padding": spoil(
        lambda task, draws, trials: {"inputs": trials.inputs + padding(trials)[..., None]}
    ),
    "targets is not zero in the padding": spoil(
        lambda task, draws, trials: {"targets": trials.targets + padding(trials)[..., None]}
    ),
    "mask is not zero in the padding": spoil(lambda task, draws, trials: {"mask": trials.mask + padding(trials)}),
    "the mask of trial 3 is zero everywhere": put("mask", (slice(3, None, 100),), 0.0),
    "targets must be probabilities": info(loss="cross_entropy"),
    "inputs differ between two samples from the same seed": noisy(lambda draws: 1e-3 * next(calls)),
    "seeds 0 and 1 give the same trials": with_(
        _generate=lambda self, draws: dataclasses.replace(
            Base._generate(self, tasks.TrialDraws(0, draws.index, dt=draws.dt)),
            info=dataclasses.replace(Base._generate(self, draws).info, seed=draws.seed),
        )
    ),
    "inputs of trial 10 and later depend on the batch": noisy(lambda draws: 1e-3 * draws.n_trials),
    "targets of trial 10 and later depend on the batch": spoil(
        lambda task, draws, trials: {"targets": trials.targets * (1 + 1e-3 * trials.n_steps * (draws.n_trials > 30))}
    ),
    "ideal_output has shape": with_(ideal_output=lambda self, trials: trials.targets[:, :-1]),
    "behaviour has no 'performance', only": with_(behaviour=lambda self, trials, output: {"choice": np.ones(trials.n_trials)}),
    r"behaviour 'performance' has shape \(\) for 32 trials": with_(
        behaviour=lambda self, trials, output: {"performance": np.float64(1.0)}
    ),
    "performance is NaN in all trials": with_(
        behaviour=lambda self, trials, output: {"performance": np.full(trials.n_trials, np.nan)}
    ),
    "the ideal output scores 0 in trial 0 instead of 1": with_(ideal_output=lambda self, trials: trials.targets.flip(2)),
    "performance of a silent output is not between 0 and 1": with_(
        behaviour=lambda self, trials, output: {
            "performance": np.where(Base.behaviour(self, trials, output)["correct"], 1.0, -1.0)
        }
    ),
    "an output that is always 0 scores 1": with_(
        behaviour=lambda self, trials, output: {"performance": np.ones(trials.n_trials)}
    ),
    "behaviour 'last' depends on the output after the trial": with_(
        behaviour=lambda self, trials, output: {
            **Base.behaviour(self, trials, output),
            "last": output[:, -1, 0].numpy() + 0.0,
        }
    ),
    "behaviour 'rank' of a trial depends on the other trials": with_(
        behaviour=lambda self, trials, output: {
            **Base.behaviour(self, trials, output),
            "rank": np.arange(trials.n_trials),
        }
    ),
    "probe input 'zero' is not a vector of 3 finite numbers": with_(probe_inputs=lambda self: {"zero": torch.zeros(2)}),
    "probe input 'zero' is noisy": with_(probe_inputs=lambda self: {"zero": torch.full((3,), float(next(calls)))}),
    "a balanced batch of 10 trials visits .* of the 10 cells": with_(
        _generate=lambda self, draws: Base._generate(
            self,
            draws
            if not draws.balanced
            else tasks.TrialDraws(draws.seed, draws.index // 2, dt=draws.dt, task=draws.task, balanced=True),
        )
    ),
    "the cells of a balanced batch depend on the seed": with_(
        _generate=lambda self, draws: Base._generate(
            self,
            draws
            if not draws.balanced
            else tasks.TrialDraws(
                draws.seed, draws.index + draws.seed, dt=draws.dt, task=draws.task, balanced=True
            ),
        )
    ),
    "condition 'coherence' was set but the trials have other values": spoil(
        lambda task, draws, trials: {
            "conditions": {**trials.conditions, "coherence": np.abs(trials.conditions["coherence"])}
            if "coherence" in draws.given
            else trials.conditions
        }
    ),
    "a condition that does not exist was accepted and ignored": with_(
        _generate=lambda self, draws: (draws.given.pop("no such condition", None), Base._generate(self, draws))[1]
    ),
    "epoch 'stimulus' lasts .* ms more or less at dt=10": with_(
        _generate=lambda self, draws: Base._generate(
            dataclasses.replace(Base(dt=self.dt), stimulus=tasks.Fixed(15 * self.dt)), draws
        ),
    ),
    "condition 'coherence' changes with dt=10": with_(
        _check_fields=lambda self: object.__setattr__(
            self, "coherences", tuple(c * (1 + 1 / self.dt) for c in (-0.5, -0.2, 0.2, 0.5))
        )
    ),
    "the ideal output fails at dt=10": with_(
        ideal_output=lambda self, trials: trials.targets if self.dt > 10 else trials.targets.flip(2)
    ),
    "dt=10 ms is refused although dt=20 ms is not": with_(
        _check_fields=lambda self: None if self.dt > 10 else int("no")
    ),
    "used or changed a global random state": noisy(use_random),
}  # fmt: skip


def test_what_is_sabotaged_passes_by_itself():
    check_task(Base())


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_promise_is_noticed(message):
    with pytest.raises(TaskCheckError, match=f"Task 'sabotaged-v1': .*{message}"):
        check_task(BROKEN[message]())


@pytest.mark.parametrize("use", [use_global, use_numpy])
def test_global_random_states_are_watched(use):
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    try:
        with pytest.raises(TaskCheckError, match="used or changed a global random state"):
            check_task(noisy(use)())
    finally:
        torch.random.set_rng_state(torch_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def test_too_few_trials_and_no_grid():
    with pytest.raises(ValueError, match="at least 4 trials to compare: got n_trials=3"):
        check_task(Base(), n_trials=3)
    ungridded = with_(supports_balanced=False)()
    check_task(ungridded)
    with pytest.raises(ValueError, match="'sabotaged-v1' has no balanced condition grid"):
        ungridded.sample(1, seed=0, balanced=True)


def test_a_task_without_randomness_may_ignore_the_seed():
    fixed = Base(sigma_in=0.0, coherences=(0.5,), stimulus=200.0)
    check_task(fixed)
