"""Outputs that return to the units: one matrix of the dynamics, seen alike by everything."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from toys import FORMS, TAUS, normal, toy_trials

from neurornn import CTRNN, Dale, Objective, rules
from neurornn.analysis import fixed_points
from neurornn.config import network_from_config, network_to_config
from neurornn.connectivity import Sparse
from neurornn.testing import check_network


def made(form="current", **options):
    options = {
        "tau": TAUS["per unit"],
        "activation": "tanh",
        "dtype": torch.float64,
        "output_feedback": 1.5,
    } | options
    network = CTRNN(2, 5, 2, form=form, **options)
    with torch.no_grad():
        network.bias.copy_(normal(5, seed=8))
        network.bias_out.copy_(normal(2, seed=9))
    return network


def plain(network):
    """A network without feedback whose synapses are the effective matrix of another."""
    twin = made(network.form, output_feedback=0.0)
    twin.W_rec, twin.W_in, twin.W_out = (
        each.detach() for each in (network.W_rec, network.W_in, network.W_out)
    )
    return twin


@pytest.mark.parametrize("form", FORMS)
def test_what_returns_is_the_output_of_the_step_before(form):
    network, inputs = made(form), normal(1, 12, 2, seed=3)
    state, alpha = network.initial_state(1), network.alpha
    with torch.no_grad():
        run = network(inputs)
        for t in range(12):
            rate = network.rate(state)
            z = rate @ network.W_out.T
            current = (
                rate @ network.recurrent().T
                + z @ network.W_fb.T
                + inputs[:, t] @ network.W_in.T
                + network.bias
            )
            target = current if form == "current" else torch.tanh(current)
            state = (1 - alpha) * state + alpha * target
            torch.testing.assert_close(run.state[:, t], state, rtol=0, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_the_network_whose_synapses_are_the_effective_matrix(form):
    network = made(form)
    twin, inputs, state = plain(network), normal(3, 40, 2, seed=3), normal(3, 5, seed=4)
    with torch.no_grad():
        for one, other in (
            (network(inputs).output, twin(inputs).output),
            (network.drift(state, inputs[:, 0]), twin.drift(state, inputs[:, 0])),
            (network.drift_jacobian(state, inputs[:, 0]), twin.drift_jacobian(state, inputs[:, 0])),
            (network.evolve(inputs, record_every=1).state, twin.evolve(inputs, record_every=1).state),
            (network.step(state, inputs[:, 0]), twin.step(state, inputs[:, 0])),
            (network.circuit().W_rec, twin.W_rec),
        ):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-13)
        assert (network(inputs).output - made(form, output_feedback=0.0)(inputs).output).abs().max() > 0.1
    check_network(network)


def test_a_fixed_point_stays_where_the_outputs_return():
    network = made("rate")
    held = [0.3, -0.2]
    points = fixed_points.find(network, inputs=held, candidates=normal(8, 5).numpy())
    proved = points.certified.values
    assert proved.any()
    state = torch.as_tensor(points.state.values[proved])
    with torch.no_grad():
        after = network.step(state, torch.tensor([held], dtype=torch.float64).expand(len(state), 2))
    torch.testing.assert_close(after, state, rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_the_read_out_go_both_ways(form):
    network, trials = made(form), toy_trials(3, 7)
    rules.BPTT().backward(network, trials)
    found = network.readout.raw.grad.clone()
    step = 1e-6
    with torch.no_grad():
        for k, j in ((0, 1), (1, 4)):
            sides = []
            for sign in (1, -1):
                twin = copy.deepcopy(network)
                twin.readout.raw[k, j] += sign * step
                sides.append(float(Objective()(twin, trials, twin(trials.inputs))))
            assert abs((sides[0] - sides[1]) / (2 * step) - float(found[k, j])) < 1e-8
    detached = plain(network)
    rules.BPTT().backward(detached, trials)
    assert (detached.readout.raw.grad - found).abs().max() > 1e-3


@pytest.mark.parametrize("rule", [rules.RTRL(), rules.KHop(7), rules.RFLO()])
def test_rules_hand_their_credit_through_the_feedback(rule):
    network, twin, trials = made(), made(), toy_trials(3, 7)
    rules.BPTT().backward(twin, trials)
    rule.backward(network, trials)
    for name, parameter in network.named_parameters():
        close = torch.allclose(parameter.grad, twin.get_parameter(name).grad, rtol=1e-9, atol=1e-12)
        assert close or isinstance(rule, rules.RFLO), name


def test_the_effective_matrix_can_be_assigned():
    for connectivity in (None, Sparse(0.5)):
        network = made(connectivity=connectivity)
        before, mask = network.W_rec.detach(), network.recurrent.mask
        network.W_rec = before
        torch.testing.assert_close(network.W_rec, before, rtol=0, atol=1e-14)
        if mask is not None:
            assert (network.recurrent()[mask == 0] == 0).all()
            with pytest.raises(ValueError, match="synapses that do not exist"):
                network.W_rec = before + 0.1
    network = made()
    synapses = network.recurrent().detach().clone()
    network.W_out = 2 * network.W_out.detach()
    assert torch.equal(network.recurrent(), synapses)
    torch.testing.assert_close(network.W_rec, synapses + network.W_fb @ network.W_out)


def test_feedback_weights_are_uniform_and_a_function_of_the_seed():
    many = CTRNN(0, 6, 1000, output_feedback=0.5, seed=4).W_fb
    assert many.abs().max() < 0.5
    assert abs(float(many.mean())) < 0.02 and abs(float(many.std()) - 0.5 / 3**0.5) < 0.01
    assert torch.equal(many, CTRNN(0, 6, 1000, output_feedback=0.5, seed=4).W_fb)
    assert not torch.equal(many, CTRNN(0, 6, 1000, output_feedback=0.5, seed=5).W_fb)
    assert torch.equal(CTRNN(2, 9, 1, seed=4).W_rec, CTRNN(2, 9, 1, seed=4, output_feedback=1.0).recurrent())


def test_it_survives_files_and_another_time_step(tmp_path):
    network = made("rate")
    again = network_from_config(network_to_config(network))
    assert torch.equal(again.W_fb, network.W_fb)
    save_file(
        {name: each.contiguous() for name, each in network.state_dict().items()}, tmp_path / "w.safetensors"
    )
    again.load_state_dict(load_file(tmp_path / "w.safetensors"))
    inputs = normal(2, 9, 2, seed=3)
    assert torch.equal(again(inputs).output, network(inputs).output)
    finer = network.rescale_dt(10.0)
    assert torch.equal(finer.W_rec, network.W_rec) and finer.output_feedback == 1.5
    assert "W_fb" not in CTRNN(2, 5, 2).state_dict()
    with pytest.raises(ValueError, match="belongs to another network"):
        CTRNN(2, 5, 2, dtype=torch.float64).load_state_dict(network.state_dict())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"output_feedback": -1.0}, ValueError, "output_feedback must be finite and at least 0: got -1.0"),
        ({"output_feedback": float("nan")}, ValueError, "output_feedback must be finite"),
        ({"output_feedback": True}, TypeError, "output_feedback must be a number"),
        ({"output_feedback": "1"}, TypeError, "output_feedback must be a number"),
        ({"output_feedback": 1.0, "dale": Dale()}, ValueError, "Dale's law would not hold"),
    ],
)
def test_nonsense_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        CTRNN(2, 5, 2, **options)
