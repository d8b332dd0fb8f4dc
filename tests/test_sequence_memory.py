"""The memory of sequences, and learning from inputs that it recalls."""

import copy
import math
import warnings
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from neurornn import CTRNN, Objective, TrialInfo, Trials, rules
from neurornn.connectivity import Gaussian
from neurornn.networks import AbstractNetwork, ReversibleRNN
from neurornn.rules.replay import (
    Imprint,
    InversionError,
    MistakenRecallError,
    Recalled,
    SequenceMemory,
    capacity,
)

SMALL = SequenceMemory(n_units=400, background=0.0)
BARE = SequenceMemory(background=0.0)


@pytest.mark.parametrize(("pace", "background"), [("self", 2.5), ("clock", 3.5)])
def test_twenty_patterns_of_five_hundred_units_are_recalled_in_reverse_order_in_ten_of_ten_seeds(
    pace: str, background: float
) -> None:
    for seed in range(10):
        memory = SequenceMemory(n_units=500, pace=pace, background=background, seed=seed)  # type: ignore[arg-type]
        recalled = memory.recall(memory.store(memory.draw(20, seed=seed)))
        assert recalled.number.tolist() == [list(range(18, -1, -1))]
        assert not bool(recalled.mistaken.any())
        assert bool((recalled.step.diff(dim=1) > 0).all())
        best = recalled.overlap.topk(2).values
        assert bool((best[..., 0] > 0.85).all()) and bool((best[..., 1] < 0.4).all())
        if pace == "self":
            assert bool(recalled.settled.all()) and bool((best[..., 0] > 0.95).all())
        else:
            assert bool((recalled.step.diff(dim=1) == memory.half_period).all())


@pytest.mark.parametrize("pace", ["self", "clock"])
def test_with_exchanged_roles_the_order_is_forward(pace: str) -> None:
    memory = SequenceMemory(pace=pace, order="forward")  # type: ignore[arg-type]
    imprint = memory.store(memory.draw(20, n_trials=3))
    assert memory.recall(imprint).number.tolist() == [list(range(1, 20))] * 3
    assert memory.recall(imprint, 4, start=7).number.tolist() == [[8, 9, 10, 11]] * 3


def test_recall_can_set_out_anywhere_and_from_a_spoilt_cue() -> None:
    memory = SequenceMemory()
    imprint = memory.store(memory.draw(15, n_trials=4))
    for start in (1, 8, 13):
        assert memory.recall(imprint, start=start).number.tolist() == [list(range(start - 1, -1, -1))] * 4
    cue = imprint.pattern[:, -1].clone()
    cue[:, ::10] *= -1  # a tenth of the units
    assert not bool(memory.recall(imprint, cue=cue).mistaken.any())
    foreign = memory.draw(1, n_trials=4, seed=9)[:, 0]
    assert float(memory.recall(imprint, cue=foreign).mistaken.float().mean()) > 0.5


@pytest.mark.parametrize("order", ["reverse", "forward"])
def test_sums_of_products_act_as_the_matrices_that_are_written_down(order: str) -> None:
    memory = SequenceMemory(n_units=30, order=order, background=2.0)  # type: ignore[arg-type]
    patterns = memory.draw(7, n_trials=2, dtype=torch.float64)
    gate = torch.linspace(0.2, 1.4, 12, dtype=torch.float64).view(2, 6)
    imprint = memory.store(patterns, gate)
    bare = SequenceMemory(n_units=30, order=order, background=0.0)  # type: ignore[arg-type]
    noise = imprint.weights - bare.store(patterns, gate).weights
    assert torch.allclose(noise, noise[:1, :1].expand_as(noise), atol=1e-15)
    assert 1.8 < float(noise[0, 0].std() * 30) < 2.2
    W = noise.clone()
    p = patterns + 0.2  # the mean of a pattern with 0.4 of its units up is -0.2
    for b in range(2):
        for t in range(6):
            here, other = (p[b, t], p[b, t + 1]) if order == "reverse" else (p[b, t + 1], p[b, t])
            W[b, t % 2] += gate[b, t] * torch.outer(here, here + other) / 30
    assert torch.allclose(imprint.weights, W, rtol=1e-12, atol=1e-14)
    sign, share = (
        memory.draw(1, n_trials=2, seed=3, dtype=torch.float64)[:, 0],
        torch.tensor([0.3, 0.7]).double(),
    )
    expected = torch.einsum("k,bkij,bj->bi", share, W, sign)
    assert torch.allclose(imprint.traces.drive(sign, share.expand(2, 2)), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("pace", ["self", "clock"])
def test_recall_follows_the_dynamics_as_they_are_written(pace: str) -> None:
    memory = SequenceMemory(n_units=200, pace=pace, background=1.0)  # type: ignore[arg-type]
    imprint = memory.store(memory.draw(6, dtype=torch.float64))
    found = memory.recall(imprint)
    W, h = imprint.weights[0], imprint.pattern[0, -1].clone()
    states = []
    k, n_done, waited, reached = 4 % 2, 0, 0, []
    for now in range(10_000):
        states.append(h.sign())
        share = [0.0, 0.0]
        if pace == "self":
            if waited and torch.equal((W[k] @ h.sign()).sign(), h.sign()):
                reached.append(now)
            share[k] = 1.0
        else:
            share[k], share[1 - k] = math.cos(math.pi * now / 60) ** 2, math.sin(math.pi * now / 60) ** 2
        h = (1 - 1 / 6) * h + (share[0] * W[0] + share[1] * W[1]) @ h.sign() / 6
        waited += 1
        if pace == "self" and len(reached) > n_done:
            n_done, waited, k = n_done + 1, 0, 1 - k
        if n_done == 5 or (pace == "clock" and now > 140):
            break
    steps = reached if pace == "self" else [round((j + 0.25) * 30) + 1 for j in range(5)]
    assert found.step[0].tolist() == steps
    assert torch.equal(found.pattern[0], torch.stack([states[each] for each in steps]))


def test_a_gate_of_zero_stores_nothing_and_others_scale_what_is_stored() -> None:
    memory = SequenceMemory()
    patterns = memory.draw(10, n_trials=3, dtype=torch.float64)
    nothing = memory.store(patterns, 0.0)
    assert torch.equal(nothing.weights, nothing.weights[:1, :1].expand_as(nothing.weights))  # the background
    assert float(memory.recall(nothing).mistaken.float().mean()) > 0.6
    W = BARE.store(patterns).weights
    assert float(BARE.store(patterns, 0.0).weights.abs().max()) == 0
    for r in (0.5, 3.0):
        assert torch.allclose(BARE.store(patterns, r).weights, r * W, rtol=1e-12, atol=1e-15)
    each = torch.tensor([0.0, 1.0, 2.0])
    of_trials = BARE.store(patterns, each).weights
    assert torch.allclose(of_trials, each.double()[:, None, None, None] * W, rtol=1e-12, atol=1e-15)
    pairs = torch.ones(3, 9)
    pairs[:, 4] = 0.0  # one pair is not stored: recall stops there
    number = memory.recall(memory.store(patterns, pairs)).number
    assert number[:, :4].tolist() == [[8, 7, 6, 5]] * 3 and not bool(
        (number[:, 4:] == torch.arange(4, -1, -1)).any()
    )


def test_the_gate_matters_in_relation_to_the_background() -> None:
    right = [capacity(SequenceMemory(), [20], n_sequences=5, gate=r).right.item() for r in (0.02, 0.1, 1.0)]
    assert right[0] < 0.5 and right[2] == 1.0 and right[0] <= right[1]
    assert capacity(SequenceMemory(background=2.5 * math.sqrt(500)), [20], n_sequences=5).right.item() < 0.3


def test_fewer_sequences_are_recalled_the_longer_they_are_and_more_units_hold_more() -> None:
    lengths = [5, 15, 25, 60]
    small = capacity(SequenceMemory(n_units=150, patience=20), lengths, n_sequences=8)
    large = capacity(SequenceMemory(n_units=450, patience=20), lengths, n_sequences=8)
    for found in (small, large):
        assert bool((found.in_order.diff("n_patterns") <= 0).all())
        assert bool((found.in_order <= found.right + 1e-12).all())
        assert float(found.in_order[0]) == 1.0 and float(found.in_order[-1]) == 0.0
        assert float(found.overlap[0]) > 0.97 > 0.5 > float(found.overlap[-1])
    assert bool((large.right >= small.right).all())
    assert float(large.in_order.sel(n_patterns=25)) > 0.8 > 0.1 >= float(small.in_order.sel(n_patterns=25))


def test_trials_do_not_know_of_each_other() -> None:
    patterns = SMALL.draw(12, n_trials=6)
    patterns[3:] = SMALL.draw(60, n_trials=3, seed=4)[:, :12]
    gate = torch.tensor([1.0, 0.0, 2.0, 1.0, 0.5, 1.0])
    memory = SequenceMemory(n_units=400)
    whole = memory.recall(memory.store(patterns, gate))
    again = memory.recall(memory.store(patterns, gate))
    parts = [memory.recall(memory.store(patterns[k], gate[k])) for k in (slice(0, 2), slice(2, 6))]
    for name in ("pattern", "step", "settled", "number"):
        value = getattr(whole, name)
        assert torch.equal(value, getattr(again, name))
        sound = [0, 2, 3, 4, 5]  # in trial 1 there is nothing but rounding to follow
        assert torch.equal(value[sound], torch.cat([getattr(each, name) for each in parts])[sound])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_memory_takes_the_type_of_the_patterns(dtype: torch.dtype) -> None:
    memory = SequenceMemory(n_units=100)
    recalled = memory.recall(memory.store(memory.draw(4, dtype=dtype)))
    assert recalled.pattern.dtype == recalled.overlap.dtype == dtype
    assert set(recalled.pattern.unique().tolist()) == {-1.0, 1.0}
    assert not bool(recalled.mistaken.any())


def test_one_pattern_is_a_sequence_of_which_nothing_is_left_to_recall() -> None:
    recalled = SMALL.recall(SMALL.store(SMALL.draw(1, n_trials=2)))
    assert recalled.pattern.shape == (2, 0, 400) and recalled.mistaken.shape == (2, 0)


def test_mistakes_in_calls_are_explained() -> None:
    for wrong, text in (
        ({"n_units": 1}, "n_units must be a whole number, at least 2: got 1"),
        ({"fill": 1.0}, "fill is the fraction"),
        ({"background": -1.0}, "background must be finite"),
        ({"tau": 0.5}, "tau must be finite and at least 1"),
        ({"pace": "slow"}, "pace must be 'self' or 'clock': got 'slow'"),
        ({"order": "back"}, "order must be 'reverse' or 'forward'"),
        ({"half_period": 1}, "half_period"),
        ({"patience": 0}, "patience"),
    ):
        with pytest.raises(ValueError, match=text):
            SequenceMemory(**wrong)  # type: ignore[arg-type]
    patterns = SMALL.draw(5, n_trials=2)
    imprint = SMALL.store(patterns)
    with pytest.raises(ValueError, match=r"patterns must be .batch, pattern, unit. with 400 units"):
        SMALL.store(patterns[..., :10])
    with pytest.raises(ValueError, match="consist of 1 and -1"):
        SMALL.store(patterns * 0.5)
    with pytest.raises(ValueError, match=r"one for each of 2 trials, or \(2, 4\)"):
        SMALL.store(patterns, torch.ones(3))
    with pytest.raises(ValueError, match="gate must be finite and at least 0"):
        SMALL.store(patterns, -1.0)
    with pytest.raises(ValueError, match=r"4 of 5 patterns can be recalled .* got n=5"):
        SMALL.recall(imprint, 5)
    with pytest.raises(ValueError, match="start must be a number from 0 to 4"):
        SMALL.recall(imprint, start=5)
    with pytest.raises(ValueError, match="cue must have shape"):
        SMALL.recall(imprint, cue=patterns[0])
    with pytest.raises(ValueError, match="another size or order"):
        SequenceMemory(n_units=400, order="forward").recall(imprint)
    with pytest.raises(ValueError, match="at least one sequence and two patterns"):
        capacity(SMALL, [1])


# ---------------------------------------------------------------- the whole pipeline

SOURCE = Recalled(SequenceMemory(n_units=600, background=0.0))


def network(kind: str, seed: int = 0, tau: float = 200.0) -> CTRNN | ReversibleRNN:
    if kind == "pair":
        return ReversibleRNN(20, 24, 2, tau=tau, dt=10.0, seed=seed, dtype=torch.float64)
    init = Gaussian(0.5)
    return CTRNN(20, 24, 2, tau=tau, dt=10.0, activation="tanh", init=init, seed=seed, dtype=torch.float64)


def batch(n_steps: int = 20, n_trials: int = 16) -> Trials:
    """Inputs that sum to 0 in each trial, so that what counts is what came when, with targets in the first half.

    So the last input, the cue of the recall, earns no credit.
    """
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(n_trials, n_steps, 20, generator=generator, dtype=torch.float64)
    inputs = inputs - inputs.mean(1, keepdim=True)
    targets = torch.randn(n_trials, n_steps, 2, generator=generator, dtype=torch.float64)
    mask = (torch.arange(n_steps) < n_steps // 2).double().expand(n_trials, -1)
    return Trials(
        inputs, targets, mask, {}, {}, TrialInfo("random", 10.0, 0, tuple(map(str, range(20))), ("u", "v"))
    )


def gradients(rule: rules.AbstractRule, of: CTRNN | ReversibleRNN, trials: Trials) -> dict[str, Tensor]:
    twin = copy.deepcopy(of)
    rule.backward(twin, trials, objective=Objective())
    return {name: each.grad for name, each in twin.named_parameters() if each.grad is not None}


def cosine(one: dict[str, Tensor], other: dict[str, Tensor], only: str = "") -> float:
    a, b = (torch.cat([each.flatten() for name, each in g.items() if only in name]) for g in (one, other))
    return float(a @ b / (a.norm() * b.norm()))


@dataclass(frozen=True)
class Broken(SequenceMemory):
    """A memory that stores the patterns in another order, but for the last, which is the cue."""

    @override
    def store(self, patterns: Tensor, gate: float | Tensor = 1.0) -> Imprint:
        n = patterns.shape[1]
        order = [*torch.randperm(n - 1, generator=torch.Generator().manual_seed(1)).tolist(), n - 1]
        shuffled = super().store(patterns[:, order], gate)
        return Imprint(patterns, shuffled.gate, shuffled.traces)


@pytest.mark.parametrize("kind", ["pair", "leaky"])
def test_learning_from_perfect_recall_is_back_propagation_and_from_broken_order_is_not(kind: str) -> None:
    trials = batch()
    exactly = (trials.inputs / SOURCE.resolution).round() * SOURCE.resolution  # fast units amplify rounding
    trials = replace(trials, inputs=exactly)
    assert not bool(SOURCE.remember(trials.inputs).mistaken.any())
    free = rules.Reversible(tolerance=math.inf) if kind == "pair" else rules.Inverted(tolerance=math.inf)
    broken = Recalled(Broken(n_units=600, background=0.0), states=free, on_mistake="use")
    assert float(broken.remember(trials.inputs).mistaken.float().mean()) > 0.7
    of_input = []
    for seed in range(3):
        of = network(kind, seed, tau=50.0)
        exact, replayed = gradients(rules.BPTT(), of, trials), gradients(rules.Replay(SOURCE), of, trials)
        assert exact.keys() == replayed.keys()
        assert all(cosine(replayed, exact, name) > 0.999 for name in exact)
        with pytest.warns(
            UserWarning, match=r"of 320 steps, in 16 of 16 trials, were recalled with another input"
        ):
            astray = gradients(rules.Replay(broken), of, trials)
        of_input.append(cosine(astray, exact, "input"))
        assert cosine(astray, exact) < 0.6  # biases and read-out learn something without any order
    assert max(map(abs, of_input)) < 0.25 and abs(sum(of_input) / 3) < 0.15


def test_what_drives_the_learner_is_what_was_recalled() -> None:
    of, trials = network("pair"), batch()
    past, _ = rules.replay.replayed(SOURCE, of, trials.inputs)
    assert not torch.equal(past.inputs, trials.inputs)  # rounded to what the memory can tell apart
    assert float((past.inputs - trials.inputs).abs().max()) <= SOURCE.resolution / 2
    coarse = Recalled(
        SequenceMemory(n_units=1000, background=0.0),
        resolution=0.25,
        states=rules.Reversible(tolerance=math.inf),
    )
    past, _ = rules.replay.replayed(coarse, of, trials.inputs)
    assert torch.equal(past.inputs, (trials.inputs / 0.25).round() * 0.25)
    fine = cosine(gradients(rules.Replay(SOURCE), of, trials), gradients(rules.BPTT(), of, trials), "input")
    assert (
        cosine(gradients(rules.Replay(coarse), of, trials), gradients(rules.BPTT(), of, trials), "input")
        < fine
    )


def test_mistakes_are_counted_and_refused_or_used() -> None:
    of, trials = network("pair"), batch()
    few = SequenceMemory(n_units=60, background=0.0, patience=20)
    past = Recalled(few).remember(trials.inputs)
    n = int(past.mistaken.sum())
    assert n > 20
    n_trials = int(past.mistaken.any(1).sum())
    text = f"{n} of 320 steps, in {n_trials} of 16 trials"
    with pytest.raises(MistakenRecallError, match=text):
        rules.Replay(Recalled(few)).backward(of, trials)
    assert all(each.grad is None for each in of.parameters())
    with pytest.warns(UserWarning, match=text), pytest.raises(InversionError, match="from state 20"):
        rules.Replay(Recalled(few, on_mistake="use")).backward(of, trials)
    again = rules.Reversible(on_failure="recompute")
    with pytest.warns(UserWarning) as said:
        found, _ = rules.replay.replayed(Recalled(few, again, on_mistake="use"), of, trials.inputs)
    assert {text in str(each.message) for each in said} == {True, False}
    assert bool(found.recomputed.any())
    assert torch.equal(found.inputs, past.inputs)


def test_where_inputs_repeat_marks_must_know_the_past() -> None:
    inputs = torch.zeros(2, 12, 1)
    inputs[:, 4:6] = 1.0
    assert not bool(SOURCE.remember(inputs).mistaken.any())
    by_input = Recalled(SOURCE.memory, history=False).remember(inputs)
    assert bool(by_input.mistaken.any(1).all())


def test_a_gate_of_zero_leaves_no_inputs() -> None:
    trials = batch()
    past = Recalled(SOURCE.memory, gate=0.0).remember(trials.inputs)
    assert bool(past.mistaken.all()) and float(past.inputs.abs().max()) <= SOURCE.resolution
    for r in (0.1, 7.0):
        assert torch.equal(
            Recalled(SOURCE.memory, gate=r).remember(trials.inputs).inputs,
            SOURCE.remember(trials.inputs).inputs,
        )


def test_a_batch_can_be_split_and_repeated() -> None:
    trials = batch()
    whole = SOURCE.remember(trials.inputs)
    assert torch.equal(whole.inputs, SOURCE.remember(trials.inputs).inputs)
    parts = torch.cat([SOURCE.remember(trials.inputs[:2]).inputs, SOURCE.remember(trials.inputs[2:]).inputs])
    assert torch.equal(whole.inputs, parts)
    of = network("pair")
    one, other = (gradients(rules.Replay(SOURCE), of, trials) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_noise_and_single_steps_pass_through_the_memory() -> None:
    of = ReversibleRNN(20, 24, 2, tau=100.0, dt=10.0, sigma_rec=0.1, dtype=torch.float64)
    trials, found = batch(8), []
    for rule in (rules.Replay(SOURCE), rules.Replay()):
        twin = copy.deepcopy(of)
        rule.backward(twin, trials, generator=torch.Generator().manual_seed(2))
        found.append({name: each.grad for name, each in twin.named_parameters() if each.grad is not None})
    assert cosine(*found) > 0.999
    assert torch.allclose(
        SOURCE.remember(trials.inputs[:, :1]).inputs, trials.inputs[:, :1], atol=SOURCE.resolution
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rules.Replay(SOURCE).backward(network("pair"), batch(6))


def test_a_source_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(TypeError, match="memory must be a SequenceMemory"):
        Recalled(memory=500)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="order 'reverse'"):
        Recalled(SequenceMemory(order="forward"))
    with pytest.raises(TypeError, match="states must be a source of states"):
        Recalled(states=Recalled())
    with pytest.raises(ValueError, match="on_mistake must be 'refuse' or 'use': got 'ignore'"):
        Recalled(on_mistake="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bits must be a whole number from 1 to 24"):
        Recalled(bits=0)
    with pytest.raises(ValueError, match="resolution must be finite"):
        Recalled(resolution=0.0)
    with pytest.raises(ValueError, match="gate must be finite"):
        Recalled(gate=-1.0)
    with pytest.raises(
        ValueError, match=r"with 16 bits and a resolution of 0.000244141, which reach from -8 to 8"
    ):
        SOURCE.remember(torch.full((1, 3, 1), 9.0))
    other: AbstractNetwork = network("leaky")
    with pytest.raises(TypeError, match="ReversibleRNN"):
        Recalled(states=rules.Reversible()).check(other)
