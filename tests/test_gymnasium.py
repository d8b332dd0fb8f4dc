"""Every task as a Gymnasium environment: accepted by its checker, and rewarded as documented."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from neurornn import tasks
from neurornn.tasks import learning
from neurornn.tasks._gymnasium import to_gymnasium

gymnasium = pytest.importorskip("gymnasium")
from gymnasium.utils.env_checker import check_env  # noqa: E402

NAMES = tasks.names()
INTERACTIVE = [name for name in NAMES if isinstance(tasks.make(name), learning.AbstractRewardTask)]
SUPERVISED = [name for name in NAMES if name not in INTERACTIVE]


def run(env, policy, seed=None):
    """Observations, rewards and infos of one episode."""
    seen, infos = [env.reset(seed=seed)[0]], []
    gains, terminated = [], False
    while not terminated:
        ob, gain, terminated, truncated, info = env.step(policy(env))
        assert not truncated
        seen.append(ob)
        gains.append(gain)
        infos.append(info)
    return np.array(seen), np.array(gains), infos


def right(env):
    return env.ground_truth


@pytest.mark.parametrize("name", NAMES)
def test_the_checker_of_gymnasium_accepts_every_task(name):
    env = to_gymnasium(tasks.make(name))
    with warnings.catch_warnings():
        # about bounds: inputs are noisy and have none, outputs are not scaled to [-1, 1]
        warnings.filterwarnings("ignore", message=".*A Box observation space m.*")
        warnings.filterwarnings("ignore", message=".*For Box action spaces, we recommend.*")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("name", SUPERVISED)
def test_who_does_right_gets_all_there_is_and_who_does_not_gets_less(name):
    task = tasks.make(name)
    env = to_gymnasium(task)
    seen, gains, infos = run(env, right, seed=3)
    trials = task.sample(1, seed=3)
    n = int(trials.valid.sum())
    assert np.array_equal(seen[:n], trials.inputs[0, :n]) and len(gains) == n
    discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
    assert gains.sum() == pytest.approx(1.0 if discrete else 0.0, abs=1e-5)
    assert [info["new_trial"] for info in infos] == [False] * (n - 1) + [True]
    if discrete:
        wrong = run(env, lambda e: (e.ground_truth + 1) % e.action_space.n, seed=3)[1]
        assert wrong.sum() == 0
    else:
        off = run(env, lambda e: e.ground_truth + 0.5, seed=3)[1]
        assert off.sum() == pytest.approx(-0.25, abs=1e-4)
        assert np.array_equal(np.array([info["gt"] for info in infos]), trials.targets[0, :n])


@pytest.mark.parametrize("name", ["perceptual-decision", "context-decision", "xor", "temporal-order", "memorisation-5-bit", "flip-flop", "addition", "counting-language", "t-maze"])  # fmt: skip
def test_performance_is_paid_at_the_end(name):
    task = tasks.make(name)
    env = to_gymnasium(task, reward="performance")
    _, gains, _ = run(env, right, seed=0)
    assert gains[-1] == 1.0 and not gains[:-1].any()
    idle = run(env, lambda e: np.zeros_like(e.ground_truth), seed=0)[1]
    assert idle.sum() < 1


def test_discrete_actions_are_those_of_the_targets():
    task = tasks.make("perceptual-decision", sigma_in=0.0)
    env = to_gymnasium(task)
    _, _, infos = run(env, right, seed=1)
    target = task.sample(1, seed=1).targets[0].numpy()
    expected = np.where(target.max(1) > 0.6, target.argmax(1) + 1, 0)
    assert [info["gt"] for info in infos] == expected.tolist() and set(expected) == {0, expected.max()}
    assert to_gymnasium(tasks.make("xor")).action_space.n == 2
    assert to_gymnasium(tasks.make("counting-language")).action_space.n == 4
    box = to_gymnasium(tasks.make("flip-flop")).action_space
    assert box.shape == (3,) and box.high.tolist() == [2.0] * 3


def test_trials_follow_the_seed_in_their_order():
    task = tasks.make("perceptual-decision", stimulus=tasks.Uniform(100.0, 400.0))
    env, other = to_gymnasium(task), to_gymnasium(task, trials_per_episode=3)
    trials = task.sample(40, seed=5)
    many = [run(env, right, seed=5 if k == 0 else None)[0][:-1] for k in range(40)]
    for k, seen in enumerate(many):
        assert np.array_equal(seen, trials.inputs[k, : len(seen)]) and len(seen) == trials.valid[k].sum()
    seen, gains, infos = run(other, right, seed=5)
    assert np.array_equal(seen[:-1], np.concatenate(many[:3])) and gains.sum() == pytest.approx(3.0)
    assert sum(info["new_trial"] for info in infos) == 3
    again = run(env, right, seed=5)[0]
    assert np.array_equal(again[:-1], many[0])
    held = to_gymnasium(task, split="test", conditions={"stimulus": 200.0})
    assert len(run(held, right, seed=5)[1]) == task.sample(1, seed=5, conditions={"stimulus": 200.0}).n_steps


def test_without_a_seed_there_is_one_all_the_same():
    a, b = (to_gymnasium(tasks.make("flip-flop")) for _ in range(2))
    assert not np.array_equal(a.reset()[0], b.reset()[0])


@pytest.mark.parametrize("name", INTERACTIVE)
def test_reward_tasks_are_played(name):
    task = tasks.make(name, n_decisions=12)
    env = to_gymnasium(task)
    seen, gains, infos = run(env, lambda e: 0, seed=2)
    world = task.play(1, seed=2)
    observer = task.observer(world)
    k = 0
    while not world.done:
        assert np.array_equal(seen[k], world.observe()[0])
        assert infos[k]["gt"] == observer.choose()[0]
        reward = world.act([0])
        observer.learn(np.array([0]), reward.double().numpy())
        assert gains[k] == reward.item()
        k += 1
        assert infos[k - 1]["new_trial"] == (k % task.acts_per_decision == 0)
    assert k == len(gains)
    # whoever follows the observer is the observer
    gained = sum(run(env, right, seed=2 if n == 0 else None)[1].sum() for n in range(30))
    assert gained == pytest.approx(task.sample(30, seed=2).conditions["observer_reward"].sum() * 12)


def test_the_end_is_the_end():
    for env in (to_gymnasium(tasks.make("flip-flop")), to_gymnasium(learning.Reversal(n_decisions=2))):
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.step(env.action_space.sample())
        run(env, right, seed=0)
        with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
            env.step(env.action_space.sample())


def test_observations_are_not_views_that_change():
    env = to_gymnasium(tasks.make("flip-flop"))
    ob, _ = env.reset(seed=0)
    kept = torch.from_numpy(ob.copy())
    env.step(env.ground_truth)
    run(env, right, seed=1)
    assert torch.equal(kept, torch.from_numpy(ob))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: to_gymnasium(tasks.make("flip-flop"), trials_per_episode=0), "trials_per_episode must be at least 1"),
        (lambda: to_gymnasium(tasks.make("flip-flop"), reward="speed"), "'steps' or 'performance': got 'speed'"),
        (lambda: to_gymnasium(tasks.make("bandit"), reward="performance"), "pays its own reward"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_gymnasium_is_imported_late_and_its_absence_is_explained():
    code = """
import sys
import neurornn.tasks as tasks
from neurornn.tasks._gymnasium import to_gymnasium
assert "gymnasium" not in sys.modules
sys.modules["gymnasium"] = None
try:
    to_gymnasium(tasks.make("flip-flop"))
except ImportError as error:
    assert str(error) == "Environments need gymnasium. Install it with: pip install gymnasium"
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
