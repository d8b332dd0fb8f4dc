"""Interventions: a loop written by hand, what must be nothing, equivalences, paired statistics, pictures."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
import xarray as xr
from toys import FORMS, make_network, toy_trials

from neurornn import CTRNN, Dale, simulate, tasks
from neurornn.analysis import interventions as iv
from neurornn.connectivity import Areas
from neurornn.kernels import normal_numbers
from neurornn.random import torch_generator


def trials_of(n_trials=4, n_steps=12, dt=20.0, n_inputs=3):
    """Toy trials whose middle epoch starts and ends at another step in each trial."""
    trials = toy_trials(n_trials, n_steps, n_inputs, dt=dt)
    start = (2.0 + np.arange(n_trials)) * dt
    end = start + dt * (3 + np.arange(n_trials) % 2)
    trials.epochs["middle"] = np.stack([start, np.minimum(end, trials.duration)], 1)
    return trials


def numbers(network, trials, seed):
    """The noise of a run, as simulate draws it."""
    key = network.noise_key(torch_generator(seed, "simulation"))
    return normal_numbers(key, trials.n_trials, trials.n_steps, network.n_units, trials.inputs).numpy()


def by_hand(
    network,
    trials,
    seed,
    *,
    silent=None,
    current=0.0,
    cut=None,
    sigma=None,
    alpha=None,
    clamp=None,
    epoch="middle",
):
    """One trial and one step at a time; during the epoch everything that is given replaces what the network has."""
    inside = (
        np.ones((trials.n_trials, trials.n_steps), bool) if epoch is None else trials.during(epoch).numpy()
    )
    inside = inside & (trials.valid.numpy() > 0)
    W, W_in, W_out = (w.detach().numpy() for w in (network.W_rec, network.W_in, network.W_out))
    b, b_out = network.bias.detach().numpy(), network.bias_out.detach().numpy()
    plain = network.alpha.detach().numpy() * np.ones(network.n_units)
    xi, u = numbers(network, trials, seed), trials.inputs.numpy()
    phi = lambda x: np.tanh(x)
    states, outputs = np.zeros(xi.shape), np.zeros((*xi.shape[:2], W_out.shape[0]))
    rates = np.zeros(xi.shape)
    for i in range(trials.n_trials):
        x = network.initial_state(1)[0].detach().numpy().copy()
        if inside[i, 0] and clamp is not None:
            x = clamp(x, None)
        r = x.copy() if network.form == "rate" else phi(x)
        if inside[i, 0] and silent is not None:
            r[silent] = 0.0
            x = r.copy() if network.form == "rate" else x
        for k in range(trials.n_steps):
            on = inside[i, k]
            w = W if cut is None or not on else W * cut
            s = sigma if sigma is not None and on else network.sigma_rec
            a = alpha if alpha is not None and on else plain
            drive = w @ r + W_in @ u[i, k] + b + (current if on else 0.0)
            before = x
            if network.form == "current":
                x = (1 - a) * x + a * drive + np.sqrt(2 * a) * s * xi[i, k]
            elif network.noise == "input":
                x = (1 - a) * x + a * phi(drive + np.sqrt(2 / a) * s * xi[i, k])
            else:
                x = (1 - a) * x + a * phi(drive) + np.sqrt(2 * a) * s * xi[i, k]
            if on and clamp is not None:
                x = clamp(x, before)
            r = x.copy() if network.form == "rate" else phi(x)
            if on and silent is not None:
                r[silent] = 0.0
                x = r.copy() if network.form == "rate" else x
            states[i, k], rates[i, k], outputs[i, k] = x, r, W_out @ r + b_out
    return states, rates, outputs


AXIS = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
UNIT = AXIS / np.linalg.norm(AXIS)
CUT = np.ones((5, 5))
CUT[np.ix_([0, 1, 2], [3, 4])] = 0.25
CASES = {
    "silence": (iv.Silence([1, 3], "middle"), {"silent": [1, 3]}),
    "drive units": (
        iv.Drive([0.5, -2.0], units=[0, 4], epoch="middle"),
        {"current": np.array([0.5, 0, 0, 0, -2.0])},
    ),
    "drive direction": (iv.Drive(1.5, direction=AXIS, epoch="middle"), {"current": 1.5 * UNIT}),
    "clamp": (iv.Clamp(AXIS, 0.7, epoch="middle"), {"clamp": lambda x, _: x - UNIT * (UNIT @ x - 0.7)}),
    "hold": (
        iv.Clamp(AXIS, None, epoch="middle"),
        {"clamp": lambda x, before: x if before is None else x - UNIT * (UNIT @ (x - before))},
    ),
    "lesion": (iv.LesionWeights([3, 4], [0, 1, 2], keep=0.25, epoch="middle"), {"cut": CUT}),
    "noise": (iv.ChangeNoise(0.9, "middle"), {"sigma": 0.9}),
    "tau": (
        iv.ChangeTau([40.0, 60.0], units=[0, 1], epoch="middle"),
        {"alpha": 20.0 / np.array([40.0, 60.0, 80.0, 200.0, 500.0])},
    ),
}


@pytest.mark.parametrize("noise", ["input", "state"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_a_loop_written_by_hand(name, form, noise):
    network, trials = make_network(form, sigma_rec=0.3, noise=noise), trials_of()
    intervention, options = CASES[name]
    ds = iv.run(network, trials, intervention, seed=5)
    found = (ds.state.values, ds.rate.values, ds.outputs.values)
    for values, expected in zip(found, by_hand(network, trials, 5, **options), strict=True):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)
    untouched = by_hand(network, trials, 5)[0]
    inside = trials.during("middle").numpy() & (trials.valid.numpy() > 0)
    first = inside.argmax(1)
    for i in range(trials.n_trials):
        np.testing.assert_allclose(ds.state.values[i, : first[i]], untouched[i, : first[i]], atol=1e-12)
    assert np.abs(ds.state.values - untouched).max() > 1e-3  # the knob moves the answer


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_for_the_whole_trial_means_from_the_state_before_it_to_its_end_and_never_in_the_padding(name, form):
    network, trials = make_network(form, sigma_rec=0.3), trials_of()
    network.start.fill_(0.4)
    intervention, options = CASES[name]
    ds = iv.run(network, trials, dataclasses.replace(intervention, epoch=None), seed=5)
    assert (trials.valid == 0).any()
    np.testing.assert_allclose(ds.state, by_hand(network, trials, 5, epoch=None, **options)[0], atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_several_act_together_in_their_own_windows(form):
    network, trials = make_network(form, sigma_rec=0.3), trials_of()
    both = [
        iv.ChangeTau(factor=2.0, epoch="middle"),
        iv.ChangeNoise(0.0, epoch="middle"),
        CASES["silence"][0],
        CASES["clamp"][0],
    ]
    ds = iv.run(network, trials, both, seed=2)
    alpha = 20.0 / (2 * np.array([20.0, 50.0, 80.0, 200.0, 500.0]))
    expected = by_hand(network, trials, 2, silent=[1, 3], alpha=alpha, sigma=0.0, **CASES["clamp"][1])
    np.testing.assert_allclose(ds.outputs, expected[2], atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_without_interventions_it_is_the_simulation(form):
    network, trials = make_network(form, sigma_rec=0.2), trials_of(n_steps=200)
    ours, theirs = iv.run(network, trials, seed=3), simulate(network, trials, seed=3)
    np.testing.assert_allclose(ours.state, theirs.state, atol=1e-12)
    np.testing.assert_allclose(ours.outputs, theirs.outputs, atol=1e-12)
    assert set(ours.variables) == set(theirs.variables) and ours.attrs["epochs"] == theirs.attrs["epochs"]


@pytest.mark.parametrize("dt", [20.0, 10.0, 5.0])
def test_a_lone_driven_unit_follows_its_closed_form(dt):
    network = CTRNN(1, 1, 1, tau=100.0, dt=dt, activation="identity", dtype=torch.float64)
    with torch.no_grad():
        network.recurrent.raw.zero_()
        network.input.raw.zero_()
    trials = toy_trials(2, 300, 1, 1, dt=dt)
    ds = iv.run(network, trials, iv.Drive(2.0, epoch=(0.0, 100.0)))
    steps = np.arange(1, 301)
    on = round(100.0 / dt)
    expected = (
        2.0 * (1 - (1 - dt / 100) ** np.minimum(steps, on)) * (1 - dt / 100) ** np.maximum(steps - on, 0)
    )
    np.testing.assert_allclose(ds.state[0, :, 0], expected, atol=1e-12)


def test_silence_for_the_whole_trial_is_the_loss_of_all_outgoing_weights():
    network, trials = make_network(sigma_rec=0.2), trials_of()
    network.start.fill_(0.4)
    silent = iv.run(network, trials, iv.Silence([0, 2]), seed=1)
    padded = iv.run(
        network, trials, [iv.LesionWeights([0, 2]), iv.LesionWeights([0, 2], matrix="readout")], seed=1
    )
    inside = trials.valid.numpy() > 0
    np.testing.assert_allclose(silent.outputs.values[inside], padded.outputs.values[inside], atol=1e-12)
    twin = copy.deepcopy(network)
    W, W_out = twin.W_rec.detach().clone(), twin.W_out.detach().clone()
    W[:, [0, 2]], W_out[:, [0, 2]] = 0.0, 0.0
    twin.W_rec, twin.W_out = W, W_out
    expected = simulate(twin, trials, seed=1)
    np.testing.assert_allclose(silent.outputs.values[inside], expected.outputs.values[inside], atol=1e-12)


def test_other_tau_and_noise_for_the_whole_trial_are_another_network():
    network = make_network(sigma_rec=0.2, tau=100.0)
    other = make_network(sigma_rec=0.5, tau=250.0)
    trials = toy_trials(3, 10, 3)
    trials.epochs["trial"][:] = [0.0, 200.0]
    found = iv.run(network, trials, [iv.ChangeTau(250.0), iv.ChangeNoise(0.5)], seed=4)
    np.testing.assert_allclose(found.state, simulate(other, trials, seed=4).state, atol=1e-12)


def test_noise_can_be_added_to_a_network_without_any():
    network = make_network()
    trials = trials_of()
    ds = iv.run(network, trials, iv.ChangeNoise(0.3, "middle"), seed=6)
    np.testing.assert_allclose(ds.state, by_hand(network, trials, 6, sigma=0.3)[0], atol=1e-12)


def test_clamped_coordinates_are_what_was_asked_and_the_rest_is_free():
    network, trials = make_network(sigma_rec=0.4), trials_of()
    reference = np.array([0.1, 0.2, -0.3, 0.4, 0.0])
    axes = xr.DataArray(np.stack([AXIS, [1.0, 0, 0, 0, 0]]), dims=("component", "unit"))
    ds = iv.run(network, trials, iv.Clamp(axes, [0.5, -1.0], reference), seed=1)
    Q = np.linalg.qr(axes.values.T)[0]
    Q *= np.sign((Q * axes.values.T).sum(0))
    inside = trials.valid.numpy() > 0
    coordinates = (ds.state.values[inside] - reference) @ Q
    np.testing.assert_allclose(coordinates, np.broadcast_to([0.5, -1.0], coordinates.shape), atol=1e-12)
    free = ds.state.values[inside] @ (np.eye(5) - Q @ Q.T)
    assert free.std(0).max() > 0.05


def test_the_network_is_not_touched():
    network, trials = make_network(sigma_rec=0.2), trials_of()
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    iv.compare(network, trials, {name: case[0] for name, case in CASES.items()}, n_resamples=10)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training and network.sigma_rec == 0.2
    assert all(p.requires_grad and p.grad is None for p in network.parameters())


NOTHING = {
    "no current": iv.Drive(0.0),
    "no current in a window": iv.Drive(0.0, direction=AXIS, epoch="middle"),
    "no units": iv.Silence([]),
    "nothing cut": iv.LesionWeights(fraction=0.0),
    "kept whole": iv.LesionWeights(keep=1.0, epoch="middle"),
    "same noise": iv.ChangeNoise(0.3, "middle"),
    "same tau": iv.ChangeTau(factor=1.0, epoch="middle"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_does_nothing_has_an_effect_of_exactly_zero(dtype):
    network = make_network(sigma_rec=0.3, dtype=dtype)
    outcomes = {
        "mean": iv.ReadOut(1),
        "error": lambda trials, y: (y - trials.targets).square().mean((1, 2)).numpy(),
    }
    real = {"real": [iv.Silence([0]), iv.ChangeNoise(0.3)]}
    ds = iv.compare(network, trials_of(), NOTHING | real, outcomes=outcomes, n_resamples=20)
    nothing = ds.sel(intervention=list(NOTHING))
    assert (nothing.difference == 0).all() and (nothing.effect == 0).all() and (nothing.interval == 0).all()
    assert (nothing.p_value == 1).all() and (nothing.n_changed == 0).all()
    assert (ds.difference.sel(intervention="real") != 0).all()
    np.testing.assert_array_equal(
        ds.n_active.sel(intervention="same tau"), trials_of().during("middle").sum(1)
    )


def test_a_random_lesion_hits_its_share_and_depends_on_its_seed():
    network, trials = make_network(), trials_of()
    wide = CTRNN(3, 200, 2, dtype=torch.float64)
    lesion = iv.LesionWeights(fraction=0.3, seed=1).bind(wide, trials)
    plain = iv.Equations(wide.circuit(), 0.0)
    cut = lesion.change(plain).circuit.W_rec == 0
    assert abs(cut.double().mean().item() - 0.3) < 0.01
    states = [iv.run(network, trials, iv.LesionWeights(fraction=0.5, seed=s)).state for s in (1, 1, 2)]
    np.testing.assert_array_equal(states[0], states[1])
    assert not np.allclose(states[0], states[2])


def test_units_are_named_by_cell_type_and_area_and_channels_by_name():
    plan = Areas({"sensory": 4, "motor": 6}, {})
    network = CTRNN(3, 10, 2, dale=Dale(), connectivity=plan, dtype=torch.float64)
    trials = trials_of()
    for name, mask in {
        "I": network.cell_types == "I",
        "excitatory": network.cell_types == "E",
        "motor": network.areas == "motor",
    }.items():
        ds = iv.run(network, trials, iv.Silence(name))
        np.testing.assert_array_equal((ds.rate.values[0] == 0).all(0), mask)
        by_index = iv.run(network, trials, iv.Silence(np.flatnonzero(mask)))
        np.testing.assert_array_equal(ds.state, by_index.state)
    deaf = iv.run(network, trials, iv.LesionWeights("in1", matrix="input"))
    blank = iv.run(network, trials, iv.LesionWeights([1], "motor", matrix="input"))
    assert not np.allclose(deaf.state, blank.state)
    silent_inputs = copy.deepcopy(trials)
    silent_inputs.inputs[..., 1] = 0.0
    inside = trials.valid.numpy() > 0
    np.testing.assert_allclose(
        deaf.state.values[inside], simulate(network, silent_inputs).state.values[inside], atol=1e-12
    )


def test_effects_by_condition_are_those_of_the_trials_alone():
    task = tasks.make("perceptual-decision", sigma_in=1.0)
    trials = task.sample(24, seed=1, balanced=True)
    network = CTRNN(task.n_inputs, 20, task.n_outputs, sigma_rec=0.2)
    what = {"half": iv.Silence(range(10)), "driven": iv.Drive(1.0, units=[0, 1], epoch="stimulus")}
    ds = iv.compare(network, trials, what, task=task, by="correct_choice", n_resamples=50)
    assert {"performance", "correct", "choice", "decision_variable"} <= set(ds.outcome.values.tolist())
    ends = [ds.effect.sel(outcome="decision_variable", intervention="half").item()]
    difference = ds.difference.sel(outcome="decision_variable", intervention="half").values
    assert ends[0] == pytest.approx(np.nanmean(difference), rel=1e-12)
    for k, side in enumerate(ds.group_correct_choice.values):
        rows = trials.conditions["correct_choice"] == side
        found = ds.group_effect.sel(outcome="decision_variable", intervention="half")[k]
        assert found.item() == pytest.approx(difference[rows].mean(), rel=1e-12)
        assert ds.group_n_pairs.sel(outcome="decision_variable", intervention="half")[k] == rows.sum()
    with_it = iv.run(network, trials, what["half"], task=task)
    np.testing.assert_array_equal(
        ds.value.sel(outcome="performance", intervention="half"), with_it.performance
    )
    without = simulate(network, trials, task=task)
    np.testing.assert_array_equal(ds.control.sel(outcome="performance"), without.performance)
    methods = dict(zip(ds.outcome.values.tolist(), ds.method.values.tolist(), strict=True))
    assert methods["performance"] == "newcombe" and methods["decision_variable"] == "bootstrap"


def test_pairs_without_a_value_are_counted_and_left_out():
    holes = lambda trials, y: np.where(np.arange(len(y)) == 1, np.nan, y.mean((1, 2)).numpy())
    ds = iv.compare(
        make_network(), trials_of(), {"cut": iv.LesionWeights()}, outcomes={"z": holes}, n_resamples=10
    )
    assert ds.n_pairs.item() == 3 and ds.n_missing.item() == 1
    assert ds.effect.item() == pytest.approx(np.nanmean(ds.difference.values))


def test_read_out_is_the_mean_over_the_epoch():
    network, trials = make_network(), trials_of()
    output = torch.as_tensor(simulate(network, trials).outputs.values)
    found = iv.ReadOut("out1", "middle", minus=0)(trials, output)
    for i, (start, end) in enumerate(trials.epochs["middle"] / 20.0):
        here = output[i, round(start) : round(end)]
        assert found[i] == pytest.approx((here[:, 1] - here[:, 0]).mean().item(), rel=1e-12)


def test_newcombe_interval_covers_and_swaps_sign():
    np.testing.assert_allclose(iv.newcombe_interval(20, 3, 9, 8), -iv.newcombe_interval(20, 9, 3, 8)[::-1])
    rng = np.random.default_rng(0)
    p = np.array([0.4, 0.25, 0.1, 0.25])
    tables = rng.multinomial(40, p, size=1000)
    ends = np.array([iv.newcombe_interval(*table) for table in tables])
    covered = ((ends[:, 0] <= p[1] - p[2]) & (p[1] - p[2] <= ends[:, 1])).mean()
    assert 0.93 < covered < 0.985
    assert (ends >= -1).all() and (ends <= 1).all()
    np.testing.assert_allclose(iv.newcombe_interval(14, 5, 0, 22), [0.011, 0.226], atol=5e-4)
    wide = iv.newcombe_interval(0, 0, 0, 10)
    assert wide[0] < 0 < wide[1]  # agreement in ten trials is no proof of agreement in all


def test_binary_pairs_are_tested_by_their_discordant_ones_alone():
    from neurornn.analysis.interventions._paired import paired_difference

    before, after = np.r_[np.zeros(5), np.ones(20)], np.ones(25)
    found = paired_difference(before, after, binary=True, confidence=0.95, n_resamples=1, key=0)
    assert found.p_value == pytest.approx(2 * 0.5**5) and found.effect == 0.2 and found.n_changed == 5
    assert paired_difference(after, before, binary=True, confidence=0.95, n_resamples=1, key=0).effect == -0.2


def test_resampling_depends_on_the_seed_alone():
    what = {"cut": iv.LesionWeights(), "half": iv.LesionWeights(keep=0.5)}
    run = lambda seed: iv.compare(make_network(), trials_of(), what, seed=seed, n_resamples=30)
    first, same, other = run(0), run(0), run(1)
    np.testing.assert_array_equal(first.interval, same.interval)
    np.testing.assert_array_equal(first.difference, other.difference)  # the network has no noise
    assert (first.interval != other.interval).any()


def test_bootstrap_interval_covers_the_mean_and_the_sign_test_keeps_its_level():
    from neurornn.analysis.interventions._paired import paired_difference

    rng = np.random.default_rng(1)
    covered, rejected = 0, 0
    for k in range(200):
        before = rng.normal(size=40)
        found = paired_difference(
            before, before + rng.normal(size=40), binary=False, confidence=0.9, n_resamples=200, key=k
        )
        covered += found.interval[0] <= 0 <= found.interval[1]
        rejected += found.p_value < 0.1
    assert 0.82 < covered / 200 < 0.96 and 0.04 < rejected / 200 < 0.17


def test_a_comparison_survives_netcdf(tmp_path):
    ds = iv.compare(make_network(), trials_of(), {"a": CASES["clamp"][0]}, by="strength", n_resamples=10)
    ds.to_netcdf(tmp_path / "effects.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "effects.nc", engine="h5netcdf") as back:
        np.testing.assert_array_equal(back.effect, ds.effect)
        assert back.attrs["schema"] == "neurornn.Interventions/1"
    run = iv.run(make_network(), trials_of(), CASES["clamp"][0])
    assert "Clamp" in json.loads(run.attrs["interventions"])[0]


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (iv.Silence("V1"), "no units called 'V1'"),
        (iv.Silence([9]), "There are 5 units, 0 to 4"),
        (iv.Silence([True, False]), "A mask of units has 5 values"),
        (iv.Silence([0.5]), "whole numbers"),
        (iv.Silence([0], "delay"), "No epoch 'delay'"),
        (iv.Silence([0], (500.0, 600.0)), "would never act"),
        (iv.Silence([0], 7), "epoch is the name"),
        (iv.Drive([1.0, 2.0], units=[0]), "2 values for 1 driven"),
        (iv.Drive(1.0, direction=np.eye(5)[:2]), "has one direction: got 2"),
        (iv.Clamp(np.zeros(5)), "span fewer dimensions"),
        (iv.Clamp(np.ones(4)), "one number for each of 5 units"),
        (iv.Clamp(AXIS, [1.0, 2.0]), "one for each of 1 directions"),
        (iv.Clamp(AXIS, reference=[1.0]), "finite state of 5 units"),
        (iv.ChangeTau(10.0), "dt must lie in"),
        (iv.ChangeTau([100.0, 200.0], units=[0]), "2 values for 1 units"),
        (iv.LesionWeights("motion", matrix="input"), "no input channel 'motion'"),
    ],
)
def test_nonsense_is_refused_with_a_reason(intervention, message):
    with pytest.raises((ValueError, KeyError, TypeError), match=message):
        iv.run(make_network(), trials_of(), intervention)


def test_other_nonsense_is_refused():
    with pytest.raises(ValueError, match="not both"):
        iv.Drive(1.0, units=[0], direction=AXIS)
    with pytest.raises(ValueError, match="either tau"):
        iv.ChangeTau()
    with pytest.raises(ValueError, match="fraction"):
        iv.LesionWeights(fraction=2.0)
    with pytest.raises(ValueError, match="matrix is"):
        iv.LesionWeights(matrix="W")
    with pytest.raises(ValueError, match="sigma_rec"):
        iv.ChangeNoise(-1.0)
    with pytest.raises(TypeError, match="need a network, or an object with a method drift"):
        iv.run(torch.nn.Identity(), trials_of(), iv.Silence([0]))
    with pytest.raises(TypeError, match="objects such as"):
        iv.run(make_network(), trials_of(), "silence")
    with pytest.raises(ValueError, match="names what is done"):
        iv.compare(make_network(), trials_of(), {})
    with pytest.raises(ValueError, match="one number for each of 4 trials"):
        iv.compare(
            make_network(), trials_of(), {"a": iv.Silence([0])}, outcomes={"y": lambda t, y: y.numpy()}
        )


def test_the_picture_shows_effects_and_intervals():
    trials = trials_of(8, 12)
    what = {
        "no_change": iv.Drive(0.0),
        "silenced": iv.Silence([0, 1]),
        "lesioned": iv.LesionWeights(keep=0.2),
    }
    trials.conditions["strength"] = np.arange(8) % 2 * 1.0
    outcomes = {"read-out": iv.ReadOut(0)}
    ds = iv.compare(
        make_network(sigma_rec=0.2), trials, what, outcomes=outcomes, by="strength", n_resamples=50
    )
    ax = iv.plot_effects(ds, groups=True)
    assert ax.get_xlabel() == "effect on read-out (95 % interval)"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["no change", "silenced", "lesioned"]
    np.testing.assert_allclose(ax.lines[1].get_xdata(), ds.effect[0])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["all trials", "strength=0", "strength=1"]
    with pytest.raises(ValueError, match="no outcome"):
        iv.plot_effects(ds, outcome="choice")
    with pytest.raises(ValueError, match="no groups"):
        iv.plot_effects(ds.drop_dims("group"), groups=True)
