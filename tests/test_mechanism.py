"""What enters the modes, what leaves them, and which evidence a context selects: laws and known mechanisms."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.integrate import solve_ivp

import neurornn
from neurornn import storage
from neurornn._untouched import fingerprint, global_random_state
from neurornn.analysis import fixed_points
from neurornn.analysis.mechanism import (
    VERDICTS,
    linearise,
    plot_change,
    plot_mechanism,
    selection,
)
from neurornn.analysis.systems import Drift

EVIDENCE = {"motion": [1.0, 0.0, 0.0, 0.0], "colour": [0.0, 1.0, 0.0, 0.0]}
CONTEXTS = {"motion context": [0.0, 0.0, 1.0, 0.0], "colour context": [0.0, 0.0, 0.0, 1.0]}
RELEVANT = {"motion context": "motion", "colour context": "colour"}


def normal(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def orthogonal(n, seed=1):
    return torch.as_tensor(np.linalg.qr(normal(n, n, seed=seed))[0])


def network(form="current", dt=10.0, n=6, seed=0, gain=0.8, n_outputs=2):
    net = neurornn.CTRNN(
        3, n, n_outputs, tau=100.0, dt=dt, activation="tanh", form=form, seed=seed, dtype=torch.float64
    )
    net.W_rec = torch.as_tensor(normal(n, n, seed=seed, scale=gain / np.sqrt(n)))
    with torch.no_grad():
        net.bias.copy_(torch.as_tensor(normal(n, seed=seed + 1, scale=0.5)))
        net.bias_out.copy_(torch.as_tensor(normal(n_outputs, seed=seed + 2)))
    return net


def gated(kind, Q=None, tau=100.0, dt=1.0, line=0.0):
    """A line that is driven by units which hear motion and colour; a context decides which of them drive it.

    With ``"selection"`` it gates what the line hears of them, with ``"input"`` what they hear of the evidence.
    """
    Q = torch.eye(3, dtype=torch.float64) if Q is None else Q

    def drift(x, u):
        z, a, b = (x @ Q).unbind(-1)
        motion, colour, m, c = u.unbind(-1)
        if kind == "selection":
            z, a, b = m * a + c * b + line * z, motion - a, colour - b
        else:
            z, a, b = a + b + line * z, m * motion - a, c * colour - b
        return torch.stack([z, a, b], -1) @ Q.T / tau

    return Drift(drift, n_units=3, n_inputs=4, dt=dt)


def found(
    system, evidence=EVIDENCE, relevant=RELEVANT, inputs=CONTEXTS, candidates=None, n_rounds=0, **options
):
    n = system.n_units
    points = fixed_points.find(
        system, inputs=inputs, candidates=np.eye(n) if candidates is None else candidates, n_rounds=n_rounds
    )
    return selection(system, points, evidence=evidence, relevant=relevant, **options)


# ---------------------------------------------------------------------------------------------- linearise


@pytest.mark.parametrize("form", ["current", "rate"])
def test_slopes_are_those_of_the_network_at_any_time_step(form):
    states, held = normal(4, 6), normal(4, 3, seed=5)
    sets = [linearise(network(form, dt), states, inputs=held) for dt in (20.0, 2.0, 0.2)]
    net = network(form)
    expected = net.input_jacobian(torch.as_tensor(states), torch.as_tensor(held)).detach().numpy()
    for ds in sets:
        np.testing.assert_allclose(ds.input_jacobian, expected, atol=1e-15)
        np.testing.assert_allclose(ds.eigenvalue, sets[0].eigenvalue, atol=1e-14)
    step = 1e-6 * normal(6, seed=8)
    outputs = [net.read_out(net.rate(torch.as_tensor(states + sign * step))).detach() for sign in (1, -1)]
    slope = (outputs[0] - outputs[1]).numpy() / 2
    np.testing.assert_allclose(sets[0].output_slope.values @ step, slope, rtol=1e-6)
    np.testing.assert_allclose(sets[0].output, (outputs[0] + outputs[1]).numpy() / 2, atol=1e-9)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_a_pulse_moves_each_mode_by_what_the_left_eigenvector_says(form):
    net = network(form)
    point = fixed_points.find(net, candidates=normal(20, 6)).isel(fixed_point=[0])
    ds = linearise(net, point)
    x0, size, wait = point.state.values[0], 1e-4, 150.0

    def velocity(_, x, u):
        return net.drift(torch.as_tensor(x), torch.as_tensor(u)).detach().numpy()

    for channel in range(3):
        pulse = size * np.eye(3)[channel]
        options = {"rtol": 1e-12, "atol": 1e-18, "method": "DOP853"}
        struck = solve_ivp(velocity, (0, 0.01), x0, args=(pulse,), **options).y[:, -1]
        later = solve_ivp(velocity, (0, wait), struck, args=(np.zeros(3),), **options).y[:, -1]
        z = ds.left_eigenvector.values[0].T @ (later - x0) / (0.01 * size)
        expected = ds.input_to_mode.values[0, channel] * np.exp(ds.eigenvalue.values[0] * wait)
        np.testing.assert_allclose(z, expected, rtol=2e-3, atol=1e-7)


def test_modes_add_up_to_the_whole():
    ds = linearise(network(), normal(3, 6), inputs=normal(3, 3))
    through = np.einsum("fom,fkm->fok", ds.mode_to_output, ds.input_to_mode)
    np.testing.assert_allclose(through, ds.output_slope.values @ ds.input_jacobian.values, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(ds.eigenvector, axis=1), 1, rtol=1e-12)
    ones = np.einsum("fum,fum->fm", ds.left_eigenvector, ds.eigenvector)
    np.testing.assert_allclose(ones, 1, rtol=1e-9)


def test_points_of_several_contexts_keep_their_order_and_modes():
    net = network(gain=1.6)
    points = fixed_points.find(
        net,
        inputs={"b": [0.5, 0, 0], "a": [0, 0.5, 0.2], "c": [0.5, 0, 0]},
        candidates=normal(30, 6),
        eigenvectors=True,
    )
    ds = linearise(net, points)
    assert ds.context.values.tolist() == points.context.values.tolist()
    for name in ("eigenvalue", "eigenvector", "left_eigenvector", "n_unstable", "kind", "inputs"):
        np.testing.assert_array_equal(ds[name], points[name])


def test_a_read_out_may_be_a_matrix_a_function_or_a_module():
    net, states = network("rate"), normal(3, 6)
    own = linearise(net, states)
    module = torch.nn.utils.skip_init(torch.nn.Linear, 6, 2)
    with torch.no_grad():
        module.weight.copy_(net.W_out)
        module.bias.copy_(net.bias_out)
    before = module.weight.clone()
    others = [net.W_out, net.W_out.tolist(), lambda x: x @ net.W_out.T, module]
    for readout in others:
        ds = linearise(net, states, readout=readout)
        np.testing.assert_allclose(ds.mode_to_output, own.mode_to_output, atol=1e-7)
    assert module.weight.dtype == torch.float32 and torch.equal(module.weight, before)
    assert "output" not in linearise(gated("input"), np.zeros((1, 3)))


def test_what_does_not_fit_is_refused():
    net = network()
    with pytest.raises(ValueError, match=r"for each of the 3 input channels.*got shape \(2,\)"):
        linearise(net, np.zeros((1, 6)), inputs=[0.0, 0.0])
    with pytest.raises(ValueError, match="States must be finite"):
        linearise(net, np.full((1, 6), np.nan))
    with pytest.raises(ValueError, match=r"readout must be a finite matrix \(output, unit\) with 6 columns"):
        linearise(net, np.zeros((1, 6)), readout=np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"to outputs \(1, output\): got \(1,\)"):
        linearise(net, np.zeros((1, 6)), readout=lambda x: x.sum(1))
    with pytest.raises(ValueError, match="no state to linearise around"):
        linearise(net, np.zeros((0, 6)))
    with pytest.raises(ValueError, match="must hold the variables state and inputs"):
        linearise(net, xr.Dataset({"state": (("fixed_point", "unit"), np.zeros((1, 6)))}))
    with pytest.raises(TypeError, match="a method drift"):
        linearise(object(), np.zeros((1, 6)))


# ---------------------------------------------------------------------------------------------- selection


@pytest.mark.parametrize("kind", ["selection", "input"])
def test_a_gated_line_is_named_and_selects_what_counts(kind):
    ds = found(gated(kind))
    assert ds.verdict.values.tolist() == ["line attractor"] * 2
    for name, wanted in (("motion context", 0), ("colour context", 1)):
        reference = int(ds.reference.sel(search=name))
        selected = ds.selected.values[reference]
        assert selected[wanted] == pytest.approx(
            0.01, rel=1e-9
        )  # 1 / tau, for l = (1, 1, 1) on the units that drive the line
        assert selected[1 - wanted] == pytest.approx(0.0, abs=1e-12)
        assert ds.contrast.values[reference] == pytest.approx(1.0)
        np.testing.assert_allclose(np.abs(ds.line.values[reference]), [1, 0, 0], atol=1e-9)
    between = ds.sel(search="motion context", other="colour context")
    assert between.line_angle == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(between.change.sel(coordinates="state"), [-0.01, 0.01], atol=1e-12)


def test_the_change_is_blamed_on_what_the_context_acts_on():
    parts = ("by_selection_vector", "by_input_direct", "by_input_indirect")
    for kind, angle, selection_share in (("selection", 60.0, 1.0), ("input", 0.0, 0.0)):
        between = found(gated(kind)).sel(search="motion context", other="colour context", coordinates="state")
        assert between.selection_angle == pytest.approx(angle, abs=1e-6)
        shares = [float((between[part] / between.change).mean()) for part in parts]
        # the units hear the evidence, not the line: all change of the input is across the line
        np.testing.assert_allclose(shares, [selection_share, 0.0, 1 - selection_share], atol=1e-9)


def test_the_input_may_change_along_the_line():
    def drift(x, u):
        z, rest = x.unbind(-1)
        motion, colour, m, c = u.unbind(-1)
        return torch.stack([m * motion + c * colour - 0.01 * z, -rest], -1) / 100

    between = found(Drift(drift, n_units=2, n_inputs=4)).sel(
        search="motion context", other="colour context", coordinates="state"
    )
    np.testing.assert_allclose(between.by_input_direct, between.change, rtol=1e-12)
    np.testing.assert_allclose(between.change, [-0.01, 0.01], rtol=1e-12)


@pytest.mark.parametrize("kind", ["selection", "input"])
def test_rotating_the_state_space_changes_no_number(kind):
    plain, turned = found(gated(kind, line=-0.1)), found(gated(kind, orthogonal(3), line=-0.1))
    numbers = ("selected", "ratio", "contrast", "time_constant", "separation", "selection_cosine", "line_cosine",
               "selection_angle", "line_angle", "change", "by_selection_vector", "by_input_direct",
               "by_input_indirect")  # fmt: skip
    for name in numbers:
        np.testing.assert_allclose(
            np.clip(turned[name], -1e6, 1e6),
            np.clip(plain[name], -1e6, 1e6),
            rtol=1e-6,
            atol=1e-6,
            err_msg=name,
        )
    assert not np.allclose(turned.line, plain.line)


def test_neither_the_time_step_nor_a_twin_changes_a_number_and_slower_units_only_its_scale():
    sets = [found(gated("selection", dt=dt, line=-0.1)) for dt in (10.0, 1.0, 0.1)]
    for ds in sets:
        xr.testing.assert_equal(ds.drop_attrs(), sets[0].drop_attrs())
    slower = found(gated("selection", tau=200.0, line=-0.1))
    np.testing.assert_allclose(slower.time_constant, 2 * sets[0].time_constant, rtol=1e-9)
    np.testing.assert_allclose(slower.selected, sets[0].selected / 2, atol=1e-12)
    np.testing.assert_allclose(slower.contrast, sets[0].contrast, rtol=1e-9)
    np.testing.assert_allclose(slower.selection_angle, sets[0].selection_angle, atol=1e-6)


def test_parts_of_the_change_add_up_and_turn_round_with_the_contexts():
    net = network(gain=1.2, n_outputs=1)
    contexts = {"a": [0.3, 0.2, 0.0], "b": [-0.4, 0.2, 1.0], "c": [1.5, -1.0, 0.5]}
    for form in ("current", "rate"):
        net = network(form, gain=1.2, n_outputs=1)
        ds = found(net, None, None, contexts, normal(40, 6))
        parts = ds.by_selection_vector + ds.by_input_direct + ds.by_input_indirect
        np.testing.assert_allclose(parts, ds.change, atol=1e-15)
        back = ds.change.transpose("other", "search", ...).values
        np.testing.assert_allclose(ds.change, -back, atol=1e-15)
        selected = ds.selected.values[ds.reference.values]
        np.testing.assert_allclose(ds.change[0, 1, :, 0], selected[1] - selected[0], atol=1e-15)
        assert np.abs(ds.change).max() > 1e-4
        inputs = (ds.by_input_direct + ds.by_input_indirect).sel(coordinates="state")
        if form == "current":  # the input enters linearly: in the state it cannot change
            np.testing.assert_allclose(inputs, 0, atol=1e-15)
            assert np.abs(ds.by_input_indirect.sel(coordinates="rate")).max() > 1e-5
        else:  # the state is the rate
            assert np.abs(inputs).max() > 1e-5
            np.testing.assert_allclose(
                ds.by_input_direct.sel(coordinates="rate"),
                ds.by_input_direct.sel(coordinates="state"),
                atol=1e-15,
            )


def test_rate_coordinates_are_those_of_the_network_written_for_its_rates():
    net = network(gain=1.0, n_outputs=1)
    W, W_in, b = (each.detach() for each in (net.W_rec, net.W_in, net.bias))

    def drift(y, u):  # y = tanh(x)
        x = torch.atanh(y)
        return (1 - y**2) * (-x + y @ W.T + u @ W_in.T + b) / 100.0

    rates = Drift(drift, n_units=6, n_inputs=3)
    contexts = {"a": [0.3, 0.2, 0.0], "b": [-0.4, 0.2, 1.0]}
    states = normal(30, 6, scale=0.5)
    mine = found(net, None, None, contexts, states, decision=[1.0])
    theirs = found(rates, None, None, contexts, np.tanh(mine.state), readout=net.W_out, decision=[1.0])
    np.testing.assert_allclose(theirs.state, np.tanh(mine.state), atol=1e-10)
    for name in ("change", "by_selection_vector", "by_input_direct", "by_input_indirect"):
        np.testing.assert_allclose(
            mine[name].sel(coordinates="rate"), theirs[name].sel(coordinates="state"), atol=1e-12
        )
    assert not np.allclose(mine.by_selection_vector[..., 0], mine.by_selection_vector[..., 1], atol=1e-5)
    np.testing.assert_allclose(mine.response, theirs.response, rtol=1e-7)  # the response knows no coordinates
    np.testing.assert_allclose(mine.carried, theirs.carried, rtol=1e-6)


def test_silent_units_have_no_rate_coordinates():
    net = neurornn.CTRNN(1, 2, 1, activation="relu", bias=False, dtype=torch.float64)
    net.W_rec = torch.zeros(2, 2)
    net.W_in = torch.tensor([[1.0], [-1.0]])
    ds = found(net, None, None, {"a": [1.0], "b": [2.0]}, normal(4, 2))
    assert ds.change.sel(coordinates="rate").isnull().all()
    assert ds.change.sel(coordinates="state").notnull().all()


def test_the_decision_gives_the_line_its_direction():
    def system(sign):
        return found(gated("selection", line=-0.1), readout=[[sign, 0.0, 0.0]])

    one, other = system(1.0), system(-1.0)
    assert (one.alignment > 0.99).all() and (other.alignment > 0.99).all()
    np.testing.assert_allclose(one.selected, -other.selected, atol=1e-12)
    np.testing.assert_array_equal(one.ratio, other.ratio)
    assert (one.sel(evidence="motion").selected.values[0] > 0) and one.decision.notnull().all()


def test_the_response_is_that_of_the_nonlinear_network_and_shares_add_up():
    net = network(gain=1.0, n_outputs=1)
    point = fixed_points.find(net, candidates=normal(20, 6), inputs={"rest": [0.1, 0.2, 0.3]})
    ds = selection(net, point.isel(fixed_point=[0]), duration=250.0)
    x0, u = point.state.values[0], point.inputs.values[0]

    def out(x):
        return float(net.read_out(net.rate(torch.as_tensor(x))).detach())

    for k in range(3):
        held = torch.as_tensor(u + 1e-5 * np.eye(3)[k])
        run = solve_ivp(lambda _, x, held=held: net.drift(torch.as_tensor(x), held).detach().numpy(), (0, 250.0), x0,
                        rtol=1e-11, atol=1e-14)  # fmt: skip
        assert ds.response.values[0, k] == pytest.approx((out(run.y[:, -1]) - out(x0)) / 1e-5, rel=1e-3)
    one = neurornn.CTRNN(1, 2, 1, activation="identity", bias=False, dtype=torch.float64)
    one.W_rec, one.W_in = torch.diag(torch.tensor([0.9, 0.0])), torch.tensor([[1.0], [2.0]])
    one.W_out = torch.tensor([[1.0, 1.0]])
    ds = found(one, None, None, {"rest": [0.0]}, normal(3, 2), duration=300.0)
    slow, fast = 10 * (1 - np.exp(-300 / 1000)), 2 * (1 - np.exp(-300 / 100))
    assert ds.response.item() == pytest.approx(slow + fast, rel=1e-6)
    assert ds.carried.item() == pytest.approx(slow / (slow + fast), rel=1e-6)
    gate = found(gated("selection", line=-0.1), readout=[[1.0, 0.0, 0.0]])
    size = np.abs(gate.response.values)
    assert size[0, 0] > 0.1 and gate.response_ratio.values[0] > 1e6  # colour has no way to the line


# ---------------------------------------------------------------------------------------------- arrangements


def planar(first, second=lambda y: -y, dt=1.0):
    """Two uncoupled units, each driven by one channel."""
    return Drift(
        lambda x, u: torch.stack([first(x[..., 0]), second(x[..., 1])], -1) + u, n_units=2, n_inputs=2, dt=dt
    )


def arrangement(system, candidates=None, n=2, **options):
    points = fixed_points.find(
        system,
        candidates=normal(60, n, scale=1.5) if candidates is None else candidates,
        inputs={"rest": np.zeros(2)},
    )
    return selection(system, points, **options)


def test_two_choices_are_compared_at_the_saddle_between_them():
    slow = arrangement(planar(lambda z: 0.01 * (z - z**3)))
    assert (slow.n_stable.item(), slow.n_saddle.item(), slow.verdict.item()) == (
        2,
        1,
        "approximate line attractor",
    )
    reference = slow.isel(fixed_point=slow.reference.item())
    np.testing.assert_allclose(reference.state, 0, atol=1e-9)
    assert reference.time_constant == pytest.approx(-100.0) and reference.separation == pytest.approx(100.0)
    fast = arrangement(planar(lambda z: z - z**3))
    assert fast.verdict.item() == "several stable states" and fast.separation[fast.reference.item()] == 1
    assert (
        arrangement(planar(lambda z: 0.01 * (z - z**3)), separation=200.0).verdict.item()
        == "several stable states"
    )


def test_a_slow_point_has_a_passage_time_and_no_time_constant():
    eps, a = 1e-5, 1e-2
    ds = arrangement(planar(lambda z: eps + a * z**2), normal(10, 2, scale=0.02))
    assert ds.n_slow.item() == 1 and ds.n_stable.item() == 0
    assert np.isnan(ds.time_constant.item())
    T = ds.passage_time.item()
    assert pytest.approx(np.pi / np.sqrt(eps * a), rel=1e-6) == T
    far = 1e3
    through = solve_ivp(lambda _, z: eps + a * z**2, (0, 2 * T), [-far], events=_beyond(far), rtol=1e-10)
    assert through.t_events[0][0] == pytest.approx(T, rel=1e-3)
    assert ds.verdict.item() == "approximate line attractor"  # pi / T = 3e-4 beside 1
    quick = arrangement(planar(lambda z: 0.1 + z**2, lambda y: -0.5 * y), normal(10, 2, scale=0.02))
    assert quick.verdict.item() == "slow points only"


def test_separation_is_said_only_where_it_is_defined():
    saddle = arrangement(planar(lambda z: 0.01 * (z - z**3)))
    np.testing.assert_allclose(saddle.next_time_constant, 1)
    np.testing.assert_allclose(saddle.separation, np.abs(saddle.time_constant) / saddle.next_time_constant)
    eps, a = 1e-5, 1e-2
    for next_rate in (1.0, 0.25):
        slow = arrangement(
            planar(lambda z: eps + a * z**2, lambda y, k=next_rate: -k * y), normal(10, 2, scale=0.02)
        )
        assert slow.kind.item() == "slow" and np.isnan(slow.separation.item())
        assert slow.next_time_constant.item() == pytest.approx(1 / next_rate)
    line = arrangement(planar(lambda z: 0 * z), normal(4, 2))
    assert (line.separation == np.inf).all() and (line.time_constant == np.inf).all()
    assert line.next_time_constant.values[0] == pytest.approx(1)
    plane = arrangement(planar(lambda z: 0 * z, lambda y: 0 * y), normal(4, 2))
    assert plane.separation.isnull().all() and (plane.next_time_constant > 1e6).all()
    spiral = torch.tensor([[-0.1, 1.0], [-1.0, -0.1]], dtype=torch.float64)
    turning = arrangement(Drift(lambda x, u: x @ spiral.T + u, n_units=2, n_inputs=2), normal(4, 2))
    assert np.isnan(turning.separation.item())
    one = Drift(lambda x, u: -x + u[..., :1], n_units=1, n_inputs=2)
    alone = arrangement(one, normal(4, 1), n=1)
    assert alone.separation.item() == np.inf and np.isnan(alone.next_time_constant.item())


def _beyond(level):
    def event(_, z):
        return z[0] - level

    event.terminal = True
    return event


def test_one_state_without_a_slow_direction_is_no_line():
    ds = arrangement(planar(lambda z: -z))
    assert ds.verdict.item() == "one stable state"
    assert arrangement(planar(lambda z: -0.1 * z)).verdict.item() == "approximate line attractor"
    assert arrangement(planar(lambda z: z)).verdict.item() == "no stable state"
    plane = arrangement(planar(lambda z: 0 * z, lambda y: 0 * y), normal(4, 2))
    assert plane.verdict.item() == "continuous attractor"
    line = arrangement(planar(lambda z: 0 * z), normal(4, 2))
    assert line.verdict.item() == "line attractor"
    assert {each.verdict.item() for each in (ds, plane, line)} < set(VERDICTS)


def test_rotating_modes_are_named_and_no_line_is_made_of_them():
    spiral = torch.tensor([[-0.1, 1.0], [-1.0, -0.1]], dtype=torch.float64)
    ds = arrangement(Drift(lambda x, u: x @ spiral.T + u, n_units=2, n_inputs=2), normal(4, 2))
    assert (ds.slow_mode.item(), ds.reference.item(), ds.verdict.item()) == (-1, -1, "one stable state")
    assert ds.rotating.item() and np.isnan(ds.selected).all() and np.isnan(ds.selection_angle).all()
    J = torch.block_diag(spiral, torch.tensor([[-0.3]], dtype=torch.float64))
    three = Drift(lambda x, u: x @ J.T + torch.nn.functional.pad(u, (1, 0)), n_units=3, n_inputs=2)
    ds = arrangement(three, normal(4, 3), n=3)
    assert ds.rotating.item() and ds.time_constant.item() == pytest.approx(1 / 0.3)
    np.testing.assert_allclose(ds.selected.values, [[0.0, 1.0]], atol=1e-12)
    assert ds.verdict.item() == "one stable state"
    plot_mechanism(ds)


def test_a_context_without_points_is_said_to_have_none():
    system = planar(lambda z: -0.1 * z)
    points = fixed_points.find(system, candidates=normal(4, 2), inputs={"a": [0.0, 0.0], "b": [1.0, 0.0]})
    ds = selection(system, points.isel(fixed_point=points.context.values == "a"))
    assert ds.verdict.values.tolist() == ["approximate line attractor", "nothing found"]
    assert ds.reference.values.tolist() == [0, -1] and ds.change.sel(other="b").isnull().all()
    with pytest.raises(ValueError, match="no fixed or slow point, and so no slow mode"):
        selection(system, points.isel(fixed_point=[]))


# ---------------------------------------------------------------------------------------------- edges


def test_nothing_is_changed_and_results_repeat_and_survive_a_file(tmp_path):
    net = network(gain=1.4)
    points = fixed_points.find(net, candidates=normal(20, 6), inputs={"a": [0.0, 0, 0], "b": [1.0, 0, 0]})
    before, state = fingerprint(net), global_random_state()
    once, again = (selection(net, points, decision=[-1.0, 1.0], relevant={"a": "input 0"}) for _ in range(2))
    lin = linearise(net, points)
    assert fingerprint(net) == before and global_random_state() == state
    xr.testing.assert_equal(once, again)
    for ds in (once, lin):
        storage.write_dataset(tmp_path / "it.nc", ds)
        xr.testing.assert_equal(storage.read_dataset(tmp_path / "it.nc"), ds)
    assert (
        once.attrs["schema"] == "neurornn.Selection/1" and lin.attrs["schema"] == "neurornn.Linearisation/1"
    )


def test_wrong_arguments_say_what_to_do():
    system = gated("selection", line=-0.1)
    points = fixed_points.find(system, candidates=np.eye(3), inputs=CONTEXTS)
    with pytest.raises(
        ValueError, match="must be 4 finite numbers, one for each input channel and not all 0"
    ):
        selection(system, points, evidence={"motion": [0.0, 0.0, 0.0, 0.0]})
    with pytest.raises(
        ValueError, match=r"to names of evidence, \['motion', 'colour'\]: got 'motion context' -> 'hue'"
    ):
        selection(system, points, evidence=EVIDENCE, relevant={"motion context": "hue"})
    with pytest.raises(ValueError, match=r"there is no read-out\. Pass readout="):
        selection(system, points, decision=[1.0])
    with pytest.raises(ValueError, match="decision must be 1 finite weights"):
        selection(system, points, decision=[1.0, 2.0], readout=[[1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="separation is at least 1"):
        selection(system, points, separation=0.5)
    with pytest.raises(ValueError, match=r"must come from fixed_points.find: they have no 'kind'"):
        selection(system, points.drop_vars("kind"))


def test_bars_are_the_reference_points_and_hatched_where_evidence_does_not_count():
    ds = found(gated("selection", line=-0.1))
    ax = plot_mechanism(ds)
    assert ax.get_ylabel() == "taken up by the slow mode (1/s per unit)"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["motion", "colour"]
    heights = np.array([[bar.get_height() for bar in bars] for bars in ax.containers])
    np.testing.assert_allclose(heights, 1e3 * ds.selected.values[ds.reference.values], atol=1e-9)
    hatched = [[bar.get_hatch() is not None for bar in bars] for bars in ax.containers]
    assert hatched == [[False, True], [True, False]]


def test_parts_are_stacked_to_the_total():
    ds = found(gated("selection", line=-0.1))
    ax = plot_change(ds)
    assert ax.get_xlabel() == "change from motion context to colour context (1/s per unit)"
    ends = np.array([[bar.get_width() for bar in bars] for bars in ax.containers]).sum(0)
    np.testing.assert_allclose(ends, ax.lines[0].get_xdata(), atol=1e-9)
    np.testing.assert_allclose(ends, 1e3 * ds.change.values[0, 1, :, 0], atol=1e-9)
    with pytest.raises(ValueError, match="A change takes two contexts"):
        plot_change(arrangement(planar(lambda z: -z)))
