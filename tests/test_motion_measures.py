"""Reaches, bits, oscillations and the error of integrators: closed forms, planted parameters, messages."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from neurornn.analysis.behaviour import (
    BitAccuracy,
    Endpoints,
    IntegrationError,
    Oscillations,
    SpeedProfile,
    TransitionTimes,
    bit_accuracy,
    fit_sinusoid,
    integration_error,
    reach_kinematics,
    speed_profile,
    transition_times,
)


def traces(output, target=None, *, epoch, dt=20.0, start=0.0, names=None, **more):
    output = np.asarray(output, dtype=float)
    n, steps, k = output.shape
    target = np.zeros_like(output) if target is None else target
    dims = ("trial", "time", "output")
    coords = {
        "time": ("time", np.arange(steps) * dt, {"units": "ms"}),
        "output": names or [f"bit_{i + 1}" for i in range(k)],
        f"epoch_{epoch}_start": ("trial", np.full(n, float(start))),
        f"epoch_{epoch}_end": ("trial", np.full(n, steps * dt)),
        **{name: ("trial", values) for name, values in more.items()},
    }
    return xr.Dataset({"outputs": (dims, output), "targets": (dims, target)}, coords)


def reach(n_steps=101, turn=0.0, bend=0.0):
    """A minimum-jerk reach of length 1 in half a second, turned, and bent sideways in an arc of a sine."""
    tau = np.linspace(0, 1, n_steps)
    along = 10 * tau**3 - 15 * tau**4 + 6 * tau**5
    path = np.stack([along, bend * np.sin(np.pi * along)], axis=1)
    c, s = np.cos(turn), np.sin(turn)
    return path @ np.array([[c, s], [-s, c]])


def test_a_bent_reach_is_longer_by_the_length_of_its_arc():
    path = np.stack([reach(turn=t, bend=0.2) for t in (0.0, 1.0, 4.0)])
    found = reach_kinematics(path, np.ones((3, 101), dtype=bool), 5.0)
    x = np.linspace(0, 1, 20_001)
    length = np.trapezoid(np.hypot(1.0, 0.2 * np.pi * np.cos(np.pi * x)), x)
    assert np.allclose(found["path_ratio"], length, rtol=1e-3) and np.allclose(
        found["deviation"], 0.2, atol=1e-3
    )
    for name, values in found.items():
        assert np.ptp(values) < 1e-6, name  # whatever the direction


def test_speed_and_times_of_a_straight_reach():
    waiting = np.repeat(reach()[:1], 20, axis=0)
    path = np.concatenate([waiting, reach()])[None]
    found = reach_kinematics(path, np.ones((1, 121), dtype=bool), 5.0)
    assert found["peak_speed"][0] == pytest.approx(1.875 / 0.5, rel=1e-3)
    assert found["time_to_peak"][0] == pytest.approx(100.0 + 250.0, abs=5.0)
    tau = np.linspace(0, 1, 100_001)
    slow = tau[(30 * (tau**2 - 2 * tau**3 + tau**4) > 0.1875).argmax()]  # a tenth of the peak
    assert found["reaction_time"][0] == pytest.approx(100.0 + slow * 500.0, abs=5.0)
    assert found["movement_time"][0] == pytest.approx((1 - 2 * slow) * 500.0, abs=10.0)
    still = reach_kinematics(np.zeros((1, 20, 2)), np.ones((1, 20), dtype=bool), 5.0)
    assert still["peak_speed"][0] == 0 and np.isnan([still["reaction_time"][0], still["path_ratio"][0]]).all()


def test_only_the_stretch_counts():
    path = np.random.default_rng(0).normal(size=(2, 160, 2))
    inside = np.zeros((2, 160), dtype=bool)
    inside[0, 10:111], inside[1, 40:141] = True, True
    path[0, 10:111], path[1, 40:141] = reach(), reach()
    found = reach_kinematics(path, inside, 5.0)
    assert np.allclose(found["path_ratio"], 1.0) and np.allclose(found["time_to_peak"], 250.0, atol=5.0)


def test_the_speed_profile_of_positions_is_that_of_velocities():
    path = np.stack([reach()] * 4)
    from_place = speed_profile(traces(path, epoch="response", dt=5.0, names=["x", "y"]))
    velocity = np.concatenate([np.diff(path, axis=1), np.zeros((4, 1, 2))], axis=1) * 1000.0 / 5.0
    from_speed = speed_profile(traces(velocity, epoch="response", dt=5.0, names=["vx", "vy"]))
    assert from_place.sizes["elapsed"] == 100 and np.allclose(from_place.speed, from_speed.speed)
    assert float(from_place.speed.max()) == pytest.approx(3.75, rel=1e-3) and (from_place.n == 4).all()
    assert np.allclose(from_place.speed_interval, from_place.speed.values[:, None])  # all alike


def test_the_speed_profile_of_groups_and_its_interval():
    gain = np.repeat([1.0, 2.0], 50) * (1 + 0.1 * np.random.default_rng(0).standard_normal(100))
    ds = traces(
        gain[:, None, None] * reach(), epoch="response", dt=5.0, names=["x", "y"], size=np.repeat([1, 2], 50)
    )
    found = speed_profile(ds, by="size")
    assert found.group.values.tolist() == [1, 2]
    assert np.allclose(
        found.speed.max("elapsed"), [3.75 * gain[:50].mean(), 3.75 * gain[50:].mean()], rtol=1e-3
    )
    low, high = found.speed_interval.sel(group=1).isel(elapsed=50).values
    half = 2.0096 * gain[:50].std(ddof=1) / np.sqrt(50)  # Student's t with 49 degrees of freedom
    assert (high - low) / 2 / float(found.speed.sel(group=1)[50]) == pytest.approx(
        half / gain[:50].mean(), rel=1e-3
    )


def switching(n=40, steps=200, latency=4, seed=0):
    """Targets that switch and outputs that follow some steps later."""
    rng = np.random.default_rng(seed)
    target = np.ones((n, steps, 2))
    target[:, 60:] *= -1
    target[:, 130:, 0] *= -1
    output = np.roll(target, latency, axis=1)
    output[:, :latency] = target[:, :1]
    return 0.8 * output + 0.01 * rng.standard_normal(output.shape), target


@pytest.mark.parametrize("latency", [0, 3, 9])
def test_transition_times_are_the_latency(latency):
    output, target = switching(latency=latency)
    found = transition_times(traces(output, target, epoch="hold"))
    assert (found.time == 20.0 * latency).all() and found.sizes["switch"] == 40 * 3
    assert found.n_switches.values.tolist() == [80, 40] and (found.missed == 0).all()
    assert np.array_equal(found["sign"].values == 1, (found["bit"].values == 0) & (found["time"].values >= 0) & (np.arange(120) % 3 == 2))  # fmt: skip


def test_switches_that_are_overtaken_are_missed():
    output, target = switching(latency=80)  # the second switch of bit 1 comes after 70 steps
    found = transition_times(traces(output, target, epoch="hold"))
    first = (found["bit"] == 0) & (found["sign"] == -1)
    assert (
        np.isnan(found.time.values[first.values]).all()
        and (found.time.values[(found["bit"] == 1).values] == 1600.0).all()
    )
    never = transition_times(traces(0 * output + 1, target, epoch="hold"))
    assert (
        float(never.missed[1]) == 1.0 and float(never.missed[0]) == 0.5
    )  # it sits where the second switch goes


def test_bit_accuracy_spares_the_grace_and_nothing_else():
    output, target = switching(latency=10)
    exact = bit_accuracy(traces(output, target, epoch="hold"), grace=200.0)
    assert (exact.accuracy == 1.0).all() and float(exact.all_right) == 1.0
    short = bit_accuracy(traces(output, target, epoch="hold"), grace=100.0)  # 5 of 10 steps spared
    assert (
        np.allclose(short.accuracy, [1 - 2 * 5 / (200 - 2 * 5), 1 - 5 / (200 - 5)])
        and float(short.all_right) == 0.0
    )
    assert np.allclose(bit_accuracy(traces(-output, target, epoch="hold"), grace=200.0).accuracy, 0.0)


@pytest.mark.parametrize("frequency", [0.7, 1.3, 2.0, 4.4])
@pytest.mark.parametrize("phase", [-120.0, 0.0, 77.0])
def test_a_sinusoid_is_found_exactly(frequency, phase):
    step = np.arange(150)
    inside = (step[None] >= [[20]]) & (step[None] < [[120]])
    middle = 69.5 * 0.02
    wave = 0.3 + 0.7 * np.sin(2 * np.pi * frequency * (step * 0.02 - middle) + np.deg2rad(phase))
    outside = np.where(inside, wave, 99.0)
    found = fit_sinusoid(outside, inside, 20.0)
    assert found.frequency[0] == pytest.approx(frequency, rel=1e-5) and found.amplitude[0] == pytest.approx(
        0.7, rel=1e-4
    )
    assert (found.phase[0] - phase + 180) % 360 - 180 == pytest.approx(0.0, abs=0.01)
    assert found.offset[0] == pytest.approx(0.3, abs=1e-4) and found.explained[0] == pytest.approx(1.0)


def test_noise_leaves_the_frequency_as_uncertain_as_it_must():
    """The Cramer-Rao bound of the frequency: sqrt(6) s / (pi A T sqrt(n)), for n steps over T; 5 standard errors of 400."""
    rng = np.random.default_rng(0)
    time = np.arange(100) * 0.02
    noisy = np.sin(2 * np.pi * 2.25 * time) + 0.2 * rng.standard_normal((400, 100))
    found = fit_sinusoid(noisy, np.ones((400, 100), dtype=bool), 20.0)
    bound = np.sqrt(6) * 0.2 / (np.pi * 2.0 * np.sqrt(100))
    assert found.frequency.std() == pytest.approx(bound, rel=5 / np.sqrt(2 * 400))
    assert abs(found.frequency.mean() - 2.25) < 5 * bound / 20
    assert np.median(found.explained) == pytest.approx(0.5 / (0.5 + 0.04), abs=0.01)


def test_signals_do_not_see_one_another_and_constants_have_no_frequency():
    time = np.arange(100) * 0.02
    waves = np.stack(
        [np.sin(2 * np.pi * f * time) for f in (1.0, 3.0)] + [np.full(100, 2.0), np.full(100, np.nan)]
    )
    found = fit_sinusoid(waves, np.ones((4, 100), dtype=bool), 20.0)
    alone = fit_sinusoid(waves[1:2], np.ones((1, 100), dtype=bool), 20.0)
    assert found.frequency[1] == alone.frequency[0] and np.isnan(found.frequency[2:]).all()
    assert (found.amplitude[2:] == 0).all() and np.isnan(found.phase[2:]).all()


PLANTED = {"diffusion": 0.5, "read_variance": 0.04, "initial_variance": 0.1}


def walks(rng, n=200, drift=(0.2, -0.1), offset=0.1, **changed):
    p = PLANTED | changed
    t = (np.arange(100) + 1) * 0.02
    e = np.cumsum(rng.normal(size=(n, 100, 2)), axis=1) * np.sqrt(2 * p["diffusion"] * 0.02)
    e += np.sqrt(p["initial_variance"]) * rng.normal(size=(n, 1, 2)) + np.sqrt(
        p["read_variance"]
    ) * rng.normal(size=(n, 100, 2))
    return e + offset + np.array(drift) * t[:, None]


def test_the_growth_of_an_error_is_recovered_within_its_intervals():
    """40 data sets: a binomial of 0.95 and 40 falls below 34 in 3 of 1000 cases."""
    rng = np.random.default_rng(1)
    inside = dict.fromkeys([*PLANTED, "drift", "offset"], 0)
    for _ in range(40):
        fit = integration_error(traces(walks(rng), epoch="walk"))
        assert bool(fit.converged)
        for name, value in (PLANTED | {"drift": 0.2, "offset": 0.1}).items():
            low, high = fit[f"{name}_interval"].values.reshape(-1, 2)[0]
            inside[name] += bool(low <= value <= high)
    assert min(inside.values()) >= 34


def test_the_likelihood_of_the_errors_is_that_of_a_normal():
    from scipy.stats import multivariate_normal

    errors = walks(np.random.default_rng(2), n=50)
    fit = integration_error(traces(errors, epoch="walk"), n_bootstrap=0)
    t, place = fit["elapsed"].values, np.round(fit["elapsed"].values / 0.02).astype(int) - 1
    V = float(fit.initial_variance) + 2 * float(fit.diffusion) * np.minimum(t[:, None], t) + float(fit.read_variance) * np.eye(t.size)  # fmt: skip
    total = 0.0
    for d in range(2):
        mean = float(fit.offset[d]) + float(fit.drift[d]) * t
        total += multivariate_normal(mean, V).logpdf(errors[:, place, d]).sum()
    assert float(fit.log_likelihood) == pytest.approx(total, rel=1e-6)


def test_no_diffusion_is_found_where_there_is_none():
    rng = np.random.default_rng(3)
    still = integration_error(traces(walks(rng, diffusion=0.0, drift=(0.0, 0.0)), epoch="walk"))
    moving = integration_error(traces(walks(rng), epoch="walk"))
    assert float(still.diffusion) < 0.005 < 0.3 < float(moving.diffusion)
    assert float(still.read_variance) == pytest.approx(0.04, rel=0.15)


def test_angles_are_judged_on_the_circle():
    rng = np.random.default_rng(4)
    target = rng.uniform(0, 2 * np.pi, (200, 100)) * 0 + np.linspace(0, 12, 100)
    error = np.cumsum(rng.normal(size=(200, 100)), axis=1) * np.sqrt(2 * 50.0 * 0.02)  # 50 degree^2 / s
    turned = target + np.deg2rad(error)
    pair = [np.stack([np.cos(a), np.sin(a)], axis=-1) for a in (turned, target)]
    fit = integration_error(traces(pair[0], pair[1], epoch="walk"), angular=True)
    preferred = 2 * np.pi * np.arange(16) / 16
    ring = [np.exp(3 * (np.cos(a[..., None] - preferred) - 1)) for a in (turned, target)]
    other = integration_error(traces(ring[0], ring[1], epoch="walk"), angular=True)
    assert float(fit.diffusion) == pytest.approx(50.0, rel=0.15) and float(other.diffusion) == pytest.approx(
        float(fit.diffusion), rel=0.01
    )
    assert fit.diffusion.attrs["units"] == "degree^2/s"
    pair[0][3] = 0.0  # a trial without an answer
    assert int(integration_error(traces(pair[0], pair[1], epoch="walk"), angular=True).n_excluded) == 1


def test_what_is_drawn():
    output, target = switching()
    cases = [
        (BitAccuracy(), traces(output, target, epoch="hold"), "", "fraction of time right"),
        (TransitionTimes(), traces(output, target, epoch="hold"), "transition time (ms)", "fraction of switches"),
        (IntegrationError(), traces(walks(np.random.default_rng(0)), epoch="walk"), "time from the start of the walk (s)", "mean squared error"),
        (SpeedProfile(), traces(np.stack([reach()] * 3), epoch="response", dt=5.0, names=["x", "y"]), "time from the start of response (ms)", "speed (1/s)"),
    ]  # fmt: skip
    ds = xr.Dataset({
        "frequency": ("trial", [1.0, 1.0, 2.0]),
        "produced_frequency": ("trial", [1.1, 0.9, np.nan]),
    })
    cases.append((Oscillations(), ds, "frequency asked for (Hz)", "produced frequency (Hz)"))
    ends = {
        "endpoint_x": [1.0, 0.1],
        "endpoint_y": [0.1, 1.0],
        "endpoint_error": [0.1, 0.1],
        "direction": [0.0, 90.0],
    }
    ds = xr.Dataset({
        name: ("trial", values, {"long_name": name.replace("_", " ")}) for name, values in ends.items()
    })
    cases.append((Endpoints(), ds, "endpoint x", "endpoint y"))
    for measure, data, x, y in cases:
        result = measure.apply(data)
        axes = measure.plot(result)
        assert (axes.get_xlabel(), axes.get_ylabel()) == (x, y)
        figure = plt.figure()
        own = figure.add_subplot()
        assert measure.plot(result, ax=own) is own
        plt.close("all")
    assert float(Endpoints().apply(ds).mean_error) == pytest.approx(0.1)


SHORT = traces(np.zeros((5, 10, 2)), epoch="hold")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: transition_times(SHORT, epoch="walk"), "lacks .*epoch_walk_end"),
        (lambda: transition_times(SHORT), "No target switches"),
        (lambda: bit_accuracy(SHORT, grace=-1.0), "grace must be finite and at least 0"),
        (lambda: integration_error(SHORT), "lacks .*epoch_walk_end"),
        (lambda: integration_error(SHORT, epoch="hold", n_times=2), "n_times must be at least 3"),
        (lambda: integration_error(SHORT.isel(trial=[0]), epoch="hold"), "at least three trials"),
        (lambda: speed_profile(SHORT, epoch="response"), "needs two outputs and the epoch 'response'"),
        (lambda: Oscillations().apply(SHORT), "'frequency' is not a variable of the trials"),
        (lambda: Endpoints().apply(SHORT), "'direction' is not a variable of the trials"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()
