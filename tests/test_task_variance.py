"""Task variance, clusters, transfer and rule composition, on activity whose answers are known."""

import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn.analysis import task_variance as tv
from neurornn.tasks.suites import MultiTask


def trials(rate, *, fixation=40.0, end=100.0, **coords):
    """Trials of 20 ms steps with an epoch ``fixation`` and an epoch ``response`` after it."""
    n, n_steps, n_units = rate.shape
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate)},
        coords={
            "time": np.arange(n_steps) * 20.0,
            "unit": np.arange(n_units),
            "epoch_fixation_start": ("trial", np.zeros(n)),
            "epoch_fixation_end": ("trial", np.full(n, fixation)),
            "epoch_response_start": ("trial", np.full(n, fixation)),
            "epoch_response_end": ("trial", np.full(n, end)),
            **{name: ("trial", values) for name, values in coords.items()},
        },
    )


def test_variance_is_over_conditions_and_the_mean_over_time_after_fixation():
    direction = np.linspace(-1, 1, 5)
    gain = np.array([3.0, 3.0, 1.0, 2.0, 0.0])  # what comes during fixation, 3, does not count
    rate = direction[:, None, None] * gain[None, :, None] * np.array([1.0, 0.0, 2.0])
    found = tv.task_variance({"a": trials(rate), "b": trials(0.5 * rate)})
    expected = direction.var() * (1 + 4 + 0) / 3 * np.array([1.0, 0.0, 4.0])
    np.testing.assert_allclose(found.variance.sel(rule="a"), expected)
    np.testing.assert_allclose(found.variance.sel(rule="b"), expected / 4)
    assert found.active.values.tolist() == [True, False, True]
    np.testing.assert_allclose(found.normalised_variance.values[:, [0, 2]], [[1, 1], [0.25, 0.25]])
    assert np.isnan(found.normalised_variance.values[:, 1]).all()
    shifted = tv.task_variance({"a": trials(rate + 7.0)}).variance
    np.testing.assert_allclose(shifted.sel(rule="a"), expected)  # a mean that is always there is no variance


def test_repeats_of_a_condition_are_averaged_before():
    rng = np.random.default_rng(0)
    direction = np.repeat([0.0, 90.0, 180.0], 400)
    signal = np.cos(np.deg2rad(direction))[:, None, None] * np.ones((1, 5, 1))
    noisy = signal + rng.standard_normal((1200, 5, 1))
    alone = tv.task_variance({"a": trials(noisy, direction=direction)}).variance.item()
    averaged = tv.task_variance(
        {"a": trials(noisy, direction=direction)}, conditions=["direction"]
    ).variance.item()
    truth = np.cos(np.deg2rad([0.0, 90.0, 180.0])).var()
    # a mean of 400 leaves 1/400 of noise; the cross term has a standard deviation near 2 sqrt(truth / 3) / sqrt(400)
    assert abs(averaged - truth) < 0.15
    assert abs(alone - truth - 1.0) < 0.15


def test_padding_does_not_count():
    rate = np.random.default_rng(0).standard_normal((6, 5, 3))
    longer = np.concatenate([rate, np.full((6, 2, 3), 1e6)], axis=1)
    ds = trials(longer)
    ds["valid"] = (("trial", "time"), np.r_[np.ones(5), np.zeros(2)][None].repeat(6, 0))
    np.testing.assert_allclose(
        tv.task_variance({"a": ds}).variance, tv.task_variance({"a": trials(rate)}).variance
    )


def test_trials_of_different_timing_are_refused():
    ds = trials(np.random.default_rng(0).standard_normal((4, 5, 2)))
    ds["epoch_fixation_end"] = ("trial", [40.0, 40.0, 60.0, 40.0])
    with pytest.raises(
        ValueError, match="'fixation_end' differs between trials of task 'a', from 40 to 60 ms"
    ):
        tv.task_variance({"a": ds})
    with pytest.raises(ValueError, match="no epoch 'cue'"):
        tv.task_variance({"a": trials(np.zeros((2, 5, 1)))}, after="cue")
    with pytest.raises(ValueError, match="at least two conditions"):
        tv.task_variance({"a": trials(np.zeros((1, 5, 1)))})
    with pytest.raises(ValueError, match="same units"):
        tv.task_variance({"a": trials(np.zeros((2, 5, 1))), "b": trials(np.zeros((2, 5, 2)))})
    with pytest.raises(ValueError, match="at least one task"):
        tv.task_variance({})


def test_fractional_variance_is_one_where_only_the_first_task_varies():
    x = np.random.default_rng(0).standard_normal((8, 5, 1))
    found = tv.task_variance({
        "a": trials(x * np.array([1.0, 0.0, 1.0, 0.0])),
        "b": trials(x * np.array([0.0, 1.0, 1.0, 0.0])),
    })
    np.testing.assert_allclose(tv.fractional_variance(found, "a", "b").values, [1, -1, 0, np.nan])
    with pytest.raises(ValueError, match="no task 'c'"):
        tv.fractional_variance(found, "a", "c")


def planted(sizes=(12, 8, 10), n_rules=6, seed=0):
    """Units in groups, each of which works for two tasks, in random order, and five silent ones."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat([0, 1, 2, -1], [*sizes, 5]))
    x = rng.standard_normal((10, 5, 1))
    works = np.stack([(group == rule // 2) for rule in range(n_rules)])
    gains = np.sqrt(works * rng.uniform(0.8, 1.2, works.shape))
    return tv.task_variance({f"task {k}": trials(x * gains[k]) for k in range(n_rules)}), group


def test_clusters_are_those_that_were_planted():
    variances, group = planted()
    found = tv.cluster(variances, n_clusters=range(2, 8))
    assert int(found.n_clusters[int(found.silhouette.values.argmax())]) == 3
    np.testing.assert_array_equal(found.cluster, group)  # in the order of the tasks they work for
    assert [str(name)[:5] for name in found.preferred_rule.values] == ["task "] * 3
    assert [int(str(name)[5:]) // 2 for name in found.preferred_rule.values] == [0, 1, 2]
    with pytest.raises(ValueError, match="different active units: got \\[200\\]"):
        tv.cluster(variances, n_clusters=200)


def test_transfer_counts_and_compares():
    def judged(*right):
        rule = np.repeat(["go", "anti"], len(right) // 2)
        return xr.Dataset(
            coords={"rule": ("trial", rule), "performance": ("trial", np.array(right, dtype=float))}
        )

    found = tv.transfer_matrix(
        {"go": judged(1, 1, 1, 0, 1, np.nan), "anti": judged(0, 0, 1, 1, 1, 1)},
        before=judged(0, 1, 0, 0, 0, 0),
    )
    np.testing.assert_allclose(found.performance, [[1.0, 0.5], [1 / 3, 1.0]])
    np.testing.assert_array_equal(found.n_trials, [[3, 2], [3, 3]])
    np.testing.assert_allclose(found.gain, [[2 / 3, 0.5], [0.0, 1.0]])
    assert (found.interval.sel(side="low") <= found.performance).all()
    only = tv.transfer_matrix({"go": judged(1, 1).isel(trial=[0])}, before=judged(1, 1))
    assert np.isnan(only.performance.sel(tested="anti").item())
    with pytest.raises(ValueError, match="have no 'performance'"):
        tv.transfer_matrix({"go": judged(1, 1).drop_vars("performance")})


def test_composition_of_a_network_whose_rules_add_up_and_of_one_whose_do_not():
    rng = np.random.default_rng(0)
    anti, delay, base = rng.standard_normal((3, 40))
    rates = {
        "go": base,
        "anti": base + anti,
        "delaygo": base + delay,
        "delayanti": base + anti + delay,
        "dm": -base,
    }
    datasets = {rule: trials(np.broadcast_to(rate, (3, 5, 40)).copy()) for rule, rate in rates.items()}
    states = tv.rule_states(datasets, epoch="response")
    np.testing.assert_allclose(states.sel(rule="anti"), base + anti)
    found = tv.composition(states, "delayanti", plus=("delaygo", "anti"), minus=("go",))
    assert found["rank"].item() == 1 and found.distance.sel(rule="delayanti").item() < 1e-12
    wrong = tv.composition(states, "dm", plus=("delaygo", "anti"), minus=("go",))
    assert wrong["rank"].item() > 1
    with pytest.raises(ValueError, match="one rule more"):
        tv.composition(states, "anti", plus=("go",), minus=("go",))
    with pytest.raises(ValueError, match="no state of rule 'x'"):
        tv.composition(states, "x", plus=("go",), minus=())
    with pytest.raises(ValueError, match="None of the tasks has an epoch 'delay'"):
        tv.rule_states(datasets, epoch="delay")


def test_of_a_network_on_the_suite_with_fixed_timing():
    task = MultiTask(sigma_in=0.0)
    network = neurornn.CTRNN(task.n_inputs, 30, task.n_outputs, form="rate", seed=0)
    datasets = {}
    for rule in ("fdgo", "reactgo", "dmcgo", "multidelaydm"):
        some = task.sample(12, seed=0, conditions={"rule": rule, **task.fixed_timing(rule)})
        assert len({tuple(row) for row in some.epochs["response"]}) == 1
        datasets[rule] = neurornn.simulate(network, some, task=task)
    found = tv.task_variance(datasets)
    assert found.active.all() and (found.variance > 0).all()
    composed = task.with_cues(some, {"fdanti": 1.0, "delaygo": 1.0, "fdgo": -1.0})
    cues = composed.inputs[0, 0, 65:]
    assert cues.tolist() == [-1.0, 0.0, 1.0, 1.0] + [0.0] * 16
    assert torch.equal(composed.inputs[..., :65], some.inputs[..., :65])
    with pytest.raises(ValueError, match="no rule 'go'"):
        task.with_cues(some, {"go": 1.0})


def test_figures_say_what_they_show():
    variances, _ = planted()
    clustered = tv.cluster(variances, n_clusters=range(2, 8))
    ax = tv.plot_task_variance(clustered)
    assert [text.get_text() for text in ax.get_yticklabels()] == [f"task {k}" for k in range(6)]
    assert (
        ax.images[0].get_array().shape == (6, 30) and "30 active units of 35, by cluster" in ax.get_xlabel()
    )
    assert "clusters" not in tv.plot_task_variance(variances).get_xlabel()
    ax = tv.plot_silhouette(clustered)
    assert ax.get_legend().get_texts()[0].get_text() == "3 clusters"
    matrix = tv.transfer_matrix({
        "go": xr.Dataset(coords={"rule": ("trial", ["go", "anti"]), "performance": ("trial", [1.0, 0.25])})
    })
    ax = tv.plot_transfer(matrix)
    assert {text.get_text() for text in ax.texts} == {"1.00", "0.25"} and ax.get_xlabel() == "tested on"
    with pytest.raises(ValueError, match="before="):
        tv.plot_transfer(matrix, variable="gain")
    states = xr.DataArray(np.eye(4), dims=("rule", "unit"), coords={"rule": list("abcd")})
    ax = tv.plot_composition(tv.composition(states, "d", plus=("a", "b"), minus=("c",)))
    assert ax.get_title() == "a + b − c" and len(ax.patches) == 4
