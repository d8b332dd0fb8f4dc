"""Networks beside a recording: what a true model reaches, what chance reaches, and what must not matter."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr
from populations import latents, mixed, one_unit_a_session, trials

import neurornn
from neurornn import tasks
from neurornn.analysis import compare
from neurornn.analysis._conditions import activity, condition_average
from neurornn.analysis.compare._ceiling import Averages
from neurornn.analysis.compare._clock import time_base
from neurornn.analysis.compare._match import match_conditions
from neurornn.analysis.compare._side import Side
from neurornn.analysis.similarity import (
    RSA,
    Crossnobis,
    CrossTemporalDecoding,
    HeldOutProcrustes,
    LinearCKA,
    LinearPredictivity,
    Procrustes,
    SubspaceAlignment,
)
from neurornn.recordings import _blocks

MEASURES = (LinearPredictivity(), HeldOutProcrustes(), LinearCKA(debiased=True), RSA())
FEW = {"by": "stimulus", "n_subsamples": 4, "n_splits": 4, "n_shuffles": 40, "n_bootstrap": 20}

S = mixed(latents(0), 20, 1)  # the true rates of 20 units
OTHER = mixed(latents(5), 20, 6)  # those of a circuit that does something else


@pytest.fixture(scope="module")
def noisy():
    return trials(S, noise=4.0, seed=2)


@pytest.fixture(scope="module")
def result(noisy):
    return compare.run([trials(S, 1), trials(OTHER, 1)], noisy, measures=MEASURES, **FEW)


def test_a_perfect_model_reaches_the_ceiling_within_its_interval_and_another_does_not(result):
    true, other = (result.sel(model=k, quantity="trained") for k in (0, 1))
    upper = true["interval"].sel(bound="upper")
    assert (upper >= result["ceiling_interval"].sel(bound="lower")).all()
    assert (abs(true["score"] - result["ceiling"]) < 0.03).all()
    assert (other["interval"].sel(bound="upper") < result["ceiling_interval"].sel(bound="lower")).all()
    assert (result["ceiling"] < 0.99).all()  # there is noise to speak of


def test_a_network_reaches_the_ceiling_of_spikes_of_its_own_and_another_random_network_does_not():
    task = tasks.make("context-decision", sigma_in=0.0)
    gain = neurornn.connectivity.Gaussian(1.6)
    networks = [
        neurornn.CTRNN(task.n_inputs, 40, task.n_outputs, activation="tanh", init=gain, seed=seed)
        for seed in (1, 2)
    ]
    own, other = (neurornn.simulate(each, task.sample(72, seed=3, balanced=True)) for each in networks)
    rate = own["rate"].values
    positive = 40.0 * (rate - rate.min((0, 1))) / (rate.max() - rate.min())
    repeated = np.tile(positive, (12, 1, 1))
    counts = np.random.default_rng(0).poisson(repeated * 0.02).astype(np.float32)
    spikes = xr.Dataset(
        {"counts": (("trial", "time", "unit"), counts)},
        {"time": own["time"], **{name: ("trial", np.tile(own[name].values, 12)) for name in BY}},
    )
    found = compare.run(
        [own, other],
        spikes,
        by=BY,
        bin_width=100.0,
        window=(100, 900),
        measures=[HeldOutProcrustes(), LinearCKA(debiased=True), RSA()],
        n_subsamples=2,
        n_shuffles=20,
        n_bootstrap=40,
    )
    upper, floor = found["interval"].sel(bound="upper"), found["ceiling_interval"].sel(bound="lower")
    assert (upper.sel(quantity="trained", model=0) >= floor).all()
    assert (upper.sel(quantity="trained", model=1) < floor).all()
    assert (found["score"].sel(quantity="inputs") < floor).all()
    assert (found["p_value"].sel(model=0) < 0.06).all()


BY = ["context", "motion_coherence", "colour_coherence"]


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0, 4.0, 8.0])
def test_ceilings_bracket_what_the_truth_reaches_at_every_noise_level(noise):
    by_correlation = [
        LinearPredictivity(metric="correlation"),
        LinearCKA(debiased=True),
        RSA(),
        Crossnobis(noise="none"),
        CrossTemporalDecoding(noise="none"),
    ]
    many = mixed(latents(0, k=30), 20, 1)  # in as many dimensions as there are units
    for mean, measures in (
        (S, [LinearPredictivity(), *by_correlation]),
        (many, [HeldOutProcrustes(), *by_correlation[1:]]),
    ):
        recording = trials(mean, noise=noise * mean.std() / S.std(), seed=4)
        found = compare.run([trials(mean, 1)], recording, measures=measures, **FEW | {"n_bootstrap": 0})
        reached = found["score"].sel(quantity="trained").squeeze("model")
        assert (found["ceiling_limit"].sel(limit="cautious") <= reached + 0.02).all()
        assert (found["ceiling_limit"].sel(limit="generous") >= reached - 0.02).all()
        near = 0.05 if noise < 8 else 0.1  # the model is fitted to noisy neurons too
        assert (abs(reached - found["ceiling"]) < near).all(), (reached.values, found["ceiling"].values)


def test_the_ceiling_of_each_neuron_is_its_share_of_signal():
    mean = mixed(latents(0), 30, 1)
    mean /= mean.std((0, 1))
    deviation = np.repeat([1.0, 3.0, 9.0], 10)
    recording = trials(mean, 12)
    rng = np.random.default_rng(1)
    recording["rate"] = recording["rate"] + deviation * rng.standard_normal(recording["rate"].shape)
    found = compare.run([trials(mean, 1)], recording, measures=[LinearPredictivity()], **FEW).squeeze(
        "measure"
    )
    expected = 1 / (
        1 + deviation[::10] ** 2 / 12
    )  # signal over signal and the noise of an average of 12 trials
    ceilings, scores = (
        each.values.reshape(3, 10).mean(1)
        for each in (found["unit_ceiling"], found["unit_score"].sel(quantity="trained"))
    )
    assert np.allclose(ceilings, expected, atol=0.12), (ceilings, expected)
    assert np.allclose(scores, expected, atol=0.12), (scores, expected)


def test_models_with_shuffled_conditions_score_like_the_null(noisy):
    rng = np.random.default_rng(8)
    shuffled = [trials(S[rng.permutation(len(S))], 1) for _ in range(8)]
    found = compare.run([trials(S, 1), *shuffled], noisy, measures=[HeldOutProcrustes(), RSA()], **FEW)
    assert (found["p_value"].sel(model=0) < 0.05).all()
    p = found["p_value"].isel(model=slice(1, None))
    assert (p.mean("model") > 0.25).all() and ((p > 0.05).mean("model") > 0.7).all()


def test_scores_do_not_depend_on_the_order_of_units_trials_or_conditions(noisy, result):
    rng = np.random.default_rng(3)
    turned = noisy.isel(unit=rng.permutation(20), trial=rng.permutation(noisy.sizes["trial"]))
    models = [
        trials(mean, 1).isel(unit=rng.permutation(20), trial=rng.permutation(10)) for mean in (S, OTHER)
    ]
    found = compare.run(models, turned, measures=MEASURES, **FEW)
    for name in ("score", "interval", "ceiling", "null", "unit_score", "unit_ceiling"):
        xr.testing.assert_allclose(found[name], result[name], rtol=1e-7, atol=1e-9)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(noisy, result):
    again = compare.run([trials(S, 1), trials(OTHER, 1)], noisy, measures=MEASURES, **FEW)
    xr.testing.assert_identical(again.drop_attrs(), result.drop_attrs())
    other = compare.run([trials(S, 1), trials(OTHER, 1)], noisy, measures=MEASURES, seed=1, **FEW)
    assert (other["ceiling"] != result["ceiling"]).all()


def test_equal_numbers_of_units_remove_the_advantage_of_the_larger_population(noisy):
    """Unrelated populations come closer to the recording the more units they have, unless as many are drawn."""
    few, many = (trials(np.random.default_rng(n).standard_normal((10, 8, n)), 1) for n in (8, 60))
    found = {
        units: compare.run(
            [few, many], noisy, measures=[Procrustes()], units=units, **FEW | {"n_subsamples": 12}
        )
        for units in ("all", "match")
    }
    gap = {
        units: float(np.diff(each["score"].sel(quantity="trained").squeeze()).item())
        for units, each in found.items()
    }
    assert gap["all"] < -0.04  # a distance: the larger one is closer
    assert abs(gap["match"]) < 0.015
    assert int(found["match"]["n_units"]) == 8 and found["match"]["n_units_of_model"].values.tolist() == [
        8,
        60,
    ]


def test_holding_out_trials_has_the_same_ceiling_logic(noisy):
    found = compare.run(
        [trials(S, 2), trials(OTHER, 2)],
        noisy,
        measures=[LinearPredictivity(), HeldOutProcrustes()],
        split="trial",
        **FEW,
    )
    score = found["score"].sel(quantity="trained")
    assert (abs(score.sel(model=0) - found["ceiling"]) < 0.06).all()
    assert (score.sel(model=1) < score.sel(model=0) - 0.1).all()


def test_measures_of_unknown_scale_get_the_cautious_ceiling_and_say_so(noisy):
    found = compare.run([trials(S, 1)], noisy, measures=[SubspaceAlignment(4), RSA()], **FEW)
    assert found["is_corrected"].values.tolist() == [False, True]
    assert found["ceiling"][0] == found["ceiling_limit"].sel(limit="cautious")[0]
    assert found["ceiling"][0] <= found["score"].sel(quantity="trained")[0, 0] + 0.02


def test_an_untrained_network_is_the_network_before_training_and_nothing_is_changed():
    task = tasks.make("perceptual-decision")
    network = neurornn.CTRNN(task.n_inputs, 12, task.n_outputs, seed=4)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    recording = neurornn.simulate(network, task.sample(60, seed=1, balanced=True))
    options = {
        "by": "coherence",
        "measures": [HeldOutProcrustes()],
        "n_subsamples": 2,
        "n_shuffles": 2,
        "n_bootstrap": 4,
        "n_trials": 60,
    }
    fresh = compare.run([(network, task)], recording, **options)
    assert fresh["score"].sel(quantity="trained").item() == fresh["score"].sel(quantity="untrained").item()
    assert all((before[key] == value).all() for key, value in network.state_dict().items())
    network.W_rec = network.W_rec.detach() * 0.0
    changed = compare.run([(network, task)], recording, **options)
    assert (
        changed["score"].sel(quantity="untrained").item() == fresh["score"].sel(quantity="untrained").item()
    )
    assert (
        changed["score"].sel(quantity="trained").item() < fresh["score"].sel(quantity="trained").item() - 0.01
    )
    without = compare.run([(network, task)], recording, untrained=False, **options)
    assert np.isnan(without["score"].sel(quantity="untrained")).all()


def test_averages_and_parts_are_those_of_each_units_own_trials(noisy):
    pseudo = one_unit_a_session(noisy)
    side = _side(pseudo)
    reference = condition_average(activity(pseudo, "rate")[0], ["stimulus"]).transpose(
        "condition", "time", "unit"
    )
    assert np.allclose(side.mean, reference.values)
    (parts,) = side.parts(np.arange(20), 2, [5])
    assert np.allclose(parts.mean(), side.mean)
    assert (abs(parts.counts[0] - parts.counts[1]) <= 1).all() and (parts.counts.sum(0) == side.counts).all()
    halves = Averages.of(parts).halves
    assert not np.allclose(*halves)
    (some,) = side.parts(np.array([3, 7]), 4, [5])
    assert np.allclose(some.mean(), side.mean[..., [3, 7]]) and len(some.sums) == 4


def test_halves_of_trials_that_end_at_different_times_have_values_to_the_end():
    ds = trials(S, 4, noise=1.0)
    rate = ds["rate"].values
    rate[ds["trial"].values >= 20, 5:] = np.nan  # the last two trials of each condition are short
    (parts,) = _side(ds).parts(np.arange(20), 2, [1])
    assert (parts.counts[:, :, 5:] == 1).all()


def test_blocks_of_trials_give_the_same_numbers(noisy, monkeypatch):
    whole = _side(noisy)
    monkeypatch.setattr(_blocks, "BLOCK", 3000)
    blocks = _side(noisy)
    assert np.allclose(blocks.mean, whole.mean, rtol=1e-12)
    (one,), (other,) = (side.parts(np.arange(20), 2, [1]) for side in (whole, blocks))
    assert np.allclose(one.sums, other.sums) and (one.counts == other.counts).all()


def test_units_with_too_few_trials_are_left_out_and_counted(noisy):
    poor = noisy.copy(deep=True)
    poor["rate"][poor["stimulus"].values == 0, :, 3] = np.nan
    poor["rate"][:, 6, 5] = np.nan
    found = compare.run([trials(S, 1)], poor, measures=[RSA()], **FEW)
    assert found["unit"].values.tolist() == [k for k in range(20) if k not in (3, 5)]
    assert int(found["n_units_excluded"]) == 2 and int(found["n_units_recorded"]) == 20
    assert int(found["n_units"]) == 18 and int(found["n_trials"]) == 120
    poor["rate"][:, 6:] = np.nan
    with pytest.raises(
        ValueError, match=r"Only 0 of 20 recorded units.*Until 120 ms 19 units have them: shorten the window"
    ):
        compare.run([trials(S, 1)], poor, measures=[RSA()], **FEW)


def test_an_interruption_keeps_the_draws_that_were_done(noisy):
    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    found = compare.run([trials(S, 1)], noisy, measures=[RSA()], callback=stop, **FEW)
    assert found.attrs["complete"] == 0 and found.attrs["n_draws"] == 2 and found.sizes["draw"] == 2
    whole = compare.run([trials(S, 1)], noisy, measures=[RSA()], **FEW)
    assert whole.attrs["complete"] == 1
    assert np.array_equal(found["score_draw"], whole["score_draw"][..., :2], equal_nan=True)


def test_what_a_measure_cannot_score_is_named_in_the_result(noisy):
    flat = trials(S, 1).assign(inputs=(("trial", "time", "input"), np.zeros((10, 8, 1))))
    found = compare.run([flat], noisy, measures=[RSA()], **FEW)
    assert "RSA, inputs: X, the model, does not vary" in str(found.attrs["problems"])
    assert np.isnan(found["score"].sel(quantity="inputs")).all()


def test_conditions_are_renamed_and_rescaled_on_request(noisy, result):
    other = noisy.rename(stimulus="stimulus_pct").assign_coords(
        stimulus_pct=("trial", noisy["stimulus"].values * 100)
    )
    with pytest.raises(
        ValueError, match=r"The recording has no condition 'stimulus' along its trials. It has: stimulus_pct"
    ):
        compare.run([trials(S, 1)], other, **FEW)
    with pytest.raises(
        ValueError,
        match=r"do not match: Network 0 has no trials with stimulus=10; .*The recording has no trials",
    ):
        compare.run([trials(S, 1)], other, conditions={"stimulus": "stimulus_pct"}, **FEW)
    for convert in (lambda value: value / 100, {10.0 * k: 0.1 * k for k in range(10)}):
        found = compare.run(
            [trials(S, 1), trials(OTHER, 1)],
            other,
            measures=MEASURES,
            conditions={"stimulus": ("stimulus_pct", convert)},
            **FEW,
        )
        assert np.allclose(found["score"], result["score"], equal_nan=True)
    fewer = noisy.isel(trial=noisy["stimulus"].values < 0.75)
    with pytest.raises(
        ValueError, match=r"The recording has no trials with stimulus=0.8; stimulus=0.9\. .*unmatched='drop'"
    ):
        compare.run([trials(S, 1)], fewer, **FEW)
    dropped = compare.run([trials(S, 1)], fewer, measures=[RSA()], unmatched="drop", **FEW)
    assert dropped.sizes["condition"] == 8 and int(dropped["n_conditions_unmatched"]) == 2


def test_time_is_matched_by_an_event_a_window_and_bins(noisy, result):
    jitter = 20.0 * np.random.default_rng(0).integers(0, 4, noisy.sizes["trial"])
    rate = np.full((noisy.sizes["trial"], 12, 20), np.nan)
    for k, shift in enumerate((jitter / 20).astype(int)):
        rate[k, shift : shift + 8] = noisy["rate"].values[k]
    late = xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate)},
        {
            "time": ("time", 20.0 * np.arange(12), {"units": "ms"}),
            "stimulus": noisy["stimulus"],
            "event_go": ("trial", jitter),
        },
    )
    models = [trials(mean, 1, epoch_cue_start=("trial", np.zeros(10))) for mean in (S, OTHER)]
    found = compare.run(models, late, measures=MEASURES, align=("cue_start", "go"), window=(0, 160), **FEW)
    assert (
        np.allclose(found["score"], result["score"], equal_nan=True)
        and found.attrs["aligned_to"] == "cue_start"
    )
    with pytest.raises(
        ValueError, match="Network 0 cannot be aligned to 'go': The trials have no event 'go'"
    ):
        compare.run(models, late, align="go", **FEW)
    with pytest.raises(
        ValueError,
        match=r"do not overlap as needed: Network 0 covers 0 to 160 ms; .* asked for is 0 to 400 ms",
    ):
        compare.run(models, noisy, window=(0, 400), **FEW)
    with pytest.raises(ValueError, match="do not overlap as needed"):
        compare.run(models, noisy.assign_coords(time=noisy["time"] + 1000.0), **FEW)
    fine = noisy.isel(time=np.repeat(np.arange(8), 2)).assign_coords(
        time=("time", 10.0 * np.arange(16), {"units": "ms"})
    )
    with pytest.raises(
        ValueError,
        match=r"The time steps differ: Network 0 20 ms, Network 1 20 ms, The recording 10 ms. .*bin_width",
    ):
        compare.run([trials(S, 1), trials(OTHER, 1)], fine, **FEW)
    binned = compare.run([trials(S, 1), trials(OTHER, 1)], fine, measures=MEASURES, bin_width=20.0, **FEW)
    assert np.allclose(binned["score"], result["score"], equal_nan=True)
    with pytest.raises(ValueError, match="bin_width must be a multiple of every time step: got 30 ms"):
        compare.run([trials(S, 1)], fine, bin_width=30.0, **FEW)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"units": "some"}, "units must be 'match', 'all' or a number"),
        ({"split": "unit"}, "split must be 'condition' or 'trial'"),
        ({"confidence": 1.0}, "confidence must lie"),
        ({"n_subsamples": 0}, "n_subsamples and n_splits must be at least 1"),
        ({"measures": []}, "one or more measures"),
        ({"measures": [RSA(), RSA()]}, "the same measure twice"),
        ({"by": []}, "one or more condition variables"),
        ({"conditions": {"side": "left"}}, "translates 'side'"),
        ({"untrained": [trials(S, 1)] * 2}, "untrained has 2 datasets for 1 models"),
    ],
)
def test_bad_arguments_are_refused(noisy, changed, message):
    with pytest.raises(ValueError, match=message):
        compare.run([trials(S, 1)], noisy, **FEW | changed)


def test_models_and_recordings_of_other_kinds_are_refused(noisy):
    with pytest.raises(ValueError, match="models must be a list"):
        compare.run(noisy, noisy, **FEW)
    with pytest.raises(TypeError, match="got int"):
        compare.run([3], noisy, **FEW)
    with pytest.raises(ValueError, match="Bin them first"):
        compare.run([noisy], xr.Dataset({"spike_time": ("spike", [1.0])}), **FEW)
    with pytest.raises(ValueError, match=r"has no activity in 2 of 80 bins.*first at 20 ms of stimulus=0"):
        gaps = trials(S, 1)
        gaps["rate"][0, 1:3] = np.nan
        compare.run([gaps], noisy, **FEW)


MEMORY = """
    import resource, sys
    import numpy as np, xarray as xr
    from neurornn.analysis import compare
    from neurornn.analysis.similarity import RSA
    from neurornn.recordings import _blocks
    _blocks.BLOCK = 2**21
    def size():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    def data(n_trials, n_units):
        coords = {"time": ("time", 20.0 * np.arange(50), {"units": "ms"}), "stimulus": ("trial", np.arange(n_trials) % 5)}
        rate = np.random.default_rng(0).standard_normal((n_trials, 50, n_units), dtype=np.float32)
        return xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, coords)
    options = {"by": "stimulus", "measures": [RSA()], "n_subsamples": 2, "n_splits": 2, "n_shuffles": 2, "n_bootstrap": 4}
    model = data(10, 20)
    compare.run([model], model, **options)  # everything is imported
    path = sys.argv[1]
    data(300, 1000).to_netcdf(path, engine="h5netcdf", encoding={"rate": {"chunksizes": (5, 50, 1000)}})  # 60 MB
    with xr.open_dataset(path, engine="h5netcdf") as lazy:
        resource.setrlimit(resource.RLIMIT_AS, (size() + 55 * 2**20,) * 2)
        try:
            lazy["rate"].values
            print("fits")
        except (MemoryError, OSError):
            print("too large")
        found = compare.run([model], lazy, **options)
        print(int(found["n_units"]), int(found["n_trials"]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of memory is that of Linux")
def test_a_recording_larger_than_memory_is_compared(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), str(tmp_path / "large.nc")],
        capture_output=True, text=True, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["too large", "20 300"], done.stderr[-2000:]


def _side(ds):
    sides = [("The recording", ds)]
    match = match_conditions(sides, ["stimulus"], {}, drop=False)
    base = time_base(sides, align=None, window=None, bin_width=None)
    return Side(ds, "The recording", "rate", match.members[0], base.clocks[0], match.n, base.start.size)
