"""The study of networks beside area LIP, on random walks between two bounds of which everything is known."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from neurornn import recordings

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"
DT, REST = 20.0, 220.0


@pytest.fixture(scope="module")
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module


def walks(n, seed):
    """Trials of a random walk with drift, with times of decision in ms in whole steps of 20 ms."""
    rng = np.random.default_rng(seed)
    levels = [0.0, 3.2, 6.4, 12.8, 25.6, 51.2]
    coherence = np.tile(np.repeat(levels, 2), -(-n // 12))[:n]
    side = np.tile([1, -1], -(-n // 2))[:n]
    steps = 0.11 * coherence[:, None] * side[:, None] * 0.02 + np.sqrt(0.02) * rng.standard_normal((n, 200))
    walk = np.cumsum(steps, axis=1)
    over = np.abs(walk) >= 0.7
    first = np.where(over.any(1), over.argmax(1), 199)
    choice = np.sign(walk[np.arange(n), first]).astype(int)
    right = np.where(coherence == 0, rng.random(n) < 0.5, choice == side)
    return coherence, choice, right, (first + 1) * DT


def population(n, n_units, seed, *, preferred=None):
    """Rates that rise with time towards a unit's side and fall towards the other, in proportion to the coherence."""
    coherence, choice, right, decision = walks(n, seed)
    rng = np.random.default_rng(seed + 1)
    side = np.ones(n_units, dtype=int) if preferred is None else preferred
    gain = rng.uniform(0.5, 1.5, n_units)
    time = np.arange(0.0, 1400.0, DT)
    passed = np.clip(time - 300.0, 0.0, 400.0) / 400.0
    course = passed * (0.2 + coherence[:, None] / 100) * choice[:, None]
    rate = 1.0 + 0.6 * gain * course[..., None] * side + 0.5 * passed[:, None]
    return time, rate, coherence, choice, right, decision


@pytest.fixture(scope="module")
def lip_spikes():
    """A recording of 14 units in two sessions, dots 110 ms after the trial begins, saccades 30 ms after the decision."""
    time, rate, coherence, choice, right, decision = population(1440, 14, 5)
    ds = xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate)},
        {
            "trial": np.arange(1440),
            "time": ("time", time, {"units": "ms"}),
            "coherence": ("trial", coherence, {"units": "%"}),
            "choice": ("trial", choice),
            "correct": ("trial", right),
            "reaction_time": ("trial", decision + REST, {"units": "ms"}),
            "monkey": ("trial", np.where(np.arange(1440) % 2, "b", "n")),
            "event_dots_on": ("trial", np.full(1440, 110.0)),
            "event_saccade": ("trial", 110.0 + decision + REST),
        },
    )
    sessions = recordings.Sessions(n=2, units_per_session=7, trials_per_session=720)
    return recordings.observe(ds, rate_scale=40.0, sessions=sessions)


@pytest.fixture(scope="module")
def observed(study):
    """Half of the units prefer each side, seen from their response fields."""
    networks = study("lip_networks")
    prefers = np.tile([1, -1], 8)
    time, rate, coherence, choice, right, decision = population(1200, 16, 9, preferred=prefers)
    kept = right | (coherence == 0)
    ds = recordings.binned(
        rate[kept],
        time,
        conditions={"coherence": coherence[kept], "choice": choice[kept]},
        events={"evidence": np.full(kept.sum(), 300.0), "answer": 300.0 + decision[kept]},
    )
    ds["inputs"] = (
        ("trial", "time", "input"),
        np.broadcast_to([0.0, 2.0, 1.0], (kept.sum(), time.size, 3)).copy(),
    )
    around = networks._around(ds)
    found = networks._preferred(around[1])
    views = networks.Observed(*(networks._from_response_field(each, found) for each in around))
    behaviour = xr.Dataset({
        "coherence": ("trial", coherence, {"units": "%"}),
        "choice": ("trial", choice),
        "correct": ("trial", right),
        "reaction_time": ("trial", decision, {"units": "ms"}),
    })
    return networks, prefers, found, views, behaviour


def test_from_its_response_field_every_unit_prefers_choice_1(observed):
    _, prefers, found, (evidence, answer), _ = observed
    np.testing.assert_array_equal(found, prefers)
    for ds in (evidence, answer):
        counts = recordings.check(ds)
        assert int(counts.n_sessions) == 2
        mean = recordings.average(ds, by="choice")
        late = mean["rate"].sel(time=100.0 if ds is evidence else -40.0)
        assert (late.isel(condition=1) > late.isel(condition=0)).all()
    seen = evidence["inputs"].sel(trial=evidence["session"] == -1, time=100.0).isel(trial=0)
    np.testing.assert_array_equal(seen, [0.0, 1.0, 2.0])  # towards the field of a unit of the other side
    assert evidence["rate"].isel(time=slice(0, 3)).notnull().any()
    assert answer["rate"].sel(time=-400.0).isnull().any()  # before the evidence


def test_activity_ends_with_the_answer(observed):
    _, _, _, (evidence, _), _ = observed
    left = evidence["event_answer"] - evidence["event_evidence"]
    known = evidence["rate"].notnull().any("unit")
    for trial in range(0, evidence.sizes["trial"], 97):
        last = float(evidence["time"].where(known.isel(trial=trial)).max())
        assert last == min(float(left[trial]) - DT, 580.0)


def test_numbers_of_rates_are_those_they_were_made_with(study, observed):
    measures = study("lip_measures")
    _, _, _, views, _ = observed
    found = measures.neural(views, n_bootstrap=5)
    gain = np.random.default_rng(10).uniform(0.5, 1.5, 16).mean()
    passed = (180.0 + 200.0) / 2 / 400.0
    assert found.numbers["slope_in"] == pytest.approx(0.6 * gain * passed, rel=0.06)
    assert found.numbers["slope_out"] == pytest.approx(-0.6 * gain * passed, rel=0.06)
    assert found.numbers["start_in"] == pytest.approx(1.0, abs=0.05)
    for coherence in (0.0, 51.2):
        slope = 1000 / 400 * (0.5 + 0.6 * gain * (0.2 + coherence / 100))
        assert found.numbers[f"ramp_in_{coherence:g}"] == pytest.approx(slope, rel=0.05)
    value, low, high = measures.relative(found, "level_in")
    assert (value, low, high) == (1.0, 1.0, 1.0)
    course = measures.courses(found.evidence)
    assert course.sel(time=0.0).notnull().all()
    assert course.isel(time=-1).isnull().any()  # fast trials are over


def test_the_accumulator_gives_back_its_bound_and_the_time_that_is_not_decision(study):
    measures = study("lip_measures")
    coherence, choice, right, decision = walks(3000, 3)
    ds = xr.Dataset({
        "coherence": ("trial", coherence, {"units": "%"}),
        "choice": ("trial", choice),
        "correct": ("trial", right),
        "reaction_time": ("trial", decision + 300.0, {"units": "ms"}),
    })
    found = measures.behaved(ds)
    assert found.numbers["nondecision_ms"] == pytest.approx(300.0, abs=45.0)
    assert (
        found.numbers["nondecision_low"] < found.numbers["nondecision_ms"] < found.numbers["nondecision_high"]
    )
    assert found.shape["bound"][0] ** 2 == pytest.approx(0.7**2, rel=0.35)  # steps of 20 ms overshoot
    assert found.numbers["weibull_threshold_low"] < found.numbers["weibull_threshold"]
    assert found.numbers["share_unanswered"] == 0.0
    ds["choice"][:300] = 0
    assert measures.behaved(ds).numbers["share_unanswered"] == pytest.approx(0.1)


def test_differences_have_no_course_that_conditions_share(study, observed):
    lip = study("lip")
    _, _, _, (evidence, _), _ = observed
    ds = evidence.sel(time=slice(0.0, 80.0))
    mean = recordings.average(lip._differences(ds), by=["coherence", "choice"])["rate"]
    np.testing.assert_allclose(mean.mean("condition"), 0.0, atol=1e-5)
    kept = recordings.average(ds, by=["coherence", "choice"])["rate"]
    np.testing.assert_allclose(mean - mean[0], kept - kept[0], atol=1e-5)


def test_a_recording_that_is_not_there_is_named(study, tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path))):
        study("lip_measures").from_files(tmp_path)


@pytest.fixture(scope="module")
def written(study, observed, lip_spikes, tmp_path_factory):
    lip, figures, page = study("lip"), study("lip_figures"), study("lip_page")
    networks, _, _, views, behaviour = observed
    folder = tmp_path_factory.mktemp("lip")

    def observe(run, folder, n_parts):
        rng = np.random.default_rng(run.seed)
        trained = [each.assign(rate=each["rate"] * (1.0 + 0.1 * run.seed)) for each in views]
        before = [
            each.assign(rate=each["rate"] + 3.0 * rng.normal(size=each["rate"].shape)) for each in views
        ]
        return networks.Network(behaviour, networks.Observed(*trained), networks.Observed(*before))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lip, "observe", observe)
        patch.setattr(study("lip_measures"), "_N_BOOTSTRAP", 10)
        runs = [networks.Run(k) for k in (1, 2)]
        found = lip.study(runs, lip_spikes, folder, n_subsamples=2, n_splits=2, n_shuffles=4, n_bootstrap=4)
        again = lip.study(runs, lip_spikes, folder, n_subsamples=2, n_splits=2, n_shuffles=4, n_bootstrap=4)
    page.write(found, figures.draw(found), folder)
    return lip, found, again, folder


def test_comparisons_are_kept_and_scores_are_of_every_measure_and_network(written):
    lip, found, again, folder = written
    assert len([*folder.glob("comparison_*.nc")]) == 4
    for key, result in found.scores.items():
        xr.testing.assert_equal(result, again.scores[key])
    table = lip.similarity(found)
    assert len(table) == 4 * 5 * 2
    late = found.scores["answer", "rates"].sel(measure="linear CKA", quantity="trained")
    assert (late["score"] > 0.5).all()  # the same course, other units


def test_the_page_holds_its_figures_and_says_its_numbers(written):
    lip, found, _, folder = written
    text = (folder / "lip.md").read_text()
    for name in re.findall(r"\]\((lip_\w+\.png)\)", text):
        assert (folder / name).stat().st_size > 1000
    html = (folder / "lip.html").read_text()
    assert html.count("data:image/png;base64,") == 6
    assert not re.search(r'(src|href)="(?!data:|https://doi)', html)  # nothing is fetched
    assert "[[" not in html
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", html + text))
    one = found.scores["answer", "rates"].sel(measure="RSA")
    assert f"| RSA | **{float(one['mean'].sel(quantity='trained')):.2f}**" in text
    assert f"{found.paper['level_in']:.1f} spikes/s" in text
    assert len(lip.subjects(found)) == 4
    assert set(lip.populations(found)["population"]) >= {"LIP", "network 1", "untrained 2"}
