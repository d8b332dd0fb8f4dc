"""Rules that learn from reward: right on average, with the noise that theory says, and nothing without reward."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import neurornn
from neurornn import CTRNN, Dale, LearnedTau, TrialInfo, Trials, rules, tasks, testing
from neurornn.cli._known import NESTED, RULES
from neurornn.cli._spec import build
from neurornn.connectivity import Gaussian, Sparse
from neurornn.objective import Objective, SquaredError
from neurornn.reward import AbsoluteError, AbstractReward, AngularReward, NegativeLoss, PerformanceReward

PLACES = [("current", "input"), ("rate", "state"), ("rate", "input")]
DOUBLE = torch.float64


@dataclasses.dataclass(frozen=True)
class Shuffled(AbstractReward):
    """The rewards of a batch, given to other trials."""

    inner: AbstractReward = dataclasses.field(default_factory=NegativeLoss)

    def for_task(self, task):
        return Shuffled(self.inner.for_task(task))

    def __call__(self, trials, output):
        return self.inner(trials, output).roll(1)


@dataclasses.dataclass(frozen=True)
class Drawn(AbstractReward):
    """Numbers that have nothing to do with what was done."""

    shift: float = 0.0

    def __call__(self, trials, output):
        return torch.randn(len(output), generator=torch.Generator().manual_seed(1)).to(output) + self.shift


@dataclasses.dataclass(frozen=True)
class Total(AbstractReward):
    """A reward that is linear in the outputs."""

    def __call__(self, trials, output):
        return output.sum((1, 2))


def toy(n_trials, n_steps=5, n_inputs=2, n_outputs=2, same=True, lengths=None):
    """One trial many times, or different ones."""
    pick = torch.Generator().manual_seed(3)
    n = 1 if same else n_trials
    inputs = torch.randn(n, n_steps, n_inputs, generator=pick, dtype=DOUBLE).expand(n_trials, -1, -1)
    targets = torch.randn(n, n_steps, n_outputs, generator=pick, dtype=DOUBLE).expand(n_trials, -1, -1)
    ends = np.full(n_trials, n_steps) if lengths is None else np.asarray(lengths)
    mask = torch.as_tensor(np.arange(n_steps) < ends[:, None]).to(DOUBLE)
    epochs = {"all": np.stack([0 * ends, 10.0 * ends], 1)}
    kind = {"kind": np.arange(n_trials) % 2}
    info = TrialInfo("toy", 10.0, 0, tuple("ab"[:n_inputs]), tuple("yz"[:n_outputs]))
    return Trials(inputs.contiguous(), targets.contiguous(), mask, kind, epochs, info)


def small(form="current", noise="input", n_units=6, sigma_rec=0.2, **options):
    options = {"tau": 30.0, "activation": "tanh", "init": Gaussian(1.3), "seed": 2, **options}
    network = CTRNN(
        2, n_units, 2, dt=10.0, form=form, noise=noise, sigma_rec=sigma_rec, dtype=DOUBLE, **options
    )
    with torch.no_grad():
        network.bias.copy_(torch.linspace(-0.4, 0.4, n_units))
    return network


def gradients(rule, network, trials, seed=0, objective=Objective()):
    network.zero_grad()
    loss = rule.backward(network, trials, objective=objective, generator=torch.Generator().manual_seed(seed))
    return loss, {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def flat(found):
    return torch.cat([each.flatten() for each in found.values()])


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def missing(parts, truth):
    return np.mean([1 - cosine(part, truth) for part in parts])


def expected_reward_gradient(network, trials, n=4000, h=1e-3):
    """Central differences of the mean reward over one large draw of noise and its mirror image."""
    xi = torch.randn(
        n // 2, trials.n_steps, network.n_units, generator=torch.Generator().manual_seed(9), dtype=DOUBLE
    )
    many, noise = toy(n, trials.n_steps), torch.cat([xi, -xi])

    def mean():
        with torch.no_grad():
            return float(NegativeLoss()(many, network(many.inputs, noise=noise).output).mean())

    found = []
    for parameter in network.parameters():
        for k in range(parameter.numel()):
            entry, sides = parameter.data.view(-1), []
            for step in (h, -2 * h):
                entry[k] += step
                sides.append(mean())
            entry[k] += h
            found.append((sides[0] - sides[1]) / (2 * h))
    return -torch.tensor(found, dtype=DOUBLE)


# node perturbation


@pytest.mark.parametrize("tau", [30.0, (15.0, 20.0, 30.0, 40.0, 60.0, 90.0), "learned"])
@pytest.mark.parametrize(("form", "noise"), PLACES)
def test_the_gradient_is_that_of_the_log_probability_times_the_surprise(form, noise, tau):
    learned = tau == "learned" and (form, noise) != ("rate", "input")
    chosen = LearnedTau(30.0, (10.5, 100.0)) if learned else 30.0 if tau == "learned" else tau
    network = small(
        form,
        noise,
        tau=chosen,
        train_initial_state=learned,
        dale=Dale(0.5),
        init=None,
        connectivity=Sparse(0.6),
    )
    with torch.no_grad():
        network.start.copy_(torch.linspace(-1, 1, 6))
    trials, rule = (
        toy(7, same=False, lengths=[5, 3, 4, 5, 1, 2, 5]),
        rules.NodePerturbation(Drawn(), 0.3, 0.5, rules.NoBaseline()),
    )
    loss, found = gradients(rule, network, trials)
    assert loss == -Drawn()(trials, trials.targets).mean()

    xi = network.draw_noise(7, 5, torch.Generator().manual_seed(0))
    sigma, alpha, state = math.hypot(0.2, 0.3), network.alpha, network.initial_state(7)
    phi, logp = torch.tanh, torch.zeros(7, dtype=DOUBLE)
    for t in range(5):
        rate = phi(state) if form == "current" else state.detach() if t else state
        potential = rate @ network.W_rec.t() + trials.inputs[:, t] @ network.W_in.t() + network.bias
        if noise == "input" and form == "rate":
            spread = sigma * (2 / alpha).sqrt()
            draw = (potential + spread * xi[:, t]).detach()
            each = Normal(potential, spread.expand(6)).log_prob(draw)
            state = ((1 - alpha) * state + alpha * phi(draw)).detach()
        else:
            spread = sigma * (2 * alpha).sqrt()
            mean = (1 - alpha) * state + alpha * (potential if form == "current" else phi(potential))
            draw = (mean + spread * xi[:, t]).detach()
            each, state = Normal(mean, spread.expand(6)).log_prob(draw), draw
        logp = logp + trials.valid[:, t] * each.sum(1)
    network.zero_grad()
    (-(Drawn()(trials, trials.targets) * logp).mean()).backward()
    names = {name for name, p in network.named_parameters() if p.requires_grad}
    assert learned == ("start" in names)
    for name, parameter in network.named_parameters():
        if not name.startswith(("readout", "bias_out")):
            assert torch.allclose(found[name], parameter.grad, rtol=1e-10, atol=1e-12), name
    assert set(found) == names


@pytest.mark.parametrize(("form", "noise"), PLACES)
def test_the_mean_is_the_gradient_of_the_expected_reward_and_its_noise_falls_with_the_number_of_draws(
    form, noise
):
    network, rule = small(form, noise), rules.NodePerturbation(sigma=0.0, sigma_out=0.3)
    truth = expected_reward_gradient(network, toy(1))
    parts = torch.stack([flat(gradients(rule, network, toy(320), seed=k)[1]) for k in range(64)])
    assert cosine(parts.mean(0), truth) > 0.95  # 20,480 draws
    few, more = missing(parts, truth), missing(parts.view(16, 4, -1).mean(1), truth)
    assert 3 < few / more < 5  # 1 - cos falls as one over the number of draws: 4
    shuffled = dataclasses.replace(rule, reward=Shuffled())
    nothing = flat(gradients(shuffled, network, toy(5000))[1])
    assert float(parts.mean(0) @ truth / truth.norm() ** 2) == pytest.approx(1, abs=0.15)
    assert abs(float(nothing @ truth / truth.norm() ** 2)) < 0.15


def test_added_perturbations_are_noise_of_the_network():
    """Both together act as one noise, so a noisier network without perturbation has the same gradient."""
    trials = toy(16)
    a = gradients(rules.NodePerturbation(sigma=0.4), small(sigma_rec=0.3), trials)
    b = gradients(rules.NodePerturbation(sigma=0.0), small(sigma_rec=0.5), trials)
    assert a[0] == b[0] and torch.allclose(flat(a[1]), flat(b[1]), rtol=1e-12)


def test_a_read_out_without_noise_of_its_own_is_left_alone():
    found = gradients(rules.NodePerturbation(sigma_out=0.0), small(), toy(16))[1]
    assert not found["readout.raw"].any() and not found["bias_out"].any() and found["recurrent.raw"].any()


def test_steps_after_the_end_change_nothing():
    network = small()
    rule = rules.NodePerturbation(baseline=rules.LeaveOneOut())
    short, long = toy(6, 4, same=False), toy(6, 9, same=False, lengths=[4] * 6)
    long = dataclasses.replace(
        long,
        inputs=torch.cat([short.inputs, long.inputs[:, 4:]], 1),
        targets=torch.cat([short.targets, long.targets[:, 4:]], 1),
    )
    a, b = gradients(rule, network, short), gradients(rule, network, long)
    assert a[0] == pytest.approx(float(b[0]), rel=1e-12) and torch.allclose(
        flat(a[1]), flat(b[1]), rtol=1e-9, atol=1e-12
    )


def test_the_contract_of_rules_holds():
    """Without noise of the outputs, minus the mean reward is the objective."""
    network = small(dale=Dale(0.5), init=None, connectivity=Sparse(0.6))
    rule = rules.NodePerturbation(sigma=0.0, sigma_out=0.0)
    objective = Objective(rate_l2=0.3, weight_l1=0.2)
    testing.check_rule(rule, network, toy(8, same=False), objective=objective)
    grad = gradients(rule, network, toy(8))[1]["recurrent.raw"]
    assert not grad[network.recurrent.mask == 0].any() and grad.any()


# baselines


def test_baselines_leave_the_mean_and_take_variance_away():
    network = small()
    truth = expected_reward_gradient(network, toy(1))
    found = {}
    for baseline in (
        rules.NoBaseline(),
        rules.LeaveOneOut(),
        rules.RunningMean(0.1),
        rules.Noiseless(),
        rules.Antithetic(),
    ):
        rule = rules.NodePerturbation(sigma=0.0, baseline=baseline)
        gradients(rule, network, toy(64), seed=1000)
        draws = torch.stack([flat(gradients(rule, network, toy(16), seed=k)[1]) for k in range(200)])
        along = draws @ truth / truth.norm() ** 2
        assert abs(float(along.mean()) - 1) < 4 * float(along.std()) / math.sqrt(200), baseline
        found[type(baseline).__name__] = float(draws.var(0).sum())
    raw = found.pop("NoBaseline")
    assert all(each < 0.5 * raw for each in found.values()), (raw, found)
    assert found["Antithetic"] < found["LeaveOneOut"]


def test_a_baseline_takes_any_constant_out():
    network, trials = small(), toy(12, same=False)
    for baseline in (rules.LeaveOneOut(), rules.LeaveOneOut(("kind",)), rules.RunningMean(0.3, ("kind",))):
        a, b = (
            gradients(rules.NodePerturbation(Drawn(shift), 0.1, 0.1, baseline), network, trials)[1]
            for shift in (0.0, 5.0)
        )
        assert torch.allclose(flat(a), flat(b), atol=1e-10)
    a, b = (
        gradients(rules.NodePerturbation(Drawn(shift), 0.1, 0.1, rules.NoBaseline()), network, trials)[1]
        for shift in (0.0, 5.0)
    )
    assert not torch.allclose(flat(a), flat(b), atol=1e-2)


def test_running_means_go_trial_by_trial_and_type_by_type():
    mean, trials = rules.RunningMean(0.5, ("kind",)), toy(5)
    memory = mean.initial_memory(torch.zeros(1))
    first = mean.expected(torch.tensor([1.0, 10.0, 3.0, 20.0, 4.0]), None, trials, memory)
    assert first.tolist() == [1.0, 10.0, 1.0, 10.0, 2.0]
    again = mean.expected(torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0]), None, trials, memory)
    assert again.tolist() == [3.0, 15.0, 1.5, 7.5, 0.75]
    by_type = rules.LeaveOneOut(("kind",)).expected(
        torch.tensor([1.0, 10.0, 3.0, 20.0, 5.0]), None, trials, {}
    )
    assert by_type.tolist() == [4.0, 20.0, 3.0, 10.0, 2.0]
    by_both = dataclasses.replace(
        toy(4), conditions={"a": np.array([0, 0, 1, 1]), "b": np.array([0, 1, 0, 0])}
    )
    both = rules.LeaveOneOut(("a", "b")).expected(torch.tensor([1.0, 2.0, 4.0, 8.0]), None, by_both, {})
    assert both.tolist() == [1.0, 2.0, 8.0, 4.0]  # a type is what all the conditions say together
    alone = rules.LeaveOneOut().expected(torch.tensor([7.0]), None, toy(1), {})
    assert alone.tolist() == [7.0]  # nothing to compare with: nothing is learned


@pytest.mark.parametrize(
    "baseline",
    [
        rules.NoBaseline(),
        rules.RunningMean(0.5),
        rules.LeaveOneOut(),
        rules.LeaveOneOut(("kind",)),
        rules.Noiseless(),
        rules.Antithetic(),
    ],
    ids=repr,
)
def test_no_trial_is_compared_with_itself(baseline):
    """What depends on the exploration of the trial that it judges does not leave the mean of the gradient alone."""
    reward, twin = torch.tensor([1.0, -2.0, 4.0, 0.5, 3.0]), torch.tensor([0.0, 1.0, -1.0, 2.0, 5.0])

    def expected(own):
        memory = baseline.initial_memory(torch.zeros(1))
        baseline.expected(torch.zeros(5), twin, toy(5), memory)
        return baseline.expected(own, twin, toy(5), memory)

    for b in range(5):
        other = reward.clone()
        other[b] = 100.0
        assert expected(other)[b] == expected(reward)[b]
    pairs = (reward + twin) / 2
    if isinstance(baseline, rules.Antithetic):
        assert torch.allclose(expected(reward), (pairs.sum() - pairs) / 4)


# weight perturbation


@pytest.mark.parametrize("form", ["current", "rate"])
def test_weight_perturbation_climbs_the_reward(form):
    network = small(form, sigma_rec=0.0)
    loss = neurornn.rules.BPTT()
    truth = flat(gradients(loss, network, toy(1))[1])
    for baseline in (rules.Antithetic(), rules.Noiseless()):
        rule = rules.WeightPerturbation(sigma=1e-3, baseline=baseline)
        parts = torch.stack([flat(gradients(rule, network, toy(320), seed=k)[1]) for k in range(64)])
        assert cosine(parts.mean(0), truth) > 0.95
        assert 3 < missing(parts, truth) / missing(parts.view(16, 4, -1).mean(1), truth) < 5


def test_a_batch_of_one_may_share_its_weights():
    network = small(train_initial_state=True, output_feedback=0.5)
    trial, batch = (
        flat(gradients(rules.WeightPerturbation(draw=draw, baseline=rules.Noiseless()), network, toy(1))[1])
        for draw in ("trial", "batch")
    )
    assert torch.equal(trial, batch) and trial.any()


def test_outputs_that_return_are_perturbed_where_they_return():
    network = small(sigma_rec=0.0, output_feedback=0.7)
    truth = flat(gradients(rules.BPTT(), network, toy(1))[1])
    found = flat(gradients(rules.WeightPerturbation(sigma=1e-3), network, toy(10_000))[1])
    assert cosine(found, truth) > 0.97


@pytest.mark.parametrize("n", [6, 18])
def test_in_one_step_weight_perturbation_has_n_times_the_variance(n):
    network = small(n_units=n, sigma_rec=0.0, tau=10.0, activation="identity")
    for parameter in network.parameters():
        parameter.requires_grad_(parameter is network.recurrent.raw)
    with torch.no_grad():
        network.start.copy_(torch.linspace(-1, 1, n))
    found = []
    for rule in (
        rules.WeightPerturbation(Total(), 1e-3, baseline=rules.Noiseless()),
        rules.NodePerturbation(Total(), 1e-3, 0.0, rules.Noiseless()),
    ):
        draws = torch.stack([flat(gradients(rule, network, toy(1, 1), seed=k)[1]) for k in range(600)])
        found.append(float(draws.var(0).sum()))
    assert found[0] / found[1] == pytest.approx(n, rel=0.25)


def test_what_does_not_learn_is_not_tried():
    """With nothing but one bias to learn, rewards differ by what that bias does."""
    network = small(connectivity=Sparse(0.4), sigma_rec=0.0)
    for parameter in network.parameters():
        parameter.requires_grad_(parameter is network.bias_out)
    with torch.no_grad():
        plain = -float(Total()(toy(1), network(toy(1).inputs).output))
    loss, found = gradients(rules.WeightPerturbation(Total(), 1e-3), network, toy(1))
    assert float(loss) == pytest.approx(plain, rel=1e-12)
    assert set(found) == {"bias_out"}
    network.bias_out.requires_grad_(False)
    network.recurrent.raw.requires_grad_(True)
    found = gradients(rules.WeightPerturbation(Total(), 0.1), network, toy(3))[1]
    assert torch.equal(found["recurrent.raw"] != 0, network.recurrent.mask == 1)


# reward-modulated Hebbian learning


@pytest.mark.parametrize(("form", "noise"), PLACES)
def test_the_product_of_cubes_is_the_naive_loop(form, noise):
    network, trials = small(form, noise, sigma_rec=0.05), toy(3, same=False, lengths=[5, 3, 4])
    rule = rules.RewardHebbian(
        Drawn(), frequency=0.05, keep=0.6, baseline=rules.RunningMean(0.25), n_first=2, max_change=None
    )
    run = rule._push(network, trials, torch.Generator().manual_seed(0))
    _, found = gradients(rule, network, trials)
    reward = Drawn()(trials, trials.targets)
    expected = torch.zeros(6, 6, dtype=DOUBLE)
    mean = float(reward[0])
    for b in range(3):
        for post, pre in itertools.product(range(6), range(6)):
            trace, past = 0.0, float(run.state[b, 0, post])
            for t in range([5, 3, 4][b]):
                x = float(run.state[b, t + 1, post])
                trace += (float(run.rate[b, t, pre]) * (x - past)) ** 3
                past = 0.6 * past + 0.4 * x
            if b >= 2:  # the first two change nothing
                expected[post, pre] += 0.1 * abs(mean) * (float(reward[b]) - mean) * trace
        mean += 0.25 * (float(reward[b]) - mean)
    assert expected.any() and torch.allclose(found["recurrent.raw"], -expected, rtol=1e-12, atol=1e-18)
    assert set(found) == {"recurrent.raw"}
    plain = dataclasses.replace(rule, power=1)
    outside = plain.eligibility(run, torch.ones(3, dtype=DOUBLE)) ** 3
    assert not torch.allclose(rule.eligibility(run, torch.ones(3, dtype=DOUBLE)), outside, rtol=0.1)


def test_pushes_are_as_frequent_and_as_large_as_asked():
    rule = rules.RewardHebbian(frequency=0.01, amplitude=0.5)
    run = rule._push(small(sigma_rec=0.0, n_units=40), toy(100, 50), torch.Generator().manual_seed(0))
    pushed = run.xi[run.xi != 0]
    n = run.xi.numel()
    assert len(pushed) / n == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / n))
    assert pushed.abs().max() <= 0.5 and float(pushed.var()) == pytest.approx(0.25 / 3, rel=0.05)


def test_changes_are_bounded_and_whole():
    network, trials = small(), toy(8)
    rule = rules.RewardHebbian(frequency=0.05, n_first=0, learning_rate=1e6)
    before = network.W_rec.detach().clone()
    optimizer = rule.optimizer(network)
    gradients(rule, network, trials)
    optimizer.step()
    moved = (network.W_rec.detach() - before).abs()
    assert float(moved.max()) == pytest.approx(8 * 3e-4) and rule.finished and rule.clip_norm is None


# learning, and not learning


EASY = tasks.make("perceptual-decision", coherences=(-0.5, 0.5), sigma_in=0.0, stimulus=200.0)


def learn(rule, n_steps, *, network=None, dale=None, **options):
    if network is None:
        network = CTRNN(EASY.n_inputs, 16, EASY.n_outputs, activation="tanh", tau=60.0, seed=1, dale=dale)
    options = {"batch_size": 16, "validate_every": max(n_steps, 1), "n_validation": 20, **options}
    return network, neurornn.train(network, EASY, rule=rule, n_steps=n_steps, **options) if n_steps else None


def test_reward_teaches_and_the_reward_of_another_trial_does_not():
    """Networks that say the same in every trial at first; untaught ones drift, and one may be right by chance."""
    found, trials = {}, EASY.grid()
    for seed, reward in itertools.product((0, 3, 4), (PerformanceReward(), Shuffled(PerformanceReward()))):
        rule = rules.NodePerturbation(reward, sigma=0.1, sigma_out=0.3)
        network = CTRNN(EASY.n_inputs, 16, EASY.n_outputs, activation="tanh", tau=60.0, seed=seed)
        with torch.no_grad():
            assert EASY.performance(trials, network(trials.inputs).output).mean() < 0.6
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        result = learn(rule, 60, network=network, optimizer=optimizer)[1]
        found.setdefault(type(reward).__name__, []).append(result)
    assert all(each.performance > 0.95 for each in found["PerformanceReward"])
    assert sum(each.performance for each in found["Shuffled"]) / 3 < 0.7
    for each in found["PerformanceReward"]:
        assert float(each.history.loss[-10:].mean()) < -0.9  # minus the mean reward
    told = [float(each.history.loss[-10:].mean()) for each in found["Shuffled"]]
    assert sum(told) / 3 > -0.7


@pytest.mark.parametrize(
    "rule",
    [
        rules.NodePerturbation(PerformanceReward(), baseline=rules.RunningMean(0.25, ("coherence",))),
        rules.WeightPerturbation(baseline=rules.RunningMean()),
        rules.RewardHebbian(n_first=40, frequency=0.01, baseline=rules.RunningMean(0.25, ("coherence",))),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_an_interrupted_training_ends_with_the_same_bytes(rule, tmp_path):
    whole, result = learn(rule, 6, validate_every=3)
    learn(rule, 3, validate_every=3, checkpoint=tmp_path / "half")
    network, resumed = learn(rule, 6, validate_every=3, checkpoint=tmp_path / "half")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), network.parameters(), strict=True))
    assert result.history.equals(resumed.history)
    start = learn(rule, 0)[0]
    assert not torch.equal(start.W_rec, network.W_rec)


def test_signs_stay_under_dales_law():
    network, _ = learn(rules.NodePerturbation(sigma=0.2), 10, dale=Dale())
    excitatory = torch.as_tensor(network.cell_types == "E")
    assert (network.W_rec[:, excitatory] >= 0).all() and (network.W_rec[:, ~excitatory] <= 0).all()


# errors and the command line


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: rules.NodePerturbation(sigma=-1.0), "sigma must be finite and at least 0"),
        (lambda: rules.WeightPerturbation(sigma=0.0), "sigma must be above 0"),
        (lambda: rules.WeightPerturbation(draw="batch", baseline=rules.LeaveOneOut()), "what was good about the weights cancels"),
        (lambda: rules.RewardHebbian(power=2), "power an odd number"),
        (lambda: rules.RunningMean(0.0), r"must lie in \(0, 1\]"),
        (lambda: rules.LeaveOneOut("kind"), "by must be a tuple of names"),
        (lambda: gradients(rules.NodePerturbation(sigma=0.0), small(sigma_rec=0.0), toy(2)), "sigma_rec=0 and the rule sigma=0"),
        (lambda: gradients(rules.NodePerturbation(), small("rate", tau=LearnedTau(30.0, (11.0, 99.0))), toy(2)), "Build the network with noise='state'"),
        (lambda: gradients(rules.WeightPerturbation(), small(tau=LearnedTau(30.0, (11.0, 99.0))), toy(2)), "does not perturb time constants"),
        (lambda: gradients(rules.NodePerturbation(), small(), toy(2), objective=Objective(SquaredError())), "Put it into the reward"),
        (lambda: rules.NodePerturbation().backward(small(), toy(2)), "from an explicit source"),
        (lambda: rules.WeightPerturbation().backward(small(), toy(2)), "from an explicit source"),
        (lambda: rules.RewardHebbian().backward(small(), toy(2)), "from an explicit source"),
        (lambda: gradients(rules.NodePerturbation(baseline=rules.LeaveOneOut(("side",))), small(), toy(2)), "has no condition 'side' .* It has: kind"),
        (lambda: gradients(rules.NodePerturbation(PerformanceReward()), small(), toy(2)), "has none yet"),
        (lambda: gradients(rules.NodePerturbation(Drawn(math.nan)), small(), toy(2)), "The reward of trial 0 of task 'toy' is nan"),
        (lambda: gradients(rules.RewardHebbian(frequency=0.2), small(), toy(2)), "at most 1 is possible"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_other_objects_are_refused():
    for make in (
        lambda: rules.NodePerturbation("loss"),
        lambda: rules.NodePerturbation(baseline=0.5),
        lambda: rules.RewardHebbian(baseline=rules.NoBaseline()),
    ):
        with pytest.raises(TypeError, match=r"must be an object such as|is a RunningMean"):
            make()


def test_types_of_trials_are_limited():
    many = dataclasses.replace(toy(300), conditions={"kind": np.arange(300)})
    mean = rules.RunningMean(by=("kind",))
    with pytest.raises(ValueError, match="more than 256 types of trials by kind"):
        mean.expected(torch.zeros(300), None, many, mean.initial_memory(torch.zeros(1)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node-perturbation", rules.NodePerturbation()),
        ("node-perturbation:reward=performance,sigma=0.2,baseline=noiseless", rules.NodePerturbation(PerformanceReward(), 0.2, baseline=rules.Noiseless())),
        ("weight-perturbation:reward=angular(width=20),draw=batch", rules.WeightPerturbation(AngularReward(20.0), draw="batch")),
        ("reward-hebbian:reward=loss(absolute_error),baseline=running_mean(0.1,[sample,match])", rules.RewardHebbian(NegativeLoss(AbsoluteError()), baseline=rules.RunningMean(0.1, ("sample", "match")))),
    ],
)  # fmt: skip
def test_rules_can_be_written_on_the_command_line(text, expected):
    assert build(text, RULES, what="learning rule", calls=NESTED) == expected
