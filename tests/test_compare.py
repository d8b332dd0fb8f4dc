"""Networks beside a recording: what a true model reaches, what chance reaches, and what must not matter."""

import numpy as np
import pytest
import xarray as xr
from populations import FEW, MEASURES, OTHER, S, latents, mixed, trials

import neurornn
from neurornn import tasks
from neurornn.analysis import compare
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
