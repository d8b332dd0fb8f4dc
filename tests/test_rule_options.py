"""Learning rules as they are written: on the command line, in a configuration, and wrongly."""

import json

import pytest

from neurornn import rules
from neurornn.checkpoint import load_checkpoint
from neurornn.cli import main
from neurornn.cli._options import TrainingOptions
from neurornn.cli._spec import SpecError
from neurornn.config import decode, encode
from neurornn.rules import (
    MDGL,
    RFLO,
    Adaptive,
    EProp,
    FeedbackAlignment,
    KHop,
    ModProp,
    Random,
    SnAp1,
    Symmetric,
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rflo", RFLO()),
        ("rflo:feedback=random", RFLO(Random())),
        ("rflo:feedback=random(3, 0.5)", RFLO(Random(3, 0.5))),
        ("rflo:feedback=random(nonnegative=true,seed=2)", RFLO(Random(2, nonnegative=True))),
        ("rflo:feedback=Symmetric", RFLO(Symmetric())),
        ("e-prop:kappa=0.5,feedback=adaptive(0.01,decay=0.1)", EProp(Adaptive(0.01, 0.1), 0.5)),
        ("snap-1", SnAp1()),
        ("feedback-alignment:gain=0.8,seed=2", FeedbackAlignment(gain=0.8, seed=2)),
        ("k-hop:k=2", KHop(2)),
        ("mdgl:n-types=4", MDGL(4)),
        ("modprop:slope=none", ModProp(slope=None)),
    ],
)
def test_rules_are_written_in_one_word(text, rule):
    built = TrainingOptions(rule=text).build_rule()
    assert built == rule
    assert decode(json.loads(json.dumps(encode(built))), type(rule)) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rflow", "No learning rule is called 'rflow'. Did you mean 'rflo'?"),
        ("rflo:feedback=randm", r"must be one of symmetric, random, adaptive: got 'randm'"),
        ("rflo:feedback=randm(1)", "'randm.1.' is not known. Did you mean 'random'?"),
        ("rflo:feedback=adaptive(1)", r"has 1 values and 2 to 4 are needed: adaptive\(rate, decay, seed, scale\)"),
        ("rflo:feedback=random(1,2,true,4)", "has 4 values and 0 to 3 are needed"),
        ("rflo:feedback=random(sed=1)", "'random' has no option 'sed'. Did you mean 'seed'?"),
        ("rflo:feedback=random(1,seed=2)", "gives 'seed' twice"),
        ("rflo:feedback=random(0,-1)", "Random feedback needs a finite scale above 0"),
        ("k-hop", r"needs k=\.\.\. after a colon"),
        ("e-prop:kappa=1", r"kappa must lie in \[0, 1\)"),
    ],
)  # fmt: skip
def test_what_is_written_wrongly_is_named(text, message):
    with pytest.raises(SpecError, match=message):
        TrainingOptions(rule=text).build_rule()


@pytest.mark.parametrize(
    "rule",
    [
        "rflo:feedback=adaptive(0.01, 0.1)",
        "e-prop",
        "snap-1",
        "feedback-alignment",
        "k-hop:k=2",
        "mdgl",
        "modprop",
    ],
)
def test_a_run_is_trained_and_continued_with_every_rule(tmp_path, rule):
    size = ("--n-units", "8", "--batch-size", "4", "--validate-every", "2", "--rule", rule)
    assert main(["train", str(tmp_path / "run"), "--n-steps", "2", *size]) == 0
    assert main(["train", str(tmp_path / "run"), "--n-steps", "4", *size]) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert decode(config["rule"], rules.AbstractRule) == TrainingOptions(rule=rule).build_rule()
    assert load_checkpoint(tmp_path / "run" / "checkpoint.safetensors").step == 4


@pytest.mark.parametrize("kappa", [-0.1, 1.0, float("nan")])
def test_a_filter_that_never_forgets_is_refused(kappa):
    with pytest.raises(ValueError, match=r"kappa must lie in \[0, 1\): got"):
        EProp(kappa=kappa)


@pytest.mark.parametrize("gain", [-1.0, float("inf"), float("nan")])
def test_an_impossible_gain_is_refused(gain):
    with pytest.raises(ValueError, match="gain must be finite and at least 0: got"):
        FeedbackAlignment(gain=gain)


@pytest.mark.parametrize("k", [-1, 1.5, None])
def test_impossible_numbers_of_hops_are_refused(k):
    with pytest.raises(ValueError, match=f"whole number of synapses, at least 0: got k={k}"):
        KHop(k)


@pytest.mark.parametrize("wrong", ["random", Random, None])
@pytest.mark.parametrize("rule", [RFLO, EProp, SnAp1, FeedbackAlignment, MDGL, ModProp])
def test_what_is_no_feedback_is_refused(rule, wrong):
    with pytest.raises(TypeError, match=r"feedback must be an object such as rules.Symmetric\(\)"):
        rule(feedback=wrong)
