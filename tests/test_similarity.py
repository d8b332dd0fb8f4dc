"""Laws every measure between two populations must obey."""

import re
from pathlib import Path

import numpy as np
import pytest
from pairs import N_CONDITIONS, N_TIMES, folds_for, latents, populations, value

from neurornn.analysis.similarity import (
    CCA,
    INVARIANCES,
    RSA,
    SVCCA,
    Crossnobis,
    CrossTemporalDecoding,
    DynamicalSimilarity,
    HeldOutProcrustes,
    LinearCKA,
    LinearPredictivity,
    Procrustes,
    SubspaceAlignment,
)

MEASURES = [
    LinearPredictivity(),
    LinearPredictivity(metric="correlation"),
    CCA(),
    CCA(ridge=0.1),
    SVCCA(n_components=3),
    SVCCA(variance=0.8),
    Procrustes(),
    Procrustes(alpha=0.5),
    Procrustes(alpha=0.0),
    HeldOutProcrustes(),
    HeldOutProcrustes(alpha=0.5),
    HeldOutProcrustes(alpha=0.0),
    LinearCKA(),
    LinearCKA(debiased=True),
    RSA(),
    RSA(comparison="spearman"),
    RSA(comparison="cosine"),
    RSA(patterns="condition"),
    RSA(dissimilarity="correlation"),
    Crossnobis(),
    Crossnobis(noise="diagonal"),
    Crossnobis(noise="none", comparison="pearson", patterns="condition"),
    CrossTemporalDecoding(),
    CrossTemporalDecoding(times="same", noise="diagonal"),
    CrossTemporalDecoding(noise="none", comparison="pearson"),
    SubspaceAlignment(n_components=3),
    DynamicalSimilarity(n_delays=2, rank=3),
    DynamicalSimilarity(n_delays=2, rank=3, metric="euclidean"),
]
METRICS = [
    *(measure for measure in MEASURES if isinstance(measure, Procrustes)),
    DynamicalSimilarity(n_delays=2, rank=3, n_starts=3),
    DynamicalSimilarity(n_delays=2, rank=2, metric="euclidean"),
]
FITTED = [measure for measure in MEASURES if measure.fitted]


def each(measures):
    return pytest.mark.parametrize("measure", measures, ids=str)


def transformed(kind, X, rng):
    n = X.shape[-1]
    if kind == "unit permutation":
        return X[..., rng.permutation(n)]
    if kind == "unit scale":
        return X * rng.uniform(0.3, 3.0, n)
    if kind == "scale":
        return 2.7 * X
    if kind == "offset":
        return X + 3 * rng.normal(size=n)
    if kind == "rotation":
        return X @ np.linalg.qr(rng.normal(size=(n, n)))[0]
    assert kind == "invertible map"
    return X @ (np.eye(n) + rng.normal(size=(n, n)))


def is_blind(measure, kind, side):
    listed = measure.invariances
    if kind in listed or f"{kind} of the {side}" in listed:
        return True
    return kind == "unit permutation" and is_blind(measure, "rotation", side)


@each(MEASURES)
@pytest.mark.parametrize("side", ["model", "brain"])
@pytest.mark.parametrize(
    "kind", ["unit permutation", "unit scale", "scale", "offset", "rotation", "invertible map"]
)
def test_it_is_blind_to_what_it_lists_and_to_nothing_else(measure, kind, side):
    rng = np.random.default_rng(5)
    X, Y = populations(measure)
    before = value(measure, X, Y)
    after = (
        value(measure, transformed(kind, X, rng), Y)
        if side == "model"
        else value(measure, X, transformed(kind, Y, rng))
    )
    if is_blind(measure, kind, side):
        assert after == pytest.approx(before, abs=1e-7)
    else:
        assert abs(after - before) > 1e-5


@each(MEASURES)
def test_the_order_of_conditions_and_times(measure):
    rng = np.random.default_rng(6)
    X, Y = populations(measure)
    before = value(measure, X, Y)
    order, times = rng.permutation(N_CONDITIONS), rng.permutation(N_TIMES)
    back = np.argsort(order)
    folds = folds_for(measure)
    moved = folds and [(np.sort(back[train]), np.sort(back[test])) for train, test in folds]
    after = measure.score(np.take(X, order, -3), np.take(Y, order, -3), moved).value
    assert "condition permutation" in measure.invariances
    assert after == pytest.approx(before, abs=1e-9)
    after = value(measure, np.take(X, times, -2), np.take(Y, times, -2))
    if "time permutation" in measure.invariances:
        assert after == pytest.approx(before, abs=1e-9)
    else:
        assert abs(after - before) > 1e-3
    if not isinstance(measure, DynamicalSimilarity):  # one side alone: the correspondence is lost
        assert abs(value(measure, X, np.take(Y, order, -3)) - before) > 1e-2


@each(MEASURES)
def test_names_of_invariances_are_known(measure):
    assert measure.is_metric == (type(measure) in {type(metric) for metric in METRICS})
    known = {*INVARIANCES, *(f"{kind} of the {side}" for kind in INVARIANCES for side in ("model", "brain"))}
    assert set(measure.invariances) <= known
    assert len(set(measure.invariances)) == len(measure.invariances)


@each(MEASURES)
def test_a_population_is_perfectly_similar_to_itself(measure):
    X, _ = populations(measure)
    assert value(measure, X, X) == pytest.approx(measure.perfect, abs=1e-6)
    assert measure.perfect == (0.0 if measure.is_distance else 1.0)


@each(MEASURES)
def test_noise_makes_populations_less_similar(measure):
    rng = np.random.default_rng(7)
    X, _ = populations(measure, noise=0.05)
    turned = X @ np.linalg.qr(rng.normal(size=(X.shape[-1],) * 2))[0]
    draws = rng.normal(size=(6, *X.shape))
    values = [
        np.mean([value(measure, X, turned + level * np.std(X) * draw) for draw in draws])
        for level in (0.0, 0.15, 0.5, 1.5)
    ]
    worse = np.diff(values) if measure.is_distance else -np.diff(values)
    assert (worse > 5e-4).all()


@each(FITTED)
def test_chance_is_about_0_for_what_is_fitted(measure):
    values = []
    for seed in range(25):
        X, Y = populations(measure, seed=seed, shuffle=True)
        values.append(measure.score(X, Y, folds_for(measure, seed)).value)
    assert abs(np.mean(values)) < 0.12
    assert value(measure, *populations(measure)) > 0.5


@each(METRICS)
def test_metrics_are_symmetric_and_take_no_shorter_way_round(measure):
    rng = np.random.default_rng(8)
    slack = []
    for _ in range(100):
        X, Y, Z = (
            latents(rng.integers(1 << 30), n_conditions=8) @ rng.normal(size=(4, n_units))
            + 0.3 * rng.normal(size=(8, N_TIMES, n_units))
            for n_units in (4, 6, 5)
        )
        xy, yz, xz = measure.score(X, Y), measure.score(Y, Z), measure.score(X, Z)
        slack.append(xy.value + yz.value - xz.value)
        slack.append(xy.value + xz.value - yz.value)
        slack.append(yz.value + xz.value - xy.value)
    assert min(slack) > -1e-9
    assert measure.score(Y, X).value == pytest.approx(xy.value, abs=1e-7)


@each(MEASURES)
def test_units_that_say_nothing_change_nothing(measure):
    X, Y = populations(measure)
    silent = np.concatenate([X, np.zeros((*X.shape[:-1], 3))], -1)
    if getattr(measure, "noise", "none") == "diagonal":
        with pytest.raises(ValueError, match="3 units are the same in all splits"):
            value(measure, silent, Y)
    elif measure in (Crossnobis(), CrossTemporalDecoding(), RSA(dissimilarity="correlation")):
        assert value(measure, silent, Y) != value(
            measure, X, Y
        )  # the mean over units, or over variances, knows them
    else:
        assert value(measure, silent, Y) == pytest.approx(value(measure, X, Y), abs=1e-7)


@each(MEASURES)
def test_integers_and_single_precision_are_computed_in_double(measure):
    X, Y = (np.round(10 * side) for side in populations(measure))
    exact = value(measure, X, Y)
    assert isinstance(exact, float)
    assert value(measure, X.astype(np.float32), Y.astype(np.int64)) == exact


@each(MEASURES)
def test_inputs_are_left_alone(measure):
    X, Y = populations(measure)
    copies = X.copy(), Y.copy()
    value(measure, X, Y)
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(Y, copies[1])


def test_the_guide_lists_the_same_invariances():
    page = (Path(__file__).resolve().parents[1] / "docs" / "similarity.md").read_text()
    table = page.split("## What each is blind to")[1].split("None of them")[0]
    columns = [
        "unit permutation",
        "unit scale",
        "scale",
        "offset",
        "rotation",
        "invertible map",
        "time permutation",
    ]
    known = {type(measure).__name__: type(measure) for measure in MEASURES}
    checked = set()
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        calls = re.findall(r"`([^`]+)`", cells[0])
        if cells[0] == "the same with `alpha=0`":
            calls = ["Procrustes(alpha=0)", "HeldOutProcrustes(alpha=0)"]
        for call in calls:
            measure = eval(call if "(" in call else f"{call}()", dict(known))
            for column, cell in zip(columns, cells[1:], strict=True):
                sides = {"✓": {"model", "brain"}, "": set()}.get(cell, {cell})
                assert {side for side in ("model", "brain") if is_blind(measure, column, side)} == sides
            checked.add(type(measure).__name__)
    assert checked == set(known)
