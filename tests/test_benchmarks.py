"""The benchmarks time what they say: every alternative computes what neurornn computes."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = [
    "plain PyTorch loop",
    "torch.nn.RNN",
    "jax.lax.scan, all in the loop",
    "jax.lax.scan, drawn before",
    "neuralrnn EI model",
]


@pytest.fixture
def bench(monkeypatch):
    """Import a module of the benchmarks; what they draw from global generators stays in the test."""
    monkeypatch.syspath_prepend(FOLDER)
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        yield importlib.import_module
    np.random.set_state(state)  # noqa: NPY002


@pytest.fixture
def case(bench):
    return bench("alternatives").Case(batch=3, units=10, steps=7, dtype=torch.float64)


def found(bench, name):
    alternative = bench("alternatives").find(name)
    if alternative is None:
        pytest.skip("not installed: see benchmarks/requirements.txt")
    return alternative


def test_all_alternatives_are_checked_here(bench):
    assert sorted(bench("alternatives").ALTERNATIVES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_alternatives_compute_the_same(bench, name, dtype):
    alternatives = bench("alternatives")
    case = alternatives.Case(batch=3, units=10, steps=7, dtype=dtype)
    assert alternatives.check(found(bench, name), case) < (1e-12 if dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_timed_is_what_was_checked(bench, case, name):
    """Fresh noise changes the loss, and only where there is noise."""
    alternative = found(bench, name)
    step = alternative(case, case.parameters(alternative.equation.get("dale")))
    losses = []
    for _ in range(2):
        step._backward()
        losses.append(step._backward().item())
    assert (losses[0] != losses[1]) == alternative.noisy


@pytest.mark.parametrize(
    ("equation", "what"),
    [
        ({"form": "rate"}, "without noise: 'loss'"),
        ({"tau": 99.0}, "without noise: 'loss'"),
        ({"sigma_rec": 0.2}, "with noise: 'loss'"),
    ],
)
def test_another_equation_is_refused(bench, case, equation, what):
    alternatives = bench("alternatives")
    plain = found(bench, "plain PyTorch loop")

    class Wrong(plain):
        pass

    Wrong.equation = {**plain.equation, **equation}
    with pytest.raises(alternatives.Disagreement, match=f"Wrong at 3,10,7,float64, {what} is off neurornn's"):
        alternatives.check(Wrong, case)


def test_a_wrong_gradient_is_refused(bench, case):
    alternatives = bench("alternatives")

    class Wrong(found(bench, "plain PyTorch loop")):
        def gradients(self, noise):
            right = super().gradients(noise)
            return {**right, "W_in": right["W_in"] * (1 + 1e-7)}

    with pytest.raises(alternatives.Disagreement, match="'W_in' is off neurornn's by 1e-07"):
        alternatives.check(Wrong, case)


def test_functions_are_timed_in_turn_in_changing_order(bench, monkeypatch):
    monkeypatch.setattr(bench("measuring"), "WARM", 0.0)
    called = []
    runs = {name: lambda name=name: called.append(name) for name in "abc"}
    times = bench("measuring").interleaved(runs, 6)
    rounds = [called[i : i + 6 : 2] for i in range(0, len(called), 6)]
    assert called[::2] == called[1::2]  # a turn is the same function twice
    assert len(rounds) == 6 + 2 and all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert {name: len(spent) for name, spent in times.items()} == {"a": 6, "b": 6, "c": 6}


def test_table_and_json_of_a_step(bench, tmp_path, capsys, monkeypatch):
    alternatives, step = bench("alternatives"), bench("step")
    monkeypatch.setitem(alternatives.ALTERNATIVES, "absent", ("alternatives.absent", "Absent"))
    monkeypatch.setattr(step, "find", lambda name: None if name == "absent" else alternatives.find(name))
    names = ["plain PyTorch loop", "torch.nn.RNN", "absent"]
    step.main([
        "--sizes",
        "2,4,3",
        "2,4,3,float64",
        "--repetitions",
        "3",
        "--results",
        str(tmp_path),
        "--only",
        *names,
    ])
    saved = json.loads((tmp_path / "step.json").read_text())
    assert saved["machine"]["cores"] > 0 and saved["versions"]["torch"] == torch.__version__
    assert [size["dtype"] for size in saved["sizes"]] == ["float32", "float64"]
    size = saved["sizes"][0]
    ms = {name: spent and spent["median"] for name, spent in size["ms"].items()}
    assert ms["absent"] is None and size["ratios"]["fastest_alternative"] == "plain PyTorch loop"
    ratio = ms["plain PyTorch loop"] / ms["neurornn"]
    assert size["ratios"]["fastest_alternative_over_neurornn"] == pytest.approx(ratio)
    assert size["ratios"]["neurornn_over_products"] == pytest.approx(
        ms["neurornn"] / ms["matrix products alone"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert (
        next(line for line in lines if line.startswith("absent")).split("  ")[-1].strip() == "not installed"
    )
    assert f"{ms['neurornn']:.2f}" in next(line for line in lines if line.startswith("neurornn  "))


def test_a_disagreement_stops_the_program(bench, monkeypatch):
    step = bench("step")
    monkeypatch.setattr(bench("alternatives.agreement"), "TOLERANCE", {torch.float64: 0.0})
    with pytest.raises(SystemExit, match="would mean nothing"):
        step.main(["--sizes", "2,4,3,float64", "--check", "--only", "plain PyTorch loop"])


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "1,2,0", "1,2,3,float16"])
def test_a_size_that_is_none_is_refused(bench, text, capsys):
    with pytest.raises(SystemExit):
        bench("step").main(["--sizes", text])
    assert f"'{text}' is not batch,units,steps" in capsys.readouterr().err


def test_slope_of_a_power_law(bench):
    points = [{"size": n, "neurornn": {"median": 3e-3 * n**1.7}} for n in (8, 16, 32, 64)]
    fit = bench("scaling").slope(points, "neurornn")
    assert fit["slope"] == pytest.approx(1.7) and fit["ms_at_1"] == pytest.approx(3e-3)
    assert fit["standard_error"] < 1e-6


def test_scaling_varies_one_size_at_a_time(bench, tmp_path, capsys):
    scaling = bench("scaling")
    scaling.main([
        "--around",
        "2,4,8",
        "--factors",
        "0.5",
        "1",
        "2",
        "--repetitions",
        "2",
        "--results",
        str(tmp_path),
    ])
    saved = json.loads((tmp_path / "scaling.json").read_text())
    sizes = {axis: [point["size"] for point in points] for axis, points in saved["points"].items()}
    assert sizes == {"units": [2, 4, 8], "batch": [1, 2, 4], "steps": [4, 8, 16]}
    assert saved["points"]["units"][1]["neurornn"] == saved["points"]["steps"][1]["neurornn"]  # timed once
    assert (tmp_path / "scaling.png").stat().st_size > 0 and (tmp_path / "scaling.pdf").exists()
    figure = scaling.plot(saved["points"], scaling.case_of("2,4,8"))
    assert [panel.get_xlabel() for panel in figure.axes] == list(scaling.AXES.values())
    assert figure.axes[0].get_title() == "2 trials, 8 steps" and figure.axes[0].get_ylabel() == "Time (ms)"
    assert "slope" in capsys.readouterr().out
