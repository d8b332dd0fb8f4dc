"""Measures of decisions that follow each other: closed forms, another way to the same numbers, coverage."""

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression

from neurornn.analysis.behaviour import (
    ReversalCurve,
    RewardHistory,
    StayProbability,
    WinStayLoseShift,
    reversal_curve,
    reward_history,
    stay_probability,
    win_stay_lose_shift,
)


def dataset(**columns):
    return xr.Dataset({name: ("trial", np.asarray(values)) for name, values in columns.items()})


def two_step(weights, n, seed):
    """A subject that stays with the log-odds of the model."""
    rng = np.random.default_rng(seed)
    r, t = np.where(rng.random((2, n)) < [[0.5], [0.7]], 1, -1)
    odds = np.stack([np.ones(n), r, t, r * t], 1) @ weights
    stays = rng.random(n) < 1 / (1 + np.exp(-odds))
    choice = np.concatenate([[0], np.cumsum(~stays[:-1]) % 2])
    return dataset(choice=choice, reward=(r > 0).astype(float), transition=np.where(t > 0, "common", "rare"))


def learner(reward_weights, choice_weights, n, seed, n_options=2, n_episodes=1):
    """A subject that chooses with the log-odds of the model, among options that pay half of the time."""
    rng = np.random.default_rng(seed)
    choice, reward = np.zeros((2, n_episodes, n))
    for t in range(n):
        odds = np.zeros((n_episodes, n_options))
        for k, (a, b) in enumerate(zip(reward_weights, choice_weights, strict=True), start=1):
            if t >= k:
                was = choice[:, t - k, None] == np.arange(n_options)
                odds += was * (a * reward[:, t - k, None] + b)
        choice[:, t] = (odds + rng.gumbel(size=odds.shape)).argmax(1)
        reward[:, t] = rng.random(n_episodes) < 0.5
    episode = np.repeat(np.arange(n_episodes), n)
    return dataset(choice=choice.reshape(-1).astype(int), reward=reward.reshape(-1), episode=episode)


# staying


def test_the_weights_of_staying_are_contrasts_of_the_log_odds():
    """The model has as many weights as there are cells, so without a penalty it fits each exactly."""
    found = stay_probability(two_step([0.5, 0.3, -0.2, 0.4], 3000, 0), ridge=0.0)
    odds = np.log(found["stay"].values / (1 - found["stay"].values))
    r, t = np.array([1, -1])[:, None], np.array([1, -1])
    for k, contrast in enumerate((np.ones((2, 2)), r + 0 * t, 0 * r + t, r * t)):
        assert found["weight"].values[k] == pytest.approx((odds * contrast).mean(), abs=1e-6)
    k, n = found["stay"] * found["n"], found["n"]
    expected = float((k * np.log(found["stay"]) + (n - k) * np.log(1 - found["stay"])).sum())
    assert float(found["log_likelihood"]) == pytest.approx(expected) and found["converged"]
    assert int(found["n"].sum()) == 2999 and int(found["n_excluded"]) == 1


def test_intervals_of_staying_hold_the_truth():
    truth = np.array([0.6, 0.4, -0.1, 0.5])
    hits = np.zeros(4)
    for seed in range(60):
        ends = stay_probability(two_step(truth, 400, seed))["weight_interval"].values
        hits += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    assert hits.sum() >= 0.9 * 240


def test_episodes_do_not_run_into_each_other():
    ds = two_step([1.0, 0.0, 0.0, 0.0], 400, 0)
    cut = ds.assign(episode=("trial", np.repeat(np.arange(40), 10)))
    assert int(stay_probability(cut)["n"].sum()) == 360
    assert int(stay_probability(cut)["n_excluded"]) == 40
    gap = ds.assign(decision=("trial", np.r_[1:201, 301:501]))
    assert int(stay_probability(gap)["n"].sum()) == 398
    missing = ds.assign(
        choice=ds["choice"].where(ds["trial"] != 7) if "trial" in ds else ds["choice"].astype(float)
    )
    missing["choice"][7] = np.nan
    assert int(stay_probability(missing)["n"].sum()) == 397


def test_separation_is_said():
    ds = two_step([8.0, 8.0, 0.0, 0.0], 500, 0)
    found = stay_probability(ds)
    assert bool(found["separated"]) and np.isfinite(found["weight"]).all()
    assert not bool(stay_probability(two_step([0.3, 0.3, 0.0, 0.0], 500, 0))["separated"])


def test_win_stay_lose_shift():
    ds = dataset(choice=[0, 0, 1, 1, 0, 0], reward=[1, 0, 0, 1, 1, 0], episode=[0, 0, 0, 0, 1, 1])
    found = win_stay_lose_shift(ds)
    assert found["n"].values.tolist() == [2, 2] and int(found["n_excluded"]) == 2
    assert found["probability"].values.tolist() == [1.0, 0.5]
    text = ds.assign(choice=("trial", np.array(["l", "l", "r", "r", "l", "l"])))
    assert np.array_equal(win_stay_lose_shift(text)["probability"], found["probability"])
    never = win_stay_lose_shift(ds.assign(reward=0 * ds["reward"]))
    assert np.isnan(never["probability"][0]) and never["n"].values.tolist() == [0, 4]


# reversals


def test_the_curve_around_reversals_counts_each_block_alone():
    good = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    choice = np.array([0, 1, 0, 0, 1, 1, 1, 0, 0, 1])
    found = reversal_curve(dataset(choice=choice, good_option=good, reward=choice), before=3, after=4)
    # reversals at 3 (to 1) and 5 (to 0); before the second only decisions 3 and 4 count, after the first too
    assert found["n"].values.tolist() == [1, 2, 2, 2, 2, 1, 1]
    assert found["probability"].values.tolist() == [0.0, 1.0, 0.0, 0.0, 0.5, 1.0, 1.0]
    assert float(found["perseveration"]) == 1.5 and int(found["n_reversals"]) == 2
    stubborn = reversal_curve(dataset(choice=0 * choice, good_option=good, reward=choice))
    assert int(stubborn["n_never"]) == 1 and float(stubborn["perseveration"]) == 0.0
    apart = dataset(choice=choice, good_option=good, reward=choice, episode=np.r_[0, 0, 0, [1] * 7])
    assert int(reversal_curve(apart)["n_reversals"]) == 1


# rewards and choices of the past


def test_with_two_options_it_is_a_plain_logistic_regression():
    ds = learner([1.0, 0.5], [0.3, 0.1], 3000, 0)
    found = reward_history(ds, n_lags=2, ridge=0.0)
    c, r = ds["choice"].values, ds["reward"].values
    sign = 2.0 * c - 1
    X = np.stack([sign[1:-1] * r[1:-1], sign[:-2] * r[:-2], sign[1:-1], sign[:-2]], axis=1)
    plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, c[2:])
    theta = np.concatenate([found["reward_weight"], found["choice_weight"]])
    assert theta == pytest.approx(plain.coef_[0], abs=1e-5)
    assert found["bias"].values.tolist() == pytest.approx([0.0, plain.intercept_[0]], abs=1e-5)
    log_p = plain.predict_log_proba(X)[np.arange(2998), c[2:]].sum()
    assert float(found["log_likelihood"]) == pytest.approx(log_p)
    assert float(found["perseveration"]) == pytest.approx(plain.coef_[0, 2:].sum(), abs=1e-5)


@pytest.mark.parametrize("n_options", [2, 4])
def test_intervals_of_the_past_hold_the_truth(n_options):
    rewards, choices = np.array([1.2, 0.6, 0.0]), np.array([0.4, 0.0, -0.3])
    hits = 0
    for seed in range(40):
        ds = learner(rewards, choices, 150, seed, n_options, n_episodes=8)
        found = reward_history(ds, n_lags=3, seed=seed)
        for name, truth in (("reward", rewards), ("choice", choices)):
            low, high = found[f"{name}_weight_interval"].values.T
            hits += ((low <= truth) & (truth <= high)).sum()
    assert hits >= 0.9 * 240


def test_names_of_options_do_not_matter():
    ds = learner([1.0], [0.5], 500, 3, n_options=3)
    renamed = ds.assign(choice=("trial", np.array(["c", "a", "b"])[ds["choice"].values]))
    a, b = reward_history(ds, n_lags=1), reward_history(renamed, n_lags=1)
    assert np.allclose(a["reward_weight"], b["reward_weight"], atol=1e-6)
    assert np.allclose(a["reward_weight_interval"], b["reward_weight_interval"], atol=1e-4)
    assert np.allclose(
        (a["bias"] - a["bias"].mean()).values[[1, 2, 0]], b["bias"] - b["bias"].mean(), atol=1e-6
    )


def test_one_newton_step_is_where_the_replicates_end():
    ds = learner([1.0, 0.4], [0.3, 0.0], 1500, 1)
    ends = reward_history(ds, n_lags=2, n_bootstrap=300)["reward_weight_interval"].values
    rng, refits = np.random.default_rng(0), []
    c, r = ds["choice"].values, ds["reward"].values
    sign = 2.0 * c - 1
    X = np.stack([sign[1:-1] * r[1:-1], sign[:-2] * r[:-2], sign[1:-1], sign[:-2]], axis=1)
    for _ in range(100):
        rows = rng.integers(0, len(X), len(X))
        refits.append(LogisticRegression(C=np.inf).fit(X[rows], c[2:][rows]).coef_[0, :2])
    assert np.ptp(ends, axis=1) == pytest.approx(4 * np.std(refits, axis=0), rel=0.25)


def test_a_subject_without_chance_is_separated():
    reward = np.random.default_rng(0).integers(0, 2, 300)
    choice = np.concatenate([[0], np.cumsum(reward[:-1] == 0) % 2])
    found = reward_history(dataset(choice=choice, reward=reward), n_lags=1)
    assert bool(found["separated"]) and bool(found["converged"])
    assert not bool(reward_history(learner([1.0], [0.0], 300, 0), n_lags=1)["separated"])


# figures


def test_figures_name_what_they_show():
    steps, past = two_step([0.5, 0.5, 0.0, 0.3], 500, 0), learner([1.0], [0.2], 500, 0)
    axes = StayProbability().plot(StayProbability().apply(steps))
    assert [each.get_text() for each in axes.get_xticklabels()] == ["rewarded", "unrewarded"]
    assert axes.get_ylabel() == "probability of staying" and len(axes.patches) == 4
    assert [each.get_text() for each in axes.get_legend().get_texts()] == ["common", "rare"]
    axes = WinStayLoseShift().plot(WinStayLoseShift().apply(past))
    assert [each.get_text() for each in axes.get_xticklabels()] == ["win-stay", "lose-shift"]
    axes = RewardHistory(n_lags=3).plot(RewardHistory(n_lags=3).apply(past))
    assert axes.get_xlabel() == "decisions back" and axes.get_xticks().tolist() == [1, 2, 3]
    turning = past.assign(good_option=("trial", np.arange(500) // 20 % 2))
    axes = ReversalCurve().plot(ReversalCurve().apply(turning))
    assert axes.get_xlabel() == "decisions from the reversal" and axes.get_ylim() == (-0.03, 1.03)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda ds: stay_probability(ds.drop_vars("choice")), "Decisions are needed, one in each trial: what rollout gives"),
        (lambda ds: stay_probability(ds.drop_vars("transition")), "'transition' is not a variable"),
        (lambda ds: stay_probability(ds.assign(transition=ds["reward"])), "must be 'common' or 'rare'"),
        (lambda ds: stay_probability(ds.assign(reward=0 * ds["reward"])), "rewarded and common"),
        (lambda ds: stay_probability(ds, ridge=-1.0), "at least 0: got -1"),
        (lambda ds: stay_probability(ds.assign(choice=ds["choice"] * np.nan)), "No trial has a 'choice'"),
        (lambda ds: reversal_curve(ds), "'good_option' is not a variable"),
        (lambda ds: reversal_curve(ds.assign(good_option=0 * ds["choice"])), "there is no reversal"),
        (lambda ds: reversal_curve(ds, after=0), "after at least 1"),
        (lambda ds: reward_history(ds, n_lags=0), "n_lags must be at least 1"),
        (lambda ds: reward_history(ds, n_lags=50), "No decision has 50 others before it"),
        (lambda ds: reward_history(ds.assign(choice=0 * ds["choice"])), "Only one option was ever chosen"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act(two_step([0.5, 0.5, 0.0, 0.0], 50, 0))
