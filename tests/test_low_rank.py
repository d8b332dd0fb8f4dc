"""Reduction to low rank: exact for networks of that rank, best in its class, negative controls, pictures."""

import copy
import logging

import numpy as np
import pytest
import torch
import xarray as xr
from toys import FORMS, toy_trials

from neurornn import CTRNN, Dale, simulate, tasks
from neurornn.analysis import low_rank
from neurornn.analysis._system import freeze
from neurornn.analysis.low_rank._parts import Parts, padded, target_of
from neurornn.networks import AbstractNetwork, Trajectory

N = 16


def teacher(rank=2, form="current", dt=20.0, extra=0.0, **options):
    """As many bistable modes as the rank says, pushed by the inputs; weak full-rank weights beside them if asked for."""
    options = {"activation": "tanh", "tau": 100.0, "seed": 3, "dtype": torch.float64} | options
    network = CTRNN(2, N, 2, form=form, dt=dt, **options)
    g = torch.Generator().manual_seed(rank)
    modes = torch.linalg.qr(torch.randn(N, 2, generator=g, dtype=torch.float64))[0] * N**0.5
    rest = torch.randn(N, N, generator=g, dtype=torch.float64) / N**0.5
    network.W_rec = 2.0 * modes[:, :rank] @ modes[:, :rank].T / N + extra * rest
    network.W_in = 0.5 * modes
    with torch.no_grad():
        network.bias.copy_(0.1 * torch.randn(N, generator=g, dtype=torch.float64))
    return network


def trials_of(n_trials=12, n_steps=25, **options):
    return toy_trials(n_trials, n_steps, **options)


@pytest.mark.parametrize("free", [low_rank.Free(), low_rank.Free(False, False, False)])
@pytest.mark.parametrize("dt", [20.0, 10.0, 5.0])
@pytest.mark.parametrize("form", FORMS)
def test_a_network_of_rank_two_is_reproduced_at_rank_two_and_not_at_one(form, dt, free):
    network, trials = teacher(form=form, dt=dt), trials_of(dt=dt)
    two = low_rank.fit(network, trials, rank=2, free=free)
    assert (two.result.rate_r2 > 1 - 1e-12).all() and (two.result.output_r2 > 1 - 1e-12).all()
    assert two.result.converged
    np.testing.assert_allclose(two.network.W_rec.detach(), network.W_rec.detach(), atol=1e-12)
    one = low_rank.fit(network, trials, rank=1, free=free, n_iterations=40)
    assert one.result.rate_r2.sel(trials="held out") < 0.95


def test_the_descent_finds_a_known_matrix_again_from_a_wrong_start():
    network, trials = teacher(), trials_of(24)
    start = low_rank.fit(teacher(rank=1), trials, rank=1, n_iterations=0)
    found = low_rank.fit(network, trials, rank=2, start=start, tolerance=1e-6)
    assert found.result.loss[0] > 0.05 and found.result.loss.min() < 1e-4
    assert found.result.rate_r2.sel(trials="held out") > 0.999
    assert found.result.attrs["reduction"] == "fitted"


def test_a_fit_beats_the_regression_and_the_regression_beats_truncation():
    network, trials, test = teacher(extra=0.5), trials_of(32), trials_of(32, seed=9)
    cut = low_rank.truncate(network, trials, rank=2, test=test)
    regressed = low_rank.fit(network, trials, rank=2, test=test, n_iterations=0)
    fitted = low_rank.fit(network, trials, rank=2, test=test, n_iterations=60)
    losses = [each.result.loss.min().item() for each in (fitted, regressed, cut)]
    assert losses[0] < 0.8 * losses[1] and losses[1] < 0.8 * losses[2]
    scores = [each.result.rate_r2.sel(trials="held out").item() for each in (fitted, regressed, cut)]
    assert scores[0] > scores[1] > scores[2]


def test_the_regression_is_the_best_of_its_rank_for_the_recurrent_input():
    network, trials = teacher(extra=0.5), trials_of(32)
    fixed = low_rank.Free(inputs=False, bias=False)
    found = low_rank.fit(
        network, trials, rank=2, free=fixed, n_iterations=0, test=trials
    ).network.W_rec.detach()
    target = target_of(network, trials, torch.float64)
    before = torch.cat([target.network.rate(target.start)[:, None], target.rate[:, :-1]], 1)
    r = before[target.inside[..., 0] > 0]
    W = network.W_rec.detach()
    error = lambda V: (r @ (W - V).T).square().sum().item()
    U, S, Vh = torch.linalg.svd(W)
    assert error(found) < error((U[:, :2] * S[:2]) @ Vh[:2])
    g = torch.Generator().manual_seed(0)
    left, right = torch.linalg.svd(found)[0][:, :2], (found.T @ torch.linalg.svd(found)[0][:, :2])
    for _ in range(50):
        a, b = (torch.randn(N, 2, generator=g, dtype=torch.float64) for _ in range(2))
        assert error((left + 0.02 * a) @ (right + 0.02 * b).T) > error(found)


def test_the_regression_gives_inputs_and_biases_what_they_explain():
    network, trials = teacher(extra=0.5), trials_of(32)
    found = low_rank.fit(network, trials, rank=2, n_iterations=0, test=trials).network
    target = target_of(network, trials, torch.float64)
    inside = target.inside[..., 0] > 0
    r = torch.cat([target.network.rate(target.start)[:, None], target.rate[:, :-1]], 1)[inside]
    known = torch.cat([target.inputs[inside], torch.ones(len(r), 1, dtype=torch.float64)], 1)
    drive = lambda net: (r @ net.W_rec.T + target.inputs[inside] @ net.W_in.T + net.bias).detach()
    residual = drive(network) - drive(found)
    np.testing.assert_allclose(known.T @ residual, 0.0, atol=1e-9)  # no input or bias could do more
    rest = r - known @ torch.linalg.lstsq(known, r).solution
    W = network.W_rec.detach()
    error = lambda V: (rest @ (W - V).T).square().sum().item()
    assert error(found.W_rec.detach()) == pytest.approx(residual.square().sum().item(), rel=1e-9)
    tail = torch.linalg.svdvals(rest @ W.T)[2:].square().sum().item()  # what no matrix of rank two reaches
    assert error(found.W_rec.detach()) == pytest.approx(tail, rel=1e-9)


def test_a_descent_that_goes_astray_keeps_the_best_and_says_so(monkeypatch):
    class Astray(torch.optim.SGD):
        def __init__(self, params, **options):
            super().__init__(params, lr=1.0)

        def step(self, closure):
            closure()
            with torch.no_grad():
                for each in self.param_groups[0]["params"]:
                    each.mul_(float("inf"))

    network, trials = teacher(extra=0.5, activation="relu"), trials_of()
    start = low_rank.fit(network, trials, rank=1, n_iterations=0)
    monkeypatch.setattr(torch.optim, "LBFGS", Astray)
    found = low_rank.fit(network, trials, rank=1)
    np.testing.assert_allclose(found.network.W_rec.detach(), start.network.W_rec.detach(), atol=1e-12)
    assert not found.result.converged and not np.isfinite(found.result.loss[-1])


def test_a_full_rank_is_the_network_itself():
    network, trials = teacher(extra=1.0), trials_of()
    for reduced in (low_rank.truncate(network, trials, rank=N), low_rank.fit(network, trials, rank=N)):
        np.testing.assert_allclose(reduced.network.W_rec.detach(), network.W_rec.detach(), atol=1e-12)
        assert reduced.result.rate_r2.min() > 1 - 1e-12


@pytest.mark.parametrize("form", FORMS)
def test_the_reduced_network_runs_like_its_parts_and_serves_other_analyses(form):
    network = teacher(form=form, extra=0.3, sigma_rec=0.1, tau=np.linspace(40, 200, N))
    network.start.fill_(0.2)
    reduced = low_rank.fit(network, trials_of(), rank=3, n_iterations=10)
    W = reduced.result.left.values.T @ reduced.result.right.values / N
    np.testing.assert_allclose(reduced.network.W_rec.detach(), W, atol=1e-12)
    assert np.linalg.matrix_rank(W, tol=1e-10) == 3 == reduced.rank
    gram = [v @ v.T for v in (reduced.result.left.values, reduced.result.right.values)]
    np.testing.assert_allclose(gram[0], gram[1], atol=1e-10)
    assert np.abs(gram[0] - np.diag(np.diag(gram[0]))).max() < 1e-9
    quiet, test = reduced.network.noiseless(), trials_of(seed=4)
    ours = simulate(quiet, test)
    theirs = simulate(network.noiseless(), test)
    inside = test.valid.numpy() > 0
    a, b = ours.rate.values[inside], theirs.rate.values[inside]
    r2 = 1 - ((a - b) ** 2).sum() / ((b - b.mean(0)) ** 2).sum()
    again = low_rank.fit(network, trials_of(), rank=3, start=reduced, n_iterations=0, test=test)
    assert again.result.rate_r2.sel(trials="held out").item() == pytest.approx(r2, rel=1e-9)
    assert reduced.network.sigma_rec == 0.1 and reduced.network.form == form
    jacobian = freeze(quiet, N).jacobian(
        torch.zeros(1, N, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    )
    leak = jacobian[0] + torch.diag(1 / quiet.tau)  # what is left is recurrence: of rank three
    assert torch.linalg.matrix_rank(leak, atol=1e-12) == 3


def test_a_network_with_dales_law_is_left_as_it_is_and_its_reduction_does_not_obey_it():
    network = CTRNN(2, N, 2, dale=Dale(), sigma_rec=0.1, seed=1)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    reduced = low_rank.fit(network, trials_of(dtype=torch.float32), rank=2, n_iterations=20)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training and all(p.requires_grad and p.grad is None for p in network.parameters())
    W = reduced.network.W_rec.detach()
    assert ((W > 0).any(0) & (W < 0).any(0)).any()  # a unit that excites and inhibits
    assert reduced.network.dale is None and reduced.network.W_rec.dtype == torch.float32


def test_what_is_kept_is_kept():
    network, trials = teacher(extra=0.5), trials_of()
    kept = low_rank.fit(
        network, trials, rank=1, free=low_rank.Free(False, False, False), n_iterations=20
    ).network
    for name in ("W_in", "bias", "W_out", "bias_out"):
        np.testing.assert_array_equal(getattr(kept, name).detach(), getattr(network, name).detach())
    freed = low_rank.fit(
        network, trials, rank=1, free=low_rank.Free(True, True, True), n_iterations=20
    ).network
    for name in ("W_in", "bias", "W_out", "bias_out"):
        assert not np.allclose(getattr(freed, name).detach(), getattr(network, name).detach())


def test_a_start_of_lower_rank_is_the_same_network_and_can_leave_it():
    parts = Parts(
        *(torch.zeros(size, dtype=torch.float64) for size in ((N, 1), (N, 1), (N, 2), (N,), (2, N), (2,)))
    )
    more = padded(parts, 3, seed=0)
    assert (more.W_rec == 0).all() and (more.left != 0).any(0).all()
    network, trials = teacher(), trials_of()
    none = low_rank.fit(network, trials, rank=0, n_iterations=20)
    assert (none.network.W_rec == 0).all() and none.rank == 0
    one = low_rank.fit(network, trials, rank=1, start=none, n_iterations=20)
    assert one.result.loss[0].item() == pytest.approx(none.result.loss.min().item(), rel=1e-9)
    assert one.result.loss.min() < 0.8 * one.result.loss[0]


def test_padding_and_thread_count_do_not_enter(caplog):
    network, trials = teacher(extra=0.5), trials_of(8, 20)
    wild = copy.deepcopy(trials)
    wild.inputs[trials.valid == 0] = 50.0
    with caplog.at_level(logging.INFO, "neurornn.analysis"):
        found = [low_rank.fit(network, each, rank=1, n_iterations=20) for each in (trials, wild)]
    np.testing.assert_allclose(found[0].network.W_rec.detach(), found[1].network.W_rec.detach(), rtol=1e-6)
    assert any("iteration 10, loss" in record.message for record in caplog.records)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    again = low_rank.fit(network, trials, rank=1, n_iterations=20)
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(found[0].network.W_rec.detach(), again.network.W_rec.detach())


def test_single_precision_works_too():
    network, trials = teacher(dtype=torch.float32), trials_of(dtype=torch.float32)
    reduced = low_rank.fit(network, trials, rank=2, dtype=torch.float32)
    assert reduced.result.rate_r2.min() > 1 - 1e-5 and reduced.result.left.dtype == np.float32


def test_progress_is_told_and_an_interrupt_goes_through():
    network, trials, told = teacher(extra=0.5), trials_of(), []
    low_rank.fit(network, trials, rank=1, n_iterations=30, callback=lambda k, loss: told.append((k, loss)))
    assert [k for k, _ in told][:2] == [10, 20] and told[0][1] > told[-1][1]

    def stop(k, loss):
        raise KeyboardInterrupt

    before = network.W_rec.detach().clone()
    with pytest.raises(KeyboardInterrupt):
        low_rank.fit(network, trials, rank=1, callback=stop)
    assert torch.equal(network.W_rec.detach(), before)


@pytest.fixture(scope="module")
def swept():
    task = tasks.make("perceptual-decision", sigma_in=0.1)
    network = CTRNN(
        task.n_inputs, N, task.n_outputs, activation="tanh", sigma_rec=0.05, dtype=torch.float64, seed=2
    )
    with torch.no_grad():  # integrates left minus right: rank one does the task
        signs = torch.where(torch.arange(N) % 2 == 0, 1.0, -1.0).double()
        g = torch.Generator().manual_seed(0)
        network.W_rec = (
            torch.outer(signs, signs) / N + 0.4 * torch.randn(N, N, generator=g, dtype=torch.float64) / N**0.5
        )
        names = list(task.input_names)
        W_in = torch.zeros(N, task.n_inputs, dtype=torch.float64)
        side = [names.index(name) for name in names if "left" in name or "right" in name]
        W_in[:, side[0]], W_in[:, side[1]] = -signs, signs
        network.W_in = W_in
        network.W_out = torch.stack([-signs, signs]) / N
    ds = low_rank.sweep(network, task, ranks=[2, 0, 1], n_trials=24, n_test=64, n_iterations=30, seed=1)
    return network, task, ds


def test_a_sweep_finds_the_rank_the_task_needs(swept):
    ds = swept[2]
    assert ds["rank"].values.tolist() == [0, 1, 2] and ds.reduction.values.tolist() == [
        "fitted",
        "regressed",
        "truncated",
    ]
    fitted = ds.sel(reduction="fitted")
    assert (np.diff(fitted.loss) <= 1e-9).all()
    assert (fitted.loss <= ds.loss.min("reduction") + 1e-9).all()
    assert fitted.required_rank == 1
    assert fitted.mean_performance[0] < fitted.mean_performance[1] - 0.05
    np.testing.assert_allclose(ds.mean_performance, ds.performance.mean("trial"))
    assert ds.network_performance.mean() > 0.85


def test_the_performance_in_a_sweep_is_that_of_the_network_with_its_noise(swept):
    network, task, ds = swept
    from neurornn.random import derive_seed

    test = task.sample(64, seed=derive_seed(1, "low-rank test"))
    np.testing.assert_array_equal(
        ds.network_performance, simulate(network, test, task=task, seed=1).performance
    )


def test_more_rank_never_fits_worse_even_where_the_regression_does():
    task = tasks.make("perceptual-decision")
    network = CTRNN(task.n_inputs, N, task.n_outputs, activation="tanh", seed=8, dtype=torch.float64)
    network.W_rec = 1.5 * network.W_rec.detach()
    options = {"ranks": [0, 1, 2, 3], "methods": ["fitted", "regressed"], "n_trials": 12, "n_test": 8}
    ds = low_rank.sweep(network, task, n_iterations=0, **options)
    fitted, regressed = (ds.loss.sel(reduction=name).values for name in ("fitted", "regressed"))
    assert (np.diff(regressed) > 0.1).any()
    np.testing.assert_allclose(fitted, np.minimum.accumulate(regressed), rtol=1e-9)


def test_pictures_and_netcdf(swept, tmp_path):
    ds = swept[2]
    ax = low_rank.plot_ranks(ds)
    assert ax.get_xlabel() == "rank" and ax.get_ylabel() == "mean performance"
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names == ["full network", "fitted", "regressed", "truncated"]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), ds.mean_performance.sel(reduction="fitted"))
    assert low_rank.plot_ranks(ds, variable="rate_r2").get_ylabel() == "R² of rates"
    with pytest.raises(ValueError, match="no score"):
        low_rank.plot_ranks(ds, variable="r2")
    reduced = low_rank.fit(teacher(extra=0.5), trials_of(), rank=1, n_iterations=20)
    ax = low_rank.plot_fit(reduced.result)
    assert ax.get_yscale() == "log" and ax.get_ylabel() == "loss"
    for k, each in enumerate((ds, reduced.result)):
        each.to_netcdf(tmp_path / f"{k}.nc", engine="h5netcdf")
        with xr.open_dataset(tmp_path / f"{k}.nc", engine="h5netcdf") as back:
            assert back.attrs["schema"].startswith("neurornn.LowRank")
            np.testing.assert_array_equal(back.rate_r2, each.rate_r2)


class Rectified(AbstractNetwork):
    """A network of no family of the package: rates that saturate and a recurrent matrix among its parameters."""

    def __init__(self, W):
        super().__init__()
        self.n_inputs, self.n_units, self.n_outputs, self.dt, self.sigma_rec = 2, N, 2, 20.0, 0.0
        g = torch.Generator().manual_seed(9)
        self.core = torch.nn.Parameter(W.clone())
        self.into, self.out = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((N, 2), (2, N)))

    @property
    def cell_types(self):
        return np.full(N, "", dtype="<U1")

    @property
    def W_rec(self):
        return self.core

    def rate(self, state):
        return torch.tanh(state)

    def read_out(self, rate):
        return rate @ self.out.T

    def drift(self, state, input):
        return (-state + self.rate(state) @ self.W_rec.T + 0.5 * input @ self.into.T) / 100.0

    def step(self, state, input, noise=None):
        return state + self.dt * self.drift(state, input)

    def forward(self, inputs, state=None, *, generator=None, noise=None):
        self.check_inputs(inputs)
        state = self.initial_state(len(inputs)) if state is None else state
        states = []
        for k in range(inputs.shape[1]):
            state = self.step(state, inputs[:, k])
            states.append(state)
        path = torch.stack(states, 1)
        return Trajectory(path, self.rate(path), self.read_out(self.rate(path)), state)


def test_a_network_of_another_family_is_reduced_too():
    W = teacher(2).W_rec.detach()
    rest = 0.05 * torch.randn(N, N, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    trials, before = trials_of(), W.clone()
    exact = low_rank.fit(Rectified(W), trials, rank=2)
    assert float(exact.result.rate_r2.min()) > 1 - 1e-9
    assert torch.linalg.matrix_rank(exact.network.W_rec) == 2
    torch.testing.assert_close(exact.network.W_rec.detach(), W, rtol=0, atol=1e-9)
    network = Rectified(W + rest)
    fitted, start, cut = (
        low_rank.fit(network, trials, rank=1, test=trials),
        low_rank.fit(network, trials, rank=1, test=trials, n_iterations=0),
        low_rank.truncate(network, trials, rank=1),
    )
    losses = [float(each.result.loss.min()) for each in (fitted, start, cut)]
    assert losses[0] < 0.9 * losses[1] <= 0.9 * losses[2]
    more = low_rank.fit(network, trials, rank=2, test=trials, start=fitted, n_iterations=20)
    assert float(more.result.loss.min()) <= losses[0]
    assert torch.equal(network.core.detach(), before + rest) and network.core.requires_grad
    with torch.no_grad():
        run, own = fitted.network(trials.inputs), network(trials.inputs)
    inside = trials.valid[..., None].bool()
    error = ((run.rate - own.rate) ** 2 * inside).sum()
    mean = (own.rate * inside).sum((0, 1)) / inside.sum()
    total = ((own.rate - mean) ** 2 * inside).sum()
    assert float(1 - error / total) == pytest.approx(fitted.result.rate_r2.sel(trials="fit").item(), abs=1e-9)


def test_a_network_without_a_matrix_of_its_own_is_refused():
    class Computed(Rectified):
        @property
        def W_rec(self):
            return 2 * self.core

    network = Rectified(teacher(2).W_rec.detach())
    with pytest.raises(TypeError, match="Computed has no single recurrent matrix to reduce"):
        low_rank.truncate(Computed(network.core.detach()), trials_of(), rank=1)
    with pytest.raises(ValueError, match="Only the recurrent matrix of Rectified can be fitted"):
        low_rank.fit(network, trials_of(), rank=1, free=low_rank.Free())


def test_nonsense_is_refused_with_a_reason():
    network, trials = teacher(), trials_of()
    for rank, message in ((-1, "between 0 and n_units=16"), (17, "between 0 and"), (1.5, "whole number")):
        with pytest.raises(ValueError, match=message):
            low_rank.fit(network, trials, rank=rank)
    with pytest.raises(TypeError, match="one recurrent matrix"):
        low_rank.fit(torch.nn.Identity(), trials, rank=1)
    with pytest.raises(ValueError, match="tolerance"):
        low_rank.fit(network, trials, rank=1, tolerance=0.0)
    with pytest.raises(ValueError, match="cannot start from more"):
        low_rank.fit(network, trials, rank=1, start=low_rank.truncate(network, trials, rank=2))
    with pytest.raises(ValueError, match="cannot be split"):
        low_rank.fit(network, trials_of(1), rank=1)
    with pytest.raises(ValueError, match="dt=10"):
        low_rank.fit(network, trials_of(dt=10.0), rank=1)
    mute = teacher()
    mute.W_out = torch.zeros(2, N, dtype=torch.float64)
    with pytest.raises(ValueError, match="outputs of the network do not vary"):
        low_rank.fit(mute, trials, rank=1)
    with pytest.raises(ValueError, match="methods among"):
        low_rank.sweep(network, tasks.make("perceptual-decision"), methods=["svd"])
