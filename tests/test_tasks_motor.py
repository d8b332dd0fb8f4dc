"""Motor and timing tasks: their specification, policies that read only the inputs, and wrong answers."""

import numpy as np
import pytest
import torch

import neurornn
from neurornn import tasks
from neurornn.testing import check_task

SACCADES = ["go", "reaction-go", "delayed-go"]
N = 10_000
LIGHT = tasks.CosineCode()  # two channels where only times and conditions are looked at


def quiet(name, n=200, **fields):
    task = tasks.make(name, sigma_in=0.0, **fields)
    return task, task.sample(n, seed=1)


def at(trials, epoch, side=0):
    return np.round(trials.epochs[epoch][:, side] / trials.info.dt).astype(int)


def even(values, levels):
    """Each of the levels comes up as often as it should, to five standard deviations of a binomial count."""
    found, count = np.unique(values, return_counts=True)
    assert found.tolist() == sorted(levels)
    p = 1 / len(levels)
    assert np.abs(count - p * len(values)).max() < 5 * np.sqrt(len(values) * p * (1 - p))


def spans(values, low, high, step):
    """Uniform from low to high but for rounding to steps: the ends, and the mean to five standard errors."""
    assert (
        low - step / 2 <= values.min() < low + 2 * step and high - 2 * step < values.max() <= high + step / 2
    )
    assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * len(values)) + 1e-9


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("go", {"rules": ("anti",)}),
        ("go", {"code": tasks.CosineCode(), "dt": 10.0}),
        ("reaction-go", {"rules": ("pro",), "code": tasks.RingCode(8)}),
        ("delayed-go", {"delay": tasks.Uniform(0.0 + 100.0, 900.0), "dt": 50.0}),
        ("delayed-go", {"held_out_directions": (90.0, 270.0)}),
        ("go-nogo", {"fixation": 300.0, "delay": tasks.Uniform(200.0, 900.0)}),
        ("ready-set-go-gains", {"interval": tasks.Uniform(400.0, 1100.0), "gains": (0.8, 1.0, 1.5)}),
        ("ready-set-go-priors", {"short": (500.0, 700.0), "long": (700.0, 900.0)}),
        ("one-two-three-go", {"interval": tasks.Uniform(300.0, 900.0), "dt": 10.0}),
        ("cue-set-go", {"interval": tasks.Choice((600.0, 900.0, 1500.0)), "levels": (1.0, 0.2)}),
        ("interval-discrimination", {"wait": 0.0, "dt": 10.0}),
        ("sequence-execution", {"interval": 0.0, "move": tasks.Uniform(400.0, 700.0), "dt": 50.0}),
        ("centre-out", {"kinematics": "velocity", "code": tasks.CosineCode(), "dt": 10.0}),
        ("centre-out", {"kinematics": "velocity", "dt": 50.0}),
    ],
)
def test_other_parameters_keep_the_contract(name, fields):
    check_task(tasks.make(name, **fields))


def test_go_has_the_times_of_its_paper():
    c = tasks.make("go", dt=20.0, code=LIGHT).sample(N, seed=0).conditions
    spans(c["fixation"], 300.0, 700.0, 20.0)
    spans(c["stimulus"], 500.0, 1500.0, 20.0)
    even(c["direction"], [45.0 * k for k in range(8)])
    even(c["rule"], ["anti", "pro"])


def test_reaction_and_delayed_go_have_the_times_of_their_paper():
    c = tasks.make("reaction-go", dt=50.0, code=LIGHT).sample(N, seed=0).conditions
    spans(c["fixation"], 500.0, 2500.0, 50.0)
    c = tasks.make("delayed-go", dt=50.0, code=LIGHT).sample(N, seed=0).conditions
    even(c["fixation"], [300.0, 500.0, 700.0])
    even(c["stimulus"], [200.0, 400.0, 600.0])
    even(c["delay"], [200.0, 400.0, 800.0, 1600.0])


@pytest.mark.parametrize("name", SACCADES)
def test_when_the_fixation_input_and_the_stimulus_are_on(name):
    trials = quiet(name)[1]
    u = trials.inputs.numpy()
    fixating, seen = u[..., 0] > 0.5, u[..., 1:33].max(-1) > 0.5
    response = trials.during("response").numpy()
    valid = trials.valid.numpy() > 0
    if name == "reaction-go":
        assert np.array_equal(fixating, valid) and np.array_equal(seen, response)
        return
    assert np.array_equal(fixating, valid & ~response)  # on until the go cue, whatever the stimulus does
    stimulus = trials.during("stimulus").numpy()
    assert np.array_equal(seen, stimulus | response if name == "go" else stimulus)


def see_and_look(task, trials):
    """A policy on the inputs: remember the stimulus, read the rule, wait for the go cue."""
    u = trials.inputs.numpy().astype(float)
    ring, anti = u[..., 1:33], u[:, 0, 34] > 0.5
    toward = np.exp(2j * np.pi * np.arange(32) / 32)
    seen = np.angle((ring.max(axis=1) * toward).sum(-1), deg=True)  # each channel as it was at most
    where = np.where(anti, seen + 180, seen)
    on = ring.max(-1) > 0.5
    go = u[..., 0] < 0.5
    if task.name.startswith("reaction"):
        go = np.maximum.accumulate(on, axis=1)
    y = np.zeros((*go.shape, 33))
    y[..., 0] = ~go
    bump = np.maximum(np.cos(np.deg2rad(where)[:, None] - np.angle(toward)), 0.0) ** 3
    y[..., 1:] = go[..., None] * bump[:, None]
    return torch.from_numpy(y), where


@pytest.mark.parametrize("name", SACCADES)
def test_a_policy_that_reads_the_inputs_makes_the_saccade(name):
    task, trials = quiet(name)
    output, where = see_and_look(task, trials)
    found = task.behaviour(trials, output)
    assert found["performance"].min() == 1.0 and np.abs(found["direction_error"]).max() < 1.0
    assert np.abs((where - trials.conditions["target_direction"] + 180) % 360 - 180).max() < 1.0
    assert (found["reaction_time"] == 0).all()
    swapped = torch.cat([output[..., :1], output[..., 1:].roll(16, dims=-1)], dim=-1)
    assert task.performance(trials, swapped).max() == 0.0  # looks to the other side


@pytest.mark.parametrize("name", SACCADES)
def test_a_premature_or_a_late_saccade(name):
    task, trials = quiet(name, n=50)
    early = trials.targets.clone()
    early[..., 0] = 0.0  # never fixates
    found = task.behaviour(trials, early)
    assert (
        found["premature"].all()
        and found["performance"].max() == 0
        and np.isnan(found["reaction_time"]).all()
    )
    late = trials.targets.clone()
    start = at(trials, "response")
    for i, k in enumerate(start):
        late[i, k : k + 4, 0] = 1.0
        late[i, k + 4, 0] = 0.25  # between 1 and 0.25 a half is two thirds of the way
    found = task.behaviour(trials, late)
    assert found["performance"].min() == 1.0
    assert np.allclose(found["reaction_time"], (3 + 2 / 3) * 20.0)
    stays = trials.targets.clone()
    stays[..., 0] = 1.0
    found = task.behaviour(trials, stays)
    assert found["performance"].max() == 0.0 and np.isnan(found["reaction_time"]).all()


def test_tolerance_of_the_direction():
    task, trials = quiet("go", n=80)
    for turn, score in ((35.0, 1.0), (37.0, 0.0)):
        output = trials.targets.clone()
        asked = trials.conditions["target_direction"] + turn
        bump = torch.from_numpy(task.code.encode(asked)).float()
        output[..., 1:] = bump[:, None] * trials.during("response")[..., None]
        assert set(task.performance(trials, output)) == {score}


def test_one_rule_has_no_cue_and_held_out_directions_stay_out():
    task = tasks.make("go", rules=("anti",), held_out_directions=(90.0,))
    assert len(task.input_names) == 33 and set(task.sample(300, seed=0).conditions["direction"]) == set(
        task.directions
    ) - {90.0}
    assert set(task.sample(300, seed=0, split="test").conditions["direction"]) == {90.0}
    with pytest.raises(ValueError, match="rules must be 'pro', 'anti' or both"):
        tasks.make("go", rules=("con",))


def test_go_nogo():
    task, trials = quiet("go-nogo", n=N)
    even(trials.conditions["cue"], ["go", "nogo"])
    assert [
        np.unique(np.diff(trials.epochs[e])).tolist() for e in ("fixation", "stimulus", "delay", "decision")
    ] == [[0.0], [500.0], [500.0], [500.0]]
    u = trials.inputs
    go = u[..., 1].amax(1) > 0.5  # the policy: remember the go cue, respond when the fixation input is off
    output = (go[:, None] & (u[..., 0] < 0.5))[..., None].float()
    found = task.behaviour(trials, output)
    assert found["performance"].min() == 1.0 and (found["choice"] == np.where(go, 1, -1)).all()
    assert task.performance(trials, 1 - output).max() == 0.0
    always = torch.ones_like(output) * (u[..., :1] < 0.5)
    assert task.performance(trials, always).mean() == pytest.approx(np.mean(trials.conditions["cue"] == "go"))
    early = task.behaviour(trials, torch.ones_like(output))
    assert early["premature"].all() and early["performance"].max() == 0.0


def test_the_reaction_time_of_go_nogo():
    task, trials = quiet("go-nogo", n=20)
    output = trials.targets.clone()
    output[:, :53] = 0.0  # the decision epoch starts at step 50
    found = task.behaviour(trials, output)
    go = trials.conditions["cue"] == "go"
    assert np.allclose(found["reaction_time"][go], 50.0) and np.isnan(found["reaction_time"][~go]).all()


def ramp(trials, interval, onset):
    """A ramp that a subject makes from an interval it measured."""
    since = (np.arange(trials.n_steps) - onset[:, None]) * trials.info.dt
    return torch.from_numpy(np.maximum(since / interval[:, None], 0.0))[..., None]


def test_ready_set_go_with_gains():
    task, trials = quiet("ready-set-go-gains", n=N)
    even(trials.conditions["gain"], [1.0, 1.5])
    even(trials.conditions["interval"], [500.0, 600.0, 700.0, 800.0, 900.0, 1000.0])
    u = trials.inputs.numpy()
    ready, go = u[..., 0].argmax(1), u[..., 1].argmax(1)
    gain = np.where(u[:, 0, 3] > 0.5, 1.5, 1.0)
    output = ramp(trials, gain * (go - ready) * task.dt, go)
    found = task.behaviour(trials, output)
    assert found["performance"].min() == 1.0
    assert (
        np.abs(found["produced_interval"] - gain * trials.conditions["interval"]).max() <= task.dt / 2 + 1e-6
    )
    ignored = task.performance(trials, ramp(trials, (go - ready) * task.dt, go))  # as if the gain were 1
    assert set(ignored[gain == 1.0]) == {1.0} and set(ignored[gain == 1.5]) == {0.0}


def test_ready_set_go_with_priors():
    task, trials = quiet("ready-set-go-priors", n=N)
    c = trials.conditions
    even(c["prior"], ["long", "short"])
    even(c["interval"][c["prior"] == "short"], [480.0, 560.0, 640.0, 720.0, 800.0])
    even(c["interval"][c["prior"] == "long"], [800.0, 900.0, 1000.0, 1100.0, 1200.0])
    u = trials.inputs.numpy()
    assert np.array_equal(u[:, 0, 3] > 0.5, c["prior"] == "long") and np.allclose(
        u[:, 0, 2] + u[:, 0, 3], 1.0
    )
    ready, go = u[..., 0].argmax(1), u[..., 1].argmax(1)
    found = task.behaviour(trials, ramp(trials, (go - ready) * task.dt, go))
    assert (
        found["performance"].min() == 1.0 and np.abs(found["produced_interval"] - c["interval"]).max() < 1e-3
    )
    mean = np.where(c["prior"] == "short", 640.0, 1000.0)  # who only knows the prior fails at its ends
    guess = task.performance(trials, ramp(trials, mean, go))
    assert set(guess) == {0.0, 1.0} and set(guess[c["interval"] == mean]) == {1.0}


def test_one_two_three_go():
    task, trials = quiet("one-two-three-go", n=N)
    c = trials.conditions
    spans(c["wait"], 100.0, 500.0, 20.0)
    even(c["interval"], [600.0, 700.0, 800.0, 900.0, 1000.0])
    flash = trials.inputs[..., 0].numpy() > 0.5
    onset = np.diff(flash.astype(int), axis=1, prepend=0) == 1
    assert (onset.sum(1) == 3).all() and (flash.sum(1) == 15).all()  # 100 ms each
    first, second, third = np.nonzero(onset)[1].reshape(-1, 3).T
    assert np.array_equal(third - second, second - first)
    found = task.behaviour(trials, ramp(trials, (third - first) / 2 * task.dt, third))
    assert (
        found["performance"].min() == 1.0 and np.abs(found["produced_interval"] - c["interval"]).max() < 1e-3
    )
    early = task.behaviour(
        trials, ramp(trials, (third - first) / 2 * task.dt, second)
    )  # counted one flash too few
    assert early["performance"].max() == 0.0


def test_cue_set_go():
    task, trials = quiet("cue-set-go", n=N)
    c = trials.conditions
    even(c["interval"], [800.0, 1500.0])
    spans(c["cue"], 1000.0, 3000.0, 20.0)
    u = trials.inputs.numpy()
    level, onset = u[..., 0].max(1), u[..., 1].argmax(1)
    found = task.behaviour(trials, ramp(trials, 800.0 + (level - 0.5) / 0.5 * 700.0, onset))
    assert (
        found["performance"].min() == 1.0 and np.abs(found["produced_interval"] - c["interval"]).max() < 0.1
    )
    swapped = task.performance(trials, ramp(trials, 1500.0 - (level - 0.5) / 0.5 * 700.0, onset))
    assert swapped.max() == 0.0
    between = task.sample(5, seed=0, conditions={"interval": 1160.0})
    shown = between.inputs[..., 0].amax(1).numpy()
    assert np.allclose(shown, 0.5 + 0.5 * 360 / 700) and np.allclose(
        between.conditions["target_interval"], 1160.0
    )


def test_interval_discrimination():
    task, trials = quiet("interval-discrimination", n=N)
    c = trials.conditions
    for name, low, high in (("first", 300.0, 600.0), ("second", 300.0, 600.0), ("delay", 800.0, 1500.0)):
        spans(c[name], low, high, 20.0)
    u = trials.inputs.numpy() > 0.5
    longer = u[..., 2].sum(1) - u[..., 1].sum(1)
    assert np.allclose(longer * task.dt, c["difference"])
    told = np.sign(longer)
    assert np.array_equal(told[told != 0], c["correct_choice"][told != 0])
    tie = c["correct_choice"][told == 0]
    assert 0.03 < len(tie) / N < 0.10  # 16 lengths in steps, the outer two half as likely: 0.064
    assert abs((tie == 1).mean() - 0.5) < 5 * 0.5 / np.sqrt(len(tie))
    choose = torch.from_numpy(np.stack([told <= 0, told > 0], 1)[:, None] * (~u[..., :1])).float()
    score = task.performance(trials, choose)
    assert set(score[told != 0]) == {1.0}
    assert set(task.performance(trials, choose.flip(-1))[told != 0]) == {0.0}
    assert np.array_equal(u[..., 0], (trials.valid.numpy() > 0) & ~trials.during("decision").numpy())


SEQUENCES = {1: "510", 2: "312", 3: "378", 4: "576", 5: "512", 6: "310", 7: "376", 8: "578"}
SPOT = {str(k): (-0.5 + 0.5 * (k % 3), 0.5 - 0.5 * (k // 3)) for k in range(9)}


def test_sequence_execution():
    task, trials = quiet("sequence-execution", n=N, dt=20.0)
    c = trials.conditions
    even(c["sequence"], list(range(1, 9)))
    lengths = {e: np.unique(np.diff(b)).tolist() for e, b in trials.epochs.items()}
    assert lengths == {
        "interval": [1000.0],
        "fixation": [1000.0],
        "move_1": [500.0],
        "move_2": [500.0],
        "move_3": [500.0],
    }
    assert (trials.mask[:, :50] == 0).all() and (trials.mask[:, 50:] == 1).all()
    few = trials.select(slice(0, 200))
    u, output = few.inputs.numpy(), np.zeros((200, few.n_steps, 2))
    for i in range(
        200
    ):  # the policy: who knows the cue moves to that one of the two new places which the sequence names
        word = SEQUENCES[int(u[i, 0, 9:].argmax()) + 1]
        present = "4"
        assert np.flatnonzero(u[i, 60, :9]).tolist() == [4] and not u[i, 10, :9].any()
        for k, goal in enumerate(word):
            shown = {str(p) for p in np.flatnonzero(u[i, 100 + 25 * k, :9])}
            assert present in shown and goal in shown and len(shown) == 3
            output[i, 100 + 25 * k : 125 + 25 * k] = SPOT[goal]
            present = goal
    found = task.behaviour(few, torch.from_numpy(output))
    assert (
        found["performance"].min() == 1.0
        and max(found[f"endpoint_error_{k}"].max() for k in (1, 2, 3)) < 1e-9
    )
    output[:, 150:] = 0.0  # stops after two movements
    found = task.behaviour(few, torch.from_numpy(output))
    assert found["correct_2"].all() and not found["correct_3"].any() and found["performance"].max() == 0.0
    other = trials.targets[few.conditions["sequence"] * 0]  # everyone does the sequence of the first trial
    same = np.asarray(few.conditions["sequence"] == c["sequence"][0])
    assert np.array_equal(task.performance(few, other), same.astype(float))


@pytest.mark.parametrize("dt", [10.0, 20.0, 50.0])
def test_centre_out_has_the_least_jerk_and_velocities_add_up_to_it(dt):
    place, move = (
        tasks.make("centre-out", dt=dt, sigma_in=0.0, kinematics=k) for k in ("position", "velocity")
    )
    a, b = place.sample(64, seed=0), move.sample(64, seed=0)
    assert torch.equal(a.inputs, b.inputs)
    summed = b.targets.cumsum(1) * dt / 1000.0
    assert (summed[:, :-1] - a.targets[:, 1:])[
        a.valid[:, 1:] > 0
    ].abs().max() < 1e-5  # at the end of each step
    end = torch.from_numpy(np.deg2rad(a.conditions["direction"]))
    goal = torch.stack([end.cos(), end.sin()], 1)
    last = a.targets[torch.arange(64), torch.from_numpy(at(a, "response", 1)) - 1]
    assert (last - goal).abs().max() < 1e-5


def test_conditions_of_centre_out():
    c = tasks.make("centre-out", dt=50.0, code=LIGHT).sample(N, seed=0).conditions
    spans(c["stimulus"], 300.0, 1000.0, 50.0)
    even(c["direction"], [45.0 * k for k in range(8)])


def test_the_reach_is_that_of_least_jerk():
    """The minimum-jerk path obeys a sixth derivative of zero: a polynomial of degree 5 with resting ends."""
    task, trials = quiet("centre-out", n=1, dt=1.0)
    start = at(trials, "response")[0] + 150
    along = (trials.targets[0, start : start + 501] @ trials.targets[0, -1]).double().numpy()
    time = np.linspace(0, 1, 501)
    p = np.polynomial.Polynomial.fit(time, along, 5, domain=[0, 1], window=[0, 1])
    assert np.abs(p(time) - along).max() < 1e-6 and p(0.5) == pytest.approx(0.5, abs=1e-5)
    for order in (1, 2):
        assert abs(p.deriv(order)(0.0)) < 1e-3 and abs(p.deriv(order)(1.0)) < 1e-3
    found = task.behaviour(trials, trials.targets)
    assert found["peak_speed"][0] == pytest.approx(1.875 / 0.5, rel=1e-3)  # 15/8 of the mean
    assert found["time_to_peak"][0] == pytest.approx(400.0, abs=2.0) and found["path_ratio"][
        0
    ] == pytest.approx(1.0, abs=1e-4)


def test_a_policy_that_reads_the_target_reaches_it():
    task, trials = quiet("centre-out", n=100)
    u = trials.inputs.numpy()
    angle = np.angle((u[:, :, 1:].max(1) * np.exp(2j * np.pi * np.arange(32) / 32)).sum(-1))
    gone = (u[..., 0] < 0.5) & (trials.valid.numpy() > 0)
    step = np.cumsum(gone, axis=1) / 25.0
    output = np.minimum(step, 1.0)[..., None] * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None]
    found = task.behaviour(trials, torch.from_numpy(output))
    assert found["performance"].min() == 1.0 and found["endpoint_error"].max() < 0.02
    assert task.performance(trials, -torch.from_numpy(output)).max() == 0.0
    assert task.performance(trials, trials.targets * 0.75).max() == 0.0  # 0.25 short, 0.2 allowed
    jumped = (
        torch.ones_like(trials.targets)
        * trials.targets[torch.arange(100), torch.from_numpy(at(trials, "response", 1)) - 1][:, None]
    )
    assert task.behaviour(trials, jumped)["premature"].all()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tasks.make("go", tolerance=0.0), "tolerance must lie between 0 and 180"),
        (lambda: tasks.make("go", grace=500.0), "leave a step of the response epoch to judge"),
        (lambda: tasks.make("go").sample(1, seed=0, conditions={"response": 60.0}), "must outlast the grace period"),
        (lambda: tasks.make("go-nogo", grace=-1.0), "grace must be at least 0"),
        (lambda: tasks.make("ready-set-go-gains", gains=(1.0, 1.0)), "gains needs different finite numbers above 0"),
        (lambda: tasks.make("ready-set-go-gains").sample(1, seed=0, conditions={"gain": 2.0}), "must be one that has a cue"),
        (lambda: tasks.make("ready-set-go-priors", short=(500.0,)), "same number of intervals"),
        (lambda: tasks.make("ready-set-go-priors").sample(1, seed=0, conditions={"rank": 7}), "from 0 to 4: got"),
        (lambda: tasks.make("one-two-three-go", margin=-1.0), "margin must be finite and above 0"),
        (lambda: tasks.make("cue-set-go", dt=60.0), "dt must be at most as long as the pulse"),
        (lambda: tasks.make("cue-set-go", levels=(1.0, float("nan"))), "levels needs two finite numbers"),
        (lambda: tasks.make("sequence-execution").sample(1, seed=0, conditions={"sequence": 9}), "numbered 1 to 8"),
        (lambda: tasks.make("centre-out", kinematics="force"), "'position' or 'velocity': got 'force'"),
        (lambda: tasks.make("centre-out", movement=900.0), "must hold latency, movement and 100 ms"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize("name", ["go", "delayed-go", "go-nogo", "ready-set-go-priors", "interval-discrimination", "sequence-execution", "centre-out"])  # fmt: skip
def test_an_untrained_network_is_analysed_and_drawn(name):
    import matplotlib.pyplot as plt

    task = tasks.make(name)
    network = neurornn.CTRNN(task.n_inputs, 10, task.n_outputs, dt=task.dt)
    found = task.analyse(neurornn.simulate(network, task.sample(60, seed=0), task=task))
    assert set(found.children) == set(task.measures)
    figure = task.plot(found)
    assert len(figure.axes) >= len(task.measures)
    plt.close(figure)
