"""Reward tasks: worlds that follow from the seed, ideal observers, and networks that act."""

import itertools

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.stats import beta, kstest

from neurornn import CTRNN, tasks
from neurornn._untouched import fingerprint, global_random_state
from neurornn.tasks import learning
from neurornn.tasks.learning._inference import DriftingProbabilities, drifting
from neurornn.testing import check_task

ALL = [
    learning.Bandit(n_decisions=30),
    learning.Bandit(n_decisions=30, n_arms=4, drift=0.05, low=0.2),
    learning.Reversal(n_decisions=30),
    learning.TwoStep(n_decisions=15),
]
IDS = ["bandit", "restless bandit", "reversal", "two-step"]


def played(task, n, seed=0, policy=None, **options):
    """Play with actions that are random, or given by a policy of the number of the action."""
    world = task.play(n, seed=seed, **options)
    rng = np.random.default_rng(0)
    table = rng.integers(0, task.n_outputs, (1000, task.n_acts))
    while not world.done:
        k = world.n_done
        world.act(table[:n, k] if policy is None else policy(world, k))
    return world


@pytest.mark.parametrize("task", [
    learning.Bandit(n_decisions=10, n_arms=3, drift=0.1, dt=10.0, sigma_in=0.1), learning.Reversal(n_decisions=5, action=300.0, hazard=0.0, dt=50.0),
    learning.TwoStep(n_decisions=5, p_common=1.0, grace=0.0),
])  # fmt: skip
def test_the_contract_holds_with_other_parameters(task):
    check_task(task)


# worlds


@pytest.mark.parametrize("task", ALL, ids=IDS)
def test_a_world_follows_from_the_seed_whatever_the_batch(task):
    def policy(world, k):  # an action that depends on the episode and the moment alone
        return (world.draws.index * 7 + k * k) % task.n_outputs

    whole = played(task, 10, policy=policy).history()
    part = played(task, 4, first=6, policy=policy).history()
    some = whole.isel(trial=whole["episode"].values >= 6)
    for name in whole.coords:
        if name != "trial":
            assert np.array_equal(some[name], part[name]), name
    for other in ({"seed": 1}, {"split": "test"}):
        rewards = played(task, 10, policy=policy, **other).history()["reward"]
        assert not np.array_equal(rewards, whole["reward"])


@pytest.mark.parametrize("task", ALL, ids=IDS)
def test_what_could_be_earned_does_not_depend_on_what_is_done(task):
    """Whoever takes an action at a moment in the same place gets the same, whatever was done before."""
    a, b = played(task, 200), played(task, 200, policy=lambda world, k: np.ones(200, dtype=int))
    one, other = a.history(), b.history()
    hidden = [name for name in one.coords if str(name).startswith(("probability", "good", "reversal"))]
    assert all(np.array_equal(one[name], other[name]) for name in hidden) and hidden
    same = one["choice"].values == other["choice"].values
    if "state" in one.coords:
        same &= one["second_choice"].values == other["second_choice"].values
        assert np.array_equal(one["state"].values[same], other["state"].values[same])
    assert same.any() and np.array_equal(one["reward"].values[same], other["reward"].values[same])


@pytest.mark.parametrize("task", ALL, ids=IDS)
def test_observations_tell_the_last_action_and_its_reward(task):
    world = task.play(6, seed=0)
    n_cues, n = len(task.cue_names), task.n_outputs
    assert not world.observe()[:, n_cues:].any()
    rng = np.random.default_rng(1)
    while not world.done:
        action = rng.integers(0, n, 6)
        reward = world.act(torch.as_tensor(action))
        seen = world.observe()
        assert torch.equal(seen[:, n_cues : n_cues + n].argmax(1), torch.as_tensor(action))
        assert torch.equal(seen[:, -1], reward) and set(reward.tolist()) <= {0.0, 1.0}
        assert torch.equal(seen[:, :n_cues].sum(1), torch.full((6,), float(n_cues > 0)))
    history = world.history()
    assert history.sizes["trial"] == 6 * task.n_decisions
    assert history["reward"].sum() == world.rewards.sum()
    assert history["decision"].values[: task.n_decisions].tolist() == list(range(1, task.n_decisions + 1))


def test_arms_pay_with_their_probabilities_and_drift_between_walls():
    """500,000 payments: a bin of 50,000 has a standard error of at most 0.0022; four are allowed."""
    task = learning.Bandit(n_decisions=50, drift=0.025, low=0.25, high=0.75)
    world = played(task, 1000)
    ds = world.history()
    assert kstest(world.probability[:, 0].ravel(), "uniform", args=(0.25, 0.5)).pvalue > 1e-4
    assert world.probability.min() >= 0.25 and world.probability.max() <= 0.75
    steps = np.diff(world.probability, axis=1)
    inner = np.abs(world.probability[:, :-1] - 0.5) < 0.1  # no wall within six steps
    assert steps[inner].std() == pytest.approx(0.025, rel=0.01)
    p = np.where(ds["choice"] == 0, ds["probability_1"], ds["probability_2"])
    for low in np.arange(0.25, 0.75, 0.1):
        inside = (p >= low) & (p < low + 0.1)
        error = 4 * 0.5 / np.sqrt(inside.sum())
        assert ds["reward"].values[inside].mean() == pytest.approx(p[inside].mean(), abs=error)
    best = np.maximum(ds["probability_1"], ds["probability_2"])
    assert np.array_equal(ds["performance"], (p == best).astype(float))
    assert np.allclose(ds["regret"], best - p)
    fixed = played(learning.Bandit(n_decisions=5), 20).probability
    assert np.ptp(fixed, axis=1).max() == 0


def test_a_folded_walk_is_a_reflected_walk():
    """Reflecting each step at the walls gives the same distribution at the end of a walk, by another way."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.2, (4000, 30, 1)).astype(np.float32)
    folded = drifting(np.full((4000, 1), 0.3), steps, 0.25, 0.75)[:, -1, 0]
    p = np.full(4000, 0.3)
    for _ in range(29):
        p += rng.normal(0, 0.2, 4000)
        while np.any((p < 0.25) | (p > 0.75)):
            p = np.where(p < 0.25, 0.5 - p, np.where(p > 0.75, 1.5 - p, p))
    assert kstest(folded, p).pvalue > 1e-4


def test_reversals_have_their_hazard_and_options_their_probabilities():
    task = learning.Reversal(p_good=0.9, p_bad=0.3, hazard=0.1)
    ds = played(task, 1000).history()
    turn = ds["reversal"].values.reshape(1000, -1)
    good = ds["good_option"].values.reshape(1000, -1)
    assert not turn[:, 0].any() and np.array_equal(np.diff(good, axis=1) != 0, turn[:, 1:])
    assert turn[:, 1:].mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 99_000))
    assert good[:, 0].mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1000))
    for right, p in ((1.0, 0.9), (0.0, 0.3)):
        rows = ds["performance"].values == right
        assert ds["reward"].values[rows].mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / rows.sum()))
    assert np.array_equal(ds["performance"], (ds["choice"] == ds["good_option"]).astype(float))


def test_the_two_stages_hang_together_as_they_should():
    task = learning.TwoStep(n_decisions=50)
    world = played(task, 1000)
    ds = world.history()
    common = ds["transition"].values == "common"
    assert common.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / 50_000))
    leads_to = np.where(ds["choice"].values == 0, "A", "B")
    assert np.array_equal(common, ds["state"].values == leads_to)
    p = np.select(
        [
            (ds["state"].values == s) & (ds["second_choice"].values == a)
            for s, a in itertools.product("AB", (0, 1))
        ],
        [ds[f"probability_{s}{a}"].values for s, a in itertools.product("AB", (1, 2))],
    )
    assert p.min() >= 0.25 and p.max() <= 0.75
    high = p > 0.5
    for rows in (high, ~high):
        assert ds["reward"].values[rows].mean() == pytest.approx(
            p[rows].mean(), abs=4 * 0.5 / np.sqrt(rows.sum())
        )
    value = {s: np.maximum(ds[f"probability_{s}1"], ds[f"probability_{s}2"]).values for s in "AB"}
    assert np.array_equal(ds["performance"], (leads_to == np.where(value["A"] >= value["B"], "A", "B")))
    assert not world.rewards[:, ::2].any()  # the first stage pays nothing


# ideal observers


def test_without_a_drift_the_belief_is_a_beta_distribution():
    belief = DriftingProbabilities((1, 2), 0.0, 1.0, 0.0)
    for reward in [1, 1, 0, 1]:
        belief.see(np.array([1]), np.array([float(reward)]))
    exact = beta(1 + 3, 1 + 1)
    assert belief.mean[0].tolist() == pytest.approx([0.5, exact.mean()], abs=1e-3)
    assert belief.sd[0].tolist() == pytest.approx([np.sqrt(1 / 12), exact.std()], abs=1e-3)


def test_the_belief_about_drifting_arms_is_calibrated():
    """Among moments in which the belief has a mean near p, the chosen arm pays in a fraction p of them."""
    task = learning.Bandit(drift=0.1, n_decisions=60)
    world = task.play(1500, seed=0)
    observer = task.observer(world)
    told, paid = [], []
    while not world.done:
        action = observer.choose()
        told.append(observer._belief.mean[np.arange(1500), action])
        paid.append(world.act(action).numpy())
        observer.learn(action, paid[-1])
    told, paid = np.concatenate(told), np.concatenate(paid)
    for low in np.arange(0.2, 0.9, 0.1):
        inside = (told >= low) & (told < low + 0.1)
        error = 4 * 0.5 / np.sqrt(inside.sum())
        assert paid[inside].mean() == pytest.approx(told[inside].mean(), abs=error), low


def test_the_belief_about_reversals_is_that_of_all_histories():
    """Enumerating every sequence of good options gives the same belief."""
    task = learning.Reversal(n_decisions=7, hazard=0.2, p_good=0.7, p_bad=0.1)
    world = task.play(20, seed=0)
    observer = task.observer(world)
    rng = np.random.default_rng(0)
    while not world.done:
        action = rng.integers(0, 2, 20)
        observer.learn(action, world.act(action).numpy())
    weight = np.zeros((20, 2))
    for good in itertools.product((0, 1), repeat=8):  # the last one is still to come
        turns = np.sum(np.diff(good) != 0)
        prior = 0.5 * 0.2**turns * 0.8 ** (7 - turns)
        p = np.where(world.actions == np.array(good[:7]), 0.7, 0.1)
        weight[:, good[7]] += prior * np.where(world.rewards > 0, p, 1 - p).prod(1)
    assert observer.p_second == pytest.approx(weight[:, 1] / weight.sum(1))


def test_whoever_reads_the_inputs_as_bayes_would_agrees_with_the_observer():
    task = learning.Reversal(n_decisions=40)
    trials = task.sample(100, seed=2)
    edges = task.edges()
    seen = trials.inputs[:, edges[:-1]].double().numpy()
    odds, output = np.zeros(100), np.zeros(trials.targets.shape)
    gain = np.log(task.p_good / task.p_bad)  # with 0.8 and 0.2 a loss tells as much as a win
    for k in range(40):
        if k:
            side = np.where(seen[:, k, 1] > 0, 1, -1) * np.where(seen[:, k, 2] > 0, 1, -1)
            p = 1 / (1 + np.exp(-(odds + gain * side)))
            p = p * (1 - task.hazard) + (1 - p) * task.hazard
            odds = np.log(p / (1 - p))
        output[:, edges[k] : edges[k + 1], 1] = odds[:, None]
    agreement = task.performance(trials, torch.as_tensor(output))
    assert agreement.mean() > 0.96  # the first choice, and exact ties later on, are coins
    output[:, edges[1] :, 1] *= -1
    assert task.performance(trials, torch.as_tensor(output)).mean() < 0.06


@pytest.mark.parametrize("task", ALL, ids=IDS)
def test_the_observer_earns_more_than_chance_and_imitation_is_its_own_world(task):
    trials = task.sample(400, seed=0)
    earned = trials.conditions["observer_reward"]
    chance = played(task, 400).history()["reward"].mean().item()
    assert earned.mean() > chance + 0.02
    edges, n_cues = task.edges(), len(task.cue_names)
    seen, said = trials.inputs[:, edges[:-1]], trials.targets[:, edges[:-1]].argmax(2)
    shown = seen[:, 1:, n_cues : n_cues + task.n_outputs].argmax(2)
    assert torch.equal(shown, said[:, :-1])
    world = task.play(400, seed=0)
    while not world.done:
        world.act(said[:, world.n_done])
    assert np.allclose(world.history()["reward"].values.reshape(400, -1).mean(1), earned)


def test_imitation_is_judged_after_the_grace_and_counts_half_of_each_action():
    task = learning.Reversal(n_decisions=4, dt=10.0)
    trials = task.sample(3, seed=0)
    assert trials.n_steps == 40 and trials.mask[0].reshape(4, 10).tolist() == [[0.0] * 5 + [1.0] * 5] * 4
    late = trials.targets.clone()
    late.reshape(3, 4, 10, 2)[:, :, :5] = -7 * late.reshape(3, 4, 10, 2)[:, :, :5]
    assert task.performance(trials, late).mean() == 1
    assert task.performance(trials, -late).mean() == 0


# networks that act


def network_for(task, sigma_rec=0.0, seed=0):
    return CTRNN(task.n_inputs, 24, task.n_outputs, dt=task.dt, sigma_rec=sigma_rec, seed=seed)


@pytest.mark.parametrize("task", ALL, ids=IDS)
def test_a_rollout_is_one_run_of_the_network_on_what_it_saw(task):
    network = network_for(task)
    ds = learning.rollout(network, task, 5, seed=3, temperature=0.5)
    inputs = ds["inputs"].values[ds["valid"].values > 0].reshape(5, -1, task.n_inputs)
    with torch.no_grad():
        run = network(torch.as_tensor(inputs))
    assert np.allclose(ds["rate"].values[ds["valid"].values > 0].reshape(5, -1, 24), run.rate, atol=1e-5)
    d = task.averages(run.output.double().numpy())
    first = "decision_variable" if task.acts_per_decision == 1 else "decision_variable_1"
    assert np.allclose(
        ds[first].values.reshape(5, task.n_decisions, -1), d[:, :: task.acts_per_decision], atol=1e-5
    )
    world = task.play(5, seed=3, split="test")
    choices = [ds["choice"].values.reshape(5, -1)]
    if task.acts_per_decision == 2:
        choices.append(ds["second_choice"].values.reshape(5, -1))
    while not world.done:
        k, stage = divmod(world.n_done, len(choices))
        world.act(choices[stage][:, k])
    assert np.array_equal(world.history()["reward"], ds["reward"])


def test_a_rollout_does_not_depend_on_its_batch_and_leaves_all_as_it_was(tmp_path):
    task = learning.TwoStep(n_decisions=10, sigma_in=0.1)
    network = network_for(task)
    before = fingerprint(network), global_random_state()
    whole = learning.rollout(network, task, 6, seed=1, temperature=0.3)
    part = learning.rollout(network, task, 2, seed=1, temperature=0.3, first=4)
    assert (fingerprint(network), global_random_state()) == before
    some = whole.isel(trial=whole["episode"].values >= 4)
    for name in ("choice", "second_choice", "reward", "inputs"):
        assert np.array_equal(some[name], part[name]), name
    assert np.allclose(some["rate"], part["rate"], atol=1e-5)
    whole.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert np.array_equal(back["choice"], whole["choice"]) and back.attrs["temperature"] == 0.3


def test_actions_are_drawn_from_the_soft_max():
    task = learning.Bandit(n_decisions=50, n_arms=3)
    network = network_for(task)
    ds = learning.rollout(network, task, 200, temperature=0.05, record=False)
    d = ds["decision_variable"].values / 0.05
    p = np.exp(d - d.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    for a in range(3):
        taken = ds["choice"].values == a
        assert np.allclose(ds["probability_of_choice"].values[taken], p[taken, a])
        assert taken.mean() == pytest.approx(
            p[:, a].mean(), abs=4 * np.sqrt((p[:, a] * (1 - p[:, a])).mean() / 10_000)
        )
    assert "rate" not in ds
    greedy = learning.rollout(network, task, 20)
    assert np.array_equal(greedy["choice"], greedy["decision_variable"].values.argmax(1))


def test_recurrent_noise_is_drawn_from_the_seed():
    task = learning.Reversal(n_decisions=5)
    network = network_for(task, sigma_rec=0.2)
    a, b, c = (learning.rollout(network, task, 3, seed=s)["rate"].values for s in (0, 0, 1))
    assert np.array_equal(a, b) and not np.allclose(a, c)


def test_the_measures_of_a_task_take_a_rollout_and_tell_what_they_need_of_anything_else():
    import neurornn

    task = learning.TwoStep(n_decisions=30)
    network = network_for(task)
    found = task.analyse(learning.rollout(network, task, 40, temperature=1.0))
    assert not any("failed" in each.attrs for each in found.children.values())
    assert len(task.plot(found).axes) == len(task.measures)
    imitated = task.analyse(neurornn.simulate(network, task.sample(4, seed=0), task=task))
    assert "failed" not in imitated["performance"].attrs
    assert "what rollout gives" in imitated["stay probability"].attrs["failed"]


@pytest.mark.parametrize("task", ALL, ids=IDS)
def test_what_an_imitator_chose_can_be_measured_like_what_an_actor_did(task):
    trials = task.sample(30, seed=4, split="test").select(np.arange(29, 0, -3))
    own = task.decisions(trials, trials.targets)
    assert own["performance"].min() == 1 and np.array_equal(own["choice"], own["action"])
    n = task.n_decisions
    assert np.allclose(own["reward"].values.reshape(-1, n).mean(1), trials.conditions["observer_reward"])
    assert own["episode"].values[::n].tolist() == list(range(29, 0, -3))
    contrary = task.decisions(trials, trials.targets.roll(1, 2))
    assert contrary["performance"].max() == 0
    assert np.array_equal(contrary["choice"], (own["action"] + 1) % task.n_outputs)
    silent = task.decisions(trials, 0 * trials.targets)
    assert np.isnan(silent["choice"]).all()
    given = task.sample(
        3, seed=0, conditions={name: trials.conditions[name][:3] for name in task.condition_names}
    )
    assert task.decisions(given, given.targets)["performance"].min() == 1


def test_an_imitator_is_measured_against_what_was_done_not_against_itself():
    """One who always says the option last carried out stays always, although its own choices change."""
    task = learning.Reversal(n_decisions=50)
    trials = task.sample(40, seed=0)
    output = torch.zeros_like(trials.targets)
    output[:] = trials.inputs[..., :2]
    ds = task.decisions(trials, output)
    found = task.analyse(ds)["win-stay, lose-shift"]
    assert found["probability"].values.tolist() == [1.0, 0.0]
    assert "failed" not in task.analyse(ds)["around reversals"].attrs


REVERSAL = learning.Reversal(n_decisions=3)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: played(REVERSAL, 2).act([0, 0]), "over after 3 actions"),
        (lambda: REVERSAL.play(2, seed=0).act([0, 2]), "one whole number from 0 to 1 for each of 2 episodes"),
        (lambda: REVERSAL.play(2, seed=0).act([0.0, 1.0]), "of float64"),
        (lambda: REVERSAL.play(2, seed=0).act([0]), r"got shape \(1,\)"),
        (lambda: REVERSAL.play(0, seed=0), "n_episodes >= 1"),
        (lambda: REVERSAL.play(1, seed=0, conditions={"first": 1}), "has no condition 'first'. Did you mean 'first_good'"),
        (lambda: REVERSAL.play(1, seed=0, conditions={"first_good": 2}), "first good option is 0 or 1"),
        (lambda: learning.Bandit().play(1, seed=0, conditions={"probability_1": 1.5}), r"must lie in \[0, 1\]"),
        (lambda: learning.Bandit(n_arms=1), "n_arms must be a whole number, 2 or more"),
        (lambda: learning.Bandit(low=0.5, high=0.5), "low < high"),
        (lambda: learning.Bandit(drift=-1.0), "drift must be finite and at least 0"),
        (lambda: learning.Reversal(p_good=0.2), "the good one larger"),
        (lambda: learning.Reversal(hazard=0.5), "below a half"),
        (lambda: learning.TwoStep(p_common=0.3), "at least a half"),
        (lambda: learning.Reversal(n_decisions=0), "n_decisions must be a whole number"),
        (lambda: learning.Reversal(dt=150.0), "as long as an action"),
        (lambda: learning.Reversal(grace=100.0), "leave a step of every action"),
        (lambda: REVERSAL.decisions(learning.Bandit(n_decisions=3).sample(1, seed=0), torch.zeros(1, 15, 2)), "of task 'bandit-v1' and this is 'reversal-v1'"),
        (lambda: learning.rollout(network_for(REVERSAL), learning.Reversal(dt=10.0), 1), "has dt=10 ms but the network steps by dt=20"),
        (lambda: learning.rollout(network_for(REVERSAL), learning.TwoStep(), 1), "has 6 inputs and 2 outputs but the network 3 and 2"),
        (lambda: learning.rollout(network_for(REVERSAL), REVERSAL, 1, temperature=0.0), "temperature must be finite and above 0"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_tasks_are_found_by_name():
    assert tasks.make("two-step", dt=10.0) == learning.TwoStep(dt=10.0)
