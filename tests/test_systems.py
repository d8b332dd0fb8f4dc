"""Functions, modules and cells of any origin as dynamical systems."""

import pytest
import torch
from torch import nn
from toys import normal

from neurornn.analysis import fixed_points
from neurornn.analysis._system import freeze
from neurornn.analysis.systems import Drift, StepMap, from_cell


def made(kind, *arguments, **options):
    """A module with its random weights, drawn without touching the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(*arguments, **options)


CELLS = [
    made(nn.RNNCell, 2, 5),
    made(nn.RNNCell, 2, 5, nonlinearity="relu", bias=False),
    made(nn.GRUCell, 2, 5),
    made(nn.LSTMCell, 2, 5),
    made(nn.RNN, 2, 5, batch_first=True),
    made(nn.GRU, 2, 5, bias=False),
    made(nn.LSTM, 2, 5),
]


def step_of(cell, state, input):
    """One step as PyTorch itself takes it."""
    lstm = isinstance(cell, (nn.LSTM, nn.LSTMCell))
    parts = tuple(part.contiguous() for part in state.chunk(2, dim=-1)) if lstm else state
    if isinstance(cell, nn.RNNBase):
        sequence = input.unsqueeze(1 if cell.batch_first else 0)
        parts = tuple(part.unsqueeze(0) for part in parts) if lstm else parts.unsqueeze(0)
        after = cell(sequence, parts)[1]
        after = tuple(part.squeeze(0) for part in after) if lstm else after.squeeze(0)
    else:
        after = cell(input, parts)
    return torch.cat(after, dim=-1) if lstm else after


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_a_cell_steps_as_pytorch_lets_it(cell):
    cell = cell.double()
    system = from_cell(cell, dt=2.0)
    state, input = normal(7, system.n_units, seed=1), normal(7, 2, seed=2)
    after = state + 2.0 * system.drift(state, input)
    torch.testing.assert_close(after, step_of(cell, state, input), rtol=0, atol=1e-14)


def test_a_module_is_analysed_in_double_precision_and_left_alone():
    """Weights in float32 allow a residual of 1e-8 at best; the copy reaches 1e-16, and the module is as it was."""
    cell = made(nn.GRUCell, 1, 4)
    before = {name: weight.clone() for name, weight in cell.state_dict().items()}
    points = fixed_points.find(from_cell(cell), candidates=normal(20, 4))
    assert points.completeness.item() == "consistent"
    assert points.speed.max() < 1e-14
    assert all(torch.equal(weight, before[name]) for name, weight in cell.state_dict().items())
    assert all(weight.dtype == torch.float32 and weight.requires_grad for weight in cell.parameters())


@pytest.mark.parametrize("dt", [0.1, 1.0, 20.0])
def test_a_map_and_its_drift_are_the_same_system(dt):
    def drift(x, u):
        return (-x + torch.tanh(2 * x) + u) / 10

    options = {"candidates": torch.linspace(-2, 2, 9).unsqueeze(1).double(), "inputs": [0.1]}
    as_flow = fixed_points.find(Drift(drift, n_units=1, n_inputs=1, dt=dt, bounded=True), **options)
    as_map = fixed_points.find(
        StepMap(lambda x, u: x + dt * drift(x, u), n_units=1, n_inputs=1, dt=dt, bounded=True), **options
    )
    for name in ("state", "eigenvalue", "stable_ode", "stable_map", "index", "index_sum"):
        torch.testing.assert_close(
            torch.as_tensor(as_flow[name].values), torch.as_tensor(as_map[name].values), rtol=0, atol=1e-9
        )


def test_derivatives_take_one_input_for_all_states_or_one_for_each():
    system = freeze(from_cell(made(nn.GRUCell, 3, 4)), 4)
    state, inputs = normal(6, 4, seed=1), normal(6, 3, seed=2)
    for derivative in (system.drift, system.jacobian, system.input_jacobian, system.step):
        together = derivative(state, inputs)
        alone = torch.cat([derivative(state[k : k + 1], inputs[k]) for k in range(6)])
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-14)
        assert not torch.equal(together, derivative(state, inputs[0]))


def test_the_input_jacobian_is_the_slope_along_the_input():
    system = freeze(from_cell(made(nn.LSTMCell, 3, 4)), 8)
    state, inputs, h = normal(2, 8, seed=1), normal(3, seed=2), 1e-6
    slope = (
        system.drift(state, inputs + h * torch.eye(3)[1]) - system.drift(state, inputs - h * torch.eye(3)[1])
    ) / (2 * h)
    torch.testing.assert_close(system.input_jacobian(state, inputs)[..., 1], slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Drift(3.0, n_units=1), TypeError, "function of \\(state, input\\): got float"),
        (lambda: Drift(torch.tanh, n_units=0), ValueError, "at least one unit"),
        (lambda: StepMap(torch.tanh, n_units=1, dt=0.0), ValueError, "dt is a time step"),
        (lambda: from_cell(made(nn.Linear, 1, 1)), TypeError, "got Linear. Wrap"),
        (lambda: from_cell(made(nn.GRU, 1, 2, num_layers=2)), ValueError, "num_layers=2"),
    ],
)
def test_what_is_no_system_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
