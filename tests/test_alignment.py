"""The alignment of learning rules: what it says of rules whose alignment is known, and that it only looks."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from toys import FORMS, normal, toy_trials

import neurornn
from neurornn import CTRNN, Dale, LearnedTau, Objective, kernels, rules, tasks
from neurornn._untouched import fingerprint, global_random_state
from neurornn.rules import (
    BPTT,
    RFLO,
    AbstractRule,
    Adaptive,
    AlignmentCallback,
    KHop,
    Symmetric,
    TruncatedBPTT,
    alignment,
    plot_alignment,
)
from neurornn.rules._alignment import _alone
from neurornn.rules._gradient import contributions, gradient

T, N = 7, 5
MEASURES = ["cosine", "sign_agreement", "norm_ratio"]
PENALTIES = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)


def make_network(form="current", n_units=N, **options):
    options = {"activation": "tanh", "sigma_rec": 0.2, "train_initial_state": True} | options
    network = CTRNN(2, n_units, 2, form=form, seed=4, dtype=torch.float64, **options)
    with torch.no_grad():
        network.start.copy_(normal(n_units, seed=5))  # from 0, nothing is presynaptic to the first step
    return network


@dataclass(frozen=True)
class Turned(AbstractRule):
    """The exact gradient times a factor, plus ``lean`` times a vector of the same length at right angles to it."""

    factor: float = 1.0
    lean: float = 0.0

    def backward(self, network, trials, *, objective, generator):
        loss = BPTT().backward(network, trials, objective=objective, generator=generator)
        for parameter in network.parameters():
            g = parameter.grad
            if g is not None:
                aside = torch.zeros_like(g)
                if g.numel() % 2 == 0:
                    aside.view(-1)[::2], aside.view(-1)[1::2] = -g.flatten()[1::2], g.flatten()[::2]
                parameter.grad = self.factor * g + self.lean * aside
        return loss


@dataclass(frozen=True)
class OnlyNoise(AbstractRule):
    """A gradient that has nothing to do with anything."""

    def backward(self, network, trials, *, objective, generator):
        loss = BPTT().backward(network, trials, objective=objective, generator=generator)
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        return loss


@dataclass(frozen=True)
class ReadOutOnly(AbstractRule):
    """No gradient but that of the read-out."""

    def backward(self, network, trials, *, objective, generator):
        loss = BPTT().backward(network, trials, objective=objective, generator=generator)
        for name, parameter in network.named_parameters():
            if not name.startswith("readout"):
                parameter.grad = None
        return loss


def by_strength(n_trials=4, n_steps=T, **options):
    """Trials of two strengths, uneven in number."""
    trials = toy_trials(n_trials, n_steps, **options)
    trials.conditions["strength"][:] = np.where(np.arange(n_trials) < n_trials - 1, 0.25, 0.75)
    return trials


# Rules whose alignment is known


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "options", [{}, {"dale": Dale()}, {"tau": LearnedTau(60.0)}, {"sigma_rec": 0.0, "noise": "state"}]
)
def test_the_exact_gradient_is_aligned_with_itself(form, options):
    """BPTT, and the rules that are BPTT at a limit, by each parameter, condition and step; the noise is the same."""
    exact = [BPTT(), TruncatedBPTT(T, 1), KHop(T)]
    ds = alignment(make_network(form, **options), by_strength(), exact, objective=PENALTIES, by="strength")
    for measure in MEASURES:
        for name in (measure, f"condition_{measure}", f"step_{measure}"):
            np.testing.assert_allclose(ds[name], 1.0, rtol=1e-9, err_msg=name)
    expected = ["W_rec", "W_in", "W_out", "bias", "bias_out", "start"]
    assert set(ds.parameter.values) - {"time_constant.raw", "all"} == set(expected)


@pytest.mark.parametrize("factor", [-1.0, -0.25, 3.0])
def test_a_factor_moves_the_norm_and_a_sign_turns_the_rest(factor):
    ds = alignment(make_network(), toy_trials(3, T), [Turned(factor)], steps=False)
    np.testing.assert_allclose(ds.cosine, np.sign(factor), rtol=1e-12)
    np.testing.assert_allclose(ds.norm_ratio, abs(factor), rtol=1e-12)
    np.testing.assert_array_equal(ds.sign_agreement, float(factor > 0))


@pytest.mark.parametrize("lean", [0.5, 2.0])
def test_a_vector_at_right_angles_gives_the_cosine_of_the_angle(lean):
    ds = alignment(make_network(n_units=6), toy_trials(3, T), [Turned(1.0, lean)], steps=False)
    for parameter in ("W_rec", "W_in", "W_out", "bias", "bias_out", "start", "all"):
        here = ds.sel(parameter=parameter)
        np.testing.assert_allclose(here.cosine, 1 / np.hypot(1, lean), rtol=1e-12)
        np.testing.assert_allclose(here.norm_ratio, np.hypot(1, lean), rtol=1e-12)
    assert 0 < ds.sign_agreement.sel(parameter="all") < 1


def test_noise_is_aligned_with_nothing():
    ds = alignment(make_network(n_units=40), toy_trials(3, T), [OnlyNoise()], steps=False)
    here = ds.sel(parameter="W_rec", rule="OnlyNoise")
    assert abs(here.cosine) < 4 / 40  # four standard deviations in 1600 dimensions
    assert abs(here.sign_agreement - 0.5) < 2 / 40


def test_what_a_rule_leaves_out_has_no_direction():
    ds = alignment(make_network(), toy_trials(3, T), [ReadOutOnly()], steps=False).isel(rule=0)
    assert ds.cosine.sel(parameter="W_out") == pytest.approx(1.0)
    left_out = ds.sel(parameter=["W_rec", "W_in", "bias"])
    assert np.isnan(left_out.cosine).all() and np.isnan(left_out.sign_agreement).all()
    assert (left_out.norm_ratio == 0).all() and (left_out.n_zero == left_out.n_entries).all()
    share = ds.exact_norm.sel(parameter="W_out") / ds.exact_norm.sel(parameter="all")
    np.testing.assert_allclose(ds.cosine.sel(parameter="all"), share)


def test_zeros_have_no_sign_and_are_counted():
    """Under Dale's law there are no autapses and inhibitory units are not read out."""
    network = make_network(dale=Dale(), n_units=10)
    ds = alignment(network, toy_trials(3, T), [Turned(-1.0)], steps=False).isel(rule=0)
    assert int(ds.n_zero.sel(parameter="W_rec")) == 10
    assert int(ds.n_zero.sel(parameter="W_out")) == 2 * 2
    assert int(ds.n_entries.sel(parameter="W_rec")) == 100
    assert (ds.sign_agreement == 0).all()


def test_the_whole_is_the_parts_weighted_by_their_norms():
    ds = alignment(make_network(), toy_trials(3, T), [RFLO(), Turned(1.0, 1.0)], steps=False)
    parts = ds.sel(parameter=[name for name in ds.parameter.values if name != "all"])
    inner = (parts.cosine * parts.norm_ratio * parts.exact_norm**2).sum("parameter")
    whole = ds.sel(parameter="all")
    np.testing.assert_allclose(whole.cosine * whole.norm_ratio * whole.exact_norm**2, inner)
    np.testing.assert_allclose(whole.exact_norm**2, (parts.exact_norm**2).sum("parameter"))


def test_local_rules_differ_from_the_exact_one_and_hops_bring_them_closer():
    network = make_network(tau=100.0, sigma_rec=0.1)
    ds = alignment(network, toy_trials(3, 20), [RFLO(Symmetric()), *map(KHop, (1, 2, 5, 20))], steps=False)
    cosines = ds.cosine.sel(parameter="W_rec").values
    assert (np.diff(cosines) > 0).all() and cosines[0] < 0.99 and cosines[-1] > 1 - 1e-12


# Steps


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", [BPTT(), RFLO(), KHop(2), TruncatedBPTT(3)], ids=repr)
@pytest.mark.parametrize("dale", [None, Dale()])
def test_the_contributions_of_the_steps_add_up_to_the_gradient(form, rule, dale):
    network, trials = make_network(form, dale=dale), toy_trials(3, T)
    objective = Objective(rate_l1=0.3, rate_l2=0.2)
    found = contributions(rule, network, trials, objective, 3)
    parts = [found.at(t) for t in range(T)]
    whole = gradient(rule, network, trials, objective, 3)["W_rec"]
    torch.testing.assert_close(torch.stack(parts).sum(0), whole, rtol=1e-10, atol=1e-14)
    without_end = torch.stack(parts[:-1]).sum(0)
    assert not torch.allclose(without_end, whole, rtol=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_contribution_is_what_a_current_injected_at_that_step_would_do(form):
    """Against autograd: the credit of a step is the gradient with respect to a current beside the bias."""
    network, trials = make_network(form), toy_trials(3, T)
    found = contributions(BPTT(), network, trials, Objective(), 3)
    xi = network.draw_noise(3, T, neurornn.random.torch_generator(3, "alignment"))
    current = torch.zeros(3, T, N, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        drive = trials.inputs @ network.W_in.T + network.bias + (2 / network.alpha).sqrt() * 0.2 * xi
        W, start = network.W_rec.clone(), network.initial_state(3).clone()
    state = kernels.integrate(
        start, drive + current, W, network.alpha, activation=network.activation, form=form
    )
    rate = network.rate(state)
    error = (network.read_out(rate) - trials.targets).square().mean(-1)
    ((trials.mask * error).sum() / trials.mask.sum()).backward()
    before = torch.cat([network.rate(start)[:, None], rate[:, :-1]], 1).detach()
    for t in range(T):
        torch.testing.assert_close(found.at(t).view(N, N), current.grad[:, t].T @ before[:, t])


def test_symmetric_local_credit_is_exact_in_the_last_step_and_only_there():
    """After the last step no synapse is left to cross."""
    ds = alignment(make_network(), toy_trials(1, T), [RFLO(Symmetric())]).isel(rule=0)
    np.testing.assert_allclose(ds.step_cosine[-1], 1.0)
    assert (ds.step_cosine[:-2] < 1 - 1e-6).all()
    assert ds.time.values.tolist() == [20.0 * k for k in range(T)] and ds.time.attrs["units"] == "ms"


def test_truncation_cuts_off_the_steps_before_its_reach():
    """The only target is at the end: a step further back than the depth has no credit."""
    trials = toy_trials(1, T)
    trials.mask[:, :-1] = 0.0
    ds = alignment(make_network(), trials, [TruncatedBPTT(3, 1)]).isel(rule=0)
    assert (ds.step_norm_ratio[:-3] == 0).all() and np.isnan(ds.step_cosine[:-3]).all()
    np.testing.assert_allclose(ds.step_cosine[-3:], 1.0)


def test_rules_without_credit_of_steps_have_none():
    ds = alignment(make_network(), toy_trials(3, T), [Turned(), BPTT()])
    assert np.isnan(ds.step_cosine.sel(rule="Turned")).all()
    assert np.isfinite(ds.step_cosine.sel(rule="BPTT")).all()


# Conditions


@pytest.mark.parametrize("rule", [BPTT(), RFLO(), TruncatedBPTT(3)], ids=repr)
def test_the_gradients_of_conditions_average_to_that_of_the_batch(rule):
    """Weighted by what each counts in the loss; in a network with noise, because each keeps its own."""
    network, trials = make_network(), by_strength()
    whole = gradient(rule, network, trials, Objective(), 0)
    total = {name: torch.zeros_like(each) for name, each in whole.items()}
    for level in (0.25, 0.75):
        chosen = trials.conditions["strength"] == level
        share = float(trials.mask[chosen].sum() / trials.mask.sum())
        for name, each in gradient(rule, network, _alone(trials, chosen), Objective(), 0).items():
            total[name] += share * each
    for name, each in whole.items():
        torch.testing.assert_close(total[name], each, rtol=1e-10, atol=1e-13)


def test_a_condition_is_the_alignment_of_its_trials():
    """In a network without noise the other trials might as well not be there, penalties and all."""
    network, trials = make_network(sigma_rec=0.0), by_strength()
    compared = [RFLO(), TruncatedBPTT(2)]
    ds = alignment(network, trials, compared, objective=PENALTIES, by="strength", steps=False)
    assert ds.condition.values.tolist() == [0.25, 0.75] and ds.n_trials.values.tolist() == [3, 1]
    for level in (0.25, 0.75):
        own = trials.select(trials.conditions["strength"] == level)
        alone = alignment(network, own, compared, objective=PENALTIES, steps=False)
        for measure in MEASURES:
            here = ds[f"condition_{measure}"].sel(condition=level)
            np.testing.assert_allclose(here, alone[measure], rtol=1e-9)
    difference = ds.condition_cosine.diff("condition").sel(parameter="W_rec")
    assert (abs(difference) > 1e-3).all()


def test_trials_without_a_value_belong_to_no_condition():
    trials = by_strength()
    trials.conditions["strength"][0] = np.nan
    ds = alignment(make_network(), trials, [RFLO()], by="strength", steps=False)
    assert ds.n_trials.values.tolist() == [2, 1] and ds.n_trials.attrs["n_without"] == 1


def test_conditions_may_be_words():
    task = tasks.make("context-decision")
    network = CTRNN(task.n_inputs, 8, task.n_outputs)
    ds = alignment(network, task.sample(4, seed=0, balanced=False), [RFLO()], by="context", steps=False)
    assert ds.condition.values.tolist() == ["colour", "motion"]


# Feedback


def test_feedback_that_learns_is_taken_as_it_is_now():
    """Its memory belongs to the network in training: with the read-out in it the rule is the symmetric one."""
    network, trials, rule = make_network(), toy_trials(3, T), RFLO(Adaptive(0.1, 0.1))
    named = {"adaptive": rule, "symmetric": RFLO(Symmetric()), "exact": BPTT()}
    before = alignment(network, trials, named, steps=False)
    rule.memory(network)["feedback"].copy_(network.W_out.detach())
    after = alignment(network, trials, named, by="strength")
    for name in ("cosine", "step_cosine", "condition_cosine"):
        np.testing.assert_allclose(after[name].sel(rule="adaptive"), after[name].sel(rule="symmetric"))
    assert abs(before.cosine.sel(parameter="W_rec").diff("rule")[0]) > 0.01
    assert abs(before.feedback_cosine[0]) < 0.99
    assert after.feedback_cosine[:2].values == pytest.approx([1.0, 1.0]) and np.isnan(
        after.feedback_cosine[2]
    )


def test_synapses_the_read_out_lacks_do_not_count_in_the_feedback():
    network = make_network(dale=Dale(), n_units=10)
    W = network.W_out.detach().numpy()
    B = np.where(W == 0, 100.0, 2 * W)
    ds = alignment(network, toy_trials(3, T), [RFLO(rules.Given(B))], steps=False)
    assert ds.feedback_cosine.item() == pytest.approx(1.0)


# Only looking


def test_nothing_is_touched():
    network, trials = make_network(dale=Dale(), tau=LearnedTau(60.0)).eval(), by_strength()
    network.bias.requires_grad_(False)
    BPTT().backward(network, trials, generator=torch.Generator().manual_seed(0))
    rule = RFLO(Adaptive(0.1, 0.1))
    memory = rule.memory(network)["feedback"]
    kept = memory.clone()
    gradients = {name: (p.grad, copy.deepcopy(p.grad)) for name, p in network.named_parameters()}
    before, state = fingerprint(network), global_random_state()
    numbers = [each.clone() for each in (trials.inputs, trials.targets, trials.mask)]
    with torch.no_grad():
        ds = alignment(network, trials, [rule, KHop(1), Turned()], by="strength")
    assert fingerprint(network) == before and global_random_state() == state
    for name, parameter in network.named_parameters():
        grad, value = gradients[name]
        assert parameter.grad is grad
        assert (grad is None and value is None) or torch.equal(grad, value)
    assert rule.memory(network)["feedback"] is memory and torch.equal(memory, kept)
    assert all(map(torch.equal, numbers, (trials.inputs, trials.targets, trials.mask)))
    assert "bias" not in ds.parameter.values and "W_rec" in ds.parameter.values


def test_the_seed_is_the_noise():
    network, trials = make_network(), toy_trials(3, T)
    one, again, other = (alignment(network, trials, [RFLO()], seed=seed) for seed in (0, 0, 1))
    xr.testing.assert_equal(one, again)
    assert not np.allclose(one.cosine.sel(parameter="W_rec"), other.cosine.sel(parameter="W_rec"))


def test_results_survive_a_file(tmp_path):
    ds = alignment(make_network(), by_strength(), [RFLO(), Turned()], by="strength")
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert back.load().identical(ds)
    assert ds.attrs["schema"] == "neurornn.Alignment/1" and ds.attrs["neurornn_version"]
    assert json.loads(ds.attrs["network"])["n_units"] == N
    assert all({"units", "long_name"} <= set(ds[name].attrs) for name in ds.data_vars)


# Names and refusals


def test_rules_are_named_by_what_sets_them_apart():
    named = alignment(
        make_network(),
        toy_trials(3, T),
        [BPTT(), TruncatedBPTT(5), TruncatedBPTT(5, every=1), RFLO(Symmetric())],
        steps=False,
    )
    assert named.rule.values.tolist() == [
        "BPTT",
        "TruncatedBPTT(depth=5)",
        "TruncatedBPTT(depth=5, every=1)",
        "RFLO(feedback=Symmetric)",
    ]


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ([], ValueError, "at least one rule"),
        (BPTT(), TypeError, "must be a list of rules"),
        ("bptt", TypeError, "must be a list of rules"),
        ([BPTT], TypeError, r"Did you mean BPTT\(\)\?"),
        ([BPTT(), BPTT()], ValueError, "Two rules have the same name: got BPTT, BPTT"),
    ],
)
def test_what_is_no_list_of_rules_is_refused(given, kind, message):
    with pytest.raises(kind, match=message):
        alignment(make_network(), toy_trials(3, T), given)


def test_unknown_conditions_are_refused():
    with pytest.raises(ValueError, match=r"'toy-v1' has no condition 'coherence'\. It has: strength"):
        alignment(make_network(), toy_trials(3, T), [BPTT()], by="coherence")


def test_a_condition_that_does_not_count_is_named():
    trials = by_strength()
    trials.mask[-1] = 0.0
    with pytest.raises(ValueError, match=r"With strength=0\.75: The mask of task"):
        alignment(make_network(), trials, [BPTT()], by="strength")


def test_a_frozen_network_is_refused():
    with pytest.raises(ValueError, match="no parameter to train"):
        alignment(make_network().requires_grad_(False), toy_trials(3, T), [BPTT()])


# During training


def train(network, task, callback=None, n_steps=5, **options):
    options = {"batch_size": 8, "validate_every": 5, "n_validation": 8} | options
    return neurornn.train(network, task, n_steps=n_steps, callback=callback, **options)


@pytest.fixture
def task():
    return tasks.make("perceptual-decision")


def test_a_training_is_watched_without_being_disturbed(task):
    network = CTRNN(task.n_inputs, 8, task.n_outputs, sigma_rec=0.1)
    alone, trials = copy.deepcopy(network), task.sample(6, seed=3)
    first = alignment(network, trials, [RFLO(), KHop(1)], steps=False)
    watch = AlignmentCallback(network, trials, [RFLO(), KHop(1)], every=2)
    train(network, task, watch, rule=RFLO())
    train(alone, task, rule=RFLO())
    for one, other in zip(network.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one, other)
    ds = watch.dataset()
    assert ds.step.values.tolist() == [0, 2, 4, 5] and ds.cosine.dims == ("step", "rule", "parameter")
    last = alignment(network, trials, [RFLO(), KHop(1)], steps=False)
    for expected, step in ((first, 0), (last, 5)):
        xr.testing.assert_equal(ds.sel(step=step, drop=True).transpose(..., "parameter"), expected)
    assert not np.allclose(first.cosine, last.cosine)
    assert ds.attrs["every"] == 2 and ds.attrs["first_step"] == 0


def test_measurements_survive_a_file(task, tmp_path):
    network = CTRNN(task.n_inputs, 8, task.n_outputs)
    watch = AlignmentCallback(network, task.sample(6, seed=3), [RFLO()], every=2, steps=True)
    train(network, task, watch, n_steps=2)
    ds = watch.dataset()
    assert ds.step_cosine.dims == ("step", "rule", "time")
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert back.load().identical(ds)


def test_read_out_and_feedback_come_together_in_training(task):
    """With the learning rate and the decay of the optimiser, adaptive feedback approaches the read-out."""
    network = CTRNN(task.n_inputs, 8, task.n_outputs)
    rule = RFLO(Adaptive(rate=0.5, decay=0.4))
    watch = AlignmentCallback(network, task.sample(6, seed=3), [rule], every=5)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, weight_decay=0.4)
    train(network, task, watch, n_steps=40, rule=rule, optimizer=optimizer, clip_norm=None)
    cosines = watch.dataset().feedback_cosine.isel(rule=0).values
    assert cosines[0] < 0.9 and cosines[-1] > 0.99


def test_a_continued_training_starts_where_it_continues(task, tmp_path, caplog):
    network = CTRNN(task.n_inputs, 8, task.n_outputs)
    fresh, path = copy.deepcopy(network), tmp_path / "c.safetensors"
    train(network, task, checkpoint=path)
    watch = AlignmentCallback(fresh, task.sample(6, seed=3), [RFLO()], every=2)
    train(fresh, task, watch, n_steps=9, checkpoint=path)
    assert watch.dataset().step.values.tolist() == [6, 8, 9]
    assert watch.dataset().attrs["first_step"] == 6
    assert "continues at step 6" in caplog.text


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_impossible_intervals_are_refused(every):
    with pytest.raises(ValueError, match="every must be a whole number of steps"):
        AlignmentCallback(make_network(), toy_trials(3, T), [BPTT()], every=every)


# Pictures


@pytest.fixture(scope="module")
def measured():
    return alignment(make_network(), by_strength(), [RFLO(), KHop(1), Turned(-2.0)], by="strength")


@pytest.mark.parametrize("measure", MEASURES)
def test_the_picture_shows_every_rule_and_parameter(measured, measure):
    ax = plot_alignment(measured, measure=measure)
    drawn = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert list(drawn) == measured.rule.values.tolist()
    for name, line in drawn.items():
        np.testing.assert_array_equal(line.get_ydata(), measured[measure].sel(rule=name))
        low, high = ax.get_ylim()
        assert (line.get_ydata() > low).all() and (line.get_ydata() < high).all()
    assert ax.get_ylabel() == measured[measure].attrs["long_name"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == measured.rule.values.tolist()
    assert ax.get_xticklabels()[0].get_text() == r"$W_\mathrm{rec}$"
    assert len({line.get_color() for line in drawn.values()}) == 3


def test_the_picture_along_time_and_conditions(measured):
    ax = plot_alignment(measured, along="time")
    assert ax.get_xlabel() == "time from trial onset (ms)" and ax.get_title() == r"$W_\mathrm{rec}$"
    line = next(line for line in ax.lines if line.get_label() == "RFLO")
    np.testing.assert_array_equal(line.get_ydata(), measured.step_cosine.sel(rule="RFLO"))
    ax = plot_alignment(measured, along="condition", parameter="bias_out")
    assert ax.get_xlabel() == "strength" and ax.get_title() == "bias out"
    line = next(line for line in ax.lines if line.get_label() == "RFLO")
    expected = measured.condition_cosine.sel(rule="RFLO", parameter="bias_out")
    np.testing.assert_array_equal(line.get_ydata(), expected)


def test_the_picture_of_a_training_has_its_steps_on_the_axis(measured):
    step = xr.DataArray([0, 10], dims="step", name="step", attrs={"units": "1", "long_name": "training step"})
    ds = xr.concat(
        [measured, measured], dim=step, data_vars="all", coords="minimal", compat="override", join="exact"
    )
    _, mine = plt.subplots()
    ax = plot_alignment(ds, ax=mine)
    assert ax is mine and ax.get_xlabel() == "training step"
    np.testing.assert_array_equal(ax.lines[-1].get_xdata(), [0, 10])
    with pytest.raises(
        ValueError, match=r"still has 'step'. Select one value first, for instance ds.isel\(step=-1\)"
    ):
        plot_alignment(ds, along="time")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "n_zero"}, "measure must be one of cosine"),
        ({"along": "rule"}, "along must be one of parameter"),
        ({"along": "step"}, "nothing along 'step'. To have it, measure during training"),
        ({"along": "condition", "parameter": "W"}, "No parameter 'W' was compared. There are: W_rec"),
    ],
)
def test_pictures_of_nothing_are_refused(measured, options, message):
    with pytest.raises(ValueError, match=message):
        plot_alignment(measured, **options)


def test_more_rules_than_colours_remain_distinct():
    compared = {f"rule {k}": Turned(1.0, k / 10) for k in range(9)}
    ax = plot_alignment(alignment(make_network(), toy_trials(3, T), compared, steps=False))
    looks = [(line.get_color(), line.get_marker()) for line in ax.lines if "rule" in line.get_label()]
    assert len(set(looks)) == 9


# The study


@pytest.fixture(scope="module")
def study():
    """The table of docs/gallery/alignment.py: means over seeds."""
    table = Path(__file__).resolve().parents[1] / "docs" / "gallery" / "alignment.csv"
    if not table.exists():
        pytest.skip("the documentation is not part of this copy")
    return pd.read_csv(table)


def test_in_the_study_every_hop_brings_credit_closer(study):
    khop = study[study.rule.str.startswith("KHop") & study.panel.isin(list("abcd"))].copy()
    khop["k"] = khop.rule.str.extract(r"(\d+)", expand=False).astype(int)
    groups = list(khop.groupby(["panel", "alpha", "gain", "steps", "error"]))
    assert len(groups) == 31
    for setting, part in groups:
        means = part.sort_values("k")["mean"].values
        assert (np.diff(means) >= 0).all(), setting
        assert means[0] < 0.995 and (part.n_seeds == 5).all(), setting
        if part.k.max() == 60:
            assert part.sort_values("k").lowest.iloc[-1] == 1.0, setting


def test_in_the_study_random_feedback_points_nowhere_until_it_has_taught(study):
    random = study[study.rule == "RFLO(Random)"]
    still, trained = random[random.panel.isin(list("abcd"))], random[random.panel == "f"]
    assert abs(still["mean"].mean()) < 0.05 and (abs(still["mean"]) < 0.15).all()
    first, last = (trained[trained.training_step == step] for step in (0, 1500))
    assert abs(first["mean"].item()) < 0.1 and last["lowest"].item() > 0.4
    feedback = study[(study.panel == "f") & (study.rule == "read-out and feedback")].sort_values(
        "training_step"
    )
    assert abs(feedback["mean"].iloc[0]) < 0.1 and feedback["mean"].iloc[-1] > 0.25
