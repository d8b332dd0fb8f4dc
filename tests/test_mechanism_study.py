"""The study of the demo's mechanism computes what its page says."""

import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("mechanism")


@pytest.fixture
def rows():
    return pd.read_csv(FOLDER / "mechanism.csv")


def test_the_committed_table_is_that_of_the_study(study, rows):
    planned = [(run.seed, run.n_steps > 1) for run in study.planned(rows.seed.nunique())]
    assert {(seed, bool(trained)) for seed, trained in zip(rows.seed, rows.trained, strict=True)} == set(
        planned
    )
    assert len(rows) == 2 * len(planned) == 2 * len(set(planned))
    assert (rows.groupby(["seed", "trained"]).context.nunique() == 2).all()


def test_the_page_shows_the_table_and_its_numbers(study, rows):
    page = (FOLDER / "mechanism.md").read_text()
    shown = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    again = [line for line in study.markdown(rows[rows.trained]).splitlines() if re.match(r"\| \d", line)]
    for one, two in zip(shown, again, strict=True):
        numbers = [[float(each) for each in re.findall(r"[-+]?\d+\.?\d*", line)] for line in (one, two)]
        np.testing.assert_allclose(*numbers, rtol=0.02, atol=0.11)  # the table has four digits
    found = study.findings(rows[rows.trained])
    assert found["verdicts"].startswith("approximate line attractor: 9 of 10") and "in 9 of 10 cases" in page
    assert found["selection vector turns by"] == "72 to 87 degrees" and "72 to 87 degrees" in page
    assert found["within the 95 % interval of the choices: slow mode, all modes"] == "4 and 9 of 10"


def test_evidence_that_counts_is_taken_up_in_trained_networks_alone(rows):
    trained, control = rows[rows.trained], rows[~rows.trained]
    assert (trained.selection_ratio > 3).all() and (
        control.response_ratio.median() < 2 < trained.response_ratio.min()
    )


def test_the_figure_has_its_four_panels(study, rows):
    mine = rows[rows.trained]
    runs, results = [], []
    for seed, own in mine.groupby("seed"):
        runs.append(study.Run(seed))
        contexts = [
            row.dropna().to_dict()
            | {"choice_weight_interval": [row.choice_weight_low, row.choice_weight_high]}
            for _, row in own.iterrows()
        ]
        metrics = {"accuracy_by_context": dict(zip(own.context, own.accuracy, strict=True))}
        parts = {
            name: [[1.0, -1.0], [0.6 if name != "change" else 1.0, 0.0]] for name in ("change", *study.PARTS)
        }
        results.append({"metrics": metrics, "contexts": contexts, "change": parts})
    figure = study.draw(runs, results)
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == [
        "motion taken up by the slow mode (1/s)",
        "seed",
        "seed",
        "relevant : irrelevant, linear dynamics",
    ]
    arrows = [text.arrow_patch for text in figure.axes[0].texts]
    assert len(arrows) == len(mine)
