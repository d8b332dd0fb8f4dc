"""What the search for fixed points promises whatever the network: invariances, honesty, refusals."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import neurornn
from neurornn.analysis import fixed_points
from neurornn.analysis._system import System, freeze
from neurornn.analysis.fixed_points import _pool
from neurornn.analysis.fixed_points._ambient import Ambient
from neurornn.analysis.fixed_points._held import held
from neurornn.analysis.fixed_points._mixing import mix, shared_step
from neurornn.analysis.fixed_points._newton import solve_linear
from neurornn.analysis.fixed_points._relaxing import relax
from neurornn.analysis.systems import Drift, from_cell

TAU = 100.0


def normal(shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def random_network(n=12, *, form="current", activation="tanh", gain=2.0, seed=0, **options):
    net = neurornn.CTRNN(
        2, n, 1, tau=TAU, dt=20.0, activation=activation, form=form, dtype=torch.float64, **options
    )
    net.W_rec = torch.as_tensor(normal((n, n), seed=seed, scale=gain / np.sqrt(n)))
    with torch.no_grad():
        net.bias.copy_(torch.as_tensor(normal(n, seed=seed + 1, scale=0.1)))
    return net


def system(drift, dt=10.0):
    """A dynamical system that knows nothing but its drift."""
    return SimpleNamespace(drift=drift, dt=dt)


def matched(first, second, atol=1e-9):
    """Whether two sets of fixed points are the same set."""
    first, second = (ds.state.values[ds.converged.values] for ds in (first, second))
    distance = np.linalg.norm(first[:, None] - second[None], axis=2)
    return first.shape == second.shape and distance.min(0).max() < atol and distance.min(1).max() < atol


def test_both_forms_have_corresponding_fixed_points():
    current, rate = random_network(gain=3.0), random_network(gain=3.0, form="rate")
    x = fixed_points.find(current, candidates=normal((128, 12)), inputs=[0.2, -0.1])
    r = fixed_points.find(rate, candidates=np.tanh(normal((128, 12))), inputs=[0.2, -0.1])
    assert x.attrs["n_fixed"] > 1
    assert matched(x.assign(state=np.tanh(x.state)), r)
    spectra = (ds.eigenvalue.values[ds.converged.values].ravel() for ds in (x, r))
    first, second = (np.stack([v.real, np.abs(v.imag)], 1).round(10) + 0.0 for v in spectra)
    np.testing.assert_allclose(np.unique(first, axis=0), np.unique(second, axis=0), atol=1e-9)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_the_analytic_and_the_automatic_jacobian_find_the_same(form):
    net = random_network(form=form)
    known = fixed_points.find(net, candidates=normal((64, 12)))
    bare = fixed_points.find(
        system(net.drift, 20.0), candidates=normal((64, 12)), inputs=[0.0, 0.0], bounded=True
    )
    assert known.attrs["n_fixed"] > 1 and known.completeness.item() == "consistent"
    assert matched(known, bare)
    x, u = torch.as_tensor(normal((5, 12))), torch.zeros(2, dtype=torch.float64)
    automatic = freeze(system(net.drift, 20.0), 12).jacobian(x, u)
    np.testing.assert_allclose(automatic.detach(), net.drift_jacobian(x, u).detach(), atol=1e-15)


def test_the_order_of_the_candidates_does_not_matter():
    net, start = random_network(), normal((300, 12))
    order = np.random.default_rng(5).permutation(300)
    first, second = (fixed_points.find(net, candidates=each) for each in (start, start[order]))
    for name in ("state", "speed", "eigenvalue", "kind", "n_seeds"):
        np.testing.assert_array_equal(first[name], second[name])
    for name in ("candidate_status", "candidate_fixed_point", "candidate_n_iterations"):
        np.testing.assert_array_equal(first[name].values[order], second[name])
    assert "unused" in first.candidate_status and "fixed" in first.candidate_status


def test_a_rotation_of_state_space_rotates_the_fixed_points():
    net, start = random_network(), normal((64, 12))
    Q = np.linalg.qr(normal((12, 12), seed=9))[0]
    R = torch.as_tensor(Q)
    turned = system(lambda state, input: net.drift(state @ R, input) @ R.T, 20.0)
    before = fixed_points.find(net, candidates=start)
    after = fixed_points.find(turned, candidates=start @ Q.T, inputs=[0.0, 0.0], bounded=True)
    assert before.attrs["n_fixed"] > 1
    assert matched(before.assign(state=(("fixed_point", "unit"), before.state.values @ Q.T)), after)


def test_minima_of_the_speed_are_slow_points_with_their_speed():
    def drift(state, input):
        x, y = state[..., 0], state[..., 1]
        return torch.stack([1e-3 + (x - 2.0) ** 2, -(y + 1.0)], -1) / TAU

    found = fixed_points.find(system(drift), candidates=[[1.5, 0.0], [2.5, 3.0], [1.9, -1.0]], inputs=[])
    assert found.kind.values.tolist() == ["slow"] and found.attrs["n_fixed"] == 0
    np.testing.assert_allclose(found.state, [[2.0, -1.0]], atol=1e-6)
    np.testing.assert_allclose(found.speed, 1e-3 / TAU, rtol=1e-6)
    assert (found.candidate_status == "slow").all() and (found.candidate_fixed_point == 0).all()
    assert found.index.item() == 0 and found.inputs.shape == (1, 0)


def test_what_does_not_converge_is_reported():
    wandering = fixed_points.find(
        system(lambda state, input: torch.exp(-state) / TAU), candidates=[[0.0], [1.0]], inputs=[]
    )
    assert wandering.sizes["fixed_point"] == 0
    assert wandering.candidate_status.values.tolist() == ["unconverged"] * 2
    assert not wandering.candidate_converged.any() and (wandering.candidate_fixed_point == -1).all()
    assert np.isfinite(wandering.candidate_speed).all()
    hasty = fixed_points.find(random_network(), candidates=normal((20, 12)), max_iterations=1, n_rounds=0)
    assert hasty.attrs["n_candidates_unconverged"] == 20 and (hasty.candidate_n_iterations == 1).all()
    assert hasty.completeness.item() == "incomplete"


def test_candidates_are_spent_until_nothing_new_turns_up():
    net, start = random_network(), normal((500, 12))
    thrifty = fixed_points.find(net, candidates=start, wave=50)
    lavish = fixed_points.find(net, candidates=start, wave=50, adaptive=False)
    used = thrifty.n_candidates_used.item()
    assert used < 500 == lavish.n_candidates_used.item()
    assert thrifty.attrs["n_candidates_unused"] == 500 - used == int(np.isnan(thrifty.candidate_speed).sum())
    assert matched(thrifty, lavish)
    np.testing.assert_array_equal(thrifty.candidate_speed[thrifty.candidate_status == "fixed"] < 1e-8, True)


def flip_flop(n, bulk=0.1):
    """Three bits held by groups of units, with weak random weights besides: 27 fixed points."""
    M = np.repeat(np.eye(3), n // 3, axis=0)
    net = neurornn.CTRNN(1, n, 1, tau=TAU, dt=20.0, activation="tanh", bias=False, dtype=torch.float64)
    net.W_rec = torch.as_tensor(6.0 / n * M @ M.T) + torch.as_tensor(normal((n, n), scale=bulk / np.sqrt(n)))
    return net, M


def test_cheap_iterations_end_where_newtons_method_does(monkeypatch):
    net, M = flip_flop(66)
    start = normal((256, 3)) @ M.T + normal((256, 66), seed=1, scale=0.1)
    jacobians = []
    original = System.jacobian
    monkeypatch.setattr(
        System,
        "jacobian",
        lambda self, state, input: jacobians.append(len(state)) or original(self, state, input),
    )
    cheap = fixed_points.find(net, candidates=start)
    spent_cheaply = sum(jacobians)
    jacobians.clear()
    monkeypatch.setattr(_pool, "_MIXINGS", 0)
    dear = fixed_points.find(net, candidates=start)
    assert cheap.attrs["n_fixed"] == 27 and matched(cheap, dear)
    assert 3 * spent_cheaply < sum(jacobians)
    assert (cheap.candidate_n_iterations.values[cheap.candidate_status == "fixed"] == 0).mean() > 0.9
    assert cheap.speed.max() < 1e-16


def test_each_start_costs_cheap_iterations_a_fraction_of_a_jacobian():
    net, M = flip_flop(66)
    frozen, none = freeze(net, 66), torch.zeros(1, dtype=torch.float64)
    start = torch.as_tensor(normal((50, 3)) @ M.T)
    options = {"rate": 1 / TAU, "tolerance": 1e-10, "n_iterations": 60}
    with torch.no_grad():
        drift, shared = held(frozen, none).drift, shared_step(frozen, none, start.mean(0), 1 / TAU)
        mixed = mix(drift, start, shared, **options)
        assert mixed.arrived.all() and (mixed.error < 1e-6).all()
        speed = frozen.drift(mixed.state, none).norm(dim=1)
        assert (speed <= 1e-10 / TAU * (1 + mixed.state.norm(dim=1))).all()
        hasty = mix(drift, start, shared, **(options | {"n_iterations": 1}))
        assert not hasty.arrived.any() and torch.isinf(hasty.error).all()


@pytest.mark.parametrize("form", ["current", "rate"])
def test_a_held_drift_is_the_drift(form):
    with torch.random.fork_rng(devices=[]):
        nets = [random_network(form=form), from_cell(nn.RNNCell(2, 12, dtype=torch.float64), dt=5.0)]
    x, u = torch.as_tensor(normal((7, 12))), torch.tensor([0.3, -0.2], dtype=torch.float64)
    with torch.no_grad():
        for net in nets:
            frozen = freeze(net, 12)
            known, exact = held(frozen, u), frozen.drift(x, u)
            assert known.known and known.type == torch.float32
            np.testing.assert_allclose(known.drift(x), exact, rtol=1e-13, atol=1e-17)
            coarse = known.coarse(x.float())
            assert coarse.dtype == torch.float32
            np.testing.assert_allclose(coarse, exact, atol=1e-6 * exact.abs().max())
        unknown = held(freeze(system(lambda state, input: nets[0].drift(state, input), 20.0), 12), u)
        assert not unknown.known and unknown.type == torch.float64
        torch.testing.assert_close(unknown.coarse(x), nets[0].drift(x, u.expand(7, -1)), rtol=0, atol=0)


def test_the_flow_takes_states_to_the_memories_in_whose_basins_they_lie():
    net, M = flip_flop(66)
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    start = torch.as_tensor(np.repeat(corners, 20, 0) @ M.T + normal((160, 66), scale=0.1))
    with torch.no_grad():
        calm = held(freeze(net, 66), torch.zeros(1, dtype=torch.float64))
        taken = relax(calm, start, rate=1 / TAU)
        assert taken.dtype == torch.float64 and len(taken) == 8  # those that came together went on as one
        np.testing.assert_allclose(taken.numpy() @ M / 22, 1.9 * corners, atol=0.15)
        lonely = relax(calm, start[:1], rate=1 / TAU)
        assert (taken - lonely).norm(dim=1).min() < 1e-4 and relax(calm, start[:0], rate=1 / TAU).shape == (
            0,
            66,
        )


def test_bounded_networks_are_searched_in_all_of_the_region_where_points_can_lie():
    net = random_network(3, gain=6.0, seed=6)
    far = normal((3, 3), scale=1e-3) + 40.0  # all in one corner, and no neighbours of any point
    found = fixed_points.find(net, candidates=far)
    wide = fixed_points.find(net, candidates=normal((400, 3), scale=5.0), adaptive=False)
    assert wide.attrs["n_fixed"] > 1 and matched(found, wide)
    frozen = freeze(net, 3)
    states = Ambient(frozen, torch.zeros(2, dtype=torch.float64)).draw(500, 7)
    bound = net.W_rec.detach().abs().sum(1).numpy()
    assert (np.abs(states - net.bias.detach().numpy()) <= bound + 1e-12).all()
    assert np.ptp(states, axis=0).min() > 0.5 * bound.min()
    free = freeze(net, 3, bounded=False)
    assert len(Ambient(free, torch.zeros(2, dtype=torch.float64)).draw(5, 7)) == 0


def test_the_number_of_threads_does_not_matter(monkeypatch):
    monkeypatch.setattr(_pool, "_NANOSECONDS", 1e6)  # as if it were worth it
    net, M = flip_flop(99)
    start = normal((100, 3)) @ M.T
    threads, results = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            results.append(fixed_points.find(net, candidates=start, eigenvectors=True))
    finally:
        torch.set_num_threads(threads)
    first, second = results
    assert first.attrs["n_fixed"] == 27
    for name in ("state", "speed", "eigenvalue", "left_eigenvector", "candidate_speed", "n_seeds"):
        np.testing.assert_array_equal(first[name], second[name])


def test_each_context_is_searched_by_itself():
    net = neurornn.CTRNN(1, 1, 1, activation="tanh", dtype=torch.float64)
    net.W_rec, net.W_in = torch.full((1, 1), 2.0), torch.ones(1, 1)
    start = normal((30, 1), scale=2.0)
    both = fixed_points.find(
        net, candidates=start, inputs={"rest": [0.0], "driven": torch.tensor([0.6], dtype=torch.float64)}
    )
    assert both.search.values.tolist() == ["rest", "driven"]
    assert both.index_sum.values.tolist() == [1, 1]
    for name, inputs, n in (("rest", [0.0], 3), ("driven", [0.6], 1)):
        here = both.isel(fixed_point=(both.context.values == name) & both.converged.values)
        alone = fixed_points.find(net, candidates=start, inputs=inputs)
        alone = alone.isel(fixed_point=alone.converged.values)
        assert here.sizes["fixed_point"] == n
        np.testing.assert_array_equal(here.state, alone.state)
        assert (here.inputs.values == inputs).all()
    ended = both.candidate_fixed_point.values
    arrived = ended >= 0
    np.testing.assert_array_equal(both.context.values[ended[arrived]], both.candidate_context.values[arrived])
    np.testing.assert_array_equal(both.kind.values[ended[arrived]], both.candidate_status.values[arrived])
    numbered = fixed_points.find(net, candidates=start, inputs=[[0.0], [0.6]])
    assert numbered.search.values.tolist() == [0, 1]
    np.testing.assert_array_equal(numbered.state, both.state)


def test_the_drift_may_have_kinks():
    dead = neurornn.CTRNN(1, 3, 1, activation="retanh", bias=False, dtype=torch.float64)
    dead.W_rec = -1.5 * torch.eye(3).roll(1, 0)  # at rest every unit sits on its threshold
    at_kink = fixed_points.find(dead, candidates=normal((10, 3)))
    assert not at_kink.smooth.item() and at_kink.completeness.item().startswith("undetermined")
    n = 20
    rng = np.random.default_rng(2)
    net = neurornn.CTRNN(1, n, 1, activation="relu", form="rate", dtype=torch.float64)
    net.W_rec = torch.as_tensor(1.2 * rng.standard_normal((n, n)) / np.sqrt(n))
    with torch.no_grad():
        net.bias.copy_(torch.as_tensor(rng.standard_normal(n)))
    found = fixed_points.find(net, candidates=rng.standard_normal((256, n)))
    state = found.state.values
    assert found.attrs["n_fixed"] > 0 and found.smooth.all()
    W, b = net.W_rec.detach().numpy(), net.bias.detach().numpy()
    np.testing.assert_allclose(state, np.maximum(state @ W.T + b, 0), atol=1e-12)
    assert found.attrs["n_candidates_unconverged"] == 0


def test_large_batches_are_solved_right_with_more_than_one_thread():
    A = torch.as_tensor(normal((4, 200, 200)))
    b = torch.as_tensor(normal((4, 200), seed=1))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        x = solve_linear(A, b)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(torch.einsum("bij,bj->bi", A, x), b, atol=1e-8)


def test_the_network_is_left_as_it_was():
    net = neurornn.CTRNN(2, 10, 1, activation="tanh", dale=neurornn.Dale(), seed=3)
    net.W_in.sum().backward()
    net.train()
    before = copy.deepcopy(net.state_dict())
    grads = {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()}
    state = torch.random.get_rng_state()
    fixed_points.find(net, candidates=normal((20, 10)))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert net.training and all(p.requires_grad for p in net.parameters())
    for name, value in net.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])
    for name, p in net.named_parameters():
        assert (p.grad is None) == (grads[name] is None)
        assert p.grad is None or torch.equal(p.grad, grads[name])
    assert torch.is_grad_enabled()


def test_noise_and_randomness_are_refused():
    noisy = random_network(sigma_rec=0.1)
    with pytest.raises(ValueError, match=r"sigma_rec=0\.1.*noiseless\(\)"):
        fixed_points.find(noisy, candidates=np.zeros((1, 12)))
    assert fixed_points.find(noisy.noiseless(), candidates=normal((9, 12))).attrs["n_fixed"] > 0
    with pytest.raises(ValueError, match="not a function of the state"):
        fixed_points.find(
            system(lambda state, input: torch.rand_like(state) - state), candidates=[[0.0]], inputs=[]
        )


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        self.dt, self.dropout = 10.0, nn.Dropout(0.5)

    def drift(self, state, input):
        return (torch.tanh(2 * self.dropout(state)) - state) / TAU


def test_a_module_is_analysed_in_evaluation_mode():
    module = Dropping().train()
    found = fixed_points.find(module, candidates=normal((20, 1)), inputs=[])
    assert found.attrs["n_fixed"] == 3 and module.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": np.zeros((3, 5))}, r"candidate, unit\) with 12 units: got shape \(3, 5\)"),
        ({"candidates": np.zeros(12)}, r"got shape \(12,\)"),
        ({"candidates": np.zeros((0, 12))}, r"got shape \(0, 12\)"),
        ({"candidates": np.full((2, 12), np.nan)}, "candidate 0 is not"),
        ({"inputs": [1.0]}, r"each of the 2 input channels.*got shape \(1, 1\)"),
        ({"inputs": {"a": [1.0, 0.0], "b": [1.0]}}, "same channels"),
        ({"inputs": {}}, "names no context"),
        ({"inputs": [np.inf, 0.0]}, "inputs must be finite"),
        ({"tolerance": 0.1}, "tolerance must lie in"),
        ({"n_rounds": -1}, "n_rounds must be at least 0"),
        ({"wave": 0}, "wave must be at least 1"),
        ({"max_iterations": 0}, "max_iterations must be at least 1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fixed_points.find(random_network(), **({"candidates": np.zeros((2, 12))} | options))


def test_objects_that_are_no_dynamical_system_are_refused():
    with pytest.raises(TypeError, match=r"drift\(state, input\).*got Identity"):
        fixed_points.find(nn.Identity(), candidates=[[0.0, 0.0]])
    with pytest.raises(TypeError, match="float32"):
        fixed_points.find(system(lambda state, input: -state.float()), candidates=[[0.0]], inputs=[])
    with pytest.raises(ValueError, match="how many inputs"):
        fixed_points.find(system(lambda state, input: -state), candidates=[[0.0]])
    with pytest.raises(ValueError, match="not finite at any of the 1 candidates"):
        fixed_points.find(system(lambda state, input: torch.log(state)), candidates=[[-1.0]], inputs=[])


def test_a_fixed_point_without_a_jacobian_is_listed_and_nothing_is_claimed_of_it():
    def drift(state, input):
        x, y = state.unbind(-1)
        angle, radius = torch.atan2(y, x), torch.sqrt(x * x + y * y)  # at the origin neither has a derivative
        return torch.stack(
            [
                x * (1 - radius) - y * torch.sin(angle),
                y * (1 - radius) + x * torch.sin(angle),
            ],
            dim=-1,
        )

    found = fixed_points.find(Drift(drift, n_units=2), candidates=[[0.0, 0.0], [1.0, 0.1], [0.5, 0.5]])
    (origin,) = np.flatnonzero((found.state.values == 0).all(1))
    assert found.attrs["n_fixed"] == 3
    assert found.index[origin] == 0 and not found.smooth[origin] and not found.stable_ode[origin]
    assert bool(found.marginal[origin]) and np.isnan(found.eigenvalue.values[origin]).all()
