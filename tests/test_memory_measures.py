"""Measures of memory: simulated observers of known parameters, independent fits, limits that are known."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.optimize import minimize
from scipy.special import i0e, ndtr

from neurornn.analysis import behaviour


def dataset(units=None, **columns):
    units = units or {}
    return xr.Dataset({
        name: ("trial", values, {"units": units[name]} if name in units else {})
        for name, values in columns.items()
    })


def coverage(simulate, fit, truth, n):
    """How many of n simulated data sets have the truth in the 95 % interval, for each parameter."""
    hits = dict.fromkeys(truth, 0)
    for seed in range(n):
        found = fit(simulate(np.random.default_rng(seed)), seed)
        for name, value in truth.items():
            low, high = found[f"{name}_interval"].values
            hits[name] += bool(low <= value <= high)
    return hits


# ------------------------------------------------------------------- sensitivity and criterion


def detector(rng, n=60, d=1.5, c=0.3):
    signal = np.repeat([1, -1], n)
    seen = rng.standard_normal(2 * n) + 0.5 * d * signal
    return dataset(correct_choice=signal, choice=np.where(seen > c, 1, -1))


def counted(hits, n_signal, false_alarms, n_noise):
    asked = np.repeat([1, -1], [n_signal, n_noise])
    said = np.concatenate([np.arange(n_signal) < hits, np.arange(n_noise) < false_alarms])
    return dataset(correct_choice=asked, choice=np.where(said, 1, -1))


def test_sensitivity_is_the_difference_of_corrected_quantiles():
    found = behaviour.signal_detection(counted(30, 40, 5, 50))
    h, f = stats.norm.ppf(30.5 / 41), stats.norm.ppf(5.5 / 51)
    assert float(found.sensitivity) == pytest.approx(h - f)
    assert float(found.criterion) == pytest.approx(-(h + f) / 2)
    assert (float(found.hit_rate), float(found.false_alarm_rate)) == (0.75, 0.1)
    assert not found.at_bound
    likelihood = stats.binom.logpmf(30, 40, 0.75) + stats.binom.logpmf(5, 50, 0.1)
    ways = np.log(stats.binom.pmf(30, 40, 0.5) * 2.0**40) + np.log(stats.binom.pmf(5, 50, 0.5) * 2.0**50)
    assert float(found.log_likelihood) == pytest.approx(likelihood - ways)


def test_perfect_detectors_are_bounded_by_the_correction_and_say_so():
    found = behaviour.signal_detection(counted(40, 40, 0, 50))
    assert found.at_bound and np.isfinite(found.sensitivity)
    more = behaviour.signal_detection(counted(400, 400, 0, 500))
    assert more.sensitivity > found.sensitivity  # it is the number of trials that sets it


def test_exchanging_the_answers_turns_sensitivity_and_criterion_round():
    ds = detector(np.random.default_rng(1))
    a, b = behaviour.signal_detection(ds), behaviour.signal_detection(ds.assign(choice=-ds.choice))
    assert float(b.sensitivity) == pytest.approx(-float(a.sensitivity))
    assert float(b.criterion) == pytest.approx(-float(a.criterion))
    both = behaviour.signal_detection(ds.assign(choice=-ds.choice, correct_choice=-ds.correct_choice))
    assert float(both.sensitivity) == pytest.approx(float(a.sensitivity))
    assert float(both.criterion) == pytest.approx(-float(a.criterion))


def test_several_decisions_within_a_trial_count_as_so_many_trials():
    ds = detector(np.random.default_rng(2), n=40)
    even, odd = (ds.isel(trial=slice(k, None, 2)) for k in (0, 1))
    wide = dataset(
        a1=even.correct_choice.values,
        a2=odd.correct_choice.values,
        c1=even.choice.values,
        c2=odd.choice.values,
    )
    found = behaviour.signal_detection(wide, signal=("a1", "a2"), choice=("c1", "c2"))
    assert float(found.sensitivity) == pytest.approx(float(behaviour.signal_detection(ds).sensitivity))
    nothing = wide.assign(a2=0 * wide.a2)
    assert int(behaviour.signal_detection(nothing, signal=("a1", "a2"), choice=("c1", "c2")).n_signal) == 20
    silent = wide.assign(c2=("trial", np.full(40, np.nan)))
    assert int(behaviour.signal_detection(silent, signal=("a1", "a2"), choice=("c1", "c2")).n_excluded) == 40


def test_intervals_of_sensitivity_hold_the_truth():
    truth = {"sensitivity": 1.5, "criterion": 0.3}
    hits = coverage(detector, lambda ds, seed: behaviour.signal_detection(ds, seed=seed), truth, 200)
    assert min(hits.values()) >= 180, hits


def test_sensitivity_by_group():
    parts = [detector(np.random.default_rng(k), n=200, d=d) for k, d in enumerate((2.5, 0.5))]
    ds = xr.concat(parts, "trial").assign(set_size=("trial", np.repeat([1, 4], 400)))
    found = behaviour.signal_detection(ds, by="set_size")
    assert found.sensitivity.values == pytest.approx([2.5, 0.5], abs=0.3)
    ax = behaviour.plot_signal_detection(found)
    assert ax.get_xlabel() == "set size" and len(ax.containers) == 2
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["sensitivity d'", "criterion c"]
    assert behaviour.plot_signal_detection(behaviour.signal_detection(parts[0])).get_ylabel()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda ds: behaviour.signal_detection(ds, signal="seen"), "'seen' is not a variable"),
        (
            lambda ds: behaviour.signal_detection(ds, signal=("choice", "choice")),
            "as many names: got 2 and 1",
        ),
        (lambda ds: behaviour.signal_detection(ds.assign(choice=2 * ds.choice)), r"must be \+1 or -1 .* got"),
        (lambda ds: behaviour.signal_detection(ds.isel(trial=slice(60))), "got 60 and 0 with a choice"),
        (lambda ds: behaviour.signal_detection(ds, n_bootstrap=-1), "at least 0: got -1"),
        (lambda ds: behaviour.signal_detection(ds, signal=(), choice=()), "at least one name"),
    ],
)
def test_wrong_detections_are_refused(act, message):
    with pytest.raises(ValueError, match=message):
        act(detector(np.random.default_rng(0)))


# ------------------------------------------------------------------- contraction bias

PAIRS = np.array([(18, 10), (22, 14), (26, 18), (30, 22), (34, 26)], dtype=np.float64)
PAIRS = np.concatenate([PAIRS, PAIRS[:, ::-1]])


def comparer(rng, contraction=0.3, noise=5.0, bias=0.2, n=40):
    f1, f2 = np.repeat(PAIRS, n, axis=0).T
    memory = (1 - contraction) * f1 + contraction * 22.0
    seen = (f2 - memory) / noise + bias + rng.standard_normal(f1.size)
    return dataset({"f1": "Hz", "f2": "Hz"}, f1=f1, f2=f2, choice=np.where(seen > 0, 1, -1))


def test_contraction_agrees_with_a_direct_maximisation():
    ds = comparer(np.random.default_rng(3), n=100)
    found = behaviour.contraction_bias(ds, n_bootstrap=0)
    f1, f2, y = ds.f1.values, ds.f2.values, ds.choice.values

    def cost(p):
        contraction, noise, bias = p
        memory = (1 - contraction) * f1 + contraction * f1.mean()
        return -np.log(np.maximum(ndtr(y * ((f2 - memory) / noise + bias)), 1e-300)).sum()

    best = minimize(cost, [0.0, 4.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    got = [float(found[name]) for name in ("contraction", "noise", "bias")]
    assert got == pytest.approx(best.x, abs=1e-4)
    assert float(found.log_likelihood) == pytest.approx(-best.fun, abs=1e-6)
    w1, w2 = float(found.weight_first), float(found.weight_second)
    assert 1 - w1 / w2 == pytest.approx(got[0]) and 1 / w2 == pytest.approx(got[1])


def test_a_faithful_memory_has_no_contraction_and_one_that_knows_the_mean_alone_is_contracted_fully():
    for contraction in (0.0, 1.0):
        found = behaviour.contraction_bias(comparer(np.random.default_rng(4), contraction, n=400))
        low, high = found.contraction_interval.values
        assert low <= contraction <= high and high - low < 0.3


def test_contraction_does_not_depend_on_the_unit_nor_on_where_the_mean_is_put():
    ds = comparer(np.random.default_rng(5))
    found = behaviour.contraction_bias(ds, n_bootstrap=0)
    scaled = ds.assign(f1=3 * ds.f1 + 1, f2=3 * ds.f2 + 1)
    scaled_fit = behaviour.contraction_bias(scaled, n_bootstrap=0)
    assert float(scaled_fit.contraction) == pytest.approx(float(found.contraction), abs=1e-6)
    assert float(scaled_fit.noise) == pytest.approx(3 * float(found.noise), rel=1e-5)
    moved = behaviour.contraction_bias(ds, prior_mean=30.0, n_bootstrap=0)
    assert float(moved.contraction) == pytest.approx(float(found.contraction), abs=1e-6)
    assert float(moved.bias) != pytest.approx(float(found.bias), abs=0.1)
    assert found.weight_first.attrs["units"] == "1/(Hz)" and found.noise.attrs["units"] == "Hz"


def test_intervals_of_contraction_hold_the_truth():
    truth = {"contraction": 0.3, "noise": 5.0, "bias": 0.2}
    hits = coverage(comparer, lambda ds, seed: behaviour.contraction_bias(ds, seed=seed), truth, 60)
    assert min(hits.values()) >= 51, hits


def test_faultless_comparisons_have_no_weights(caplog):
    ds = comparer(np.random.default_rng(0), 0.0, 1e-6, 0.0)
    found = behaviour.contraction_bias(ds)
    assert found.separated and np.isnan(found.contraction) and "predict all 400 choices" in caplog.text
    assert np.isin(found.proportion, (0.0, 1.0)).all()
    assert (
        behaviour.plot_contraction_bias(found).get_legend().get_title().get_text().endswith("all predicted")
    )


def test_contraction_plot_shows_both_orders():
    found = behaviour.contraction_bias(comparer(np.random.default_rng(0)))
    ax = behaviour.plot_contraction_bias(found)
    assert ax.get_xlabel() == "f1 (Hz)" and ax.get_ylabel() == "P(f2 chosen as higher)"
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["prior mean", "second higher", "first higher"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars("f1"), "'f1' is not a variable"),
        (lambda ds: ds.assign(f2=("trial", ds.f2.values, {"units": "mm"})), "different units"),
        (lambda ds: ds.assign(f2=("trial", ds.f1.values + 8, {"units": "Hz"})), "do not vary independently"),
        (lambda ds: ds.assign(f1=ds.f1.where(False)), "No trial has both magnitudes and a choice"),
    ],
)
def test_wrong_comparisons_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        behaviour.contraction_bias(change(comparer(np.random.default_rng(0))))


def test_pairs_are_counted_where_they_are():
    ds = comparer(np.random.default_rng(6))
    right = (np.sign(ds.f2 - ds.f1) == ds.choice).astype(float)
    found = behaviour.pair_accuracy(ds.assign(performance=right))
    assert found.sizes["pair"] == 10 and set(found.n.values) == {40}
    row = (ds.f1 == 18) & (ds.f2 == 26)
    at = (found.first == 18) & (found.second == 26)
    assert float(found.accuracy[at][0]) == float(right[row].mean())
    ax = behaviour.plot_pair_accuracy(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("f1 (Hz)", "f2 (Hz)") and len(ax.texts) == 10
    with pytest.raises(ValueError, match="must be 0 or 1"):
        behaviour.pair_accuracy(ds.assign(performance=0.5 * right))
    with pytest.raises(ValueError, match="No trial has both magnitudes and an outcome"):
        behaviour.pair_accuracy(ds.assign(performance=np.nan * right))


# ------------------------------------------------------------------- drift and diffusion


def drifter(rng, n=500, d=12.0, v0=9.0, drift=6.0, mean=2.0):
    seconds, theta = rng.choice([0.2, 0.4, 0.8, 1.6], n), rng.uniform(0.0, 360.0, n)
    field = mean + drift * np.sin(2 * np.deg2rad(theta))
    error = 1.0 + seconds * field + np.sqrt(v0 + 2 * d * seconds) * rng.standard_normal(n)
    return dataset({"delay": "ms"}, angular_error=error, delay=1000 * seconds, direction=theta)


def test_diffusion_agrees_with_a_direct_maximisation():
    ds = drifter(np.random.default_rng(0))
    found = behaviour.angular_diffusion(ds, n_harmonics=1, n_bootstrap=0)
    t, e, phase = ds.delay.values / 1000, ds.angular_error.values, np.deg2rad(ds.direction.values)
    basis = np.stack([np.ones(t.size), np.cos(phase), np.sin(phase)], 1)

    def cost(p):
        variance = np.exp(p[0]) + 2 * np.exp(p[1]) * t
        mean = basis @ p[2:5] + t * (basis @ p[5:8])
        return 0.5 * (np.log(2 * np.pi * variance) + (e - mean) ** 2 / variance).sum()

    best = minimize(cost, np.r_[np.log([5.0, 20.0]), np.zeros(6)], method="BFGS", options={"gtol": 1e-6})
    assert float(found.initial_variance) == pytest.approx(np.exp(best.x[0]), rel=1e-3)
    assert float(found.diffusion) == pytest.approx(np.exp(best.x[1]), rel=1e-3)
    assert float(found.mean_drift) == pytest.approx(best.x[5], abs=1e-3)
    assert float(found.log_likelihood) == pytest.approx(-best.fun, abs=1e-5) and found.converged
    drift = best.x[5:8] @ [1.0, np.cos(np.pi / 4), np.sin(np.pi / 4)]
    assert float(found.drift.sel(direction=45.0)) == pytest.approx(drift, abs=1e-3)


def test_the_drift_field_falls_through_zero_at_the_attractors():
    found = behaviour.angular_diffusion(drifter(np.random.default_rng(1), n=4000, mean=0.0))
    true = 6.0 * np.sin(2 * np.deg2rad(found.direction.values))
    low, high = found.drift_interval.values.T
    assert ((low <= true) & (true <= high)).mean() > 0.85
    assert np.abs(found.drift - true).max() < 2.0 and np.abs(found.bias - 1.0).max() < 1.0
    falls = (found.drift.values > 0) & (np.roll(found.drift.values, -1) <= 0)
    attractors = found.direction.values[falls]
    assert attractors == pytest.approx([90.0, 270.0], abs=20.0)


def test_the_unit_of_the_delay_is_read():
    ds = drifter(np.random.default_rng(2))
    seconds = ds.assign(delay=("trial", ds.delay.values / 1000, {"units": "s"}))
    a, b = (behaviour.angular_diffusion(each, n_bootstrap=0) for each in (ds, seconds))
    assert float(a.diffusion) == pytest.approx(float(b.diffusion))
    assert a.diffusion.attrs["units"] == "degree^2/s" and a.delay.values.tolist() == [0.2, 0.4, 0.8, 1.6]
    turned = ds.assign(angular_error=-ds.angular_error)
    assert float(behaviour.angular_diffusion(turned, n_bootstrap=0).mean_drift) == pytest.approx(
        -float(a.mean_drift)
    )
    with pytest.raises(ValueError, match="its units are 'min'"):
        behaviour.angular_diffusion(ds.assign(delay=("trial", ds.delay.values, {"units": "min"})))


def test_a_memory_that_does_not_diffuse_is_at_the_bound():
    rng = np.random.default_rng(3)
    shrinking = drifter(rng, d=0.0, v0=100.0, drift=0.0)
    shrinking["angular_error"] = shrinking.angular_error / np.sqrt(
        shrinking.delay / 200
    )  # errors that shrink
    found = behaviour.angular_diffusion(shrinking, n_bootstrap=20)
    assert float(found.diffusion) == 0 and found.at_bound.values.tolist() == [True, False]
    steady = behaviour.angular_diffusion(drifter(rng, d=0.0, v0=100.0, drift=0.0), n_bootstrap=100)
    assert steady.diffusion_interval.values[0] < 3.0


def test_intervals_of_diffusion_hold_the_truth():
    truth = {"diffusion": 12.0, "initial_variance": 9.0, "mean_drift": 2.0}
    hits = coverage(drifter, lambda ds, seed: behaviour.angular_diffusion(ds, seed=seed), truth, 60)
    assert min(hits.values()) >= 51, hits


def test_far_and_missing_errors_are_counted():
    ds = drifter(np.random.default_rng(4))
    ds["angular_error"][:5] = np.nan
    ds["angular_error"][5:8] = 170.0
    found = behaviour.angular_diffusion(ds, n_bootstrap=0)
    assert (int(found.n_excluded), int(found.n_far), int(found.n_trials)) == (5, 3, 495)


def test_continuous_delays_are_shown_in_bins():
    rng = np.random.default_rng(5)
    ds = drifter(rng)
    seconds = rng.uniform(0.2, 1.6, 500)
    ds["delay"] = ("trial", 1000 * seconds, {"units": "ms"})
    ds["angular_error"] = ("trial", np.sqrt(9 + 24 * seconds) * rng.standard_normal(500))
    found = behaviour.angular_diffusion(ds)
    assert found.sizes["delay"] == 8 and int(found.n.sum()) == 500
    low, high = found.diffusion_interval.values
    assert low <= 12.0 <= high


def test_diffusion_and_drift_plots():
    found = behaviour.angular_diffusion(drifter(np.random.default_rng(6)), n_bootstrap=20)
    ax = behaviour.plot_diffusion(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("delay (s)", "error variance (degree^2)")
    assert ax.get_legend().get_title().get_text().startswith(f"D = {float(found.diffusion):.3g}")
    field = behaviour.plot_drift_field(found)
    assert field.get_xlim() == (0.0, 360.0) and field.get_ylabel() == "drift (degree/s)"
    line = field.lines[1]
    assert line.get_ydata()[0] == line.get_ydata()[-1]  # the circle is closed


def test_too_little_for_a_diffusion_is_refused():
    ds = drifter(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"at least two delays: got \[0\.2\] s"):
        behaviour.angular_diffusion(ds.isel(trial=ds.delay.values == 200))
    few = ds.assign(direction=("trial", np.where(ds.direction > 180, 90.0, 270.0)))
    with pytest.raises(ValueError, match=r"2 directions, 4 delays .* Lower n_harmonics"):
        behaviour.angular_diffusion(few)
    assert behaviour.angular_diffusion(few, n_harmonics=0, n_bootstrap=0).converged
    with pytest.raises(ValueError, match="'error' is not a variable"):
        behaviour.angular_diffusion(ds, error="error")


# ------------------------------------------------------------------- swap errors

OTHERS = ("a", "b", "c")


def swapper(rng, n=400, p=(0.7, 0.2, 0.1), kappa=12.0, n_others=3):
    shown = rng.uniform(0.0, 360.0, (n, 1 + n_others))
    kind = rng.choice(3, n, p=p)
    other = rng.integers(1, 1 + n_others, n) if n_others else np.zeros(n, dtype=int)
    said = np.where(kind == 1, shown[np.arange(n), other], shown[:, 0])
    said = said + np.rad2deg(rng.vonmises(0.0, kappa, n))
    said = np.where(kind == 2, rng.uniform(0.0, 360.0, n), said) % 360
    names = dict(zip(OTHERS, shown[:, 1:].T, strict=False))
    missing = {name: np.full(n, np.nan) for name in OTHERS if name not in names}
    return dataset(direction=shown[:, 0], response_direction=said, **names, **missing)


def test_mixture_agrees_with_a_direct_maximisation():
    ds = swapper(np.random.default_rng(0))
    found = behaviour.swap_errors(ds, non_targets=OTHERS, by=None, n_bootstrap=0)
    errors = np.deg2rad(np.stack([ds.response_direction - ds[name] for name in ("direction", *OTHERS)], 1))

    def cost(q):
        kappa, p = np.exp(q[0]), np.exp(np.r_[q[1:], 0.0])
        p = p / p.sum()
        near = np.exp(kappa * (np.cos(errors) - 1)) / (2 * np.pi * i0e(kappa))
        return -np.log(p[0] * near[:, 0] + p[1] * near[:, 1:].mean(1) + p[2] / (2 * np.pi)).sum()

    best = minimize(
        cost, [2.0, 1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000}
    )
    p = np.exp(np.r_[best.x[1:], 0.0])
    got = [float(found[name]) for name in ("p_target", "p_non_target", "p_uniform")]
    assert got == pytest.approx(p / p.sum(), abs=2e-3) and sum(got) == pytest.approx(1.0)
    assert float(found.kappa) == pytest.approx(np.exp(best.x[0]), rel=1e-2)
    assert float(found.log_likelihood) == pytest.approx(-best.fun, abs=2e-3) and found.converged


def test_intervals_of_the_mixture_hold_the_truth():
    truth = {"p_target": 0.7, "p_non_target": 0.2, "p_uniform": 0.1, "kappa": 12.0}

    def fit(ds, seed):
        return behaviour.swap_errors(ds, non_targets=OTHERS, by=None, n_bootstrap=100, seed=seed)

    hits = coverage(swapper, fit, truth, 50)
    assert min(hits.values()) >= 42, hits


def test_swaps_are_told_from_guesses():
    rng = np.random.default_rng(1)
    swaps = behaviour.swap_errors(swapper(rng, p=(0.7, 0.3, 0.0)), non_targets=OTHERS, by=None, n_bootstrap=0)
    guesses = behaviour.swap_errors(
        swapper(rng, p=(0.7, 0.0, 0.3)), non_targets=OTHERS, by=None, n_bootstrap=0
    )
    assert float(swaps.p_non_target) > 0.2 and float(swaps.p_uniform) < 0.1
    assert float(guesses.p_uniform) > 0.2 and float(guesses.p_non_target) < 0.1
    turned = swapper(rng).map(lambda column: (column + 77.0) % 360)
    a = behaviour.swap_errors(turned, non_targets=OTHERS, by=None, n_bootstrap=0)
    again = turned.map(lambda column: (column - 120.0) % 360)
    b = behaviour.swap_errors(again, non_targets=OTHERS, by=None, n_bootstrap=0)
    assert float(a.p_non_target) == pytest.approx(float(b.p_non_target), abs=1e-6)


def test_a_set_of_one_has_no_swaps():
    parts = [swapper(np.random.default_rng(k), n_others=k) for k in (0, 1, 3)]
    ds = xr.concat(parts, "trial").assign(set_size=("trial", np.repeat([1, 2, 4], 400)))
    found = behaviour.swap_errors(ds, non_targets=OTHERS, n_bootstrap=30)
    assert found.group.values.tolist() == [1, 2, 4]
    assert np.isnan(found.p_non_target.values).tolist() == [True, False, False]
    # with nothing to swap with, the swaps of this observer are reports of the target
    assert float(found.p_target[0]) == pytest.approx(0.9, abs=0.05)
    with pytest.raises(ValueError, match="with and without non-targets are mixed"):
        behaviour.swap_errors(ds, non_targets=OTHERS, by=None)
    ax = behaviour.plot_swap_errors(found)
    assert ax.get_xlabel() == "set size" and ax.get_ylim() == (-0.03, 1.03) and len(ax.containers) == 3


def test_the_width_of_the_mixture_is_its_circular_deviation():
    found = behaviour.swap_errors(swapper(np.random.default_rng(2), n=4000, p=(1.0, 0.0, 0.0), kappa=50.0), non_targets=OTHERS, by=None, n_bootstrap=0)  # fmt: skip
    assert float(found.sd) == pytest.approx(np.rad2deg(1 / np.sqrt(50.0)), rel=0.04)
    assert found.at_bound.sel(parameter="p_uniform") and not found.at_bound.sel(parameter="kappa")
    exact = swapper(np.random.default_rng(3))
    exact["response_direction"] = exact.direction
    assert behaviour.swap_errors(exact, non_targets=OTHERS, by=None, n_bootstrap=0).at_bound.sel(
        parameter="kappa"
    )


def test_too_little_for_a_mixture_is_refused():
    ds = swapper(np.random.default_rng(0))
    ds["response_direction"][3:] = np.nan
    with pytest.raises(ValueError, match="at least 4 trials with a response: got 3"):
        behaviour.swap_errors(ds, non_targets=OTHERS, by=None)
    with pytest.raises(ValueError, match="'d' is not a variable"):
        behaviour.swap_errors(ds, non_targets=("d",), by=None)


# ------------------------------------------------------------------- positions and errors


def test_positions_are_counted_where_they_exist():
    length = np.repeat([2, 3], 50)
    first, second = np.tile([1.0, 0.0], 50), np.ones(100)
    third = np.where(length == 3, 0.0, np.nan)
    ds = dataset(correct_1=first, correct_2=second, correct_3=third, list_length=length, correct=first)
    found = behaviour.serial_position(ds, by="list_length")
    np.testing.assert_array_equal(found.accuracy, [[0.5, 1.0, np.nan], [0.5, 1.0, 0.0]])
    np.testing.assert_array_equal(found.n, [[50, 50, 0], [50, 50, 50]])
    np.testing.assert_allclose(found.accuracy_interval[0, 0], behaviour.wilson_interval(25, 50))
    assert found.attrs["interval"] == "Wilson"
    ax = behaviour.plot_serial_position(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("position", "fraction correct") and len(ax.containers) == 2


def test_graded_positions_have_the_interval_of_a_mean():
    score = np.array([0.25, 0.5, 1.0, 0.75])
    found = behaviour.serial_position(dataset(correct_1=score))
    low, high = stats.t.interval(0.95, 3, score.mean(), stats.sem(score))
    np.testing.assert_allclose(found.accuracy_interval[0], [low, high])
    assert found.attrs["interval"] == "Student's t"
    with pytest.raises(ValueError, match="between 0 and 1"):
        behaviour.serial_position(dataset(correct_1=2 * score))
    with pytest.raises(ValueError, match="no variables 'hit_1'"):
        behaviour.serial_position(dataset(correct_1=score), prefix="hit")


def test_histograms_integrate_to_one_and_know_the_width():
    rng = np.random.default_rng(0)
    wide = np.repeat([10.0, 60.0], 4000)
    error = (wide * rng.standard_normal(8000) + 180) % 360 - 180
    ds = dataset({"angular_error": "degree"}, angular_error=error, width=wide)
    found = behaviour.error_histogram(ds, by="width", n_bins=40)
    np.testing.assert_allclose(found.density.sum("bin") * 9.0, 1.0)
    # a normal distribution wrapped around the circle keeps its standard deviation in this measure
    assert found.sd.values == pytest.approx([10.0, 60.0], rel=0.04)
    assert np.abs(found["mean"]).max() < 3.0
    ax = behaviour.plot_error_histogram(found)
    assert ax.get_xlabel() == "angular error (degree)" and ax.get_xlim() == (-180.0, 180.0)
    near = behaviour.plot_error_histogram(behaviour.error_histogram(ds.isel(trial=slice(4000))))
    assert near.get_xlim() == (-60.0, 60.0) and near.texts[0].get_text() == "sd 9.98°"
    none = behaviour.error_histogram(dataset(angular_error=np.full(3, np.nan)))
    assert np.isnan(none.sd) and int(none.n_excluded) == 3
    with pytest.raises(ValueError, match="n_bins >= 1: got 0"):
        behaviour.error_histogram(ds, n_bins=0)


def test_bias_corrected_intervals_move_against_the_bias():
    from neurornn.analysis.behaviour._bias_corrected import bias_corrected_interval

    rng = np.random.default_rng(0)
    z = rng.standard_normal(100_000)
    # replicates a tenth of a deviation too low: the interval sits as much too high, to first order exactly
    low, high = bias_corrected_interval(0.0, z - 0.1)
    assert (low, high) == pytest.approx((-1.96 + 0.1, 1.96 + 0.1), abs=0.03)
    assert np.isnan(bias_corrected_interval(0.0, np.full(3, np.nan))).all()
    assert np.isnan(bias_corrected_interval(np.nan, z)).all()
    assert bias_corrected_interval(0.0, np.zeros(100)).tolist() == [0.0, 0.0]
