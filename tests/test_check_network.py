"""check_network accepts every variant of the leaky network and notices each broken promise."""

import copy

import numpy as np
import pytest
import torch

from neurornn import CTRNN, Dale, LearnedTau
from neurornn.connectivity import Areas, FixedWeights, Projection, Sparse
from neurornn.networks import Trajectory
from neurornn.testing import NetworkCheckError, check_network

FIXED = np.full((6, 6), np.nan)
FIXED[0, 1], FIXED[2, 5] = 0.5, -0.5


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sigma_rec": 0.2, "noise": "state", "activation": "tanh"},
        {"sigma_rec": 0.2, "activation": "relu", "bias": False},
        {"tau": LearnedTau(), "train_initial_state": True, "dale": Dale()},
        {"tau": [20.0, 30.0, 50.0, 80.0, 100.0, 300.0], "activation": "power"},
        {"dale": Dale(rectifier="relu", nonnegative_inputs=True), "connectivity": Sparse({"E->E": 0.5})},
        {"dale": Dale(), "connectivity": FixedWeights(FIXED)},
        {"connectivity": Areas({"A": 3, "B": 3}, {"A->B": Projection()})},
        {"dtype": torch.float64},
    ],
)
def test_the_leaky_network_passes(form, options):
    check_network(CTRNN(3, 6, 2, form=form, **options))


def test_a_network_without_inputs_passes():
    check_network(CTRNN(0, 4, 1))


class Broken(CTRNN):
    """Base of the sabotaged networks."""

    def __init__(self):
        super().__init__(3, 6, 2, sigma_rec=0.2, dale=Dale())


class NoisyDrift(Broken):
    def drift(self, state, input):
        return super().drift(state, input) * (1 + 1e-6 * torch.rand(1, generator=GENERATOR))


GENERATOR = torch.Generator().manual_seed(0)


class GlobalNoise(Broken):
    def noise_key(self, generator):
        super().noise_key(generator)
        return int(torch.randint(2**62, ()))


class SilentNoise(Broken):
    def noise_key(self, generator):
        return 0 * super().noise_key(generator)


class HiddenGenerator(Broken):
    def noise_key(self, generator):
        return super().noise_key(generator or torch.Generator().manual_seed(0))


class WrongTimeUnit(Broken):
    def drift(self, state, input):
        return 1000 * super().drift(state, input)


class FlatDrift(Broken):
    def drift(self, state, input):
        return super().drift(state, input).sum(-1)


class WrongJacobian(Broken):
    def drift_jacobian(self, state, input):
        return super().drift_jacobian(state, input).mT


class WrongInputJacobian(Broken):
    def input_jacobian(self, state, input):
        return -super().input_jacobian(state, input)


class Tuple(Broken):
    def forward(self, *args, **options):
        return tuple(super().forward(*args, **options))


class SkipsAStep(Broken):
    def forward(self, inputs, state=None, **options):
        run = super().forward(inputs, state, **options)
        return Trajectory(run.state.roll(1, 1), run.rate.roll(1, 1), run.output.roll(1, 1), run.state[:, -2])


class ForgetsItsState(Broken):
    def forward(self, inputs, state=None, **options):
        return super().forward(inputs, None, **options)


class MeetingTrials(Broken):
    def forward(self, inputs, state=None, **options):
        run = super().forward(inputs, state, **options)
        return run._replace(output=run.output - run.output.mean(0, keepdim=True))


class GlobalSeed(Broken):
    def forward(self, inputs, state=None, **options):
        torch.manual_seed(0)
        return super().forward(inputs, state, **options)


class WrongFinal(Broken):
    def forward(self, inputs, state=None, **options):
        run = super().forward(inputs, state, **options)
        return run._replace(final=run.state[:, 0])


class Credulous(Broken):
    def check_inputs(self, inputs):
        pass


class LyingTypes(Broken):
    @property
    def cell_types(self):
        return super().cell_types[::-1]


class Drifting(Broken):
    def drift(self, state, input):
        self.bias_out.data += 1e-3
        return super().drift(state, input)


class Switching(Broken):
    def drift(self, state, input):
        self.eval()
        return super().drift(state, input)


class Counting(Broken):
    n_calls = 0

    def forward(self, inputs, state=None, **options):
        self.n_calls += 1
        return super().forward(inputs, state, **options)


class StillNoisy(Broken):
    def noiseless(self):
        return copy.deepcopy(self)


class WrongRescaling(Broken):
    def rescale_dt(self, dt):
        twin = super().rescale_dt(dt)
        twin.time_constant.value.mul_(0.5)
        return twin


class LosesItsBias(Broken):
    def state_dict(self, *args, **options):
        state = super().state_dict(*args, **options)
        state["bias_out"] = state["bias_out"] + 1
        return state


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (NoisyDrift, "drift differs between two calls"),
        (GlobalNoise, "one generator seed gives two trajectories"),
        (SilentNoise, "sigma_rec is positive and the generator changes nothing"),
        (HiddenGenerator, "draws noise without a generator"),
        (WrongTimeUnit, "does not follow the drift for dt"),
        (FlatDrift, r"drift has shape \(4,\) for states \(4, 6\)"),
        (WrongJacobian, "drift_jacobian is not the derivative of the drift"),
        (WrongInputJacobian, "input_jacobian is not the derivative of the drift"),
        (Tuple, "forward returns tuple and not a Trajectory"),
        (SkipsAStep, "forward is not the step repeated"),
        (ForgetsItsState, "changes when forward is interrupted and resumed"),
        (MeetingTrials, "output of a trial depends on the others in its batch"),
        (GlobalSeed, "it used or changed a global random state"),
        (WrongFinal, "final is not the last state"),
        (Credulous, "accepts inputs with NaN"),
        (LyingTypes, "W_rec breaks Dale's law in a column of type E"),
        (Drifting, "running it changes the value of 'bias_out'"),
        (Switching, "running it changes the mode of ''"),
        (Counting, "running it changes an attribute of ''"),
        (StillNoisy, r"noiseless\(\) still has noise"),
        (WrongRescaling, "rescale_dt changes the drift"),
        (LosesItsBias, "'bias_out' does not survive saving and loading"),
    ],
)
def test_each_broken_promise_is_noticed(broken, message):
    with (
        torch.random.fork_rng(),
        pytest.raises(NetworkCheckError, match=f"^{broken.__name__}: .*({message})"),
    ):
        check_network(broken())


def test_a_missing_initial_state_is_noticed():
    class FlatStart(Broken):
        def initial_state(self, batch_size):
            return torch.zeros(self.n_units)

    with pytest.raises(NetworkCheckError, match=r"initial_state has shape \(6,\)"):
        check_network(FlatStart())
