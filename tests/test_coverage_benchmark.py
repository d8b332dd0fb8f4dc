"""The benchmark of intervals: it knows every fit that gives one, and says which do not hold the truth."""

import dataclasses
import importlib
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from neurornn.analysis import behaviour
from neurornn.analysis.behaviour import AbstractMeasure

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


def test_every_measure_with_an_interval_has_an_observer(bench):
    observers = bench("observers")
    measures = {
        name
        for name in behaviour.__all__
        if inspect.isclass(each := getattr(behaviour, name))
        and issubclass(each, AbstractMeasure)
        and not inspect.isabstract(each)
    }
    tried = {name for study in observers.STUDIES.values() for name in study.measures}
    assert tried | set(observers.WITHOUT_INTERVALS) == measures
    assert not tried & set(observers.WITHOUT_INTERVALS)


def test_all_run_and_the_table_is_saved(bench, tmp_path, capsys):
    """In each study the intervals of the result are those whose truth it knows, or it stops."""
    coverage, observers = bench("interval_coverage"), bench("observers")
    run = ["--data-sets", "2", "--processes", "1", "--at-least", "0", "--results", str(tmp_path)]
    coverage.main(run)
    saved = json.loads((tmp_path / "coverage.json").read_text())["fits"]
    assert list(saved) == list(observers.STUDIES)
    fractions = [each for fit in saved.values() for each in fit["coverage"].values()]
    assert 0.8 < np.mean(fractions) <= 1.0 and len(fractions) > 80
    assert "| contraction bias | contraction |" in (tmp_path / "coverage.md").read_text()
    capsys.readouterr()
    coverage.main(run)
    assert capsys.readouterr().out.count("(kept)") == len(observers.STUDIES)


def test_what_does_not_cover_ends_the_program(bench, tmp_path, monkeypatch, capsys):
    coverage, observers = bench("interval_coverage"), bench("observers")
    wrong = dataclasses.replace(observers.STUDIES["means"], truth={"mean": [-2.0, 0.5, 8.0]})
    monkeypatch.setitem(observers.STUDIES, "means", wrong)
    run = ["--data-sets", "20", "--processes", "1", "--only", "means", "--results", str(tmp_path)]
    with pytest.raises(SystemExit, match=r"Below 0.9:\nmeans, mean \[2\]: 0"):
        coverage.main(run)
    assert "| mean [2] | 0." in capsys.readouterr().out


def test_an_interval_nobody_knows_is_refused(bench):
    observers = bench("observers")
    study = observers.STUDIES["accuracy"]

    def more(ds, seed):
        return study.fit(ds, seed).assign(new_interval=("interval", [0.0, 1.0]))

    with pytest.raises(ValueError, match=r"gives intervals of .*'new'"):
        observers.covered(dataclasses.replace(study, fit=more), 0)
    nothing = dataclasses.replace(study, fit=lambda ds, seed: study.fit(ds, seed) * xr.DataArray(np.nan))
    assert set(observers.covered(nothing, 0).values()) == {0.0}
