"""The neurogym adapter: every registered environment, and each of the traps between neurogym and whole trials."""

import copy
import dataclasses
import hashlib
import logging
import os
import pickle
import random
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from neurornn import CTRNN
from neurornn.objective import Objective
from neurornn.tasks import NEUROGYM_EXCEPTIONS, TaskNotFound, from_neurogym, neurogym_ids
from neurornn.tasks._neurogym_env import import_neurogym
from neurornn.testing import check_task

try:
    ngym = import_neurogym()
except ImportError:
    pytest.skip("neurogym is not installed", allow_module_level=True)

from neurogym import spaces, wrappers
from neurogym.core import TrialEnv
from neurogym.envs.native import readysetgo
from neurogym.envs.native.gonogo import GoNogo
from neurogym.utils import scheduler

ANNUBES = {"session": {"v": 0.5, "a": 0.5, ("a", "v"): 1.0}, "catch_prob": 0.3}
SETTINGS: dict[str, dict[str, Any]] = {
    "AnnubesEnv-v0": ANNUBES,  # has no defaults
}
WHY = {
    "Bandit-v0": "has no ground truth",
    "DawTwoStep-v0": "has no observations and no ground truth",
    "EconomicDecisionMaking-v0": "has no ground truth",
    "HierarchicalReasoning-v0": "carries something from trial to trial",
    "Null-v0": "has no observations and no ground truth",
    "Reaching1D-v0": "follow what the agent does",
    "Reaching1DWithSelfDistraction-v0": "follow what the agent does",
    "perceptualdecisionmaking.roitman02-v0": "ReactionTime .* acts while an agent steps",
}
RUN_FRESH = """
import sys, warnings, hashlib
import neurornn.tasks as tasks
assert not {"neurogym", "gymnasium", "loguru"} & set(sys.modules), "imported too early"
"""


def run_fresh(code: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", RUN_FRESH + code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def digest(task, n_trials=8) -> str:
    trials = task.sample(n_trials, seed=7)
    parts = [trials.inputs, trials.targets, trials.mask]
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def registered() -> set[str]:
    return set(ngym.envs.registration.all_envs(psychopy=True, contrib=True, collections=True))


class Drifting(TrialEnv):
    """Fixate, then say whether a number is above a half; every source of randomness in turn."""

    def __init__(self, dt=100, draw=lambda env: env.rng.rand(), length=None, name=True):
        super().__init__(dt=dt)
        self.timing = {"fixation": length or 200, "decision": 200}
        self.draw, self.n_made = draw, 0
        names = {"fixation": 0, "value": 1} if name else None
        self.observation_space = spaces.Box(-np.inf, np.inf, shape=(2,), dtype=np.float32, name=names)
        self.action_space = spaces.Discrete(3, name={"fixation": 0, "choice": [1, 2]} if name else None)

    def _new_trial(self, **kwargs):
        self.n_made += 1
        value = self.draw(self)
        self.add_period(["fixation", "decision"])
        self.add_ob(1, "fixation", where=0)
        self.add_ob(value, where=1)
        self.set_groundtruth(1 + int(value > 0.5), "decision")
        return {"value": value}

    def _step(self, action):
        raise AssertionError("the adapter never steps")


# every registered environment


@pytest.mark.parametrize("env", sorted(registered() - set(NEUROGYM_EXCEPTIONS)))
def test_every_registered_environment_keeps_the_contract_of_tasks(env):
    check_task(from_neurogym(env, **SETTINGS.get(env, {})), n_trials=12)


@pytest.mark.parametrize("env", sorted(NEUROGYM_EXCEPTIONS))
def test_exceptions_are_refused_for_the_reason_given(env):
    with pytest.raises(ValueError, match=WHY[env]):
        from_neurogym(env)


def test_the_list_of_usable_environments_is_what_is_registered_without_the_exceptions():
    assert set(NEUROGYM_EXCEPTIONS) <= registered()
    assert set(neurogym_ids()) == registered() - set(NEUROGYM_EXCEPTIONS)
    assert neurogym_ids() == sorted(neurogym_ids())


# import


def test_neurogym_is_imported_late_and_its_absence_is_explained():
    absent = run_fresh(
        """
def refused(call):
    try:
        call()
    except ImportError as error:
        return str(error)
sys.modules["loguru"] = None
assert "neurogym is installed but cannot be imported" in refused(tasks.neurogym_ids)
for name in [name for name in sys.modules if name.split(".")[0] == "neurogym"]:
    del sys.modules[name]
sys.modules["neurogym"] = None
advice = "NeuroGym tasks need neurogym. Install it with: pip install 'neurornn[neurogym]'"
assert refused(lambda: tasks.from_neurogym("GoNogo-v0")) == advice
assert refused(tasks.neurogym_ids) == advice
"""
    )
    _, errors = absent.communicate(timeout=120)
    assert absent.returncode == 0, errors


def test_other_processes_make_the_same_trials_and_leave_nothing_behind(tmp_path):
    code = f"""
import os
os.chdir({str(tmp_path)!r})
filters = list(warnings.filters)
task = tasks.from_neurogym("AnnubesEnv-v0", **{ANNUBES!r})
trials = task.sample(8, seed=7)
parts = [trials.inputs, trials.targets, trials.mask]
assert list(warnings.filters) == filters
sys.stdout.write(hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest())
"""
    others = [run_fresh(code, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    here = digest(from_neurogym("AnnubesEnv-v0", **ANNUBES))
    for other in others:
        told, errors = other.communicate(timeout=120)
        assert other.returncode == 0, errors
        assert told == here
    assert list(tmp_path.iterdir()) == []


# seeds


@pytest.mark.parametrize(
    "draw",
    [
        lambda env: env.rng.rand(),
        lambda env: np.random.rand(),  # noqa: NPY002
        lambda env: random.random(),
        lambda env: env.np_random.random(),
        lambda env: env.observation_space.np_random.random(),
        lambda env, rng=np.random.default_rng(): rng.random(),  # noqa: B008
        lambda env, rng=np.random.RandomState(): rng.rand(),  # noqa: B008
    ],
    ids=["rng", "numpy", "python", "np_random", "space", "generator", "random_state"],
)
def test_every_source_of_random_numbers_is_seeded(draw):
    before = random.getstate()
    task = from_neurogym(Drifting, draw=draw)
    check_task(task, n_trials=8)
    values = task.sample(64, seed=0).conditions["value"]
    assert len(set(values.tolist())) == 64
    assert random.getstate() == before


def test_a_timing_function_with_a_generator_of_its_own_is_seeded():
    rng = np.random.RandomState()
    for length in (
        lambda: rng.uniform(100, 900),
        ngym.utils.ngym_random.random_number_fn("uniform", (100, 900), rng),
    ):
        task = from_neurogym(Drifting, length=length)
        check_task(task, n_trials=8)
        assert len(set(task.sample(32, seed=0).duration.tolist())) > 4


def test_periods_of_a_trial_are_independent_although_one_seed_would_tie_them():
    trials = from_neurogym("OneTwoThreeGo-v0", dt=20.0).sample(400, seed=3)
    lengths = [np.diff(trials.epochs[name])[:, 0] for name in ("fixation", "target")]
    assert abs(np.corrcoef(lengths)[0, 1]) < 4 / np.sqrt(400)

    env = readysetgo.OneTwoThreeGo(dt=20)
    tied = []
    for seed in range(400):  # what seeding the environment for each trial would do
        env.seed(seed)
        env.new_trial()
        tied.append([env.end_t[name] - env.start_t[name] for name in ("fixation", "target")])
    assert np.corrcoef(np.transpose(tied))[0, 1] > 4 / np.sqrt(400)


def test_numbers_that_cannot_be_seeded_are_refused():
    with pytest.raises(ValueError, match="random numbers that cannot be seeded"):
        from_neurogym(Drifting, draw=lambda env: np.random.default_rng().random())


# trials that depend on each other


def test_environments_with_a_memory_are_refused():
    with pytest.raises(ValueError, match="Trial 9 of 'Drifting' came out differently after other trials"):
        from_neurogym(Drifting, draw=lambda env: float(env.n_made >= 10))
    with pytest.raises(ValueError, match="came out differently"):
        from_neurogym("AnnubesEnv-v0", max_sequential=1, **ANNUBES)


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (wrappers.TrialHistoryV2, "TrialHistoryV2 .* chooses each trial by the ones before"),
        (
            partial(wrappers.SideBias, probs=[[0.9, 0.1], [0.1, 0.9]], block_dur=500),
            "SideBias .* not independent",
        ),
        (wrappers.Noise, "Noise .* acts while an agent steps"),
        (wrappers.PassAction, "PassAction .* acts while an agent steps"),
        (wrappers.PassReward, "PassReward .* acts while an agent steps"),
    ],
)
def test_wrappers_that_would_do_nothing_or_tie_trials_are_refused(wrap, message):
    with pytest.raises(ValueError, match=message):
        from_neurogym(lambda: wrap(ngym.make("DelayComparison-v0")))


def test_a_schedule_becomes_independent_draws_with_its_frequencies():
    def blocks(**settings):
        env = wrappers.RandomGroundTruth(GoNogo(**settings))
        schedule = scheduler.SequentialBlockSchedule(2, block_lens=[300, 100])
        return wrappers.ScheduleAttr(env, schedule, attr_list=[{"p": (1.0, 0.0)}, {"p": (0.0, 1.0)}])

    trials = from_neurogym(blocks).sample(400, seed=0)
    entry = trials.conditions["schedule"]
    assert abs(entry.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)
    assert (trials.conditions["ground_truth"] == entry).all()


def test_scheduled_environments_take_turns_at_random_and_keep_their_rule_input():
    def two(**settings):
        envs = [ngym.make(name, **settings) for name in ("GoNogo-v0", "GoNogo-v0")]
        return wrappers.ScheduleEnvs(envs, scheduler.RandomSchedule(2), env_input=True)

    task = from_neurogym(two)
    check_task(task, n_trials=12)
    assert task.input_names == ("fixation", "nogo", "go", "rule_0", "rule_1")
    trials = task.sample(400, seed=0)
    entry = trials.conditions["schedule"]
    np.testing.assert_array_equal(trials.inputs[:, 0, 3:].numpy(), np.eye(2)[entry])
    again = (entry[1:] == entry[:-1]).mean()  # neurogym's own schedule never repeats
    assert abs(again - 0.5) < 4 * 0.5 / np.sqrt(399)
    both = (entry == trials.conditions["ground_truth"]).mean()
    assert abs(both - 0.5) < 4 * 0.5 / np.sqrt(400)


def test_both_modalities_of_a_yang_task_are_shown():
    trials = from_neurogym("yang19.go-v0").sample(64, seed=0)
    shown = trials.inputs[:, :, 1:].reshape(64, -1, 2, 16).amax((1, 3)) > 0
    np.testing.assert_array_equal(shown.numpy(), np.eye(2)[trials.conditions["schedule"]] > 0)
    assert 0 < trials.conditions["schedule"].mean() < 1


# contents of a trial


def test_perceptual_decision_has_the_statistics_neurogym_documents():
    task = from_neurogym("PerceptualDecisionMaking-v0", cohs=[51.2], sigma=2.0)
    trials = task.sample(200, seed=0)
    assert task.input_names == ("fixation", "stimulus_0", "stimulus_1")
    assert task.output_names == ("fixation", "choice_0", "choice_1")
    assert {name: bounds[0].tolist() for name, bounds in trials.epochs.items()} == {
        "fixation": [0, 100],
        "stimulus": [100, 2100],
        "delay": [2100, 2100],
        "decision": [2100, 2200],
    }
    choice = torch.as_tensor(trials.conditions["ground_truth"])
    shown = trials.inputs[:, trials.during("stimulus")[0], 1:]
    preferred = torch.take_along_dim(shown, choice[:, None, None], 2)
    assert preferred.mean().item() == pytest.approx(0.5 + 0.256, abs=4 * 0.2 / np.sqrt(preferred.numel()))
    assert preferred.std().item() == pytest.approx(2.0 / np.sqrt(100), rel=0.05)
    np.testing.assert_array_equal(trials.targets[:, -1].argmax(-1).numpy(), choice.numpy() + 1)
    assert (trials.targets[:, :-1].argmax(-1) == 0).all()


def test_a_batch_that_is_kept_does_not_change():
    task = from_neurogym("DelayComparison-v0")
    kept = task.sample(4, seed=0)
    before = kept.inputs.clone()
    task.sample(4, seed=1)
    assert torch.equal(kept.inputs, before)


def test_periods_and_variables_a_trial_lacks_are_empty():
    trials = from_neurogym("PostDecisionWager-v0").sample(64, seed=0)
    length = np.diff(trials.epochs["pre_sure"])[:, 0]
    wager = trials.conditions["wager"]
    assert (length[wager] > 0).all()
    assert (trials.epochs["pre_sure"][~wager] == 0).all()
    assert 0 < wager.sum() < 64

    trials = from_neurogym("AnnubesEnv-v0", **ANNUBES).sample(64, seed=0)
    catch = trials.conditions["catch"]
    assert catch.dtype == bool and 0 < catch.sum() < 64
    assert set(trials.conditions["stim_types_0"][catch]) == {""}
    assert np.isnan(trials.conditions["stim_values_v"][catch]).all()
    assert np.isfinite(trials.conditions["stim_values_v"][trials.conditions["stim_types_0"] == "v"]).all()


def test_conditions_have_the_same_types_in_every_batch():
    task = from_neurogym("AnnubesEnv-v0", **ANNUBES)
    few, many = task.sample(1, seed=0), task.sample(64, seed=1)
    assert few.conditions.keys() == many.conditions.keys()
    for name, values in few.conditions.items():
        assert values.dtype.kind == many.conditions[name].dtype.kind, name


def test_shorter_trials_are_padded_at_the_end():
    trials = from_neurogym("IntervalDiscrimination-v0").sample(16, seed=0)
    assert len(set(trials.duration.tolist())) > 1
    np.testing.assert_array_equal(trials.duration, trials.epochs["decision"][:, 1])
    padding = trials.valid == 0
    assert padding.any()
    assert (trials.mask[padding] == 0).all() and (trials.mask[~padding] > 0).all()


def test_continuous_ground_truth_becomes_continuous_targets():
    task = from_neurogym("ReachingDelayResponse-v0")
    trials = task.sample(16, seed=0)
    assert task.loss == "squared_error" and torch.equal(trials.mask, trials.valid)
    final = trials.targets[torch.arange(16), (trials.duration / task.dt).astype(int) - 1]
    torch.testing.assert_close(
        final[:, 1].double(), torch.as_tensor(trials.conditions["ground_truth"]), atol=1e-6, rtol=0
    )
    with pytest.raises(ValueError, match="weight_fixation has no meaning"):
        from_neurogym("ReachingDelayResponse-v0", weight_fixation=0.5)


def test_channels_without_names_are_numbered():
    task = from_neurogym(Drifting, name=False)
    assert task.input_names == ("input_0", "input_1")
    assert task.output_names == ("action_0", "action_1", "action_2")


# mask


def test_fixation_weighs_little_except_where_it_is_the_answer():
    trials = from_neurogym("GoNogo-v0", weight_fixation=0.1).sample(32, seed=0)
    decision = trials.during("decision")
    assert (trials.mask[decision] == 1).all()
    assert torch.allclose(trials.mask[~decision], torch.tensor(0.1))
    assert set(trials.conditions["ground_truth"].tolist()) == {0, 1}


def test_the_end_of_an_interval_is_not_drowned_by_the_steps_around_it():
    trials = from_neurogym("ReadySetGo-v0").sample(16, seed=0)
    go = trials.targets[..., 1] == 1
    assert (go.sum(1) == 1).all()
    assert (trials.mask[go] == 1).all()
    others = trials.mask[~go & (trials.valid > 0)]
    assert torch.allclose(others, torch.tensor(0.05))


def test_senseless_weights_are_refused():
    with pytest.raises(ValueError, match="weight_fixation must be finite and at least 0: got -1"):
        from_neurogym("GoNogo-v0", weight_fixation=-1)


# go cue


@pytest.mark.parametrize("env", ["PerceptualDecisionMaking-v0", "ContextDecisionMaking-v0", "yang19.dm1-v0"])
def test_the_fixation_input_can_be_made_a_go_cue(env):
    broken = from_neurogym(env).sample(16, seed=0)
    fixed = from_neurogym(env, fix_go_cue=True).sample(16, seed=0)
    before = torch.as_tensor(fixed.time < fixed.epochs["decision"][:, :1])
    assert (broken.inputs[..., 0][before] == 0).any()
    assert (fixed.inputs[..., 0][before] == 1).all() and (fixed.inputs[..., 0][~before] == 0).all()
    assert torch.equal(broken.inputs[..., 1:], fixed.inputs[..., 1:])
    assert torch.equal(broken.targets, fixed.targets)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("OneTwoThreeGo-v0", "still on in 'response'"),  # a cue would give the interval away
        ("MotorTiming-v0", "no fixation input"),
        ("ReachingDelayResponse-v0", "no fixation input"),
    ],
)
def test_a_go_cue_that_makes_no_sense_is_refused(env, message):
    with pytest.raises(ValueError, match=f"cannot have its go cue fixed: .*{message}"):
        from_neurogym(env, fix_go_cue=True)


# behaviour


def test_a_choice_is_the_largest_mean_output_of_the_response():
    task = from_neurogym("DelayMatchSample-v0")
    trials = task.sample(16, seed=0)
    wrong = trials.targets.clone()
    flipped = trials.targets[..., [0, 2, 1]]
    wrong[::2] = flipped[::2]
    behaviour = task.behaviour(trials, wrong)
    np.testing.assert_array_equal(behaviour["performance"], np.arange(16) % 2)
    np.testing.assert_array_equal(behaviour["correct_choice"], trials.conditions["ground_truth"])
    np.testing.assert_array_equal(behaviour["choice"][1::2], behaviour["correct_choice"][1::2])
    np.testing.assert_array_equal(behaviour["choice"][::2], 3 - behaviour["correct_choice"][::2])


def test_each_response_of_a_trial_has_to_be_right():
    task = from_neurogym("DualDelayMatchSample-v0")
    trials = task.sample(8, seed=0)
    output = trials.targets.clone()
    first = trials.during("test1")
    output[first] = output[first][:, [0, 2, 1]]
    assert task.performance(trials, trials.targets).all()
    assert not task.performance(trials, output).any()


def test_an_interval_must_be_produced_within_a_fifth():
    task = from_neurogym("ReadySetGo-v0", dt=20.0)
    trials = task.sample(16, seed=0)
    start = trials.epochs["production"][:, :1]
    due = np.floor(trials.conditions["production"] / 20) * 20

    def respond(fraction):
        go = torch.as_tensor(trials.time >= start + np.round(fraction * due / 20)[:, None] * 20)
        return torch.stack([1.0 - go.float(), go.float()], dim=-1)

    expected = {0.7: 0, 0.85: 1, 1.0: 1, 1.15: 1, 1.3: 0}
    for fraction, score in expected.items():
        assert (task.performance(trials, respond(fraction)) == score).all(), fraction
    assert not task.performance(trials, respond(100)).any()


def test_continuous_performance_is_the_variance_explained():
    task = from_neurogym("SpatialSuppressMotion-v0")
    trials = task.sample(8, seed=0)
    mean = trials.targets.mean(1, keepdim=True)
    for c in (0.0, 0.5, 1.0):
        score = task.performance(trials, trials.targets + c * (trials.targets - mean))
        np.testing.assert_allclose(score, 1 - c**2, atol=1e-6)
    assert (task.performance(trials, trials.targets + 10) == 0).all()


@pytest.mark.parametrize("env", ["DelayMatchSample-v0", "ReadySetGo-v0", "ReachingDelayResponse-v0"])
def test_an_output_that_is_not_a_number_is_wrong(env):
    task = from_neurogym(env)
    trials = task.sample(4, seed=0)
    output = torch.where(trials.targets == 1, torch.nan, trials.targets)
    np.testing.assert_array_equal(task.performance(trials, output), 0)


def test_probe_inputs_are_the_mean_observations_of_each_period():
    probes = from_neurogym("PerceptualDecisionMaking-v0", cohs=[0]).probe_inputs()
    assert list(probes) == ["fixation", "stimulus", "decision"]  # the delay has no steps
    torch.testing.assert_close(probes["fixation"], torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(probes["stimulus"], torch.tensor([0.0, 0.5, 0.5]), atol=0.02, rtol=0)
    torch.testing.assert_close(probes["decision"], torch.zeros(3))
    fixed = from_neurogym("PerceptualDecisionMaking-v0", cohs=[0], fix_go_cue=True).probe_inputs()
    assert [probe[0].item() for probe in fixed.values()] == [1.0, 1.0, 0.0]


def test_a_network_learns_from_the_trials():
    task = from_neurogym("PerceptualDecisionMaking-v0", cohs=[51.2], fix_go_cue=True)
    network = CTRNN(task.n_inputs, 16, task.n_outputs, dt=task.dt, sigma_rec=0.0, tau=200.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    objective = Objective()
    losses = []
    for step in range(60):
        trials = task.sample(16, seed=0, first=16 * step)
        loss = objective(network, trials, network(trials.inputs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


# arguments


def test_an_environment_itself_is_refused():
    with pytest.raises(TypeError, match="a function that builds it"):
        from_neurogym(GoNogo())


def test_unknown_names_and_settings_are_explained():
    with pytest.raises(TaskNotFound, match=r"no environment 'GoNoGo-v0'. Did you mean 'GoNogo-v0'?"):
        from_neurogym("GoNoGo-v0")
    with pytest.raises(ValueError, match=r"'GoNogo-v0' cannot be built with sigm=1: .*unexpected keyword"):
        from_neurogym("GoNogo-v0", sigm=1)
    with pytest.raises(ValueError, match=r"'AnnubesEnv-v0' cannot be built with no settings: .*'session'"):
        from_neurogym("AnnubesEnv-v0")
    with pytest.raises(ValueError, match="'CartPole-v1' is a CartPoleEnv, which is not made of trials"):
        from_neurogym("CartPole-v1")


def test_what_the_adapter_does_not_do_is_refused():
    task = from_neurogym("PerceptualDecisionMaking-v0")
    with pytest.raises(ValueError, match="cannot be set trial by trial: got coh"):
        task.sample(4, seed=0, conditions={"coh": 51.2})
    with pytest.raises(ValueError, match="no balanced condition grid"):
        task.sample(4, seed=0, balanced=True)
    with pytest.raises(ValueError, match="sigma_in must be 0"):
        dataclasses.replace(task, sigma_in=0.1)


def test_the_time_step_can_be_chosen_unless_a_period_would_vanish():
    assert from_neurogym("SpatialSuppressMotion-v0").dt == 8.3
    task = from_neurogym("PerceptualDecisionMaking-v0", dt=50.0)
    assert task.dt == task.sample(2, seed=0).info.dt == 50.0
    assert task.sample(2, seed=0).n_steps == 44
    with pytest.raises(ValueError, match=r"got dt=20 ms, and cue0, .* of .* would vanish"):
        from_neurogym("PulseDecisionMaking-v0", dt=20.0)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("MotorTiming-v0", "'set' is shorter than dt = 80 ms"),
        ("ReadySetGo-v0", "from the end of the set cue"),
    ],
)
def test_oddities_of_an_environment_are_logged(env, message, caplog):
    with caplog.at_level(logging.WARNING, logger="neurornn"):
        from_neurogym(env)
    assert message in caplog.text


def test_the_oddities_that_are_logged_are_there():
    trials = from_neurogym("yang19.dmc-v0").sample(256, seed=0)
    sample, test = trials.conditions["sample_theta"], trials.conditions["test_theta"]
    border = np.isclose(sample, np.pi)
    match = trials.conditions["ground_truth"] == "match"
    assert (border & match).any() and (test[border & match] < np.pi).all()
    assert np.isclose(test, np.pi).any()  # as a test it is in the other category
    assert ((sample < np.pi - 0.1) == (test < np.pi - 0.1))[match & ~border].all()

    task = from_neurogym("ReadySetGo-v0")
    trials = task.sample(16, seed=0)
    go = trials.time[trials.targets[..., 1].argmax(1).numpy()]
    np.testing.assert_allclose(go - trials.epochs["set"][:, 1], trials.conditions["production"])


def test_a_task_is_a_recipe_and_can_be_copied_and_sent_to_workers():
    task = from_neurogym("ProbabilisticReasoning-v0")  # timing by lambdas
    for other in (pickle.loads(pickle.dumps(task)), copy.deepcopy(task)):
        assert other == task
        assert digest(other) == digest(task)
