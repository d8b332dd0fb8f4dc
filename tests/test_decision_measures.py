"""What is measured in decisions: planted kernels and weights come back, intervals cover, closed forms hold."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit, ndtr
from scipy.stats import norm, t
from sklearn.linear_model import LogisticRegression

import neurornn
from neurornn import tasks
from neurornn.analysis import behaviour

DT = 10.0


def shown(evidence, choice, stop=None, **conditions):
    """Trials with one channel of evidence ``(trial, step)`` in an epoch that starts at 0."""
    n, steps = evidence.shape
    ends = np.full(n, steps * DT) if stop is None else stop
    return xr.Dataset(
        {"inputs": (("trial", "time", "input"), evidence[..., None]), "choice": ("trial", choice)},
        coords={
            "input": ["x"],
            "epoch_stimulus_start": ("trial", np.zeros(n)),
            "epoch_stimulus_end": ("trial", ends),
            **{name: ("trial", value) for name, value in conditions.items()},
        },
        attrs={"dt": DT},
    )


def trials(**variables):
    return xr.Dataset({name: ("trial", np.asarray(value)) for name, value in variables.items()})


def covers(interval, truth):
    ends = np.asarray(interval)
    return (ends[..., 0] <= truth) & (truth <= ends[..., 1])


# -------------------------------------------------------------------------------------------- psychophysical kernel

WEIGHTS = np.linspace(2.0, 0.2, 8)


def accumulator(seed, n=1500, own=2.0):
    """A subject that weighs noisy evidence by WEIGHTS, and the kernel it must have."""
    rng = np.random.default_rng(seed)
    coherence = rng.choice([-0.5, -0.2, 0.0, 0.2, 0.5], n)
    evidence = coherence[:, None] + rng.standard_normal((n, WEIGHTS.size))
    choice = np.sign(evidence @ WEIGHTS + own * rng.standard_normal(n))
    spread = np.sqrt((WEIGHTS**2).sum() + own**2)
    place = np.unique(coherence) * WEIGHTS.sum() / spread
    p = ndtr(place)
    gain = np.average(norm.pdf(place) / (p * (1 - p)), weights=p * (1 - p)) / spread
    return shown(evidence, choice, coherence=coherence), gain * WEIGHTS


def test_a_planted_kernel_comes_back_within_its_interval_as_often_as_it_says():
    hits = []
    for seed in range(60):
        ds, truth = accumulator(seed)
        found = behaviour.psychophysical_kernel(ds, "x", condition="coherence", bin_width=DT)
        hits.append(covers(found.kernel_interval, truth))
    assert 0.92 < np.mean(hits) < 0.98  # 480 intervals, though not independent
    ds, truth = accumulator(0, n=40_000)
    found = behaviour.psychophysical_kernel(ds, "x", condition="coherence", bin_width=DT)
    assert np.abs(found.kernel.values - truth).max() < 0.05
    assert found.time.values.tolist() == [5.0, 15.0, 25.0, 35.0, 45.0, 55.0, 65.0, 75.0]
    assert found.noise.values == pytest.approx(1.0, abs=0.1)


def test_the_kernel_of_a_subject_that_guesses_is_nothing():
    ds, _ = accumulator(1)
    ds["choice"] = ("trial", np.random.default_rng(5).choice([-1, 1], ds.sizes["trial"]))
    found = behaviour.psychophysical_kernel(ds, "x", condition="coherence", bin_width=DT)
    assert covers(found.kernel_interval, 0.0).mean() > 0.8 and np.abs(found.kernel).max() < 0.25


def test_the_mean_of_a_condition_leaves_no_trace_in_the_kernel():
    """Adding anything that a condition fixes changes nothing; forgetting the condition does."""
    ds, _ = accumulator(2)
    again = ds.copy()
    again["inputs"] = ds["inputs"] + 7.0 * ds["coherence"]
    a, b = (
        behaviour.psychophysical_kernel(each, "x", condition="coherence", bin_width=DT)
        for each in (ds, again)
    )
    assert np.allclose(a.kernel, b.kernel, atol=1e-9) and np.allclose(a.kernel_interval, b.kernel_interval)
    everything = again.assign_coords(same=("trial", np.zeros(ds.sizes["trial"])))
    wrong = behaviour.psychophysical_kernel(everything, "x", condition="same", bin_width=DT)
    assert (wrong.kernel > a.kernel + 1.0).all()


def test_the_kernel_is_the_difference_of_two_means():
    rng = np.random.default_rng(3)
    evidence, choice = rng.standard_normal((60, 4)), np.where(rng.random(60) < 0.4, 1, -1)
    found = behaviour.psychophysical_kernel(
        shown(evidence, choice, c=np.zeros(60)), "x", condition="c", bin_width=20.0
    )
    mean = evidence.reshape(60, 2, 2).mean(2)
    a, b = mean[choice > 0], mean[choice < 0]
    assert np.allclose(found.kernel, a.mean(0) - b.mean(0))
    pooled = (a.var(0, ddof=1) * (len(a) - 1) + b.var(0, ddof=1) * (len(b) - 1)) / 58
    half = t.ppf(0.975, 58) * np.sqrt(pooled * (1 / len(a) + 1 / len(b)))
    assert np.allclose(found.kernel_interval[:, 1] - found.kernel, half)
    assert found.n.values.tolist() == [60, 60]


def test_bins_are_counted_from_either_end_and_only_whole_ones_count():
    evidence = np.zeros((4, 5))
    evidence[:, :] = np.arange(5)
    evidence[2:] *= 2
    ds = shown(evidence, np.array([1, 1, -1, -1]), stop=np.array([50.0, 30.0, 50.0, 30.0]), c=np.zeros(4))
    start = behaviour.psychophysical_kernel(ds, "x", condition="c", bin_width=20.0)
    assert start.n.values.tolist() == [4, 2, 0] and start.time.values.tolist() == [10.0, 30.0, 50.0]
    assert start.kernel.values[:2].tolist() == [-0.5, -2.5] and np.isnan(start.kernel.values[2])
    end = behaviour.psychophysical_kernel(ds, "x", condition="c", bin_width=20.0, align="end")
    assert end.time.values.tolist() == [-50.0, -30.0, -10.0] and end.n.values.tolist() == [0, 2, 4]
    assert end.kernel.values[1:].tolist() == [-1.5, -2.5]  # steps 1 and 2; 3 and 4 or 1 and 2


def test_trials_that_say_nothing_are_counted():
    ds, _ = accumulator(4, n=200)
    choice = ds["choice"].values.copy()
    choice[ds["coherence"].values == 0.5] = 1
    choice[:3] = 0
    found = behaviour.psychophysical_kernel(ds.assign(choice=("trial", choice)), "x", condition="coherence")
    assert int(found.n_excluded) == 3
    assert int(found.n_uninformative) == ((ds["coherence"].values == 0.5) & (choice != 0)).sum()


# ------------------------------------------------------------------------------------------------- evidence weights


def leaky(seed, n=1000, steps=5):
    """A subject whose evidence leaks away: variable durations, weights that fall into the past."""
    rng = np.random.default_rng(seed)
    weights = 0.7 * np.exp(-np.arange(steps)[::-1] / 2.0)
    length = rng.integers(2, steps + 1, n)
    clicks = (rng.poisson(1.0, (n, steps)) - rng.poisson(1.0, (n, steps))).astype(float)
    clicks[np.arange(steps) >= length[:, None]] = 9.0  # after the end: must not count
    place = length[:, None] - steps + np.arange(steps)
    heard = np.where(place >= 0, np.take_along_axis(clicks, np.clip(place, 0, None), 1), 0.0)
    choice = np.where(rng.random(n) < expit(0.2 + heard @ weights), 1, -1)
    return shown(clicks, choice, stop=length * DT), heard, weights


def test_planted_weights_of_clicks_come_back_within_their_intervals():
    hits = []
    for seed in range(40):
        ds, _, weights = leaky(seed)
        found = behaviour.evidence_weights(
            ds, "x", bin_width=DT, align="end", unit=DT, n_bootstrap=100, seed=seed
        )
        hits.append([*covers(found.weight_interval, weights), bool(covers(found.bias_interval, 0.2))])
    assert 0.88 < np.mean(hits) < 0.99
    assert (np.diff(found.weight) > -0.15).all() and found.time.values[-1] == -5.0
    assert found.n.values.tolist()[-2:] == [1000, 1000] and (np.diff(found.n) >= 0).all()


def test_weights_are_those_of_another_regression():
    ds, heard, _ = leaky(3)
    found = behaviour.evidence_weights(ds, "x", bin_width=DT, align="end", unit=DT, ridge=0.0, n_bootstrap=0)
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(heard, ds.choice.values > 0)
    assert np.allclose(found.weight, other.coef_[0], atol=1e-4)
    assert float(found.bias) == pytest.approx(other.intercept_[0], abs=1e-4)
    p = other.predict_proba(heard)[np.arange(len(heard)), (ds.choice.values > 0).astype(int)]
    assert float(found.log_likelihood) == pytest.approx(np.log(p).sum(), abs=1e-5)
    assert bool(found.converged) and not bool(found.separated)


def test_a_unit_rescales_and_a_bin_adds_up():
    ds, heard, _ = leaky(4)
    ms, unit = (
        behaviour.evidence_weights(ds, "x", bin_width=2 * DT, align="end", unit=u, n_bootstrap=0)
        for u in (1.0, DT)
    )
    assert np.allclose(ms.weight * DT, unit.weight, rtol=1e-5)
    assert ms.weight.attrs["units"] == "1/(input ms)" and unit.weight.attrs["units"] == "1"
    pairs = np.stack([heard[:, 0], heard[:, 1] + heard[:, 2], heard[:, 3] + heard[:, 4]], 1)
    other = LogisticRegression(C=1e9, tol=1e-10).fit(pairs, ds.choice.values > 0)
    assert np.allclose(unit.weight, other.coef_[0], atol=1e-3)


def test_choices_that_are_predicted_or_all_the_same_are_reported():
    rng = np.random.default_rng(0)
    evidence = rng.standard_normal((200, 2))
    found = behaviour.evidence_weights(
        shown(evidence, np.sign(evidence[:, 0])), "x", bin_width=DT, n_bootstrap=5
    )
    assert bool(found.separated) and np.isfinite(found.weight).all()
    same = behaviour.evidence_weights(shown(evidence, np.ones(200)), "x", bin_width=DT, n_bootstrap=5)
    assert np.isnan(same.weight).all() and int(same.n_bootstrap_failed) == 5
    evidence[:, 1] = 3.0
    constant = behaviour.evidence_weights(
        shown(evidence, rng.choice([-1, 1], 200)), "x", bin_width=DT, n_bootstrap=5
    )
    assert np.isnan(constant.weight.values).tolist() == [False, True]
    assert np.isfinite(constant.weight_interval[0]).all()


# --------------------------------------------------------------------------------------------------- shape weights


def test_weights_of_shapes_come_back_within_their_intervals():
    shapes = np.array([-0.9, -0.7, -0.5, -0.3, 0.3, 0.5, 0.7, 0.9])
    hits = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.choice(shapes, (1200, 4))
        choice = np.where(rng.random(1200) < 1 / (1 + 10 ** -x.sum(1)), 1, -1)
        ds = trials(a=x[:, 0], b=x[:, 1], c=x[:, 2], d=x[:, 3], choice=choice)
        found = behaviour.shape_weights(ds, ["a", "b", "c", "d"], n_bootstrap=100, seed=seed)
        hits.append(covers(found.weight_interval, shapes))
    assert 0.89 < np.mean(hits) < 0.99
    assert found["shape"].values.tolist() == shapes.tolist() and int(found.n.sum()) == 4800
    assert found.weight.attrs["units"] == "log10 unit"


def test_a_subject_that_ignores_a_shape_gives_it_no_weight():
    rng = np.random.default_rng(1)
    x = rng.choice([-0.5, 0.4, 0.8], (4000, 3))
    counted = np.where(x == 0.4, 0.0, x).sum(1)
    choice = np.where(rng.random(4000) < 1 / (1 + 10**-counted), 1, -1)
    found = behaviour.shape_weights(trials(a=x[:, 0], b=x[:, 1], c=x[:, 2], choice=choice), ["a", "b", "c"])
    assert covers(found.weight_interval, np.array([-0.5, 0.0, 0.8])).all()
    assert not covers(found.weight_interval[1], 0.4)


# ----------------------------------------------------------------------------------------------------- chronometric


def test_means_errors_and_quantiles_are_those_of_the_cells():
    rng = np.random.default_rng(0)
    c, right = rng.choice([-0.4, -0.1, 0.1, 0.4], 800), rng.random(800) < 0.7
    time = rng.gamma(8, 60, 800)
    time[:5] = np.nan
    found = behaviour.chronometric(trials(c=c, reaction_time=time, correct=right), "c", quantiles=[0.25, 0.5])
    for outcome, wanted in (("correct", True), ("error", False)):
        for level in (0.1, 0.4):
            cell = time[(np.abs(c) == level) & (right == wanted) & np.isfinite(time)]
            one = found.sel(outcome=outcome, strength=level)
            assert float(one["mean"]) == pytest.approx(cell.mean()) and int(one["n"]) == cell.size
            assert float(one["sem"]) == pytest.approx(cell.std(ddof=1) / np.sqrt(cell.size))
            low, high = t.interval(0.95, cell.size - 1, cell.mean(), cell.std(ddof=1) / np.sqrt(cell.size))
            assert one["mean_interval"].values == pytest.approx([low, high])
            assert one["quantile_time"].values == pytest.approx(np.quantile(cell, [0.25, 0.5]))
    assert np.allclose(found["probability"].sum("outcome"), 1.0) and int(found.n_excluded) == 5


def test_groups_and_cells_without_trials_stay_in_the_table():
    ds = trials(c=[0.1, 0.1, 0.5], reaction_time=[300.0, 500.0, 200.0], correct=[1, 0, 1], side=[1, -1, 1])
    found = behaviour.chronometric(ds, "c", by="side")
    assert found["mean"].sel(group=1, outcome="correct").values.tolist() == [300.0, 200.0]
    assert np.isnan(found["mean"].sel(group=-1, strength=0.5)).all()
    assert int(found["n"].sum()) == 3 and np.isnan(found["sem"]).all()


# ------------------------------------------------------------------------------------------------ accuracy, duration


def waiting(seed, exponent=0.5, lapse=0.04, n=1500):
    rng = np.random.default_rng(seed)
    time = np.round(rng.uniform(100.0, 1500.0, n) / 20) * 20
    c = rng.choice([0.05, 0.1, 0.2, 0.4], n) * rng.choice([-1, 1], n)
    p = lapse / 2 + (1 - lapse) * ndtr(4.0 * np.abs(c) * (time / 1000) ** exponent)
    return trials(time=time, c=c, performance=(rng.random(n) < p).astype(float))


def test_the_exponent_of_time_is_covered_by_its_interval():
    hits = [
        covers(behaviour.accuracy_by_duration(waiting(seed), "time", "c").exponent_interval, 0.5)
        for seed in range(40)
    ]
    assert 0.85 <= np.mean(hits) <= 1.0
    for exponent in (0.0, 1.0):
        found = behaviour.accuracy_by_duration(waiting(0, exponent, n=6000), "time", "c")
        assert covers(found.exponent_interval, exponent) and not covers(found.exponent_interval, 0.5)
        assert float(found.sensitivity) == pytest.approx(4.0, rel=0.1) and not bool(found.at_bound)


def test_no_other_search_finds_a_better_exponent():
    ds = waiting(3)
    found = behaviour.accuracy_by_duration(ds, "time", "c")

    def log_likelihood(k, exponent, lapse):
        p = lapse / 2 + (1 - lapse) * ndtr(k * np.abs(ds.c.values) * (ds.time.values / 1000) ** exponent)
        return np.log(np.where(ds.performance.values > 0, p, 1 - p)).sum()

    best = log_likelihood(float(found.sensitivity), float(found.exponent), float(found.lapse))
    assert best == pytest.approx(float(found.log_likelihood), abs=1e-6)
    grid = [
        log_likelihood(k, e, lapse)
        for k in np.linspace(2, 7, 26)
        for e in np.linspace(-0.2, 1.2, 29)
        for lapse in np.linspace(0, 0.2, 11)
    ]
    assert best >= max(grid) and best - max(grid) < 0.5
    low, high = found.exponent_interval.values  # at its ends the profile has fallen by 1.92
    for end in (low, high):
        near = [
            log_likelihood(k, end, lapse)
            for k in np.linspace(3, 5.5, 60)
            for lapse in np.linspace(0, 0.12, 25)
        ]
        assert best - max(near) == pytest.approx(1.92, abs=0.05)


def test_cells_of_duration_count_every_trial():
    ds = waiting(1, n=900)
    found = behaviour.accuracy_by_duration(ds, "time", "c", n_bins=5)
    assert int(found.n.sum()) == 900 and found.sizes["duration"] == 5
    assert float((found.accuracy * found.n).sum()) == pytest.approx(ds.performance.values.sum())
    certain = ds.assign(performance=("trial", np.ones(900)))
    nothing = behaviour.accuracy_by_duration(certain, "time", "c")
    assert np.isnan(nothing.exponent) and bool(nothing.at_bound) and (nothing.accuracy == 1).all()


# ----------------------------------------------------------------------------------------------- optimal combination


def senses(seed, both, n=60):
    rng = np.random.default_rng(seed)
    x = np.tile(np.arange(9, 17.0) - 12.5, 3 * n)
    modality = np.repeat(["visual", "auditory", "both"], 8 * n)
    sd = np.repeat([2.0, 1.5, both], 8 * n)
    return trials(x=x, modality=modality, choice=np.where(x + sd * rng.standard_normal(x.size) > 0, 1, -1))


def test_optimal_subjects_are_found_optimal_as_often_as_the_interval_says():
    hits = []
    for seed in range(30):
        found = behaviour.optimal_combination(
            senses(seed, 1.2), "x", "modality", lapses=False, n_bootstrap=100, seed=seed
        )
        hits.append(covers(found.difference_interval, 0.0))  # 1.2 = 1 / sqrt(1/2^2 + 1/1.5^2)
    assert np.mean(hits) >= 0.83
    sd = found.sd.values
    assert float(found.predicted_sd) == pytest.approx((sd[0] ** -2 + sd[1] ** -2) ** -0.5)
    assert float(found.difference) == pytest.approx(sd[2] - float(found.predicted_sd))


def test_a_subject_that_uses_one_sense_only_is_told_from_an_optimal_one():
    found = behaviour.optimal_combination(senses(0, 1.5, n=400), "x", "modality", lapses=False)
    assert found.difference_interval[0] > 0.05
    assert np.abs(found.sd.values - [2.0, 1.5, 1.5]).max() < 0.15
    perfect = senses(0, 1.2)
    perfect["choice"] = ("trial", np.sign(perfect.x.values))
    nothing = behaviour.optimal_combination(perfect, "x", "modality", n_bootstrap=5)
    assert nothing.at_bound.all() and np.isnan(nothing.difference) and np.isnan(nothing.predicted_sd)
    legend = behaviour.plot_combination(nothing).get_legend()
    told = [legend.get_title().get_text(), *(each.get_text() for each in legend.get_texts())]
    assert (
        len(told) == 4 and "nan" not in " ".join(told) and all("no slope found" in each for each in told[1:])
    )


# ----------------------------------------------------------------------------------------------------------- wagers


def test_the_benefit_of_waiving_is_the_weighted_difference_within_strengths():
    # strength 0.1: 8 of 10 against 5 of 10; strength 0.4: 20 of 20 against 27 of 30
    cells = [(0.1, True, 8, 10), (0.1, False, 5, 10), (0.4, True, 20, 20), (0.4, False, 27, 30)]
    rows = [(c, offered, i < k) for c, offered, k, n in cells for i in range(n)]
    c, offered, right = (np.array(each) for each in zip(*rows, strict=True))
    ds = trials(c=c, sure_offered=offered, waived=np.zeros(70, bool), correct=right, choice=np.ones(70))
    found = behaviour.wager(ds, "c")
    assert found.accuracy_offered.values == pytest.approx([0.8, 1.0])
    assert found.accuracy_forced.values == pytest.approx([0.5, 0.9])
    assert float(found.benefit) == pytest.approx((5 * 0.3 + 12 * 0.1) / 17)
    assert found.p_waived.values.tolist() == [0.0, 0.0] and found.n_decided.values.tolist() == [10, 20]


def test_wagers_by_duration_count_every_trial_and_none_decided_are_told():
    rng = np.random.default_rng(0)
    n = 600
    offered = rng.random(n) < 0.5
    waived = offered & (rng.random(n) < 0.3)
    choice = np.where(waived, 0, rng.choice([-1, 1], n))
    choice[:4] = 0
    waived[:4] = False
    ds = trials(
        c=rng.choice([-0.1, 0.1, 0.3], n), sure_offered=offered, waived=waived, choice=choice,
        correct=(choice == 1), time=rng.uniform(100.0, 900.0, n),
    )  # fmt: skip
    found = behaviour.wager(ds, "c", duration="time", n_bins=3)
    assert found.p_waived.dims == ("duration", "strength") and found.sizes["duration"] == 3
    assert int(found.n_offered.sum() + found.n_forced.sum()) == n - 4 and int(found.n_excluded) == 4
    assert float((found.p_waived * found.n_offered).sum()) == pytest.approx(waived.sum())


# --------------------------------------------------------------------------------------------------- relative value

OFFERS = np.array([(1, 0), (3, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (0, 2)])


def juices(seed, n=600):
    rng = np.random.default_rng(seed)
    a, b = OFFERS[rng.integers(0, 9, n)].T
    with np.errstate(divide="ignore"):
        place = np.log(b.astype(float)) - np.log(a.astype(float))
    return trials(a=a, b=b, juice=np.where(rng.random(n) < ndtr(3.0 * (place - np.log(2.2))), 1, -1))


def test_the_relative_value_is_covered_by_its_interval():
    hits = []
    for seed in range(30):
        found = behaviour.relative_value(juices(seed), "a", "b", "juice", n_bootstrap=100, seed=seed)
        hits.append([covers(found.relative_value_interval, 2.2), covers(found.slope_interval, 3.0)])
    assert np.mean(hits, axis=0).min() >= 0.83
    assert float(found.forced_accuracy) == 1.0
    ds = juices(29)
    assert int(found.n_forced) == ((ds.a == 0) | (ds.b == 0)).sum() and int(found.n_excluded) == 0
    turned = behaviour.relative_value(ds.assign(juice=-ds.juice), "b", "a", "juice", n_bootstrap=0)
    assert float(turned.relative_value) == pytest.approx(1 / float(found.relative_value), rel=1e-5)


# ------------------------------------------------------------------------------------------------ figures and errors


def drawn(axes):
    axes.figure.canvas.draw()
    return axes.get_xlabel(), axes.get_ylabel()


def test_figures_are_labelled_and_show_everything():
    ds, _ = accumulator(0, n=300)
    kernel = behaviour.psychophysical_kernel(ds, "x", condition="coherence", bin_width=DT)
    assert drawn(behaviour.plot_kernel(kernel)) == (
        "time from the start of stimulus (ms)",
        "choice-conditioned noise (input)",
    )
    weights = behaviour.evidence_weights(leaky(0)[0], "x", bin_width=DT, align="end", unit=DT, n_bootstrap=20)
    assert drawn(behaviour.plot_kernel(weights)) == (
        "time from the end of stimulus (ms)",
        "weight on the choice",
    )
    ds = waiting(0, n=400)
    axes = behaviour.plot_accuracy_by_duration(behaviour.accuracy_by_duration(ds, "time", "c"))
    assert drawn(axes) == ("duration of time (ms)", "fraction correct") and axes.get_ylim()[
        1
    ] == pytest.approx(1.03)
    axes = behaviour.plot_combination(
        behaviour.optimal_combination(senses(0, 1.2), "x", "modality", n_bootstrap=20)
    )
    assert drawn(axes) == ("x", "P(choice = +1)") and len(axes.get_legend().get_texts()) == 4
    axes = behaviour.plot_relative_value(
        behaviour.relative_value(juices(0), "a", "b", "juice", n_bootstrap=20)
    )
    assert (
        drawn(axes) == ("log(qB / qA)", "P(B chosen)")
        and "1 A is worth" in axes.get_legend().get_title().get_text()
    )
    rng = np.random.default_rng(0)
    ds = trials(
        c=rng.choice([-0.4, 0.1, 0.4], 300),
        reaction_time=rng.gamma(8, 60, 300),
        correct=rng.random(300) < 0.7,
    )
    found = behaviour.chronometric(ds, "c")
    assert drawn(behaviour.plot_chronometric(found)) == ("|c|", "mean reaction time (ms)")
    few = trials(c=[0.1, 0.1, 0.4], reaction_time=[200.0, 900.0, 300.0], correct=[1, 1, 1])
    axes = behaviour.plot_chronometric(behaviour.chronometric(few, "c"))  # the interval is -3,897 to 4,997 ms
    assert axes.get_ylim() == (0.0, 880.0)
    axes = behaviour.plot_quantile_probability(found)
    assert drawn(axes) == ("probability of the response", "quantile of the reaction time (ms)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0.1", "0.3", "0.5", "0.7", "0.9"]
    with pytest.raises(ValueError, match="shows one group"):
        behaviour.plot_quantile_probability(found.expand_dims(group=2))


@pytest.mark.parametrize(
    "name", ["perceptual-decision-rt", "poisson-clicks", "post-decision-wager", "multisensory-decision"]
)
def test_the_measures_of_a_task_run_on_a_network(name):
    task = tasks.make(name, dt=50.0)
    network = task.recipe.network(task)
    results = task.analyse(neurornn.simulate(network, task.sample(60, seed=0), task=task))
    assert set(results.children) == set(task.measures)
    figure = task.plot(results)
    assert len(figure.axes) == len(task.measures)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda ds: behaviour.psychophysical_kernel(ds, "y", condition="coherence"), "There is no input 'y'. The inputs are: x"),
        (lambda ds: behaviour.psychophysical_kernel(ds, "x", condition="coherence", epoch="cue"), "no epoch 'cue': epoch_cue_start and"),
        (lambda ds: behaviour.psychophysical_kernel(ds, "x", condition="coherence", bin_width=2.0), "bin_width must be at least a step of 10 ms: got 2"),
        (lambda ds: behaviour.psychophysical_kernel(ds, "x", condition="coherence", align="middle"), "align must be 'start' or 'end': got 'middle'"),
        (lambda ds: behaviour.psychophysical_kernel(ds, "x", condition="coherence", choice="side"), "no variable 'side'"),
        (lambda ds: behaviour.psychophysical_kernel(ds.drop_vars("inputs"), "x", condition="coherence"), "needs the 'inputs' of the trials"),
        (lambda ds: behaviour.psychophysical_kernel(ds.drop_attrs(), "x", condition="coherence"), "time step in ms as attribute 'dt'"),
        (lambda ds: behaviour.evidence_weights(ds, "x", unit=0.0), "unit above 0: got 0.001, 200 and 0"),
        (lambda ds: behaviour.shape_weights(ds, ["w"]), "'w' is not a variable of the trials"),
        (lambda ds: behaviour.chronometric(ds, "coherence"), "'reaction_time' is not a variable"),
        (lambda ds: behaviour.chronometric(ds.assign(reaction_time=ds.choice, correct=ds.coherence + 3), "coherence"), "'correct' must be 0 or 1"),
        (lambda ds: behaviour.chronometric(ds.assign(reaction_time=ds.choice, correct=ds.choice > 0), "coherence", quantiles=[2.0]), "quantiles needs numbers between 0 and 1"),
        (lambda _: behaviour.accuracy_by_duration(trials(t=[1.0, 1.0], c=[0.1, 0.2], performance=[0, 1]), "t", "c"), "at least two values of 't'"),
        (lambda _: behaviour.accuracy_by_duration(trials(t=[0.0, 1.0], c=[0.1, 0.2], performance=[0, 1]), "t", "c"), "'t' must be above 0 ms"),
        (lambda _: behaviour.optimal_combination(senses(0, 1.2), "x", "modality", both="va"), "No trial has modality='va'"),
        (lambda _: behaviour.wager(trials(c=[0.1], sure_offered=[False], waived=[True], correct=[0], choice=[0]), "c"), "only where the sure option is offered"),
        (lambda _: behaviour.wager(trials(c=[0.1], sure_offered=[False], waived=[False], correct=[0], choice=[1]), "c"), "No trial offers the sure option"),
        (lambda _: behaviour.relative_value(trials(a=[1, 1], b=[1, 1], juice=[1, -1]), "a", "b", "juice"), "at two ratios of quantities at least"),
        (lambda _: behaviour.relative_value(trials(a=[-1, 1], b=[1, 1], juice=[1, -1]), "a", "b", "juice"), "quantities of at least 0"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    ds, _ = accumulator(0, n=40)
    with pytest.raises(ValueError, match=message):
        act(ds)
