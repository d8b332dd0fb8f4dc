"""Interventions on networks of other families and on mere drifts: loops by hand, equivalences, clear refusals."""

import numpy as np
import pytest
import torch
from torch import nn
from toys import make_network, toy_trials

from neurornn import CTRNN, simulate
from neurornn.analysis import interventions as iv
from neurornn.analysis.systems import Drift, from_cell
from neurornn.kernels import normal_numbers
from neurornn.networks import AbstractNetwork, Trajectory
from neurornn.random import torch_generator
from neurornn.testing import check_network

N, N_IN, N_OUT = 5, 3, 2
AXIS = np.array([1.0, -2.0, 0.5, 0.0, 1.0])


class Gated(AbstractNetwork):
    """A gated network with noise on its state and a bias in its read-out."""

    def __init__(self, *, dt: float = 20.0, sigma_rec: float = 0.0) -> None:
        super().__init__()
        self.n_inputs, self.n_units, self.n_outputs, self.dt, self.sigma_rec = N_IN, N, N_OUT, dt, sigma_rec
        generator = torch.Generator().manual_seed(3)

        def draw(*shape):
            return nn.Parameter(
                torch.randn(*shape, generator=generator, dtype=torch.float64) / shape[-1] ** 0.5
            )

        self.gate, self.new, self.into = draw(N, N), draw(N, N), draw(2 * N, N_IN)
        self.out, self.bias_out = draw(N_OUT, N), draw(N_OUT)

    @property
    def cell_types(self):
        return np.full(N, "", dtype="<U1")

    @property
    def W_rec(self):
        return self.new

    def rate(self, state):
        return state

    def read_out(self, rate):
        return nn.functional.linear(rate, self.out, self.bias_out)

    def drift(self, state, input):
        gate_in, new_in = nn.functional.linear(input, self.into).chunk(2, -1)
        gate = torch.sigmoid(state @ self.gate.T + gate_in)
        return gate * (torch.tanh(state @ self.new.T + new_in) - state) / 50.0

    def step(self, state, input, noise=None):
        kick = 0.0 if noise is None else self.sigma_rec * (2 * self.dt / 50.0) ** 0.5 * noise
        return state + self.dt * self.drift(state, input) + kick

    def forward(self, inputs, state=None, *, generator=None, noise=None):
        self.check_inputs(inputs)
        if noise is None and self.sigma_rec:
            noise = self.draw_noise(inputs.shape[0], inputs.shape[1], generator)
        state = self.initial_state(inputs.shape[0]) if state is None else state
        states = []
        for k in range(inputs.shape[1]):
            state = self.step(state, inputs[:, k], None if noise is None else noise[:, k])
            states.append(state)
        path = torch.stack(states, 1)
        return Trajectory(path, path, self.read_out(path), state)


class Slow(Gated):
    """The same with a time constant that can be changed."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.tau = 50.0

    def drift(self, state, input):
        return super().drift(state, input) * (50.0 / self.tau)


def trials_of(n_trials=4, n_steps=12, dt=20.0):
    trials = toy_trials(n_trials, n_steps, N_IN, dt=dt)
    start = (2.0 + np.arange(n_trials)) * dt
    trials.epochs["middle"] = np.stack([start, np.minimum(start + 4 * dt, trials.duration)], 1)
    return trials


def test_the_toy_keeps_the_contract_of_networks():
    check_network(Gated(sigma_rec=0.1))


@pytest.mark.parametrize("sigma", [0.0, 0.2])
def test_without_interventions_it_is_the_simulation(sigma):
    network, trials = Gated(sigma_rec=sigma), trials_of()
    own, here = simulate(network, trials, seed=5), iv.run(network, trials, seed=5)
    for name in ("state", "rate", "outputs"):
        np.testing.assert_allclose(here[name], own[name], rtol=0, atol=1e-12)


def test_agrees_with_a_loop_written_by_hand():
    network, trials = Gated(sigma_rec=0.3), trials_of()
    what = [
        iv.Push(0.01, units=[0, 2], epoch="middle"),
        iv.Clamp(AXIS, 0.3, epoch=(40.0, 120.0)),
        iv.Silence([1], epoch="middle"),
        iv.ChangeNoise(0.1, epoch="middle"),
    ]
    ds = iv.run(network, trials, what, seed=2)
    key = network.noise_key(torch_generator(2, "simulation"))
    xi = normal_numbers(key, trials.n_trials, trials.n_steps, N, trials.inputs)
    valid, middle = trials.valid.numpy() > 0, trials.during("middle").numpy()
    q = AXIS / np.linalg.norm(AXIS)
    for i in range(trials.n_trials):
        x = torch.zeros(1, N, dtype=torch.float64)
        for k in range(trials.n_steps):
            inside = middle[i, k] and valid[i, k]
            x = x + 20 * network.drift(x, trials.inputs[i, k][None])
            x = x + (0.1 if inside else 0.3) * (40 / 50.0) ** 0.5 * xi[i, k]
            state = x.detach().numpy()[0].copy()
            if inside:
                state[[0, 2]] += 0.2
            if 2 <= k < 6 and valid[i, k]:
                state += (0.3 - q @ state) * q
            if inside:
                state[1] = 0.0
            np.testing.assert_allclose(ds.state[i, k], state, rtol=0, atol=1e-12)
            read = state @ network.out.detach().numpy().T + network.bias_out.detach().numpy()
            np.testing.assert_allclose(ds.outputs[i, k], read, rtol=0, atol=1e-12)
            x = torch.as_tensor(state)[None]


@pytest.mark.parametrize("dt", [20.0, 10.0, 2.0])
def test_a_network_and_its_mere_drift_are_the_same(dt):
    network = make_network(form="rate", dt=dt, sigma_rec=0.0)
    bare = Drift(lambda x, u: network.drift(x, u), n_units=N, n_inputs=N_IN, dt=dt)
    trials = trials_of(n_steps=20, dt=dt)
    what = [
        iv.Push(0.003, direction=AXIS, epoch="middle"),
        iv.Silence([1, 4], epoch=(3 * dt, 9 * dt)),
        iv.Clamp(AXIS, None, epoch=(10 * dt, 14 * dt)),
    ]
    whole = iv.run(network, trials, what)
    found = iv.run(bare, trials, what, readout=lambda x: network.read_out(x))
    plain = iv.run(bare, trials, readout=lambda x: network.read_out(x))
    for name in ("state", "outputs"):
        np.testing.assert_allclose(found[name], whole[name], rtol=0, atol=1e-12)
    assert np.abs(found.outputs - plain.outputs).max() > 1e-3  # control: something was done


@pytest.mark.parametrize("dt", [20.0, 5.0, 1.0])
def test_a_push_of_a_leaky_network_is_a_current(dt):
    tau = 80.0
    network, trials = make_network(form="current", dt=dt, tau=tau, sigma_rec=0.1), trials_of(dt=dt)
    pushed = iv.run(network, trials, iv.Push(0.7 / tau, units=[2], epoch="middle"), seed=1)
    driven = iv.run(network, trials, iv.Drive(0.7, units=[2], epoch="middle"), seed=1)
    np.testing.assert_allclose(pushed.state, driven.state, rtol=0, atol=1e-12)
    by_unit = iv.run(network, trials, iv.Push([0.7 / tau], units=[2], epoch="middle"), seed=1)
    np.testing.assert_array_equal(by_unit.state, pushed.state)


def test_a_silent_unit_of_an_lstm_is_one_without_outgoing_weights():
    n = 4
    with torch.random.fork_rng():
        cell, cut = (nn.LSTMCell(N_IN, n, dtype=torch.float64) for _ in range(2))
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for one, other in zip(cell.parameters(), cut.parameters(), strict=True):
            one.copy_(torch.as_tensor(rng.normal(size=one.shape)))
            other.copy_(one)
        cut.weight_hh[:, 1] = 0.0
    matrix = np.random.default_rng(0).normal(size=(N_OUT, 2 * n))
    matrix[:, n:] = 0.0
    without = matrix.copy()
    without[:, 1] = 0.0
    trials = trials_of()
    silent = iv.run(from_cell(cell, dt=20.0), trials, iv.Silence([1]), readout=matrix)
    severed = iv.run(from_cell(cut, dt=20.0), trials, readout=without)
    inside = trials.valid.numpy() > 0
    np.testing.assert_allclose(
        silent.outputs.values[inside], severed.outputs.values[inside], rtol=0, atol=1e-12
    )
    assert (silent.rate.values[inside][:, 1] == 0).all()
    plain = iv.run(from_cell(cell, dt=20.0), trials, readout=matrix)
    assert np.abs(plain.outputs - silent.outputs).max() > 1e-3


def test_weights_noise_and_time_constants_change_where_they_are():
    trials = trials_of()
    network = Slow(sigma_rec=0.1)
    lesion = iv.run(network, trials, iv.LesionWeights([0], [1, 2]), seed=3)
    cut = Slow(sigma_rec=0.1)
    with torch.no_grad():
        cut.new[[1, 2], 0] = 0.0
    inside = trials.valid.numpy() > 0
    np.testing.assert_array_equal(
        lesion.state.values[inside], iv.run(cut, trials, seed=3).state.values[inside]
    )
    slower = Slow(sigma_rec=0.1)
    slower.tau = 100.0
    expected = iv.run(slower, trials, seed=3)
    for each in (iv.ChangeTau(100.0), iv.ChangeTau(factor=2.0)):
        found = iv.run(network, trials, each, seed=3).state.values
        np.testing.assert_allclose(found[inside], expected.state.values[inside], rtol=0, atol=1e-12)
    quiet = iv.run(network, trials, iv.ChangeNoise(0.0), seed=3).state.values
    np.testing.assert_array_equal(
        quiet[inside], iv.run(network.noiseless(), trials, seed=8).state.values[inside]
    )
    noisy = iv.run(network.noiseless(), trials, iv.ChangeNoise(0.1), seed=3).state.values
    np.testing.assert_array_equal(noisy[inside], iv.run(network, trials, seed=3).state.values[inside])
    assert network.tau == 50.0 and network.sigma_rec == 0.1 and bool((network.new != 0).all())


def test_a_comparison_of_a_gated_network():
    network, trials = Gated(sigma_rec=0.1), trials_of(8)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    what = {"nothing": iv.Push(0.0), "half": iv.Silence([0, 1]), "pushed": iv.Push(0.02)}
    ds = iv.compare(network, trials, what, outcomes={"first": iv.ReadOut(0)})
    effect = ds.effect.sel(outcome="first")
    assert (ds.difference.sel(intervention="nothing") == 0).all()
    assert (abs(effect.sel(intervention=["half", "pushed"])) > 1e-3).all()
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    bare = Drift(lambda x, u: network.drift(x, u), n_units=N, n_inputs=N_IN, dt=20.0)
    other = iv.compare(bare, trials, what, readout=network.out.detach(), start=0.1 * np.ones(N))
    assert (other.difference.sel(intervention="nothing") == 0).all()
    assert (abs(other.effect.sel(intervention="half")) > 1e-6).all()


def test_a_start_is_where_it_begins():
    bare = Drift(lambda x, u: 0 * x, n_units=N, n_inputs=N_IN, dt=20.0)
    trials = trials_of()
    each = np.random.default_rng(0).normal(size=(trials.n_trials, N))
    for start in (each[0], each):
        ds = iv.run(bare, trials, start=start, readout=np.eye(N)[:N_OUT])
        np.testing.assert_allclose(ds.state[:, -1], np.broadcast_to(start, each.shape), atol=1e-12)
        np.testing.assert_allclose(ds.outputs, ds.state[..., :N_OUT], atol=1e-12)


class Loud(Gated):
    def rate(self, state):
        return torch.sigmoid(state)


class Noisy(Drift.__base__):
    """A drift that claims noise without a step of its own."""

    sigma_rec = 0.5

    def drift(self, state, input):
        return -state


@pytest.mark.parametrize(
    ("network", "intervention", "options", "message"),
    [
        (Gated(), iv.Drive(1.0), {}, "Gated does not say where its currents enter .* Use Push"),
        (Gated(), iv.ChangeTau(10.0), {}, "Gated has no time constants, tau, to change. Gated networks"),
        (Gated(), iv.LesionWeights(matrix="input"), {}, "Gated has no matrix W_in of shape"),
        (Gated(), iv.Silence("E"), {}, "no units called 'E'"),
        (Gated(), iv.Push(1.0, units=[7]), {}, "There are 5 units, 0 to 4"),
        (Gated(), iv.Push(1.0), {"start": np.ones(3)}, "start is a state of 5 units"),
        (Gated(), iv.Push(1.0), {"readout": np.ones((2, 4))}, r"readout must be a finite matrix .* \(2, 5\)"),
        (Gated(), iv.Push(1.0), {"readout": lambda x: x}, r"to outputs \(4, 2\): got \(4, 5\)"),
        (Gated(dt=10.0), iv.Push(1.0), {}, "sampled with dt=20 ms but the network steps by dt=10 ms"),
        (Loud(), iv.Silence([0]), {}, "held at state 0, where their rate is 0.5 and not 0"),
        (make_network(), iv.Push(1.0), {"readout": np.eye(5)[:2]}, "CTRNN has a read-out"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_a_reason(network, intervention, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        iv.run(network, trials_of(), intervention, **options)


def test_drifts_that_do_not_say_enough_are_refused():
    bare = Drift(lambda x, u: -x, n_units=N, n_inputs=N_IN, dt=20.0)
    with pytest.raises(TypeError, match="Pass readout="):
        iv.run(bare, trials_of())
    with pytest.raises(TypeError, match="Drift is a drift: it has no recurrent noise to change"):
        iv.run(bare, trials_of(), iv.ChangeNoise(0.1), readout=np.eye(N)[:2])
    two = Drift(lambda x, u: -x, n_units=N, n_inputs=2, dt=20.0)
    with pytest.raises(ValueError, match="3 input channels and the network takes 2"):
        iv.run(two, trials_of(), readout=np.eye(N)[:2])
    noisy = Noisy(lambda x, u: -x, n_units=N, n_inputs=N_IN, dt=20.0)
    with pytest.raises(ValueError, match="How noise enters the steps of Noisy is not known"):
        iv.run(noisy, trials_of(), readout=np.eye(N)[:2])

    class Nameless:
        dt = 20.0

        def drift(self, state, input):
            return -state

    with pytest.raises(TypeError, match="does not say how many units"):
        iv.run(Nameless(), trials_of(), readout=np.eye(N)[:2])
    with pytest.raises(ValueError, match="Push units or along a direction, not both"):
        iv.Push(1.0, units=[0], direction=AXIS)
    with pytest.raises(ValueError, match="velocity is one finite number"):
        iv.Push(float("nan"))
    assert isinstance(make_network(), CTRNN)
