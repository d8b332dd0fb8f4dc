"""Oscillations, integrators and path integration: the same process at any time step, and policies on the inputs."""

import numpy as np
import pytest
import torch

import neurornn
from neurornn import tasks
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks.dynamics._smooth import SmoothSignal, folded
from neurornn.testing import check_task

WALKS = [
    "line-integrator",
    "plane-integrator",
    "ring-integrator",
    "path-integration-1d",
    "path-integration-2d",
]


def quiet(name, n=100, **fields):
    task = tasks.make(name, sigma_in=0.0, **fields)
    return task, task.sample(n, seed=1)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("line-integrator", {"walk": tasks.Uniform(500.0, 3000.0), "dt": 10.0}),
        ("plane-integrator", {"walk": tasks.Choice((1000.0, 2000.0)), "dt": 50.0}),
        ("ring-integrator", {"code": tasks.RingCode(16), "start": tasks.Uniform(100.0, 500.0)}),
        ("path-integration-1d", {"walk": tasks.Uniform(1000.0, 2000.0), "unit": 300.0}),
        ("path-integration-2d", {"start": 100.0, "dt": 50.0, "correlation": 500.0}),
        ("sine-wave", {"wait": 0.0, "frequencies": (1.0, 3.0), "oscillate": tasks.Uniform(1500.0, 3000.0)}),
        (
            "multi-cycle",
            {"frequencies": (1.0, 2.0, 3.0, 4.0), "wait": tasks.Uniform(100.0, 500.0), "dt": 10.0},
        ),
        ("flip-flop", {"n_bits": 5, "dt": 10.0}),
    ],
)
def test_other_parameters_keep_the_contract(name, fields):
    check_task(tasks.make(name, **fields))


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_is_the_same_at_any_time_step(name):
    """Not only the same process: the target of a trial is one function of time, read at the end of each step."""
    fine, coarse = (quiet(name, 20, dt=dt)[1] for dt in (10.0, 50.0))
    code = fine.targets[:, 4::5]
    assert code.shape == coarse.targets.shape and (code - coarse.targets).abs().max() < 1e-4
    odd = quiet(name, 20, dt=1000 / 70)[1]  # no multiple of the others
    start = round(odd.epochs["walk"][0, 0] / odd.info.dt)
    assert (odd.targets[:, start - 1 + 7] - fine.targets[:, round(fine.epochs["walk"][0, 0] / 10.0) - 1 + 10]).abs().max() < 1e-4  # fmt: skip


@pytest.mark.parametrize("name", ["line-integrator", "plane-integrator", "path-integration-1d"])
def test_the_mean_over_fine_steps_is_the_coarse_input(name):
    fine, coarse = (quiet(name, 20, dt=dt)[1] for dt in (10.0, 50.0))
    mean = fine.inputs.unflatten(1, (-1, 5)).mean(2)
    assert (mean - coarse.inputs).abs().max() < 1e-4 and coarse.inputs.std() > 0.3


@pytest.mark.parametrize("lag", [0.0, 100.0, 200.0, 400.0, 1000.0])
def test_the_signal_has_the_autocovariance_it_says(lag):
    """4000 trials and four places: the product of two standard normals has a variance of at most 2, so that the mean over
    4000 has a standard error below 0.023; four times that covers the average over places whatever their correlation."""
    signal = SmoothSignal(TrialDraws(0, np.arange(4000), dt=1.0), "s", 1, correlation=200.0, longest=2000.0)
    start = np.array([0.0, 300.0, 700.0, 1000.0])
    product = (signal.value(start) * signal.value(start + lag))[..., 0].mean()
    assert product == pytest.approx(np.exp(-0.5 * (lag / 200.0) ** 2), abs=0.09)
    exact = np.sum(np.exp(-0.5 * (signal.omega * 200.0) ** 2) * np.cos(signal.omega * lag) * np.where(signal.omega > 0, 1, 0.5))  # fmt: skip
    norm = np.sum(np.exp(-0.5 * (signal.omega * 200.0) ** 2) * np.where(signal.omega > 0, 1, 0.5))
    assert exact / norm == pytest.approx(np.exp(-0.5 * (lag / 200.0) ** 2), abs=1e-4)


def test_the_integral_of_the_signal_is_its_integral():
    signal = SmoothSignal(TrialDraws(0, np.arange(5), dt=1.0), "s", 2, correlation=150.0, longest=1000.0)
    time = np.linspace(0.0, 1000.0, 5001)
    values = signal.value(time)
    summed = np.cumsum(0.5 * (values[:, 1:] + values[:, :-1]), axis=1) * 0.2
    assert np.abs(signal.integral(time)[:, 1:] - summed).max() < 1e-3
    assert np.abs(signal.integral(time)[:, 0]).max() == 0.0


def test_folding_is_reflection():
    """Independent of the formula: the folded path moves as fast, never leaves, and agrees while inside."""
    rng = np.random.default_rng(0)
    free = np.cumsum(rng.normal(0, 0.01, (50, 4000)), axis=1)
    inside = folded(free)
    assert np.abs(inside).max() <= 1.0 and np.abs(free).max() > 1.5
    assert np.allclose(inside[np.abs(free) <= 1], free[np.abs(free) <= 1])
    step, bent = np.abs(np.diff(free, axis=1)), np.abs(np.diff(inside, axis=1))
    assert (bent <= step + 1e-12).all() and np.isclose(bent, step).mean() > 0.98


def test_a_walk_longer_than_its_period_is_refused():
    with pytest.raises(ValueError, match="longer than the task makes walks for"):
        tasks.make("line-integrator").sample(1, seed=0, conditions={"walk": 50_000.0})


def test_the_spread_of_the_line_integrator():
    """Var x(T) is the double integral of the autocovariance; 4000 trials give it to 2.2 %, five times that is allowed."""
    _, trials = quiet("line-integrator", 4000)
    lag = np.linspace(0, 2000.0, 4001)
    expected = 2 * np.trapezoid((2000.0 - lag) * np.exp(-0.5 * (lag / 200.0) ** 2), lag) / 1000.0**2
    assert trials.targets[:, -1].var().item() == pytest.approx(expected, rel=0.11)
    assert expected == pytest.approx(0.92, abs=0.01) and trials.inputs.var().item() == pytest.approx(
        1.0, abs=0.05
    )


def integrate(task, trials):
    """A policy on the inputs: add up what comes in."""
    u = trials.inputs.numpy().astype(float)
    valid = trials.valid.numpy()[..., None] > 0
    dt = task.dt
    if task.name.startswith(("line", "plane")):
        return np.cumsum(u * valid, axis=1) * dt / task.unit
    start = trials.during("start").numpy()[..., None]
    if task.name.startswith("ring"):
        first = np.angle(u[:, 0, 1] + 1j * u[:, 0, 2])
        angle = first[:, None] + np.cumsum(u[..., 0], axis=1) * np.deg2rad(task.speed) * dt / 1000.0
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if task.name.startswith("path-integration-1d"):
        return u[:, :1, 2:3] + np.cumsum(u[..., :1] * ~start, axis=1) * dt / task.unit
    return u[:, :1, 4:] + np.cumsum(u[..., :1] * u[..., 1:3] * ~start, axis=1) * dt / task.unit


@pytest.mark.parametrize("name", WALKS)
def test_a_policy_that_adds_up_the_inputs_is_right(name):
    task, trials = quiet(name)
    output = torch.from_numpy(integrate(task, trials))
    found = task.behaviour(trials, output)
    assert found["performance"].min() == 1.0 and np.max(found["final_error"]) < 0.01
    backwards = task.performance(trials, torch.from_numpy(integrate(task, trials.__class__(-trials.inputs, trials.targets, trials.mask, trials.conditions, trials.epochs, trials.info))))  # fmt: skip
    silent = task.performance(trials, torch.zeros_like(output))
    assert np.mean(backwards) < 0.5 and np.mean(silent) < 0.5


def test_the_arena_is_used_evenly():
    """Reflected walks from anywhere stay uniform: quarters of the arena, to five standard errors of 1000 trials."""
    _, trials = quiet("path-integration-2d", 1000)
    end = trials.targets[:, -1].numpy()
    assert np.abs(end).max() <= 1 and np.abs((end > 0).mean(0) - 0.5).max() < 5 * 0.5 / np.sqrt(1000)
    assert np.abs((np.abs(end) > 0.5).mean(0) - 0.5).max() < 5 * 0.5 / np.sqrt(1000)
    u = trials.inputs.numpy()
    assert (u[..., 0] >= 0).all() and np.allclose(np.hypot(u[:, 20:, 1], u[:, 20:, 2]), 1.0, atol=1e-5)
    assert (u[:, :10, 3] == 1).all() and (u[:, 10:, 3:] == 0).all()  # the first place is shown for 200 ms


def test_ring_integrator_reads_a_ring_code_alike():
    pair, ring = (
        quiet("ring-integrator", 10, code=code)[1] for code in (tasks.CosineCode(), tasks.RingCode(32))
    )
    a, b = tasks.angle_of(pair.targets.numpy()), tasks.angle_of(ring.targets.numpy())
    assert np.abs(tasks.angular_error(a, b)).max() < 0.5


@pytest.mark.parametrize("name", ["sine-wave", "multi-cycle"])
def test_a_policy_that_reads_the_cue_oscillates(name):
    task, trials = quiet(name)
    u = trials.inputs.numpy().astype(float)
    if name == "sine-wave":
        onset, level = (u[..., 0] > 0).argmax(1), u[..., 0].max(1)
        frequency = 1.0 + (level - 0.25) * 1.5
    else:
        onset, frequency = u.max(-1).argmax(1), np.array(task.frequencies)[u.max(1).argmax(1)]
        assert (u.sum((1, 2)) == 5).all()  # 100 ms on one channel
    since = (np.arange(trials.n_steps) - onset[:, None]) * task.dt / 1000.0
    turns = 2j * np.pi * frequency[:, None] * since
    wave = np.exp(turns) * (since >= 0)
    y = wave.imag[..., None] if name == "sine-wave" else np.stack([wave.real, wave.imag], -1)
    found = task.behaviour(trials, torch.from_numpy(y))
    assert found["performance"].min() == 1.0 and np.abs(found["phase_error"]).max() < 0.1
    assert np.abs(found["produced_frequency"] - trials.conditions["frequency"]).max() < 1e-3
    assert (torch.from_numpy(y) - trials.targets).abs().max() < 1e-4
    late = np.where(since >= 0, np.exp(turns - 0.5j * np.pi), 0)  # a quarter of a turn behind
    y = late.imag[..., None] if name == "sine-wave" else np.stack([late.real, late.imag], -1)
    found = task.behaviour(trials, torch.from_numpy(y))
    assert found["performance"].max() == 0.0 and np.abs(found["phase_error"] + 90).max() < 1.0
    assert task.performance(trials, trials.targets * 0.4).max() == 0.0  # too small
    nothing = task.behaviour(trials, torch.zeros_like(trials.targets))
    assert np.isnan(nothing["produced_frequency"]).all() and (nothing["amplitude"] == 0).all()


def test_conditions_are_even():
    for name, n in (("sine-wave", 7), ("multi-cycle", 3)):
        count = np.unique(
            tasks.make(name, dt=50.0).sample(10_000, seed=0).conditions["frequency"], return_counts=True
        )[1]
        assert len(count) == n and np.abs(count - 10_000 / n).max() < 5 * np.sqrt(10_000 / n)
    first = tasks.make("ring-integrator", dt=50.0).sample(10_000, seed=0).conditions["start_direction"]
    assert (
        abs(np.exp(1j * np.deg2rad(first)).mean()) < 5 / np.sqrt(10_000)
        and first.min() < 1
        and first.max() > 359
    )


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tasks.make("line-integrator", correlation=0.0), "correlation must be finite and above 0"),
        (lambda: tasks.make("plane-integrator", unit=-1.0), "unit must be finite and above 0 ms"),
        (lambda: tasks.make("ring-integrator", tolerance=200.0), "tolerance below 180"),
        (lambda: tasks.make("path-integration-1d").sample(1, seed=0, conditions={"start_place": 2.0}), "must lie on the track"),
        (lambda: tasks.make("path-integration-2d").sample(1, seed=0, conditions={"start_place_y": -2.0}), "must lie in the arena"),
        (lambda: tasks.make("sine-wave", frequencies=(20.0,)), "at least 4 steps in a period"),
        (lambda: tasks.make("sine-wave", frequencies=(0.1,)), "three quarters of a period"),
        (lambda: tasks.make("multi-cycle", frequencies=(1.0, 1.0)), "a frequency of its own"),
        (lambda: tasks.make("multi-cycle", pulse=5.0), "at least one step long"),
        (lambda: tasks.make("multi-cycle").sample(1, seed=0, conditions={"frequency": 1.2}), "one that has a cue"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize("name", ["flip-flop", "sine-wave", "ring-integrator", "path-integration-2d"])
def test_an_untrained_network_is_analysed_and_drawn(name):
    import matplotlib.pyplot as plt

    task = tasks.make(name)
    network = neurornn.CTRNN(task.n_inputs, 10, task.n_outputs, dt=task.dt)
    found = task.analyse(neurornn.simulate(network, task.sample(40, seed=0), task=task))
    assert set(found.children) == set(task.measures)
    assert not any("failed" in found[each].attrs for each in found.children)
    figure = task.plot(found)
    assert len(figure.axes) >= len(task.measures)
    plt.close(figure)
