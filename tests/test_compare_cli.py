"""neurornn compare: from run folders and a file to a page, and one clear line where that cannot be."""

import contextlib
import io
import re

import numpy as np
import pytest
import xarray as xr

import neurornn
from neurornn import recordings, storage
from neurornn.cli import main
from neurornn.cli._compare import conditions_of
from neurornn.cli._tasks import task_of
from neurornn.report import _page
from neurornn.runs import Run

QUICK = ("--n-subsamples", "2", "--n-trials", "100", "--measures", "rsa", "linear-predictivity")
BY = (
    "--by",
    "coherence=coherence_pct*0.01",
    "--align",
    "stimulus_start=dots_on",
    "--bin-width",
    "40",
    "--window",
    "0",
    "400",
)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A wide terminal, and figures that are made but not painted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        patch.setattr(_page, "_image", lambda figure: f"data:,{len(figure.axes)}")
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two runs, and a recording of the first in other words."""
    folder = tmp_path_factory.mktemp("compare")
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        for seed in ("0", "1"):
            size = (
                "--n-steps",
                "2",
                "--n-units",
                "8",
                "--batch-size",
                "8",
                "--validate-every",
                "2",
                "--seed",
                seed,
            )
            assert main(["train", str(folder / seed), "--task", "perceptual-decision", *size]) == 0
    run = Run.open(folder / "0")
    ds = neurornn.simulate(run.load_network(), task_of(run).sample(100, seed=5, balanced=True))
    rate = np.random.default_rng(0).poisson(20 * ds["rate"].values)
    recording = recordings.binned(
        rate,
        ds["time"].values,
        conditions={"coherence_pct": 100 * ds["coherence"].values},
        events={"dots_on": ds["epoch_stimulus_start"].values},
    )
    recordings.save(recording, folder / "recording.nc")
    return folder


def test_two_runs_and_a_recording_make_a_page_and_its_data(place, capsys):
    out = place / "beside.html"
    assert (
        main([
            "compare",
            str(place / "0"),
            str(place / "1"),
            str(place / "recording.nc"),
            *BY,
            *QUICK,
            "--out",
            str(out),
        ])
        == 0
    )
    text = capsys.readouterr().out
    assert "linear predictivity" in text and str(out) in text
    result, summary, html = (
        xr.load_dataset(out.with_suffix(".nc")),
        storage.read_json(out.with_suffix(".json")),
        out.read_text(),
    )
    assert result.sizes["model"] == 2 and result["time"].values.tolist() == [40.0 * k for k in range(10)]
    assert (
        summary["n_conditions"] == 10
        and summary["n_trials"] == 100
        and summary["n_units_of_network"] == [8, 8]
    )
    assert summary["measures"]["RSA"]["score"] == result["mean"].sel(measure="RSA", quantity="trained").item()
    for heading in (
        "Scores",
        "Neuron by neuron",
        "Condition averages of one unit",
        "Population trajectories",
        "What entered",
    ):
        assert f"<h2>{heading}</h2>" in html
    assert "Not shown" not in html and f"{summary['measures']['RSA']['ceiling']:.3f}" in html


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{0}"], "Give one run folder or more and last the file of the recording"),
        (["{0}", "{nothing.nc}", *BY], "nothing.nc"),
        (["{nothing}", "{recording.nc}", *BY], "There is no run in"),
        (
            ["{0}", "{recording.nc}"],
            "The recording has no condition 'coherence' along its trials. It has: coherence_pct",
        ),
        (
            ["{0}", "{recording.nc}", *BY, "--measures", "similarity"],
            "There is no measure 'similarity'. There are: linear-predictivity",
        ),
        (["{0}", "{recording.nc}", *BY, "--align", "go"], "cannot be aligned to 'go'"),
        (["{0}", "{recording.nc}", *BY, "--align", "=go"], "--align takes EVENT or EVENT=EVENT_IN_RECORDING"),
        (["{0}", "{recording.nc}", *BY, "--window", "0", "4000"], "The time bases do not overlap as needed"),
        (["{0}", "{recording.nc}", *BY, "--units", "many"], "--units is match, all or a number"),
        (["{0}", "{recording.nc}", *BY, "--min-trials", "1000"], "Only 0 of 8 recorded units"),
        (["{0}", "{recording.nc}", *BY, "--out", "page.pdf"], "--out is the page to write and ends in .html"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(place, capsys, words, message):
    given = [re.sub(r"^\{(.+)\}$", lambda found: str(place / found[1]), word) for word in words]
    by = [] if "--by" in given else ["--by", "coherence"]
    assert main(["compare", *given, *by, *QUICK[:4]]) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    line = err.splitlines()[-1]
    assert line.startswith("neurornn: ") and message in line


def test_conditions_are_named_in_the_words_of_the_recording():
    names, translations = conditions_of(["side", "coherence=pct", "delay=wait*1000"])
    assert names == ["side", "coherence", "delay"] and translations["coherence"] == "pct"
    there, convert = translations["delay"]
    assert there == "wait" and convert(0.5) == 500.0
    with pytest.raises(ValueError, match=r"--by takes NAME, NAME=NAME_IN_RECORDING"):
        conditions_of(["a=b=c"])
    with pytest.raises(ValueError, match="'e' in 'a=b\\*e' is no number"):
        conditions_of(["a=b*e"])
