"""Replay: credit through a past that was kept or undone, how far undoing reaches, and what happens beyond."""

import importlib
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from toys import normal, toy_trials
from traces import assert_gradients_agree, assert_gradients_differ, gradients_of, random_network

from neurornn import CTRNN, Dale, LearnedTau, Objective, tasks, train
from neurornn.cli import main
from neurornn.config import network_from_config, network_to_config
from neurornn.connectivity import Gaussian, Sparse
from neurornn.networks import ReversibleRNN
from neurornn.rules import (
    BPTT,
    AlignedCredit,
    ExactCredit,
    FeedbackAlignment,
    Inverted,
    Replay,
    Reversible,
    Stored,
)
from neurornn.rules._feedback import Given
from neurornn.rules.replay import (
    AbstractCredit,
    AbstractSource,
    Experience,
    InversionError,
    distance,
    replayed,
)
from neurornn.rules.replay import _pair as pair
from neurornn.rules.replay._fitted import fitted
from neurornn.runs import Run
from neurornn.testing import check_network, check_rule

T = 20
PENALTIES = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)
EVERYTHING = {"tau": LearnedTau(100.0, (50.0, 500.0)), "train_initial_state": True, "sigma_rec": 0.3}
LEAKY = {
    "one tau": {},
    "tau of each unit": {"tau": [50.0, 60.0, 80.0, 100.0, 300.0]},
    "outputs that return": {"output_feedback": 0.5},
    "noise with the input": EVERYTHING,
    "noise on the state, dale, mask": EVERYTHING | {"noise": "state", "dale": Dale(), "connectivity": Sparse(0.6)},
}  # fmt: skip
PAIRS = {
    "one tau": {},
    "tau of each unit": {"tau": [50.0, 60.0, 80.0, 100.0, 200.0, 300.0]},
    "all": EVERYTHING,
}
EACH_FORM = pytest.mark.parametrize("form", ["current", "rate"])
EACH_LEAKY = pytest.mark.parametrize("options", LEAKY.values(), ids=LEAKY.keys())
EACH_PAIR = pytest.mark.parametrize("options", PAIRS.values(), ids=PAIRS.keys())
ANYTHING = math.inf


def random_pair(seed=1, n_units=6, **options):
    """Two small populations with everything away from zero."""
    network = ReversibleRNN(2, n_units, 2, seed=seed, dtype=torch.float64, **options)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def random_inputs(network, n_steps, n_trials=4):
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(n_trials, n_steps, network.n_inputs, generator=generator, dtype=torch.float64)
    return inputs.to(next(network.parameters()))


def farthest(source, network, n_steps):
    """Median distance of the first recovered states from the true ones, and from the start where it arrives."""
    past, true = replayed(source, network, random_inputs(network, n_steps))
    return distance(past.state[:, 1], true[:, 1]).median().item(), past.arrival.median().item()


def cosine(one, other, name):
    return torch.cosine_similarity(one[name].flatten(), other[name].flatten(), dim=0).item()


@dataclass(frozen=True, eq=False)
class GivenCredit(AbstractCredit):
    """Matrices of one's own."""

    matrices: dict

    def stand_in(self, name, weight):
        return self.matrices[name]


# The gradient


@EACH_LEAKY
@EACH_FORM
def test_stored_states_give_the_gradient_of_autograd_in_a_leaky_network(form, options):
    network, trials = random_network(form, **options), toy_trials(3, T)
    exact = gradients_of(BPTT(), network, trials, PENALTIES)
    assert_gradients_agree(gradients_of(Replay(), network, trials, PENALTIES), exact, 1e-9)


@EACH_PAIR
def test_stored_states_give_the_gradient_of_autograd_in_two_populations(options):
    network, trials = random_pair(**options), toy_trials(3, T)
    exact = gradients_of(BPTT(), network, trials, PENALTIES)
    assert_gradients_agree(gradients_of(Replay(), network, trials, PENALTIES), exact, 1e-9)


def test_the_gradient_is_that_of_finite_differences():
    network, trials = random_pair(**EVERYTHING), toy_trials(3, T)
    found = gradients_of(Replay(Reversible()), network, trials, PENALTIES)
    for name, parameter in network.named_parameters():
        values = []
        with torch.no_grad():
            for side in (1e-6, -1e-6):
                parameter.flatten()[0] += side
                run = network(trials.inputs, generator=torch.Generator().manual_seed(0))
                values.append(PENALTIES(network, trials, run).item())
                parameter.flatten()[0] -= side
        expected = (values[0] - values[1]) / 2e-6
        assert found[name].flatten()[0].item() == pytest.approx(expected, rel=1e-6, abs=1e-9), name


@EACH_LEAKY
@EACH_FORM
def test_inverted_states_give_the_same_gradient(form, options):
    network, trials = random_network(form, **options), toy_trials(3, T)
    network.W_rec = 0.4 * network.W_rec.detach()  # the iteration has to contract
    stored = gradients_of(Replay(), network, trials, PENALTIES)
    for source in (Inverted(1e-6), Inverted(1e-6, checkpoint_every=6)):
        assert_gradients_agree(gradients_of(Replay(source), network, trials, PENALTIES), stored, 1e-7)


@EACH_PAIR
def test_undone_states_give_the_same_gradient(options):
    network, trials = random_pair(**options), toy_trials(3, T)
    stored = gradients_of(Replay(), network, trials, PENALTIES)
    for source in (Reversible(1e-6), Reversible(1e-6, checkpoint_every=6)):
        assert_gradients_agree(gradients_of(Replay(source), network, trials, PENALTIES), stored, 1e-7)


@pytest.mark.parametrize("options", [{}, EVERYTHING])
def test_replay_keeps_the_contract_of_rules(options):
    for rule in (Replay(), Replay(Reversible(ANYTHING), AlignedCredit(1, 0.5))):
        check_rule(rule, random_pair(**options), toy_trials(3, 9), objective=PENALTIES)
    leaky = random_network(**options)
    leaky.W_rec = 0.4 * leaky.W_rec.detach()
    for rule in (Replay(credit=AlignedCredit()), Replay(Inverted())):
        check_rule(rule, leaky, toy_trials(3, 9, loss="cross_entropy"), objective=PENALTIES)


def test_a_gradient_that_is_not_carried_on_points_elsewhere(monkeypatch):
    """Credit of each step from its own error alone, as if the later gradient were thrown away."""
    network = ReversibleRNN(2, 40, 2, tau=200.0, dt=20.0)
    trials, whole = toy_trials(8, T), pair._adjoint
    exact = gradients_of(Replay(), network, trials)

    def forgetful(network, past, credit, alpha):
        adjoint = torch.zeros_like(past.state)
        for t in range(1, past.state.shape[1]):
            own = torch.zeros_like(past.errors)
            own[:, t - 1] = past.errors[:, t - 1]
            adjoint[:, t] = whole(network, past._replace(errors=own), credit, alpha)[:, t]
        return adjoint

    monkeypatch.setattr(pair, "_adjoint", forgetful)
    dropped = gradients_of(Replay(), network, trials)
    assert cosine(dropped, exact, "readout.raw") == pytest.approx(1.0)
    for name in ("a_to_b.raw", "b_to_a.raw", "input.raw"):
        assert cosine(dropped, exact, name) < 0.9, name


# Credit


def test_credit_through_the_transposes_is_exact_and_through_random_matrices_is_not():
    network, trials = random_pair(**EVERYTHING), toy_trials(3, T)
    own = GivenCredit({
        "a_to_b": network.W_AB.detach(),
        "b_to_a": network.W_BA.detach(),
        "readout": network.readout().detach(),
    })
    exact = gradients_of(Replay(), network, trials, PENALTIES)
    assert_gradients_agree(gradients_of(Replay(credit=own), network, trials, PENALTIES), exact)
    for seed in (0, 1):
        aligned = gradients_of(Replay(credit=AlignedCredit(seed)), network, trials, PENALTIES)
        assert_gradients_differ(aligned, exact, "a_to_b.raw", "b_to_a.raw", "input.raw", "start", by=0.1)
        assert_gradients_agree({"readout.raw": aligned["readout.raw"]}, {"readout.raw": exact["readout.raw"]})
    other = gradients_of(Replay(credit=AlignedCredit(2)), network, trials, PENALTIES)
    assert_gradients_differ(aligned, other, "a_to_b.raw", by=0.1)


@EACH_FORM
def test_in_a_leaky_network_it_is_recurrent_feedback_alignment(form):
    """Two implementations, one rule: the kernel of the time loop knows nothing of replay."""
    network, trials, credit = random_network(form, **EVERYTHING), toy_trials(3, T), AlignedCredit(3, 0.7)
    V = FeedbackAlignment(gain=0.7, seed=3).hop(network).matrix
    B = credit.stand_in("readout", network.W_out)
    matrices = GivenCredit({"recurrent": V, "readout": B})
    kernel = FeedbackAlignment(Given(B.numpy()), 0.7, 3)
    assert_gradients_agree(
        gradients_of(Replay(credit=matrices), network, trials, PENALTIES),
        gradients_of(kernel, network, trials, PENALTIES),
    )
    assert not torch.equal(credit.stand_in("recurrent", network.W_rec), V)


def test_each_matrix_has_a_stand_in_of_its_own():
    weight, credit = torch.zeros(30, 30, dtype=torch.float64), AlignedCredit(seed=1)
    found = [credit.stand_in(name, weight).flatten() for name in ("a_to_b", "b_to_a", "recurrent", "readout")]
    assert (torch.corrcoef(torch.stack(found)) - torch.eye(4)).abs().max() < 0.15


def test_stand_ins_are_random_and_fixed():
    weight = torch.zeros(300, 200, dtype=torch.float64)
    V, again = (AlignedCredit(1, 2.0).stand_in("recurrent", weight) for _ in range(2))
    assert torch.equal(V, again)
    assert V.std().item() == pytest.approx(2 / math.sqrt(300), rel=0.02)
    assert AlignedCredit(1, 2.0).stand_in("readout", weight).std().item() == pytest.approx(
        1 / math.sqrt(300), rel=0.02
    )
    assert not torch.equal(V, AlignedCredit(2, 2.0).stand_in("recurrent", weight))
    assert not AlignedCredit(1, 0.0).stand_in("recurrent", weight).any()


# How far a network can run backwards


def leaky_for_inversion(alpha, gain, dtype=torch.float64):
    return CTRNN(3, 64, 2, tau=10.0, dt=10.0 * alpha, activation="tanh", init=Gaussian(gain), dtype=dtype)


def pair_for_inversion(alpha=0.1, gain=2.5, dtype=torch.float64):
    return ReversibleRNN(3, 128, 2, tau=10.0, dt=10.0 * alpha, gain=gain, dtype=dtype)


@pytest.mark.parametrize(
    ("alpha", "n_steps", "least", "most"),
    [(0.1, 50, 1e-13, 1e-10), (0.1, 100, 1e-9, 1e-4), (0.2, 50, 1e-8, 1e-2), (0.3, 50, 1.0, math.inf)],
)
def test_the_range_of_inversion_by_iteration(alpha, n_steps, least, most):
    """Bounds two orders of magnitude around what was found independently, gain 1.5."""
    far, arrival = farthest(Inverted(ANYTHING), leaky_for_inversion(alpha, 1.5), n_steps)
    assert least < far < most
    assert far / 10 < arrival < 10 * far  # the miss on arrival is the error, without knowing the truth


@pytest.mark.parametrize(
    ("n_steps", "dtype", "least", "most"),
    [
        (20, torch.float64, 1e-16, 1e-12),
        (100, torch.float64, 1e-8, 1e-4),
        (300, torch.float64, 1e4, 1e9),
        (20, torch.float32, 1e-8, 1e-3),
        (100, torch.float32, 1e-1, 1e4),
    ],
)
def test_the_range_of_the_exact_inverse(n_steps, dtype, least, most):
    """Exact, step by step, and yet rounding errors grow over the trial."""
    far, arrival = farthest(Reversible(ANYTHING), pair_for_inversion(dtype=dtype), n_steps)
    assert least < far < most
    assert far / 10 < arrival < 10 * far


@pytest.mark.parametrize(
    "make", [pair_for_inversion, lambda: leaky_for_inversion(0.3, 1.5)], ids=["pair", "leaky"]
)
def test_redoing_single_steps_does_not_see_what_arrival_sees(make):
    network = make()
    source = Reversible(ANYTHING) if isinstance(network, ReversibleRNN) else Inverted(ANYTHING)
    past, true = replayed(source, network, random_inputs(network, 300))
    assert distance(past.state[:, 1], true[:, 1]).min() > 1
    assert past.residual.max() < 1e-12
    assert past.arrival.min() > 1


def test_an_iteration_that_stops_early_shows_in_the_residual():
    network = leaky_for_inversion(0.2, 1.5)
    inputs = random_inputs(network, 10)
    early, _ = replayed(Inverted(ANYTHING, max_iterations=4), network, inputs)
    enough, _ = replayed(Inverted(ANYTHING), network, inputs)
    assert early.residual.min() > 1e-4 * early.residual.max() > 1e-8
    assert enough.residual.max() < 1e-14


@EACH_FORM
@pytest.mark.parametrize("place", ["input", "state"])
def test_noise_is_undone_because_its_numbers_are_drawn_again(form, place):
    options = {
        "sigma_rec": 0.3,
        "noise": place,
        "activation": "softplus",
        "init": Gaussian(1.0),
        "tau": 200.0,
    }
    network = CTRNN(3, 10, 2, form=form, dtype=torch.float64, **options)
    inputs, source = random_inputs(network, T), Inverted(ANYTHING, checkpoint_every=7)
    past, true = replayed(source, network, inputs, generator=torch.Generator().manual_seed(1))
    assert distance(past.state, true).max() < 1e-9
    quiet, _ = replayed(source, network.noiseless(), inputs)
    assert distance(quiet.state, true).max() > 1e-2


@pytest.mark.parametrize("kind", ["current", "rate", "populations"])
def test_the_documented_range_is_what_comes_out(monkeypatch, kind):
    """The table of the page, for one network of each kind: rounding may move an error, not the range."""
    folder = Path(__file__).resolve().parents[1] / "docs" / "gallery"
    monkeypatch.syspath_prepend(folder)
    study = importlib.import_module("replay_range")
    found = study.measured(kind, 0.2, 1.5, "float64")
    words = [study.NETWORKS[kind], "float64", "1.5"]
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in (folder / "replay_range.md").read_text().splitlines()
    ]
    (row,) = (row for row in rows if row[:3] == words)
    assert study.reach(found).loc[kind, "float64", 1.5][0.2] == pytest.approx(float(row[5]), abs=4)
    kept = pd.read_csv(folder / "replay_range.csv").query("network == @kind and alpha == 0.2 and gain == 1.5")
    kept = kept[(kept.precision == "float64") & (kept.steps_back == 50)]
    error = found.set_index("steps_back").error[50]
    assert 0.05 < error / kept.error.item() < 20


def test_a_way_back_through_fitted_weights():
    """Regression finds them, also those a short run cannot tell apart as far as the run goes; noise it cannot tell from current."""
    network = ReversibleRNN(3, 40, 2, tau=100.0, dt=10.0)
    long, short = random_inputs(network, 30, n_trials=40), random_inputs(network, T, n_trials=1)
    for inputs in (long, short):
        past, true = replayed(Reversible(weights="fitted"), network, inputs)
        assert distance(past.state, true).max() < 1e-7
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trials = toy_trials(8, T, n_inputs=3, dt=10.0)
    found = gradients_of(Replay(Reversible(weights="fitted")), network, trials)
    assert_gradients_agree(found, gradients_of(BPTT(), network, trials), 1e-6)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    network.sigma_rec = 0.1
    noise = torch.Generator().manual_seed(0)
    with pytest.raises(InversionError, match="40 of 40 trials"):
        replayed(Reversible(weights="fitted"), network, long, generator=noise)
    replayed(Reversible(), network, long, generator=noise)  # its own weights are the right ones


def test_fitted_weights_are_those_of_the_network_if_the_run_shows_them():
    network = random_pair(tau=100.0, dt=10.0)
    inputs = random_inputs(network, 30, n_trials=40)
    run = network(inputs)
    state = torch.cat([network.initial_state(40)[:, None], run.state], 1)
    with torch.no_grad():
        twin = fitted(network, Experience(inputs, run.final, dict(enumerate(state.unbind(1))), None))
    for name in ("W_AB", "W_BA", "W_in", "bias"):
        torch.testing.assert_close(getattr(twin, name), getattr(network, name), rtol=1e-6, atol=1e-8)


# Beyond the range


@pytest.mark.parametrize(
    "make", [pair_for_inversion, lambda: leaky_for_inversion(0.3, 1.5)], ids=["pair", "leaky"]
)
def test_beyond_its_tolerance_it_refuses_or_runs_forward_again(make):
    network = make()
    kind = Reversible if isinstance(network, ReversibleRNN) else Inverted
    inputs = random_inputs(network, 300)
    with pytest.raises(
        InversionError, match=r"from state 300 to state 0 failed in 4 of 4 trials.*tolerance=0.001.*float64"
    ):
        replayed(kind(), network, inputs)
    with pytest.warns(UserWarning, match="computed again forwards"):
        past, true = replayed(kind(on_failure="recompute"), network, inputs)
    assert past.recomputed.all() and past.arrival.min() > 1  # said, not hidden
    torch.testing.assert_close(past.state, true, rtol=1e-9, atol=1e-9)
    past, true = replayed(kind(checkpoint_every=12), network, inputs)
    assert past.known == (*range(288, -1, -12),)
    assert past.arrival.shape == (4, 25)
    assert not past.recomputed.any()
    assert distance(past.state, true).max() < 1e-5


def test_only_trials_that_fail_are_run_again():
    """One trial is so strongly driven that its states cannot be told apart after a step."""
    network = pair_for_inversion(dtype=torch.float32)
    inputs = random_inputs(network, 28)
    inputs[2] *= 1e4
    with pytest.warns(UserWarning, match="computed again"):
        past, true = replayed(Reversible(1e-3, on_failure="recompute"), network, inputs)
    assert past.recomputed.tolist() == [False, False, True, False]
    assert torch.equal(past.state[2], true[2])
    assert not torch.equal(past.state[0], true[0])


def test_states_that_overflow_fail():
    network = pair_for_inversion(0.9, dtype=torch.float32)
    past, _ = replayed(Reversible(ANYTHING), network, random_inputs(network, 100))
    assert past.arrival.isinf().all()
    with pytest.raises(InversionError, match="misses the known state 0 by inf"):
        replayed(Reversible(1e30), network, random_inputs(network, 100))


def test_a_rule_that_recomputes_gives_the_exact_gradient_where_inversion_fails():
    network, trials = pair_for_inversion(0.3), toy_trials(3, 60, n_inputs=3, dt=3.0)
    exact = gradients_of(BPTT(), network, trials)
    with pytest.warns(UserWarning, match="computed again"):
        found = gradients_of(Replay(Reversible(on_failure="recompute")), network, trials)
    assert_gradients_agree(found, exact, 1e-9)
    with pytest.raises(InversionError):
        gradients_of(Replay(Reversible()), network, trials)
    drifted = gradients_of(Replay(Reversible(ANYTHING)), network, trials)
    assert_gradients_differ(drifted, exact, "a_to_b.raw", by=0.5)  # what would have happened


def test_what_is_kept_is_where_the_replay_goes_on_and_where_it_runs_forward_again():
    """With noise, whose numbers belong to their steps, and checkpoints between which inversion fails."""
    network = ReversibleRNN(3, 40, 2, tau=10.0, dt=3.0, gain=2.5, sigma_rec=0.3)
    inputs, generator = random_inputs(network, 90), torch.Generator()
    past, true = replayed(
        Reversible(ANYTHING, checkpoint_every=40), network, inputs, generator=generator.manual_seed(1)
    )
    assert past.known == (80, 40, 0)
    for k in past.known:
        assert torch.equal(past.state[:, k], true[:, k])
    assert not torch.equal(past.state[:, 41], true[:, 41])
    with pytest.warns(UserWarning, match="computed again"):
        past, true = replayed(
            Reversible(1e-9, "recompute", checkpoint_every=40),
            network,
            inputs,
            generator=generator.manual_seed(1),
        )
    assert past.recomputed.all()
    torch.testing.assert_close(past.state, true, rtol=0, atol=1e-9)


def test_what_is_kept():
    assert list(Stored().keeps(3)) == [0, 1, 2, 3]
    assert list(Inverted().keeps(10)) == []
    assert list(Inverted(checkpoint_every=4).keeps(10)) == [4, 8]
    assert list(Reversible(checkpoint_every=5).keeps(10)) == [5]


def test_it_hands_a_source_nothing_but_what_it_asked_for():
    seen = []

    @dataclass(frozen=True)
    class Curious(AbstractSource):
        def check(self, network):
            pass

        def keeps(self, n_steps):
            return (3, 7)

        def replay(self, network, experience):
            seen.append(experience)
            return Reversible().replay(network, experience)

    network, trials = random_pair(), toy_trials(3, 9)
    exact = gradients_of(Replay(Curious()), network, trials)
    assert_gradients_agree(exact, gradients_of(BPTT(), network, trials), 1e-7)
    assert sorted(seen[0].kept) == [3, 7]
    run = network(trials.inputs)
    assert torch.equal(seen[0].kept[3], run.state[:, 2])
    assert torch.equal(seen[0].final, run.final)


# Two populations


@pytest.mark.parametrize(
    "options", [*PAIRS.values(), {"bias": False, "dt": 100.0}, {"activation": "softplus", "sigma_rec": 0.1}]
)
def test_two_populations_keep_the_contract_of_networks(options):
    check_network(random_pair(**options))


def test_the_smallest_cases():
    check_network(ReversibleRNN(0, 2, 1))
    network, trials = random_pair(), toy_trials(1, 1)
    found = gradients_of(Replay(Reversible(checkpoint_every=5)), network, trials)
    exact = gradients_of(BPTT(), network, trials)
    assert_gradients_agree({name: found[name] for name in exact}, exact)


def test_it_is_a_leaky_network_as_dt_shrinks():
    """First order in dt, as the order in which the populations move matters less and less."""
    inputs, errors = torch.ones(2, 2, dtype=torch.float64), []
    for dt in (4.0, 2.0):
        network = ReversibleRNN(2, 6, 2, tau=100.0, dt=dt, dtype=torch.float64)
        leaky = CTRNN(2, 6, 2, tau=100.0, dt=dt, activation="tanh", dtype=torch.float64)
        leaky.W_rec, leaky.W_in = network.W_rec, network.W_in
        state, n_steps = network.initial_state(2), int(200 / dt)
        one = network.evolve(inputs, n_steps, state).final
        errors.append((one - leaky.evolve(inputs, n_steps, state).final).abs().max().item())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)


def test_its_parts():
    network = random_pair()
    half = network.n_units // 2
    assert not network.W_rec[:half, :half].any() and not network.W_rec[half:, half:].any()
    assert torch.equal(network.W_rec[half:, :half], network.W_AB)
    assert torch.equal(network.W_rec[:half, half:], network.W_BA)
    assert "".join(network.areas) == "AAABBB"
    rate = normal(4, 6)
    torch.testing.assert_close(network.read_out(rate), rate @ network.W_out.T + network.bias_out)
    assert not network.W_out[:, :half].any() and not network.W_in[half:].any()
    network.W_AB = torch.eye(half)
    assert torch.equal(network.W_AB, torch.eye(half, dtype=torch.float64))
    assert torch.equal(
        ReversibleRNN(2, 6, 2, initial=0.2).initial_state(2), torch.full((2, 6), 0.2, dtype=torch.float64)
    )


def test_one_step_back_and_many():
    network = random_pair(sigma_rec=0.3)
    inputs, noise = random_inputs(network, 7), normal(4, 7, 6)
    run = network(inputs, noise=noise)
    state = run.final
    for t in range(6, -1, -1):
        state = network.invert(state, inputs[:, t], noise[:, t])
        if t:
            torch.testing.assert_close(state, run.state[:, t - 1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(state, network.initial_state(4), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(network.rewind(run.final, inputs, noise)[:, 0], state, rtol=1e-9, atol=1e-9)


def test_the_configuration_makes_the_same_network_again():
    network = ReversibleRNN(
        2, 6, 2, tau=LearnedTau(60.0), gain=0.7, initial=-0.1, train_initial_state=True, seed=4
    )
    again = network_from_config(network_to_config(network))
    assert isinstance(again, ReversibleRNN) and network_to_config(again) == network_to_config(network)
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    other = ReversibleRNN(2, 6, 2, seed=5)
    assert not torch.equal(other.W_AB, again.W_AB)


# Refusals


def test_refusals():
    trials = toy_trials(2, 4)
    with pytest.raises(TypeError, match="undoes the steps of a ReversibleRNN: got CTRNN"):
        Replay(Reversible()).backward(random_network(), trials)
    with pytest.raises(
        TypeError, match="undoes the steps of a leaky network such as CTRNN: got ReversibleRNN"
    ):
        Replay(Inverted()).backward(random_pair(), trials)
    for rule, network in (
        (Replay(Inverted()), random_network(tau=20.0)),
        (Replay(Reversible()), random_pair(tau=20.0)),
    ):
        with pytest.raises(ValueError, match="dt is less than tau"):
            rule.backward(network, trials)
    with pytest.raises(ValueError, match="dt is less than tau"):
        random_pair(tau=20.0).invert(torch.zeros(1, 6).double(), torch.zeros(1, 2).double())
    with pytest.raises(
        TypeError, match=r"source must be an object such as rules.Reversible\(\): got 'stored'"
    ):
        Replay("stored")
    with pytest.raises(TypeError, match="credit must be an object"):
        Replay(credit=Stored())
    with pytest.raises(ValueError, match="tolerance above 0: got 0"):
        Reversible(0.0)
    with pytest.raises(ValueError, match="max_iterations must be at least 1"):
        Inverted(max_iterations=0)
    with pytest.raises(ValueError, match="'refuse' or 'recompute': got 'ignore'"):
        Inverted(on_failure="ignore")
    with pytest.raises(ValueError, match="weights must be 'own' or 'fitted': got 'random'"):
        Reversible(weights="random")
    with pytest.raises(ValueError, match="checkpoint_every"):
        Reversible(checkpoint_every=0)
    with pytest.raises(ValueError, match="gain must be finite and at least 0: got -1"):
        AlignedCredit(gain=-1.0)
    with pytest.raises(ValueError, match="n_units must be even"):
        ReversibleRNN(2, 5, 2)
    with pytest.raises(ValueError, match="gain must be finite"):
        ReversibleRNN(2, 6, 2, gain=math.nan)


# In use


@pytest.mark.parametrize("credit", [ExactCredit(), AlignedCredit(seed=1)])
def test_it_learns_and_a_checkpoint_continues_to_the_same_bytes(tmp_path, credit):
    task = tasks.make("counting-language")

    def network():
        return ReversibleRNN(3, 32, 3, tau=250.0, dt=50.0, sigma_rec=0.01, dtype=torch.float64)

    def learn(network, n_steps, path=None):
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        plan = {"n_steps": n_steps, "batch_size": 8, "validate_every": 20, "n_validation": 16}
        return train(
            network, task, rule=Replay(Reversible(), credit), optimizer=optimizer, checkpoint=path, **plan
        )

    whole, parts = network(), network()
    history = learn(whole, 40).history
    assert history.validation_loss[-1] < 0.8 * history.validation_loss[0]
    learn(parts, 20, tmp_path / "c.pt")
    parts = network()
    learn(parts, 40, tmp_path / "c.pt")
    for name, value in whole.state_dict().items():
        assert torch.equal(parts.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("rule", "network"),
    [
        (
            "replay:source=inverted(tolerance=1e-2,on_failure=recompute),credit=exact",
            ("--excitatory", "none"),
        ),
        ("replay:source=reversible,credit=aligned(seed=3)", ("--kind", "reversible:gain=1.2")),
    ],
)
def test_from_the_command_line(tmp_path, rule, network):
    folder = tmp_path / "run"
    size = [
        "--n-units",
        "8",
        "--batch-size",
        "4",
        "--n-steps",
        "4",
        "--validate-every",
        "2",
        "--tau",
        "500",
        "--dt",
        "50",
    ]
    words = ["train", str(folder), "--task", "reverse-reconstruction", "--rule", rule, *network, *size]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert main(words) == 0
    saved = Run.open(folder).load_network()
    assert type(saved) is (ReversibleRNN if "--kind" in network else CTRNN)
