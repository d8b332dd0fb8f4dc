"""Cross-temporal decoding: planted codes, no leak between training and test, chance, missing units, pictures."""

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from neurornn import CTRNN, simulate, tasks
from neurornn.analysis import decoding
from neurornn.analysis.decoding._data import folds_of, pseudo_trials
from neurornn.analysis.decoding._score import corrected_interval

FAST = LinearDiscriminantAnalysis()


def labelled(rate, valid=None, dt=20.0, **conditions):
    ds = xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate)},
        coords={
            "time": ("time", dt * np.arange(rate.shape[1]), {"units": "ms"}),
            **{name: ("trial", values) for name, values in conditions.items()},
        },
    )
    return ds if valid is None else ds.assign(valid=(("trial", "time"), valid))


def planted(n=80, n_steps=6, n_units=8, noise=0.3, seed=0, stable=True, n_classes=2):
    """A class along an axis that stays, or along another axis in each step."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    rate = noise * rng.normal(size=(n, n_steps, n_units))
    for k in range(1, n_steps):  # nothing in the first step
        for c in range(n_classes):
            rate[y == c, k, (c if stable else (k + c * n_steps) % n_units)] += 1.0
    return labelled(rate, side=y)


def test_a_stable_code_generalises_over_time_and_a_dynamic_one_does_not():
    same = decoding.cross_temporal(planted(), "side", decoder=FAST)
    after = slice(1, None)
    assert same.score.values[after, after].min() > 0.9
    assert abs(same.score.values[1:, 0].mean() - 0.5) < 0.15 and abs(same.score.values[0, 0] - 0.5) < 0.2
    moving = decoding.cross_temporal(planted(n_units=12, stable=False), "side", decoder=FAST)
    diagonal = np.diag(moving.score.values)[1:]
    off = moving.score.values[after, after][~np.eye(5, dtype=bool)]
    assert diagonal.min() > 0.9 and abs(off.mean() - 0.5) < 0.06


def test_rows_are_training_times_and_columns_test_times():
    y = np.repeat([0, 1], 30)
    rate = 0.1 * np.random.default_rng(0).normal(size=(60, 2, 1))
    rate[:, 0, 0] += y
    rate[:, 1, 0] += (
        10 * y
    )  # a threshold learned early does well late; the late one is too high for the early step
    ds = decoding.cross_temporal(labelled(rate, side=y), "side", decoder=FAST)
    assert ds.score.dims == ("train_time", "test_time")
    assert ds.score.sel(train_time=0.0, test_time=20.0) == 1.0
    assert ds.score.sel(train_time=20.0, test_time=0.0) == 0.5


def test_scores_agree_with_a_loop_written_with_the_tools_of_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, r2_score

    ds = planted(n=47, n_steps=3, noise=0.8, n_classes=3)
    ds = ds.assign_coords(
        side=("trial", np.array([0, 0, 0, 1, 2])[np.arange(47) % 5]), level=("trial", np.linspace(-1, 1, 47))
    )
    for target, decoder, score in (("side", FAST, balanced_accuracy_score), ("level", Ridge(), r2_score)):
        found = decoding.cross_temporal(ds, target, decoder=decoder, n_folds=4, seed=3)
        from neurornn.random import derive_seed

        y = ds[target].values.astype(float)
        fold = folds_of(y, np.zeros(47, int), 4, derive_seed(3, "folds", 0), classes=target == "side")
        for f in range(4):
            train, test = fold != f, fold == f
            for a in range(3):
                fitted = type(decoder)().fit(ds.rate.values[train, a], y[train])
                for b in range(3):
                    expected = score(y[test], fitted.predict(ds.rate.values[test, b]))
                    assert found.fold_score[f, a, b].item() == pytest.approx(expected, abs=1e-12)
        np.testing.assert_allclose(found.score, found.fold_score.mean("fold"))


class Memory(ClassifierMixin, BaseEstimator):
    """Recognises every trial it has seen, at any time: a leak would make it perfect."""

    def fit(self, X, y):
        self.classes_, self.seen_, self.y_ = np.unique(y), X[:, 0].copy(), y
        return self

    def predict(self, X):
        where = np.abs(X[:, :1] - self.seen_).argmin(1)
        assert np.abs(X[:, 0] - self.seen_[where]).min() > 0.5, "a test trial was in the training set"
        return self.y_[where]


@pytest.mark.parametrize("pseudo", [None, 20])
def test_no_trial_is_ever_in_training_and_test(pseudo):
    identity = np.arange(60.0)[:, None, None] * np.ones((60, 3, 2))
    ds = labelled(identity, side=np.random.default_rng(0).integers(0, 2, 60))
    decoding.cross_temporal(ds, "side", decoder=Memory(), n_repeats=2, pseudo=pseudo)


def test_a_leak_would_be_seen():
    with pytest.raises(AssertionError, match="a test trial was in the training set"):
        Memory().fit(np.arange(4.0)[:, None], np.array([0, 1, 0, 1])).predict(np.array([[2.0]]))


def test_folds_are_stratified_deterministic_and_shuffled():
    y = np.array([0] * 40 + [1] * 11 + [2] * 9)
    folds = folds_of(y.astype(float), np.zeros(60, int), 5, 7, classes=True)
    for c in range(3):
        counts = np.bincount(folds[y == c], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(folds)) <= 1
    assert (folds == folds_of(y.astype(float), np.zeros(60, int), 5, 7, classes=True)).all()
    assert (folds != folds_of(y.astype(float), np.zeros(60, int), 5, 8, classes=True)).any()
    value = np.random.default_rng(0).normal(size=50)
    folds = folds_of(value, np.zeros(50, int), 5, 7, classes=False)
    means = [value[folds == k].mean() for k in range(5)]
    assert np.std(means) < 0.1 and (np.bincount(folds) == 10).all()


def test_random_labels_are_at_chance_and_p_values_know_it():
    rng = np.random.default_rng(1)
    ds = labelled(rng.normal(size=(60, 3, 5)), side=rng.permutation(np.arange(60) % 2))
    found = decoding.cross_temporal(ds, "side", decoder=FAST, n_null=19)
    assert found.chance == 0.5 and abs(found.score.mean() - 0.5) < 0.12
    assert abs(found.null_score.mean() - 0.5) < 0.03
    assert found.p_corrected.min() > 0.05 and (found.p_corrected >= found.p_value).all()
    real = decoding.cross_temporal(planted(n=60, n_steps=3), "side", decoder=FAST, n_null=19)
    assert (real.p_corrected.values[1:, 1:] == 1 / 20).all()
    assert real.p_corrected.values[0, 0] > 0.05


def test_balanced_accuracy_is_not_fooled_by_unequal_classes():
    rng = np.random.default_rng(2)
    ds = labelled(rng.normal(size=(100, 2, 3)), side=np.arange(100) % 10 == 0)
    found = decoding.cross_temporal(ds, "side", decoder=FAST)
    assert abs(found.score.mean() - 0.5) < 0.15  # plain accuracy would be 0.9


def test_a_value_is_decoded_by_regression():
    rng = np.random.default_rng(3)
    value = rng.normal(size=60)
    rate = 0.1 * rng.normal(size=(60, 3, 4))
    rate[:, 1:, 0] += value[:, None]
    ds = labelled(rate, level=value)
    for decoder in (None, LinearRegression()):
        found = decoding.cross_temporal(ds, "level", decoder=decoder)
        assert found.score.values[1:, 1:].min() > 0.95 and found.score[0, 0] < 0.2
        assert found.chance == 0 and "R²" in found.score.attrs["long_name"]


def test_text_and_booleans_are_classes_and_noiseless_activity_is_no_trouble():
    y = np.repeat(["left", "right", "none"], 8)
    rate = np.zeros((24, 2, 3))
    for c, name in enumerate(("left", "none", "right")):
        rate[y == name, :, c] = 1.0
    found = decoding.cross_temporal(labelled(rate, choice=y), "choice")
    assert (found.score == 1).all() and found.chance == pytest.approx(1 / 3)
    assert found.attrs["classes"] == ["left", "none", "right"]


def test_bins_average_and_what_is_left_out_is_told():
    ds = planted(n_steps=7)
    found = decoding.cross_temporal(ds, "side", decoder=FAST, bin_width=40.0)
    assert found.train_time.values.tolist() == [10.0, 50.0, 90.0] and found.attrs["n_steps_left_out"] == 1
    by_hand = ds.isel(time=slice(0, 6)).coarsen(time=2).mean()
    expected = decoding.cross_temporal(by_hand, "side", decoder=FAST)
    np.testing.assert_allclose(found.score, expected.score)
    assert found.train_time.attrs["units"] == "ms"


def test_padding_does_not_count():
    ds = planted(n=60, n_steps=5)
    valid = np.ones((60, 5))
    valid[::4, 3:] = 0
    wild = ds.copy(deep=True)
    wild["rate"][::4, 3:] = np.random.default_rng(0).normal(size=(15, 2, 8)) * 1e3
    found = decoding.cross_temporal(wild.assign(valid=(("trial", "time"), valid)), "side", decoder=FAST)
    assert found.n_trials.values.tolist() == [60, 60, 60, 45, 45]
    assert found.score.values[1:, 1:].min() > 0.85
    spoiled = decoding.cross_temporal(wild, "side", decoder=FAST)
    assert spoiled.score.values[3:, 3:].max() < found.score.values[3:, 3:].min()
    none = decoding.cross_temporal(
        ds.assign(valid=(("trial", "time"), valid * np.array([1, 1, 1, 1, 0]))), "side", decoder=FAST
    )
    assert np.isnan(none.score[4]).all() and np.isnan(none.score[:, 4]).all() and none.n_trials[4] == 0
    assert np.isfinite(none.score[:4, :4]).all()


def test_trials_without_a_target_are_left_out_and_counted():
    ds = planted(n=40)
    choice = ds.side.values.astype(float)
    choice[:4] = np.nan
    found = decoding.cross_temporal(ds.assign_coords(choice=("trial", choice)), "choice", decoder=FAST)
    assert found.attrs["n_trials_without_target"] == 4 and found.n_trials[0] == 36


def sessions(n=60, noise=1.0, seed=0):
    """Two sessions of four units, each with trials of its own."""
    ds = planted(n=n, n_steps=3, n_units=8, noise=noise, seed=seed)
    ds["rate"][:, 1:, 4] += ds.side
    ds["rate"] = ds.rate.where((np.arange(8) < 4)[None, None] == (np.arange(n) < n // 2)[:, None, None])
    return ds


def test_units_of_different_sessions_join_in_pseudo_trials():
    ds = sessions()
    with pytest.raises(ValueError, match=r"pass pseudo=\.\.\."):
        decoding.cross_temporal(ds, "side", decoder=FAST)
    both = decoding.cross_temporal(ds, "side", decoder=FAST, pseudo=60)
    assert (both.n_trials == 60).all()
    one = decoding.cross_temporal(ds.isel(unit=slice(0, 4), trial=slice(0, 30)), "side", decoder=FAST)
    assert both.score.values[1:, 1:].mean() > one.score.values[1:, 1:].mean()
    assert abs(both.score.values[0, 0] - 0.5) < 0.25
    noise = decoding.cross_temporal(
        sessions().assign(rate=ds.rate * 0 + np.random.default_rng(0).normal(size=ds.rate.shape)),
        "side",
        decoder=FAST,
        pseudo=60,
        n_null=19,
    )
    assert noise.p_corrected.min() > 0.05 and abs(noise.null_score.mean() - 0.5) < 0.06


def test_pseudo_trials_keep_units_of_a_session_together_and_part_sessions():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(40, 1, 1))
    values = np.broadcast_to(shared, (40, 1, 4)).copy()  # all units of a trial are equal
    present = np.zeros((40, 4), bool)
    present[:20, :2] = present[20:, 2:] = True
    values[~np.broadcast_to(present[:, None], values.shape)] = np.nan
    X, y = pseudo_trials(values, present, np.arange(40) % 2.0, np.ones(40, bool), 200, 5)
    assert X.shape == (400, 1, 4) and np.isfinite(X).all() and y.tolist() == [0.0] * 200 + [1.0] * 200
    np.testing.assert_array_equal(X[..., 0], X[..., 1])
    assert abs(np.corrcoef(X[:200, 0, 0], X[:200, 0, 2])[0, 1]) < 0.2
    assert set(X[:200, 0, 0]) <= set(shared[0:20:2, 0, 0])  # trials of the class and the session alone
    with pytest.raises(ValueError, match="no trial of class 1"):
        pseudo_trials(values, present, np.r_[np.zeros(20), np.arange(20) % 2.0], np.ones(40, bool), 5, 5)


def test_the_interval_covers_the_expected_score_and_grows_with_confidence():
    rng = np.random.default_rng(4)
    # scores of folds that share training data: a common error of variance rho / (1 - rho) = n_test / n_train
    common, own = rng.normal(size=(2000, 1)) * 0.5, rng.normal(size=(2000, 5))
    ends = np.array([
        corrected_interval((a + b)[:, None], 5, 0.95)[0] for a, b in zip(common, own, strict=True)
    ])
    covered = ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean()
    assert 0.93 < covered < 0.97
    ds = planted(n=40, n_steps=3, noise=1.0)
    wide, slim = (
        decoding.cross_temporal(ds, "side", decoder=FAST, confidence=c).interval for c in (0.99, 0.8)
    )
    assert (wide[..., 0] <= slim[..., 0]).all() and (wide[..., 1] > slim[..., 1]).any()


def test_the_same_seed_gives_the_same_and_a_drawing_decoder_leaves_the_global_state_alone():
    ds = planted(n=40, n_steps=2, noise=1.0)
    drawing = LinearSVC(dual=True)
    runs = [
        decoding.cross_temporal(ds, "side", decoder=drawing, seed=s, n_repeats=2).fold_score
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert runs[0].sizes["fold"] == 10 and not np.array_equal(runs[0], runs[2])
    assert drawing.random_state is None and not hasattr(drawing, "coef_")


def test_a_network_is_decoded_like_a_recording():
    task = tasks.make("perceptual-decision", sigma_in=0.1)
    network = CTRNN(task.n_inputs, 20, task.n_outputs, sigma_rec=0.05, dtype=torch.float64)
    ds = simulate(network, task.sample(60, seed=0, balanced=True), task=task)
    found = decoding.cross_temporal(ds, "correct_choice", bin_width=100.0, decoder=FAST)
    start = float(ds.epoch_stimulus_start.min())
    before = found.score.sel(train_time=slice(0, start), test_time=slice(0, start))
    during = found.score.sel(
        train_time=slice(start + 300, start + 700), test_time=slice(start + 300, start + 700)
    )
    assert abs(before.mean() - 0.5) < 0.15 and during.mean() > 0.65


def test_pictures_and_netcdf(tmp_path):
    found = decoding.cross_temporal(planted(n=60), "side", decoder=FAST, n_null=19)
    ax = decoding.plot_cross_temporal(found, alpha=0.1)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("test time (ms)", "training time (ms)")
    mesh = ax.collections[0]
    np.testing.assert_allclose(mesh.get_array().reshape(6, 6), found.score)
    low, high = mesh.get_clim()
    assert low + high == pytest.approx(1.0) and ax.figure.axes[1].get_ylabel() == "balanced accuracy of side"
    ax = decoding.plot_time_course(found)
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), np.diag(found.score))
    assert {t.get_text() for t in ax.get_legend().get_texts()} >= {"chance", "decoded", "permuted (95 %)"}
    found.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "d.nc", engine="h5netcdf") as back:
        xr.testing.assert_allclose(back.load(), found)


def test_nonsense_is_refused_with_a_reason():
    ds = planted(n=40)
    call = lambda **options: decoding.cross_temporal(ds, **({"target": "side", "decoder": FAST} | options))
    for options, message in (
        ({"target": "colour"}, "not a variable of the trials"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
        ({"n_folds": 21}, "only 20 trials"),
        ({"n_null": -1}, "n_null"),
        ({"confidence": 1.0}, "confidence"),
        ({"bin_width": 30.0}, "multiple of the time step 20"),
        ({"bin_width": 1e4}, "at most 120"),
        ({"pseudo": 0}, "pseudo must be"),
        ({"pseudo": 5, "decoder": Ridge()}, "decoded as a value"),
        ({"variable": "state"}, "no variable 'state'"),
    ):
        with pytest.raises(ValueError, match=message):
            call(**options)
    with pytest.raises(TypeError, match="estimator of scikit-learn"):
        call(decoder="svm")
    with pytest.raises(ValueError, match="nothing to decode"):
        decoding.cross_temporal(ds.assign_coords(side=ds.side * 0), "side")
    words = ds.assign_coords(word=("trial", np.where(ds.side, "a", "b")))
    with pytest.raises(ValueError, match="decoder is a regressor"):
        decoding.cross_temporal(words, "word", decoder=Ridge())
    neighbours = decoding.cross_temporal(ds, "side", decoder=KNeighborsClassifier(3))
    assert neighbours.score[2, 2] > 0.9
