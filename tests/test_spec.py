"""Objects written as text: whatever is written comes back, and whatever makes no sense is named."""

import dataclasses
import re
import string
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurornn import connectivity, rules, tasks
from neurornn.cli._known import CONNECTIVITY, INITIALISERS, OPTIMIZERS, RULES
from neurornn.cli._options import TrainingOptions
from neurornn.cli._spec import SpecError, build, parse, value_of
from neurornn.cli._tasks import PARTS, make_task, task_page
from neurornn.networks import CTRNN

_word = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8).filter(lambda s: s[0] != "_")
_name = st.text(string.ascii_letters + string.digits + "-._", max_size=8).map(lambda s: "n" + s)
_atom = st.one_of(
    st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
_value = st.recursive(_atom, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=8)


def _written(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return repr(value)


@given(_name, st.dictionaries(_word, _value, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_written_comes_back(name, options):
    text = name + (":" if options else "") + ",".join(f"{k}={_written(v)}" for k, v in options.items())
    found, raw = parse(text)
    assert found == name
    assert {key: value_of(value) for key, value in raw.items()} == options


@given(st.text(max_size=40) | st.text("ab:=,()[] 1.-", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_parsed_or_refused(text):
    try:
        name, raw = parse(text)
        assert name and all(raw) and all(raw.values())
        for value in raw.values():
            value_of(value, PARTS)
    except SpecError as error:
        assert str(error)


def test_commas_and_signs_inside_brackets_belong_to_the_value():
    assert parse("a:x=f(1, g(2, 3)), y-z = [1,[2,3]], w=b(c=d:e)") == (
        "a",
        {"x": "f(1, g(2, 3))", "y_z": "[1,[2,3]]", "w": "b(c=d:e)"},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not of the form name or name:option=value"),
        ("a:", "is not of the form name or name:option=value"),
        ("3a", "is not of the form name or name:option=value"),
        ("a:b", "'b' in 'a:b' is not of the form option=value"),
        ("a:=3", "'=3' in 'a:=3' is not of the form option=value"),
        ("a:b=", "'b=' in 'a:b=' is not of the form option=value"),
        ("a:b=1,b=2", "gives 'b' twice"),
        ("a:b=1,,c=2", "nothing between two commas"),
        ("a:b=1,", "nothing between two commas"),
        ("a:b=f(1", r"'\)' is missing"),
        ("a:b=f(1]", "closes what was not opened"),
        ("a:b=1)", "closes what was not opened"),
        ("a:b=" + "[" * 40 + "]" * 40, "more than 16 brackets"),
    ],
)
def test_malformed_text_is_named(text, message):
    with pytest.raises(SpecError, match=message):
        parse(text)


def test_values_are_numbers_words_lists_and_calls():
    assert [value_of(text) for text in ("3", "-0.5", "1e3", "TRUE", "None", "relu", "[]", "(1, [x])")] == [
        3, -0.5, 1000.0, True, None, "relu", [], [1, ["x"]],
    ]  # fmt: skip
    assert value_of("Uniform(100, 2e2)", PARTS) == {"type": "Uniform", "low": 100, "high": 200.0}
    assert value_of("choice(800,900)", PARTS) == {"type": "Choice", "values": [800, 900]}
    assert type(value_of("3")) is int and type(value_of("3.0")) is float


def test_a_call_is_checked():
    with pytest.raises(SpecError, match=r"has 1 values and 2 are needed: uniform\(low, high\)"):
        value_of("uniform(100)", PARTS)
    with pytest.raises(SpecError, match=r"'unifrm\(100,200\)' is not known\. Did you mean 'uniform'\?"):
        value_of("unifrm(100,200)", PARTS)


def test_objects_are_built_with_checked_values():
    assert build("truncated-bptt:depth=20,every=10", RULES, what="rule") == rules.TruncatedBPTT(20, 10)
    assert build("sparse:density=0.1", CONNECTIVITY, what="connectivity") == connectivity.Sparse(0.1)
    assert build("gaussian", INITIALISERS, what="initialisation") == connectivity.Gaussian()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sprse", "No connectivity is called 'sprse'. Did you mean 'sparse'. Known: all-to-all, sparse"),
        ("sparse", r"needs density=\.\.\. after a colon"),
        ("sparse:densty=1", "has no option 'densty'. Did you mean 'density'. It has: density, autapses"),
        (
            "sparse:density=much",
            "cannot have density=much. density must be a number or a dictionary: got 'much'",
        ),
        ("sparse:density=0.1,autapses=3", "autapses must be true or false: got 3"),
        (
            "sparse:density=2",
            r"The connectivity 'sparse:density=2' cannot be made. .*probability in \[0, 1\]",
        ),
    ],
)
def test_what_cannot_be_built_is_named(text, message):
    with pytest.raises(SpecError, match=message):
        build(text, CONNECTIVITY, what="connectivity")


@pytest.mark.parametrize("name", tasks.names())
def test_the_page_of_a_task_shows_every_value_as_it_may_be_written(name):
    task = tasks.make(name)
    shown = dict(re.findall(r"^  (\w+)=(.+)$", task_page(task), re.MULTILINE))
    fields = {each.name for each in dataclasses.fields(task)} - {"dt"}
    assert set(shown) == fields
    base = name.rpartition("-v")[0]
    for key, value in shown.items():
        assert make_task(f"{base}:{key}={value}", dt=task.dt) == task
    assert make_task(f"{name}:" + ",".join(f"{k}={v}" for k, v in shown.items()), dt=task.dt) == task


def test_the_page_of_a_task_explains_every_parameter():
    for name in tasks.names():
        page = task_page(tasks.make(name))
        for key in re.findall(r"^  (\w+)=", page, re.MULTILINE):
            assert re.search(rf"^  {key}=.*\n {{6}}[A-Z]\S* \S+", page, re.MULTILINE), (name, key)
        assert not re.search(r"``|:math:|:class:|\*", page)


def test_distributions_reach_the_task():
    task = make_task("perceptual-decision:stimulus=exponential(330,80,1500),coherences=[-0.5,0.5]", dt=10.0)
    assert task == tasks.PerceptualDecision(
        dt=10.0, stimulus=tasks.TruncatedExponential(330.0, 80.0, 1500.0), coherences=(-0.5, 0.5)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("perceptual-decision:dt=10", "The time step of task and network is an option of its own: --dt 10"),
        (
            "perceptual-decision:stimulus=long",
            "must be a number or one of fixed, uniform, exponential, choice",
        ),
        ("perceptual-decision:coherences=0.5", r"must be a list like \[0.1,0.2\]: got 0.5"),
        ("perceptual-decision:stimulus=uniform(800,100)", "low <= high"),
        ("flip-flop:n_bits=2.5", "n_bits must be a whole number: got 2.5"),
        ("neurogym", "Say which environment: neurogym:env="),
    ],
)
def test_options_of_tasks_are_checked(text, message):
    with pytest.raises(SpecError, match=message):
        make_task(text, dt=20.0)


def test_an_unknown_task_is_named_in_the_words_of_the_command_line():
    with pytest.raises(
        tasks.TaskNotFound, match=r"Did you mean 'context-decision'\? 'neurornn tasks' lists them all"
    ):
        make_task("contxt-decision", dt=20.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adm", "No optimiser is called 'adm'. Did you mean 'adam'"),
        ("adam:lrr=1", "has no option 'lrr'. Did you mean 'lr'. It has: lr, betas"),
        ("adam:lr=fast", "cannot have lr=fast: give a number, true or false"),
        ("adam:lr=-1", "cannot be made. Invalid learning rate: -1"),
        ("adam:betas=0.9", "has a value of the wrong kind"),
        ("adam:params=3", "has no option 'params'"),
    ],
)
def test_options_of_optimisers_are_checked(text, message):
    with pytest.raises(SpecError, match=message):
        TrainingOptions(optimizer=text).build_optimizer(CTRNN(1, 3, 1), rules.BPTT())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_takes_its_learning_rate(name):
    optimizer = TrainingOptions(optimizer=f"{name}:lr=0.25").build_optimizer(CTRNN(1, 3, 1), rules.BPTT())
    assert type(optimizer) is OPTIMIZERS[name]
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_a_refusal_of_the_object_itself_is_passed_on():
    @dataclass(frozen=True)
    class Picky:
        size: int

        def __post_init__(self) -> None:
            raise ValueError("size is never right.")

    with pytest.raises(SpecError, match=r"The thing 'picky:size=3' cannot be made\. size is never right\."):
        build("picky:size=3", {"picky": Picky}, what="thing")
