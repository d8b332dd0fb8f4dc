"""Continuation: closed forms of folds, pitchforks and Hopf points, and honest ends."""

import copy

import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn.analysis import fixed_points
from neurornn.analysis.continuation import InputPath, ParameterPath, plot_diagram, trace
from neurornn.analysis.systems import Drift


def unit(w: float, *, dt: float = 20.0, tau: float = 100.0) -> neurornn.CTRNN:
    network = neurornn.CTRNN(1, 1, 1, tau=tau, dt=dt, activation="tanh", bias=False)
    network.W_rec, network.W_in = torch.tensor([[w]]), torch.tensor([[1.0]])
    return network


def linear_gain(network: neurornn.CTRNN, value: float) -> neurornn.CTRNN:
    network.W_rec = value * network.W_rec
    return network


def family(function, n_units=1):
    """Drifts without input as functions of state and parameter."""
    base = Drift(lambda x, u: -x, n_units=n_units)
    return base, lambda low, high: ParameterPath(
        lambda _, p: Drift(lambda x, u: function(x, p), n_units=n_units), low, high
    )


def special(ds: xr.Dataset, kind: str) -> np.ndarray:
    return ds.special_parameter.values[ds.special_kind.values == kind]


@pytest.mark.parametrize(
    ("w", "x_fold", "input"),
    [(1.5, 0.658478948, 0.207546455), (2.0, 0.881373587, 0.532839975), (3.0, 1.146215835, 1.303273908)],
)
def test_folds_of_a_self_exciting_unit(w: float, x_fold: float, input: float) -> None:
    assert np.arccosh(np.sqrt(w)) == pytest.approx(x_fold, abs=1e-9)
    found = []
    for dt in (1.0, 20.0, 90.0):
        ds = trace(unit(w, dt=dt), InputPath([-2.0], [2.0], name="input"), [-2.0 - w])
        folds = ds.special_kind.values == "fold"
        x_exact = np.arccosh(np.sqrt(w))
        exact = w * np.tanh(x_exact) - x_exact
        np.testing.assert_allclose(4 * ds.special_parameter.values[folds] - 2, [exact, -exact], atol=1e-12)
        assert exact == pytest.approx(input, abs=1e-9)
        np.testing.assert_allclose(ds.special_state.values[folds, 0], [-x_exact, x_exact], atol=1e-9)
        assert (ds.special_error.values[folds] < 1e-13).all() and ds.dt == dt
        found.append(ds.drop_attrs())
    for other in found[1:]:
        xr.testing.assert_identical(found[0], other)  # the answer knows no dt


def test_stability_and_counts_along_a_branch_with_folds() -> None:
    ds = trace(unit(2.0), InputPath([-1.0], [1.0]), [-3.0])
    x = ds.state.values[:, 0]
    np.testing.assert_allclose(ds.eigenvalue.values[:, 0], (2 / np.cosh(x) ** 2 - 1) / 100, atol=1e-14)
    np.testing.assert_array_equal(ds.stable, np.abs(x) > np.arccosh(np.sqrt(2)))
    np.testing.assert_array_equal(ds.n_unstable, (~ds.stable).astype(int))
    np.testing.assert_allclose(x - 2 * np.tanh(x), 2 * ds.parameter.values - 1, atol=1e-11)
    inside = np.diff(ds.arclength.values)
    assert (inside > 0).all() and inside.max() <= 0.1


def test_pitchfork_of_the_gain_and_its_two_arms() -> None:
    for start, at in ((0.0, None), (2.9847, 3.0)):  # from the trunk, and from an arm
        ds = trace(unit(1.0), ParameterPath(linear_gain, 0.2, 3.0, name="gain"), [start], at=at)
        assert special(ds, "pitchfork") == pytest.approx([1.0], abs=1e-12)
        assert ds.n_branches == 2 and ds.n_directions_left == 0
        at_end = ds.special_parameter.values == 3.0
        x = np.sort(ds.special_state.values[at_end, 0])
        np.testing.assert_allclose(x - 3 * np.tanh(x), 0, atol=1e-11)
        np.testing.assert_allclose(x[[0, 2]], [-x[2], x[2]], atol=1e-11)
    alone = trace(unit(1.0), ParameterPath(linear_gain, 0.2, 3.0), [0.0], switch=False)
    assert alone.n_branches == 1 and alone.n_directions_left == 1


def test_pitchfork_arms_have_the_curvature_of_the_normal_form() -> None:
    base, path = family(lambda x, p: p * x - x**3)
    ds = trace(base, path(-1.0, 1.0), [0.0])
    arm = ds.branch.values == 1
    np.testing.assert_allclose(ds.state.values[arm, 0] ** 2, ds.parameter.values[arm], atol=1e-10)
    assert ds.stable.values[arm & (ds.parameter.values > 1e-6)].all()


def test_transcritical_point_between_two_lines() -> None:
    base, path = family(lambda x, p: x * (p + 0.3 * x) / 50)
    ds = trace(base, path(-1.0, 1.0), [0.0])
    assert special(ds, "transcritical") == pytest.approx([0.0], abs=1e-12)
    other = ds.branch.values == 1
    np.testing.assert_allclose(ds.state.values[other, 0], -ds.parameter.values[other] / 0.3, atol=1e-10)


@pytest.mark.parametrize(("b", "tau"), [(2.0, 100.0), (0.5, 20.0)])
def test_hopf_point_and_its_frequency(b: float, tau: float) -> None:
    network = neurornn.CTRNN(1, 2, 1, tau=tau, activation="tanh", bias=False, dtype=torch.float64)

    def weights(net: neurornn.CTRNN, a: float) -> neurornn.CTRNN:
        net.W_rec = torch.tensor([[a, -b], [b, a]], dtype=torch.float64)
        return net

    ds = trace(network, ParameterPath(weights, 0.0, 2.0), [0.0, 0.0])
    assert ds.special_kind.values.tolist() == ["end", "hopf", "end"]
    assert special(ds, "hopf") == pytest.approx([1.0], abs=1e-12)
    assert ds.special_frequency.values[1] == pytest.approx(1e3 * b / (2 * np.pi * tau), rel=1e-12)
    assert np.isnan(ds.special_frequency.values[[0, 2]]).all()


def test_all_instabilities_of_a_random_network_are_eigenvalues_of_its_weights() -> None:
    rng = np.random.default_rng(5)
    W = rng.normal(size=(14, 14)) / np.sqrt(14)
    network = neurornn.CTRNN(1, 14, 1, tau=50.0, activation="tanh", bias=False, dtype=torch.float64)
    network.W_rec = torch.as_tensor(W)
    ds = trace(network, ParameterPath(linear_gain, 0.1, 6.0), np.zeros(14), switch=False)
    values = np.linalg.eigvals(W)
    values = values[(values.real > 1 / 6) & (values.imag >= 0)]
    real, pairs = values[values.imag == 0].real, values[values.imag > 0]
    assert len(real) and len(pairs) > 1
    np.testing.assert_allclose(special(ds, "pitchfork"), np.sort(1 / real), atol=1e-10)
    order = np.argsort(1 / pairs.real)
    np.testing.assert_allclose(special(ds, "hopf"), 1 / pairs.real[order], atol=1e-10)
    frequency = ds.special_frequency.values[ds.special_kind.values == "hopf"]
    np.testing.assert_allclose(frequency, (1e3 * pairs.imag / pairs.real / (100 * np.pi))[order], rtol=1e-10)


def test_a_neutral_saddle_is_no_hopf_point() -> None:
    base, path = family(lambda x, p: torch.stack([x[..., 0], -p * x[..., 1]], -1), 2)
    ds = trace(base, path(0.5, 2.0), [0.0, 0.0])  # the eigenvalues 1 and -p add up to 0 at p = 1
    assert ds.special_kind.values.tolist() == ["end", "end"]
    assert (ds.eigenvalue.values.real.sum(1) > 0).any() and (ds.eigenvalue.values.real.sum(1) < 0).any()


def test_identical_units_meet_in_a_degenerate_point_with_all_its_branches() -> None:
    base, path = family(lambda x, p: p * x - x**3, 2)
    ds = trace(base, path(-0.5, 0.5), [0.0, 0.0], max_step=0.2)
    assert ds.n_branches == 9  # the trunk, 4 with one unit off 0 and 4 with both
    where = special(ds, "branch point")
    assert where == pytest.approx([0.0], abs=1e-6)
    x = ds.special_state.values[ds.special_parameter.values == 0.5] / np.sqrt(0.5)
    assert sorted(map(tuple, (x.round(6) + 0.0).tolist())) == [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]


def test_the_time_constant_moves_eigenvalues_and_no_fixed_point() -> None:
    def slower(network: neurornn.CTRNN, tau: float) -> Drift:
        return Drift(lambda x, u: network.drift(x, u) * (100.0 / tau), n_units=1, n_inputs=1)

    ds = trace(unit(2.0), ParameterPath(slower, 50.0, 200.0, input=[0.1], name="tau", units="ms"), [-2.0])
    assert np.ptp(ds.state.values) < 1e-12 and ds.parameter.attrs == {"long_name": "tau", "units": "ms"}
    np.testing.assert_allclose(np.ptp(ds.eigenvalue.values[:, 0].real * ds.parameter.values), 0, atol=1e-12)


def test_corners_of_relu_units() -> None:
    def relu(w: float) -> Drift:
        return Drift(lambda x, u: -x + w * torch.relu(x) + u, n_units=1, n_inputs=1)

    sharp = trace(relu(2.0), InputPath([-1.0], [1.0]), [-1.0])
    assert sharp.special_kind.values.tolist() == ["end", "kink", "end"]
    assert special(sharp, "kink") == pytest.approx([0.5], abs=1e-9)
    np.testing.assert_allclose(sharp.special_state.values[:, 0], [-1, 0, 1], atol=1e-9)
    assert set(sharp.special_note.values[[0, 2]]) == {"left the range"}
    blunt = trace(relu(0.5), InputPath([-1.0], [1.0]), [-1.0])
    assert blunt.special_kind.values.tolist() == ["end", "end"]
    np.testing.assert_allclose(blunt.special_state.values[:, 0], [-1, 2], atol=1e-9)


def test_starts_from_a_search_and_each_branch_once() -> None:
    network = unit(2.0)
    points = fixed_points.find(network, candidates=[[-2.0], [0.1], [2.0]], inputs=[0.0])
    ds = trace(network, InputPath([-1.0], [1.0]), points, at=0.5)
    assert points.attrs["n_fixed"] == 3 and ds.n_branches == 1  # all three lie on one curve
    assert ds.start_branch.values.tolist() == [0, 0, 0]


def test_the_diagram_holds_as_many_points_as_a_complete_search() -> None:
    A = np.random.default_rng(1).normal(size=(5, 5))
    network = neurornn.CTRNN(1, 5, 1, activation="tanh", bias=False, dtype=torch.float64)
    network.W_rec = torch.as_tensor(0.75 * (A + A.T) / np.sqrt(5))
    ds = trace(network, ParameterPath(linear_gain, 0.2, 4.0), np.zeros(5))
    stronger = linear_gain(copy.deepcopy(network), 4.0)
    points = fixed_points.find(stronger, candidates=4 * np.random.default_rng(0).normal(size=(200, 5)))
    ends = (ds.special_kind.values == "end") & (ds.special_parameter.values == 4.0)
    assert ends.sum() == points.attrs["n_fixed"] == 3 and points.completeness.item() == "consistent"
    found = ds.special_state.values[ends]
    for state in points.state.values:
        assert np.linalg.norm(found - state, axis=1).min() < 1e-8
    back = trace(network, ParameterPath(linear_gain, 0.2, 4.0), points, at=4.0)
    assert back.n_branches == ds.n_branches
    np.testing.assert_allclose(special(back, "pitchfork"), special(ds, "pitchfork"), atol=1e-10)


def test_every_end_has_its_reason() -> None:
    base, path = family(lambda x, p: (p - 1) * x + 1)
    assert trace(base, path(0.0, 2.0), [1.0], max_state=10.0).curve_last_end.item() == "state too large"
    base, path = family(lambda x, p: x - torch.sqrt(torch.tensor(0.25 - p, dtype=torch.float64)))
    lost = trace(base, path(0.0, 0.5), [0.5])
    assert lost.curve_last_end.item() == "step too small"
    assert special(lost, "end").max() == pytest.approx(0.25, abs=1e-4)
    short = trace(unit(2.0), InputPath([-1.0], [1.0]), [-3.0], max_points=5)
    assert short.curve_last_end.item() == "budget spent" and special(short, "end").max() < 0.9
    base, path = family(lambda x, p: x**2 + 1 + p)
    gone = trace(base, path(0.0, 1.0), [0.3])
    assert gone.n_branches == 0 and gone.n_starts_lost == 1
    assert gone.start_note.item() == "no fixed point found from here"
    base, path = family(lambda x, p: torch.stack([0 * x[..., 0], -x[..., 1]], -1), 2)
    assert "continuum" in trace(base, path(0.0, 1.0), [0.3, 0.0]).start_note.item()


def test_a_start_at_a_branch_point_finds_both_branches() -> None:
    base, path = family(lambda x, p: p * x - x**3)
    ds = trace(base, path(-1.0, 1.0), [0.0], at=0.0)
    assert ds.n_branches == 2 and ds.start_branch.item() == 0
    ends = {
        (float(p), round(float(x), 6) + 0.0)
        for p, x in zip(
            special(ds, "end"), ds.special_state.values[ds.special_kind.values == "end", 0], strict=True
        )
    }
    assert ends == {(-1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, -1.0)}


def test_the_network_is_left_untouched() -> None:
    network = unit(1.5)
    before, asked = copy.deepcopy(network.state_dict()), [p.requires_grad for p in network.parameters()]
    trace(network, ParameterPath(linear_gain, 0.5, 1.0), [0.0])
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())
    assert asked == [p.requires_grad for p in network.parameters()] and network.training


def test_what_makes_no_sense_is_refused() -> None:
    network, path = unit(2.0), InputPath([-1.0], [1.0])
    with pytest.raises(TypeError, match="InputPath or a ParameterPath: got str"):
        trace(network, "gain", [0.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"states of 1 units.*got shape \(1, 2\)"):
        trace(network, path, [0.0, 0.0])
    with pytest.raises(ValueError, match="at must lie on the path, from 0 to 1: got 3"):
        trace(network, path, [0.0], at=3.0)
    with pytest.raises(ValueError, match="2 input channels but the network has 1"):
        trace(network, InputPath([0.0, 0.0], [1.0, 0.0]), [0.0])
    with pytest.raises(ValueError, match="two different, finite inputs"):
        InputPath([1.0], [1.0])
    with pytest.raises(ValueError, match="low below high: got 2"):
        ParameterPath(linear_gain, 2.0, 2.0)
    with pytest.raises(TypeError, match="must return the network: got None"):
        trace(network, ParameterPath(lambda net, p: None, 0.0, 1.0), [0.0])  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="0 < min_step < max_step"):
        trace(network, path, [0.0], max_step=-1.0)
    noisy = neurornn.CTRNN(1, 1, 1, sigma_rec=0.1)
    with pytest.raises(ValueError, match="noiseless"):
        trace(noisy, path, [0.0])

    def rounded(net: neurornn.CTRNN, p: float) -> neurornn.CTRNN:
        net.W_rec = (p * net.W_rec).float().double()
        return net

    with pytest.raises(ValueError, match=r"no smooth function of the parameter.*float64"):
        trace(network, ParameterPath(rounded, 0.5, 1.0), [0.4])


def test_the_diagram_survives_a_file(tmp_path) -> None:
    ds = trace(unit(2.0), InputPath([-1.0], [1.0]), [-3.0])
    ds.to_netcdf(tmp_path / "diagram.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "diagram.nc", engine="h5netcdf") as again:
        xr.testing.assert_equal(ds, again.load())


def test_the_picture_shows_stability_and_special_points() -> None:
    ds = trace(unit(2.0), InputPath([-1.0], [1.0], name="input"), [-3.0])
    ax = plot_diagram(ds)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "state of unit 0")
    labels = [each.get_text() for each in ax.get_legend().get_texts()]
    assert labels == ["stable", "unstable", "fold (2)", "end (2)"]
    solid = [line for line in ax.get_lines() if line.get_linestyle() == "-"]
    dashed = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert len(solid) == 2 and len(dashed) == 1
    fold = next(line for line in ax.get_lines() if line.get_label() == "fold (2)")
    np.testing.assert_allclose(fold.get_xdata(), special(ds, "fold"))
    assert plot_diagram(ds, projection=[2.0], name="read-out").get_ylabel() == "read-out"
    with pytest.raises(ValueError, match="a unit from 0 to 0: got 4"):
        plot_diagram(ds, projection=4)
    with pytest.raises(ValueError, match="one number for each of the 1 units"):
        plot_diagram(ds, projection=[1.0, 2.0])
