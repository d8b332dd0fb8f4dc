"""Every rule and every kind of network from the command line."""

import re
from pathlib import Path

import pytest
import torch

from neurornn import Run, tasks
from neurornn.cli import main
from neurornn.cli._kinds import KINDS
from neurornn.cli._known import RULES
from neurornn.cli._options import NetworkOptions
from neurornn.cli._recipes import options_of
from neurornn.cli._spec import SpecError

SMALL = ["--n-steps", "2", "--batch-size", "4", "--validate-every", "2", "--dt", "50"]
PLAIN = [
    "--n-units",
    "6",
    "--tau",
    "200",
    "--activation",
    "tanh",
    "--excitatory",
    "none",
    "--sigma-rec",
    "0.05",
]
NEEDS = {"truncated-bptt": ":depth=2", "k-hop": ":k=1", "snap": ":n=2"}
OTHER_KIND = {"recollect": ["--kind", "recollect", "--n-units", "6"]}


def _train(folder: Path, *words: str) -> int:
    return main(["train", str(folder), "--task", "perceptual-decision:stimulus=200", *SMALL, *words])


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_trains_and_is_written_down(rule: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert _train(folder, "--rule", rule + NEEDS.get(rule, ""), *OTHER_KIND.get(rule, PLAIN)) == 0
    run = Run.open(folder)
    assert run.config["rule"]["type"] == RULES[rule].__name__
    network, untrained = run.load_network(), NetworkOptions(**_options(rule)).build(_task(), 0)
    moved = [
        name
        for (name, a), b in zip(network.named_parameters(), untrained.parameters(), strict=True)
        if not torch.equal(a, b)
    ]
    assert moved or rule == "reward-hebbian"  # which watches the first trials


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ctrnn"])
def test_every_kind_trains_by_back_propagation_and_comes_back(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert _train(folder, "--kind", kind, "--n-units", "6") == 0
    network = Run.open(folder).load_network()
    assert type(network) is KINDS[kind] and network.n_units == 6
    inputs = torch.zeros(2, 3, network.n_inputs, dtype=next(network.parameters()).dtype)
    assert bool(network(inputs, generator=torch.Generator().manual_seed(0)).output.isfinite().all())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "reversble"}, "No kind of network is called 'reversble'. Did you mean 'reversible'"),
        ({"kind": "reversible", "form": "rate"}, "A network of kind 'reversible' has no --form: got rate"),
        ({"kind": "reversible:gian=2"}, "has no option 'gian'. Did you mean 'gain'"),
        ({"kind": "reversible:gain=much"}, "cannot have gain=much"),
        ({"kind": "recollect", "excitatory": 0.8}, "has no --excitatory: got 0.8"),
        ({"kind": "reversible", "n_units": 7}, "cannot be made"),
    ],
)
def test_what_a_kind_does_not_have_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        NetworkOptions(**({"excitatory": None, "sigma_rec": 0.0} | options)).build(_task(), 0)  # type: ignore[arg-type]


def test_a_rule_brings_its_optimiser_unless_the_user_has_one() -> None:
    assert options_of(_task(), "rflo")[2] == options_of(_task())[2]
    training = options_of(_task(), "force:alpha=2")[2]
    assert training.optimizer == "rule" and training.clip_norm is None
    training = options_of(_task(), "node-perturbation")[2]
    assert training.optimizer == options_of(_task())[2].optimizer and training.clip_norm is None


def test_whole_changes_refuse_an_optimiser_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path / "run", "--rule", "force", "--optimizer", "adam:lr=0.01", *PLAIN) == 1
    assert "FORCE finds whole changes of the weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rule", "recollect", *PLAIN], r"needs a GatedMemory \(--kind recollect\), got CTRNN"),
        (
            ["--rule", "force", "--kind", "reversible", "--n-units", "6"],
            "derived for the leaky network CTRNN",
        ),
        (["--rule", "replay:source=reversible", *PLAIN], "undoes the steps of a ReversibleRNN: got CTRNN"),
        (["--rule", "replay:source=stored", *OTHER_KIND["recollect"]], "derived for CTRNN and ReversibleRNN"),
    ],
)
def test_a_rule_that_the_network_is_not_made_for_is_refused_in_words(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path / "run", *words) == 1
    assert re.search(message, capsys.readouterr().err)


def _task() -> tasks.AbstractTask:
    return tasks.make("perceptual-decision", dt=50.0, stimulus=200.0)


def _options(rule: str) -> dict[str, object]:
    if rule == "recollect":
        return {"kind": "recollect", "n_units": 6, "excitatory": None, "sigma_rec": 0.0, "dt": 50.0}
    return {
        "n_units": 6,
        "tau": 200.0,
        "activation": "tanh",
        "excitatory": None,
        "sigma_rec": 0.05,
        "dt": 50.0,
    }
