"""Behaviour of two monkeys in the reaction-time random-dot task, against the numbers their paper printed.

The recordings are not part of this repository. Name the folder that holds ``roitman2002_lip_rdm`` in the environment
variable ``NEURORNN_DATA``; without it these tests are skipped.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from neurornn.analysis import behaviour

FILE = Path(os.environ.get("NEURORNN_DATA", "")) / "roitman2002_lip_rdm" / "roitman2002_lip.npz"

pytestmark = pytest.mark.skipif(
    "NEURORNN_DATA" not in os.environ or not FILE.is_file(),
    reason="the recordings of Roitman & Shadlen (2002) are not here: set NEURORNN_DATA to their folder",
)

# Roitman & Shadlen (2002), Table 2: coherence (%), target chosen, correct, mean reaction time, its standard error, n
TABLE_2 = [
    (0.0, 1, True, 824.0, 10.0, 502), (0.0, 2, True, 827.6, 10.0, 517),
    (3.2, 1, True, 795.0, 12.8, 337), (3.2, 2, True, 818.3, 12.5, 323),
    (3.2, 1, False, 819.2, 15.8, 193), (3.2, 2, False, 872.5, 18.4, 175),
    (6.4, 1, True, 758.5, 10.4, 409), (6.4, 2, True, 758.3, 10.7, 387),
    (6.4, 1, False, 837.7, 19.0, 125), (6.4, 2, False, 823.7, 23.4, 104),
    (12.8, 1, True, 671.8, 8.3, 486), (12.8, 2, True, 678.1, 8.8, 477),
    (12.8, 1, False, 776.7, 43.4, 32), (12.8, 2, False, 890.7, 42.4, 28),
    (25.6, 1, True, 532.4, 6.1, 511), (25.6, 2, True, 551.1, 6.1, 510),
    (25.6, 1, False, 539.0, np.nan, 1), (25.6, 2, False, 785.3, 21.1, 4),
    (51.2, 1, True, 409.3, 4.9, 512), (51.2, 2, True, 436.9, 4.6, 516),
]  # fmt: skip


@pytest.fixture(scope="module")
def monkeys() -> xr.Dataset:
    """All trials as a dataset: coherence signed towards target 1, and at 0 % no trial is an error, as in the table."""
    with np.load(FILE, allow_pickle=False) as file:
        coherence = np.round(file["coherence_pct"].astype(np.float64), 3)
        return xr.Dataset({
            "coherence": ("trial", coherence, {"units": "%"}),
            "reaction_time": ("trial", file["rt_ms"].astype(np.float64), {"units": "ms"}),
            "correct": ("trial", (file["correct"] == 1) | (coherence == 0)),
            "target": ("trial", file["choice_target"].astype(np.int64)),
            "unit": ("trial", file["unit"].astype(np.int64)),
            "monkey": ("trial", file["monkey"]),
        })


def test_the_chronometric_function_is_table_2_to_the_printed_digit(monkeys):
    found = behaviour.chronometric(monkeys, "coherence", by="target")
    for coherence, target, correct, mean, sem, n in TABLE_2:
        cell = found.sel(group=target, strength=coherence, outcome="correct" if correct else "error")
        where = f"{coherence} %, target {target}, {'correct' if correct else 'error'}"
        assert int(cell["n"]) == n, where
        assert float(cell["mean"]) == pytest.approx(mean, abs=0.0501), where
        assert float(cell["sem"]) == pytest.approx(sem, abs=0.0501, nan_ok=True), where
    assert int(found["n"].sum()) == sum(row[-1] for row in TABLE_2) == monkeys.sizes["trial"]
    assert int(found["n_excluded"].sum()) == 0


def test_accuracy_rises_with_coherence_as_recomputed_from_the_recording(monkeys):
    shown = monkeys.where(monkeys["coherence"] > 0, drop=True)
    found = behaviour.accuracy(shown, by="coherence", outcome="correct")
    assert found["accuracy"].values.round(4).tolist() == [0.6420, 0.7766, 0.9413, 0.9951, 1.0]


def test_the_weibull_fits_agree_with_the_paper(monkeys):
    def fit(rows):
        return behaviour.psychometric(
            monkeys["coherence"][rows],
            monkeys["correct"][rows],
            function=behaviour.Weibull(),
            lapses=False,
            n_bootstrap=0,
        )

    motion = monkeys["coherence"].values > 0
    pooled = fit(motion)
    assert float(pooled["bias"]) == pytest.approx(7.387, abs=0.001)  # threshold in % coherence
    assert float(pooled["slope"]) == pytest.approx(1.295, abs=0.001)
    for monkey, n_units, printed, error in (("n", 31, 6.82, 0.49), ("b", 23, 7.97, 0.47)):
        mine = monkeys["monkey"].values == monkey
        units = np.unique(monkeys["unit"].values[mine])
        assert units.size == n_units
        thresholds = np.array([
            float(fit(motion & mine & (monkeys["unit"].values == unit))["bias"]) for unit in units
        ])
        sem = thresholds.std(ddof=1) / np.sqrt(n_units)
        assert thresholds.mean() == pytest.approx(printed, abs=error / 2), monkey
        assert sem == pytest.approx(error, rel=0.15), monkey


def test_errors_are_slower_than_correct_choices_of_the_same_coherence(monkeys):
    found = behaviour.chronometric(monkeys, "coherence")
    middle = found["mean"].sel(strength=[3.2, 6.4, 12.8])
    assert (middle.sel(outcome="error") > middle.sel(outcome="correct")).all()
    axes = behaviour.plot_quantile_probability(behaviour.chronometric(monkeys, "coherence"))
    assert axes.get_ylabel() == "quantile of the reaction time (ms)"
