"""Rewards: one number a trial, agreed with in another way, and nothing a subject could not be told."""

import dataclasses

import numpy as np
import pytest
import torch

from neurornn import tasks
from neurornn.networks import Outputs
from neurornn.objective import CrossEntropy, Objective, SquaredError
from neurornn.reward import AbsoluteError, AngularReward, NegativeLoss, PerformanceReward


@dataclasses.dataclass(frozen=True)
class Pointing:
    """Something with a direction: its error is 10 degrees for each whole output."""

    name: str = "flip-flop-v1"

    def behaviour(self, trials, output):
        return {"angular_error": 10.0 * output[:, 0, 0].double().numpy()}


FLIPS = tasks.make("flip-flop", hold=tasks.Choice((500.0, 1000.0)))
DECISIONS = tasks.make("perceptual-decision", p_catch=0.5)


def test_performance_is_what_the_task_says():
    trials = DECISIONS.sample(200, seed=0)
    output = torch.randn(trials.targets.shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    reward = PerformanceReward(neither=0.25, task=DECISIONS)(trials, output)
    score = DECISIONS.performance(trials, output)
    assert np.isnan(score).any() and not reward.requires_grad and reward.dtype == output.dtype
    assert np.array_equal(reward.numpy(), np.where(np.isnan(score), 0.25, score).astype(np.float32))


@pytest.mark.parametrize(("task", "loss"), [(FLIPS, SquaredError()), (tasks.make("add"), CrossEntropy())])
def test_the_loss_of_a_trial_is_the_objective_of_that_trial_alone(task, loss):
    trials = task.sample(5, seed=0)
    output = torch.randn(trials.targets.shape, generator=torch.Generator().manual_seed(0))
    reward = NegativeLoss()(trials, output)
    assert torch.equal(reward, NegativeLoss(loss)(trials, output))
    for k in range(5):
        one = Outputs(output[k : k + 1], torch.zeros(1, 1), None, None)
        assert reward[k].item() == pytest.approx(
            -Objective().of_steps(trials.select([k]), one).item(), rel=1e-5
        )


def test_the_task_that_is_trained_fills_in_where_there_is_none():
    trials = DECISIONS.sample(20, seed=0)
    output = torch.randn(trials.targets.shape, generator=torch.Generator().manual_seed(0))
    bound = PerformanceReward().for_task(DECISIONS)
    assert torch.equal(bound(trials, output), PerformanceReward(task=DECISIONS)(trials, output))
    assert bound.for_task(FLIPS) is bound  # a task of its own stays
    assert AngularReward(30.0).for_task(Pointing()) == AngularReward(30.0, task=Pointing())
    assert NegativeLoss().for_task(DECISIONS) == NegativeLoss()


def test_absolute_errors_are_an_error_too():
    trials = FLIPS.sample(3, seed=0)
    away = torch.tensor([0.5, -1.0, 2.0])[:, None, None]
    assert NegativeLoss(AbsoluteError())(trials, trials.targets + away).tolist() == pytest.approx([
        -0.5,
        -1.0,
        -2.0,
    ])


def test_what_is_said_in_the_padding_has_no_reward():
    trials = FLIPS.sample(8, seed=0)
    assert (trials.valid == 0).any()
    output = torch.where(trials.valid[..., None] > 0, trials.targets, torch.nan)
    assert not NegativeLoss()(trials, output).any()


def test_angles():
    trials = FLIPS.sample(4, seed=0)
    output = torch.zeros(trials.targets.shape, dtype=torch.float64)
    output[:, 0, 0] = torch.tensor([0.0, 9.0, 18.0, float("nan")])
    assert AngularReward(task=Pointing())(trials, output).tolist() == pytest.approx([1.0, 0.5, 0.0, 0.0])
    near = AngularReward(width=90.0, task=Pointing())(trials, output)
    assert near.tolist() == pytest.approx([1.0, np.exp(-0.5), np.exp(-2.0), 0.0])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda t: PerformanceReward(task=DECISIONS)(t, t.targets), "trials are of task 'flip-flop-v1' and the reward of 'perceptual-decision-v1'"),
        (lambda t: NegativeLoss()(t, t.targets[:, :-1]), "output must have the shape of the targets"),
        (lambda t: NegativeLoss()(dataclasses.replace(t, mask=t.mask * 0), t.targets), "mask of trial 0 .* zero everywhere"),
        (lambda t: AngularReward(task=FLIPS)(t, t.targets), "does not tell 'angular_error' in its behaviour: it tells performance, correct"),
        (lambda t: AngularReward(width=0.0), "width must be finite and above 0"),
        (lambda t: AngularReward(DECISIONS), "A task goes in as task="),
        (lambda t: PerformanceReward(DECISIONS), "neither must be a finite number"),
        (lambda t: PerformanceReward()(t, t.targets), "needs the judgement of a task, and this one has none yet"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act(FLIPS.sample(2, seed=0))
