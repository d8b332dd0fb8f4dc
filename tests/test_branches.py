"""Twenty diagrams whose branches are known: folds to 1e-8, and never a jump from one branch to another."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import xarray as xr

from neurornn.analysis.continuation import InputPath, ParameterPath, trace
from neurornn.analysis.systems import Drift


def scalar(function: Callable, low: float, high: float) -> tuple[Drift, ParameterPath]:
    """A family of one unit, given as a function of state and parameter."""
    base = Drift(lambda x, u: -x, n_units=1)
    path = ParameterPath(lambda _, p: Drift(lambda x, u: function(x, p), n_units=1), low, high)
    return base, path


def of_kind(ds: xr.Dataset, kind: str) -> np.ndarray:
    return ds.special_parameter.values[ds.special_kind.values == kind]


def ends(ds: xr.Dataset) -> list[tuple[float, float]]:
    rows = ds.special_kind.values == "end"
    return [
        (float(p), float(x[0]))
        for p, x in zip(ds.special_parameter.values[rows], ds.special_state.values[rows], strict=True)
    ]


@pytest.mark.parametrize("epsilon", [1e-2, 1e-4, 1e-6, 1e-8])
def test_an_imperfect_pitchfork_is_followed_around_its_bend(epsilon: float) -> None:
    network, path = scalar(lambda x, p: p * x - x**3 + epsilon, -1.0, 1.0)

    def root(p: float, side: int) -> float:
        roots = np.sort(np.roots([-1.0, 0.0, p, epsilon]).real)
        return roots[-1] if side > 0 else roots[0]

    upper = trace(network, path, [0.0])
    assert upper.special_kind.values.tolist() == ["end", "end"]  # smooth: no fold, no branch point
    assert ends(upper)[-1] == pytest.approx((1.0, root(1.0, 1)), abs=1e-9)
    assert (upper.state.values > 0).all() and upper.stable.values.all()
    lower = trace(network, path, [-1.0], at=1.0)
    assert sorted(lower.special_kind.values) == ["end", "end", "fold"]
    np.testing.assert_allclose(of_kind(lower, "fold"), 3 * (epsilon / 2) ** (2 / 3), rtol=0, atol=1e-10)
    assert (lower.state.values < 0).all()


def test_plain_steps_along_the_tangent_do_jump_at_such_a_bend() -> None:
    """The control: the same predictor and corrector without any test of the step."""
    epsilon = 1e-6
    y, t = np.array([epsilon / 1.025, -1.025]), np.array([0.0, 1.0])
    while y[1] < 1:
        guess = y + 0.05 * t
        y = guess.copy()
        for _ in range(10):
            slope = np.array([y[1] - 3 * y[0] ** 2, y[0]])
            residual = np.array([y[1] * y[0] - y[0] ** 3 + epsilon, t @ (y - guess)])
            y = y - np.linalg.solve(np.stack([slope, t]), residual)
        across = np.array([-slope[1], slope[0]]) / np.linalg.norm(slope)
        t = across * np.sign(across @ t)
    assert y[0] < 0 < y[1]  # the branch it began on has x > 0 everywhere


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-8])
def test_hyperbolas_that_nearly_touch_are_told_apart(gap: float) -> None:
    network, across = scalar(lambda x, p: x**2 - p**2 - gap, -1.0, 1.0)
    over = trace(network, across, [1.0])
    assert over.special_kind.values.tolist() == ["end", "end"]
    np.testing.assert_allclose(over.state.values[:, 0], np.sqrt(over.parameter**2 + gap), atol=1e-10)
    network, back = scalar(lambda x, p: x**2 - p**2 + gap, -1.0, 1.0)
    turned = trace(network, back, [1.0])
    assert turned.special_kind.values.tolist() == ["end", "fold", "end"]
    np.testing.assert_allclose(of_kind(turned, "fold"), -np.sqrt(gap), rtol=0, atol=1e-10)
    assert (turned.parameter.values < 0).all()


def test_the_same_hyperbolas_without_a_gap_are_a_crossing() -> None:
    network, path = scalar(lambda x, p: x**2 - p**2, -1.0, 1.0)
    ds = trace(network, path, [1.0])
    assert ds.n_branches == 2 and of_kind(ds, "transcritical") == pytest.approx([0.0], abs=1e-12)


def test_a_closed_branch_is_followed_once_and_not_left_for_its_neighbour() -> None:
    radius, middle = 0.5, 0.5 + 5e-5  # two circles, 1e-4 apart
    network, path = scalar(
        lambda x, p: ((x - middle) ** 2 + p**2 - radius**2) * ((x + middle) ** 2 + p**2 - radius**2),
        -1.0,
        1.0,
    )
    for side in (1, -1):
        ds = trace(network, path, [side * (middle + radius)], at=0.0)
        assert ds.n_branches == 1 and ds.curve_closed.values.tolist() == [True]
        assert ds.curve_last_end.item() == "closed"
        np.testing.assert_allclose(np.sort(of_kind(ds, "fold")), [-radius, radius], rtol=0, atol=1e-10)
        on_circle = (ds.state.values[:, 0] - side * middle) ** 2 + ds.parameter.values**2
        np.testing.assert_allclose(on_circle, radius**2, atol=1e-9)
        length = 2 * radius * 2.4221121  # perimeter of the ellipse with semi-axes 1/2 and 1/4, over 1
        assert ds.curve_length.item() == pytest.approx(length, rel=2e-3)


@dataclass(frozen=True)
class Sheets:
    """Decoupled units x' = -x + w tanh x + I, each with the sheets low, middle and high, and one common input.

    The branch through all units low is known: where the sheet of a unit ends, the unit turns to the next sheet and
    the input turns back.
    """

    weights: tuple[float, ...]
    shifts: tuple[float, ...]
    reach: float = 2.0

    def folds(self, unit: int) -> tuple[float, float]:
        """Input at which the low and the high sheet of a unit end."""
        w, shift = self.weights[unit], self.shifts[unit]
        x = np.arccosh(np.sqrt(w))
        size = w * np.tanh(x) - x
        return size - shift, -size - shift

    def expected(self) -> list[tuple[float, int]]:
        """Folds in the order of the branch: the input and the unit that folds."""
        sheet = [0] * len(self.weights)
        up, found = True, []
        while True:
            bounds = []
            for unit, where in enumerate(sheet):
                low_ends, high_ends = self.folds(unit)
                if up and where in {0, 1} and not (where == 1 and low_ends < high_ends):
                    bounds.append((low_ends, unit))
                if not up and where in {1, 2}:
                    bounds.append((-high_ends, unit))
            nearest = min(bounds, default=(np.inf, -1))
            if nearest[0] > self.reach:
                return found
            input, unit = nearest
            found.append((input if up else -input, unit))
            sheet[unit] = {0: 1, 1: 0 if up else 2, 2: 1}[sheet[unit]]
            up = not up


SHEETS = [
    Sheets((1.5,), (0.0,)),
    Sheets((2.0,), (0.0,)),
    Sheets((3.0,), (0.1,)),
    Sheets((1.001,), (0.0,)),
    Sheets((2.0, 2.0001), (0.0, 0.0)),
    Sheets((2.0, 1.5), (0.0, 1e-3)),
    Sheets((2.0, 2.0), (0.0, 1e-5)),
    Sheets((3.0, 1.2), (0.0, 0.3)),
    Sheets((1.5, 2.0, 2.5), (0.0, 0.05, -0.05)),
    Sheets((1.7, 1.8, 1.9), (0.0, 1e-4, 2e-4)),
]


@pytest.mark.parametrize(
    ("case", "mixed"), [(k, False) for k in range(9)] + [(4, True), (6, True), (7, True), (9, True)]
)
def test_units_on_many_sheets_fold_in_the_order_that_is_known(case: int, mixed: bool) -> None:
    sheets = SHEETS[case]
    n = len(sheets.weights)
    Q = np.linalg.qr(np.random.default_rng(case).normal(size=(n, n)))[0] if mixed else np.eye(n)
    w, shift, basis = (torch.tensor(each, dtype=torch.float64) for each in (sheets.weights, sheets.shifts, Q))

    def drift(state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        x = state @ basis
        return (-x + w * torch.tanh(x) + input + shift) @ basis.T / 50.0

    network = Drift(drift, n_units=n, n_inputs=1)
    reach = sheets.reach
    low = np.full(n, -reach - max(sheets.weights))
    ds = trace(network, InputPath([-reach], [reach]), Q @ low)
    found = ds.special_kind.values == "fold"
    expected = sheets.expected()
    inputs = (2 * ds.special_parameter.values[found] - 1) * reach
    assert set(ds.special_kind.values) == {"fold", "end"} and ds.n_branches == 1
    assert len(inputs) == len(expected)
    folded = (ds.special_state.values @ Q)[found]
    if (ds.special_state.values[0] @ Q).sum() > 0:
        inputs, folded = inputs[::-1], folded[::-1]
    np.testing.assert_allclose(inputs, [each for each, _ in expected], rtol=0, atol=1e-8)
    x = ds.state.values @ Q  # every unit moves on its own curve, all at one input
    input = (2 * ds.parameter.values - 1) * reach
    for unit, (gain, off) in enumerate(zip(sheets.weights, sheets.shifts, strict=True)):
        np.testing.assert_allclose(x[:, unit] - gain * np.tanh(x[:, unit]) - off, input, atol=1e-9)
    for row, (_, unit) in zip(folded, expected, strict=True):
        assert abs(row[unit]) == pytest.approx(np.arccosh(np.sqrt(sheets.weights[unit])), abs=1e-6)
