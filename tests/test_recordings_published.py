"""Published recordings: the loaders give the numbers of the papers, and of files made after a documented layout.

The recordings are not part of this repository. Name their folder in the environment variable ``NEURORNN_DATA``; without it
the tests that need them are skipped.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import xarray as xr

from neurornn import recordings
from neurornn.analysis import behaviour, decoding
from neurornn.recordings import load_mante, load_roitman, load_steinmetz, to_counts

DATA = Path(os.environ.get("NEURORNN_DATA", ""))
LIP, MOUSE = DATA / "roitman2002_lip_rdm", DATA / "steinmetz2019_visctx"
needs_lip = pytest.mark.skipif(
    "NEURORNN_DATA" not in os.environ or not LIP.is_dir(),
    reason="the recordings of Roitman & Shadlen (2002) are not here: set NEURORNN_DATA to their folder",
)
needs_mouse = pytest.mark.skipif(
    "NEURORNN_DATA" not in os.environ or not MOUSE.is_dir(),
    reason="the recordings of Steinmetz et al. (2019) are not here: set NEURORNN_DATA to their folder",
)

# Roitman & Shadlen (2002), Table 2: coherence (%), target chosen, correct, mean reaction time, its standard error, n
TABLE_2 = [
    (0.0, 1, True, 824.0, 10.0, 502), (0.0, -1, True, 827.6, 10.0, 517),
    (3.2, 1, True, 795.0, 12.8, 337), (3.2, -1, True, 818.3, 12.5, 323),
    (3.2, 1, False, 819.2, 15.8, 193), (3.2, -1, False, 872.5, 18.4, 175),
    (6.4, 1, True, 758.5, 10.4, 409), (6.4, -1, True, 758.3, 10.7, 387),
    (6.4, 1, False, 837.7, 19.0, 125), (6.4, -1, False, 823.7, 23.4, 104),
    (12.8, 1, True, 671.8, 8.3, 486), (12.8, -1, True, 678.1, 8.8, 477),
    (12.8, 1, False, 776.7, 43.4, 32), (12.8, -1, False, 890.7, 42.4, 28),
    (25.6, 1, True, 532.4, 6.1, 511), (25.6, -1, True, 551.1, 6.1, 510),
    (25.6, 1, False, 539.0, np.nan, 1), (25.6, -1, False, 785.3, 21.1, 4),
    (51.2, 1, True, 409.3, 4.9, 512), (51.2, -1, True, 436.9, 4.6, 516),
]  # fmt: skip


@pytest.fixture(scope="module")
def lip() -> xr.Dataset:
    return load_roitman(LIP / "roitman2002_lip.npz")


@needs_lip
def test_the_released_file_and_its_repacked_form_agree(lip):
    other = load_roitman(LIP / "T1RT.mat")
    xr.testing.assert_identical(other.drop_attrs(), lip.drop_attrs())
    assert lip.sizes == {"spike": 253_555, "trial": 6149, "unit": 54}
    counts = recordings.check(lip, events=("dots_on", "saccade"))
    assert int(counts.n_sessions) == 54
    assert int(counts.n_trials_of_unit.min()), int(counts.n_trials_of_unit.max()) == (36, 240)
    assert (lip.subject == "b").sum() == 23
    np.testing.assert_array_equal(lip.reaction_time, lip.event_saccade - lip.event_dots_on)


@needs_lip
def test_the_loaded_behaviour_is_table_2_to_the_printed_digit(lip):
    shown = lip.drop_dims(["spike", "unit"])
    right = shown.correct | (shown.coherence == 0)  # in the table no trial without motion is an error
    found = behaviour.chronometric(shown.assign_coords(correct=right), "coherence", by="choice")
    for coherence, choice, correct, mean, sem, n in TABLE_2:
        cell = found.sel(group=choice, strength=coherence, outcome="correct" if correct else "error")
        where = f"{coherence} %, target {choice}, {'correct' if correct else 'error'}"
        assert int(cell["n"]) == n, where
        assert float(cell["mean"]) == pytest.approx(mean, abs=0.0501), where
        assert float(cell["sem"]) == pytest.approx(sem, abs=0.0501, nan_ok=True), where


@needs_lip
@pytest.mark.parametrize(("monkey", "n", "mean", "sem"), [("n", 31, 6.75, 0.44), ("b", 23, 7.90, 0.46)])
def test_the_threshold_of_the_animal_is_that_of_its_sessions(lip, monkey, n, mean, sem):
    """Thresholds of Weibull functions, one for each neuron's session, in %; the paper has 6.82 +- 0.49 and 7.97 +- 0.47."""
    motion = lip.coherence.values > 0
    thresholds = []
    for unit in lip.unit.values[lip.subject.values == monkey]:
        rows = motion & (lip.session.values == unit)
        found = behaviour.psychometric(
            lip.coherence[rows], lip.correct[rows], function=behaviour.Weibull(), lapses=False, n_bootstrap=0
        )
        thresholds.append(float(found["bias"]))
    assert len(thresholds) == n
    assert np.mean(thresholds) == pytest.approx(mean, abs=0.005)
    assert np.std(thresholds, ddof=1) / n**0.5 == pytest.approx(sem, abs=0.005)


def slope(lip, choice, counts):
    """Change of the rate with coherence, per 100 %: spikes over time observed at each coherence, of correct choices."""
    values = counts["counts"].values
    spikes, seen = np.nansum(values, axis=(1, 2)), np.isfinite(values).any(2).sum(1)
    rows = (lip.choice.values == choice) & (lip.correct.values | (lip.coherence.values == 0))
    levels = np.unique(lip.coherence.values)
    rates = []
    for level in levels:
        these = rows & (lip.coherence.values == level)
        rates.append(1000.0 * spikes[these].sum() / seen[these].sum())
    return np.polyfit(levels / 100.0, rates, 1)[0], 1000.0 * spikes[rows].sum() / seen[rows].sum()


@needs_lip
def test_lip_follows_coherence_and_then_reaches_a_level(lip):
    early = to_counts(lip, bin_width=1.0, align="dots_on", window=(370.0, 410.0), cut=("saccade", -100.0))
    assert slope(lip, 1, early)[0] == pytest.approx(39.7, abs=0.05)  # the paper: 38.4, 23.9 to 52.8
    assert slope(lip, -1, early)[0] == pytest.approx(-26.2, abs=0.05)  # the paper: -29.9, -50.2 to -9.6
    late = to_counts(lip, bin_width=40.0, align="saccade", window=(-70.0, -30.0))
    flat, level = slope(lip, 1, late)
    assert level / 40.0 == pytest.approx(66.5, abs=0.05)
    assert -3.2 < flat / 40.0 < 5.4  # the interval of the paper


@needs_mouse
def test_sessions_are_joined_without_inventing_values():
    ds = load_steinmetz(MOUSE)
    assert ds.counts.shape == (1196, 39, 1158)
    here = ds.session.values[:, None] == ds.unit_session.values[None, :]
    assert (np.isnan(ds.counts.values).any(1) == ~here).all()
    assert list(dict.fromkeys(ds.subject.values.tolist())) == ["Cori", "Forssmann"]
    alone = load_steinmetz(MOUSE / "steinmetz2019_visctx_session3.npz")
    rows, columns = (values == "Cori 2016-12-18" for values in (ds.session.values, ds.unit_session.values))
    np.testing.assert_array_equal(ds.counts.values[rows][:, :, columns], alone.counts.values)
    assert float(alone.counts.mean()) / 0.01 == pytest.approx(3.68, abs=0.005)
    assert float(alone.correct.mean()) == pytest.approx(0.662, abs=0.0005)


@needs_mouse
@pytest.mark.parametrize(("session", "stated", "majority"), [(3, 0.858, 0.646), (2, 0.778, 0.518)])
def test_visual_cortex_tells_the_side_of_the_higher_contrast(session, stated, majority):
    """Ridge on the sign of right - left, counts 50-250 ms after the stimulus, 10 folds, penalty 100 on standardised counts."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ds = load_steinmetz(MOUSE / f"steinmetz2019_visctx_session{session}.npz")
    ds = ds.isel(trial=np.flatnonzero(ds.contrast_difference.values != 0))
    side = np.sign(ds.contrast_difference.values)
    assert max((side > 0).mean(), (side < 0).mean()) == pytest.approx(majority, abs=0.0005)
    counts = ds.counts.sel(time=slice(50.0, 240.0)).sum("time").values
    decoder = make_pipeline(StandardScaler(), RidgeClassifier(alpha=100.0))
    scores = [
        cross_val_score(decoder, counts, side, cv=KFold(10, shuffle=True, random_state=seed)).mean()
        for seed in range(10)
    ]
    assert np.mean(scores) == pytest.approx(stated, abs=0.01)
    ds = ds.assign_coords(side=("trial", side.astype(int)))
    window = ds.sel(time=slice(50.0, 240.0))
    balanced = decoding.cross_temporal(
        window, "side", variable="counts", decoder=decoder, bin_width=200.0, n_folds=10, n_repeats=3
    )
    assert float(balanced.score.squeeze()) > majority + 0.1


def mante_file(folder, name, n_trials=6, seed=0, **change):
    rng = np.random.default_rng(seed)
    response = (rng.random((n_trials, 751)) < 0.02).astype(np.uint8)
    signs = np.where(np.arange(n_trials) % 2, 1.0, -1.0)[:, None]
    table = {
        "stim_dir": signs * 0.15, "stim_col": signs * 0.5, "targ_dir": signs, "targ_col": -signs, "context": -signs,
        "correct": (signs > 0) * 1.0, "congruent": signs * 0, "stim_col2dir": signs * 0.5, "stim_dir2col": signs,
        "stim_trial": np.arange(1.0, n_trials + 1)[:, None],
    }  # fmt: skip
    unit = {
        "response": response,
        "time": np.arange(100, 851) / 1000.0,
        "task_variable": table,
        "type": "s",
    } | change
    scipy.io.savemat(folder / name, {"unit": unit})
    return response


def test_units_in_files_of_their_own_become_a_pseudo_population(tmp_path):
    one = mante_file(tmp_path, "ar090313_1_a1_Vstim_100_850_ms.mat", seed=1)
    two = mante_file(tmp_path, "ar090313_1_a3_Vstim_100_850_ms.mat", seed=2)
    three = mante_file(tmp_path, "fe111019_2_a1_Vstim_100_850_ms.mat", n_trials=4, seed=3)
    ds = load_mante(tmp_path)
    assert ds.unit.values.tolist() == ["ar090313_1_a1", "ar090313_1_a3", "fe111019_2_a1"]
    assert ds.subject.values.tolist() == ["A", "A", "F"]
    assert ds.unit_session.values.tolist() == [0, 0, 1]  # the same recording and the same trials: one session
    assert ds.session.values.tolist() == [0] * 6 + [1] * 4
    assert ds.context.values[:2].tolist() == ["motion", "colour"]
    assert ds.choice.values[:2].tolist() == [-1, 1]
    np.testing.assert_allclose(ds.motion_coherence[:2], [-0.15, 0.15])
    counts = to_counts(ds, bin_width=1.0, align="stimulus", window=(100.0, 851.0))["counts"].values
    np.testing.assert_array_equal(counts[:6, :, 0], one)
    np.testing.assert_array_equal(counts[:6, :, 1], two)
    np.testing.assert_array_equal(counts[6:, :, 2], three)
    assert np.isnan(counts[6:, :, :2]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"response": np.full((6, 751), 0.5)}, "whole numbers"),
        ({"response": np.zeros((6, 750))}, r"response \(6, 750\) should be trial x time, with 751 times"),
        ({"task_variable": {"stim_dir": np.zeros((6, 1))}}, "task_variable lacks targ_dir, context, correct"),
        ({"task_variable": {"stim_dir": np.zeros((5, 1))}}, "one number for each of 6 trials"),
    ],
)
def test_files_of_another_layout_are_named(tmp_path, change, message):
    mante_file(tmp_path, "ar090313_1_a1_Vstim_100_850_ms.mat", **change)
    with pytest.raises(ValueError, match=message):
        load_mante(tmp_path)


def test_events_and_names_of_files_must_agree(tmp_path):
    mante_file(tmp_path, "ar090313_1_a1_Vstim_100_850_ms.mat")
    mante_file(tmp_path, "ar090313_1_a3_Tsac_100_850_ms.mat")
    with pytest.raises(ValueError, match="aligned to Tsac and Vstim"):
        load_mante(tmp_path)
    mante_file(tmp_path, "other.mat")
    with pytest.raises(ValueError, match=r"'other.mat' is not named like a unit"):
        load_mante(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="No files"):
        load_mante(tmp_path / "empty")


def roitman_arrays():
    return {
        "spike_time_ms": np.array([950, 1100, 1800], dtype=np.uint16), "trial_offset": np.array([0, 2, 3]),
        "unit": np.array([5, 5]), "session": np.array(["n1", "n1"]), "monkey": np.array(["n", "n"]),
        "coherence_pct": np.array([3.2, 0.0], dtype=np.float32), "motion_toward_target": np.array([2, 0]),
        "choice_target": np.array([1, 2]), "correct": np.array([0, 1]), "dots_on_ms": np.array([1000.0, 1500.0]),
        "saccade_ms": np.array([1600.0, 2000.0]), "rt_ms": np.array([600.0, 500.0]), "trial_number": np.array([1, 2]),
    }  # fmt: skip


def test_the_layout_of_lip_is_checked(tmp_path):
    path = tmp_path / "lip.npz"

    def made(**change):
        np.savez(path, **{k: v for k, v in (roitman_arrays() | change).items() if v is not None})

    made()
    ds = load_roitman(path)
    assert ds.signed_coherence.values.tolist() == [-3.2, 0.0]
    assert ds.choice.values.tolist() == [1, -1]
    for change, message in (
        ({"rt_ms": None}, "lacks rt_ms"),
        ({"choice_target": np.array([1, 3])}, "target should be one of"),
        ({"trial_offset": np.array([0, 2, 9])}, "does not divide 3 spikes among 2 trials"),
        ({"correct": np.array([1])}, r"one entry for each of 2 trials is needed: got \{'correct': \(1,\)\}"),
        ({"spike_time_ms": np.array([1, 1100, 1800])}, "outside the observed span of 1 of 2 trials"),
        ({"unit": np.array([None, None], dtype=object)}, "Python objects|pickle"),
    ):
        made(**change)
        with pytest.raises(ValueError, match=message):
            load_roitman(path)
    scipy.io.savemat(tmp_path / "T1RT.mat", {"x": np.zeros((3, 4))})
    with pytest.raises(ValueError, match="no trial table x of 31 columns"):
        load_roitman(tmp_path / "T1RT.mat")
