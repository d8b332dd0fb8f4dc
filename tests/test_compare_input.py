"""Networks and recordings that do not match: what is counted, what is translated on request, and what is refused."""

import numpy as np
import pytest
import xarray as xr
from populations import FEW, MEASURES, OTHER, S, trials

from neurornn.analysis import compare
from neurornn.analysis.similarity import RSA


@pytest.fixture(scope="module")
def noisy():
    return trials(S, noise=4.0, seed=2)


@pytest.fixture(scope="module")
def result(noisy):
    return compare.run([trials(S, 1), trials(OTHER, 1)], noisy, measures=MEASURES, **FEW)


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
