"""What a careless user passes: refused with the name of what is wrong, never bent into something else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurornn import CTRNN, Activation, TrialInfo, Trials, rules, simulate, tasks
from neurornn.connectivity import Gaussian
from neurornn.random import derive_seed

NETWORK = CTRNN(3, 4, 2)
ZEROS = torch.zeros(2, 5, 3)
INFO = TrialInfo("toy-v1", 20.0, 0, ("a",), ("b",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dale": 0.8}, "dale must be an object of class Dale, or None for the default: got 0.8"),
        ({"connectivity": 0.1}, "connectivity must be an object of class AbstractConnectivity"),
        ({"init": "orthogonal"}, "init must be an object of class AbstractInitialiser.*got 'orthogonal'"),
        ({"init": Gaussian}, "init must be an object of class AbstractInitialiser"),
        ({"dtype": "float32"}, "dtype must be an object of class dtype"),
        ({"n_units": 10.0}, "n_units must be a whole number: got 10.0"),
        ({"seed": 1.5}, "seed must be a whole number: got 1.5"),
        (
            {"tau": "fast"},
            "tau must be a number in ms, one for each unit, or a LearnedTau object: got 'fast'",
        ),
        ({"tau": None}, "tau must be a number in ms"),
        ({"sigma_rec": "x"}, "sigma_rec must be a number: got 'x'"),
        (
            {"dtype": torch.int32},
            r"dtype must be a floating-point type such as torch\.float64: got torch\.int32",
        ),
    ],
)
def test_options_of_another_kind_are_named(options, message):
    with pytest.raises(TypeError, match=message):
        CTRNN(**{"n_inputs": 3, "n_units": 4, "n_outputs": 2} | options)


@pytest.mark.parametrize("method", ["drift", "drift_jacobian", "input_jacobian", "step"])
def test_states_and_inputs_of_another_network_are_refused(method):
    call = getattr(NETWORK, method)
    with pytest.raises(ValueError, match=r"state must be \(\*batch, unit\) with 4 units: got shape \(2, 5\)"):
        call(torch.zeros(2, 5), torch.zeros(2, 3))
    with pytest.raises(
        ValueError, match=r"input must be \(\*batch, input\) with 3 inputs: got shape \(2, 1\)"
    ):
        call(torch.zeros(2, 4), torch.zeros(2, 1))


def test_noise_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="noise must be finite"):
        CTRNN(3, 4, 2, sigma_rec=0.1)(ZEROS, noise=torch.full((2, 5, 4), torch.nan))


def test_sizes_and_seed_may_be_any_integers():
    network = CTRNN(3, np.int64(4), torch.tensor(2), seed=np.int32(5))
    assert torch.equal(network.W_rec, CTRNN(3, 4, 2, seed=5).W_rec)
    assert type(network.n_units) is type(network.n_outputs) is type(network.seed) is int


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_no_seed_is_rounded(seed):
    with pytest.raises(TypeError, match="A seed is a whole number"):
        derive_seed(seed, "noise")


@pytest.mark.parametrize("radius", [float("nan"), float("inf")])
def test_a_spectral_radius_is_finite(radius):
    with pytest.raises(ValueError, match="spectral_radius must be finite"):
        CTRNN(3, 4, 2, init=Gaussian(radius))


@pytest.mark.parametrize("inputs", [ZEROS.numpy(), ZEROS.double(), ZEROS.long(), [[[0.0] * 3]]])
def test_inputs_of_another_type_are_refused(inputs):
    with pytest.raises(
        TypeError, match=r"inputs must be a tensor of the type of the weights, torch\.float32: got"
    ):
        NETWORK(inputs)


def test_a_state_to_start_from_is_finite_and_of_the_type_of_the_inputs():
    with pytest.raises(ValueError, match="state must be finite"):
        NETWORK(ZEROS, torch.full((2, 4), float("nan")))
    with pytest.raises(TypeError, match="state must be of the type of the inputs"):
        NETWORK(ZEROS, torch.zeros(2, 4, dtype=torch.float64))


def test_an_activation_acts_on_each_unit_alone():
    # its column sums are 1, so autograd of the sum agrees with a derivative of 0
    with pytest.raises(ValueError, match="'softmax' is not elementwise"):
        Activation("softmax", lambda x: torch.softmax(x, -1), torch.zeros_like)


@pytest.mark.parametrize(("depth", "every"), [(2.5, None), (4, 1.5)])
def test_a_truncation_is_a_whole_number_of_steps(depth, every):
    with pytest.raises(ValueError, match="whole numbers 1 <= every <= depth"):
        rules.TruncatedBPTT(depth, every)


def test_trials_of_lists_work_and_of_nonsense_do_not():
    parts = torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), torch.ones(2, 3)
    trials = Trials(*parts, {"side": [1, -1]}, {"all": [[0.0, 40.0], [0.0, 60.0]]}, INFO)
    assert trials.duration.tolist() == [40.0, 60.0]
    assert trials.select([1]).conditions["side"].tolist() == [-1]
    with pytest.raises(TypeError, match="mask must be a tensor: got ndarray"):
        Trials(*parts[:2], np.ones((2, 3)), {}, {}, INFO)
    with pytest.raises(ValueError, match=r"info\.loss must be 'squared_error' or 'cross_entropy': got 'mse'"):
        Trials(*parts, {}, {}, replace(INFO, loss="mse"))
    with pytest.raises(ValueError, match=r"info\.dt must be a finite number of ms above 0: got nan"):
        Trials(*parts, {}, {}, replace(INFO, dt=float("nan")))


def test_simulate_refuses_other_outputs_and_another_task():
    trials = tasks.make("perceptual-decision").sample(2, seed=0)
    with pytest.raises(ValueError, match="has 2 outputs but the network was built with n_outputs=4"):
        simulate(CTRNN(3, 4, 4), trials)
    with pytest.raises(ValueError, match="of task 'perceptual-decision-v1' and their behaviour was asked of"):
        simulate(NETWORK, trials, task=tasks.make("flip-flop", n_bits=2))
