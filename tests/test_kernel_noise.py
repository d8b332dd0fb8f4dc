"""The normal numbers of the time loop: the published generator, the right distribution, the same bits everywhere."""

import math

import numpy as np
import pytest
import torch
from circuits import Problem, results, same
from scipy.special import ndtr, ndtri
from scipy.stats import chi2, kstwobign
from toys import FORMS

from neurornn import kernels
from neurornn.kernels._cpu import drawn_normals
from neurornn.kernels._noise import _Array, _box_muller, normals, philox, plain_normals

N = 10_000_000
KEYS = [0, 1, 2**31, 2**32, 0xDEADBEEF12345678 >> 1, 2**63 - 1]


def words(*values):
    return tuple(_Array(np.array([value], np.uint32)) for value in values)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers_of_philox(counter, key, expected):
    """Vectors of the Random123 distribution, https://github.com/DEShawResearch/random123."""
    counter, key = (words(*(int(word, 16) for word in each.split())) for each in (counter, key))
    assert " ".join(f"{each.values[0]:08x}" for each in philox(counter, key)) == expected


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 70), (2, 3, 64), (7, 2, 129), (300, 20, 64)])
@pytest.mark.parametrize("first", [(0, 0), (17, 3), (10**6, 2**33 + 5)])
def test_compiled_numbers_are_those_of_numpy_bit_by_bit(key, shape, first):
    found, expected = (draw(key, *shape, *first) for draw in (drawn_normals, plain_normals))
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape == shape
    assert (found.view(np.uint32) == expected.view(np.uint32)).all()


def test_the_place_of_a_number_is_the_documented_one():
    key, step, trial = 2**40 + 12345, 6, 2**32 + 3
    row = plain_normals(key, 1, 1, 200, first_step=step, first_trial=trial)[0, 0]
    halves = words(key & 0xFFFFFFFF, key >> 32)
    for unit in (0, 1, 15, 16, 31, 32, 63, 64, 100, 199):
        counter = words(unit // 64 * 16 + unit % 16, step, 3, 1)
        assert row[unit] == normals(counter, halves)[unit % 64 // 16].values[0]


@pytest.mark.parametrize("draw", [drawn_normals, plain_normals])
def test_a_number_depends_on_its_place_alone(draw):
    whole = draw(5, 6, 9, 130)
    assert (draw(5, 4, 9, 130) == whole[:4]).all()
    assert (draw(5, 6, 9, 3) == whole[:, :, :3]).all()
    assert (draw(5, 3, 4, 64, first_step=5, first_trial=2) == whole[2:5, 5:, :64]).all()
    assert len(np.unique(whole)) > 0.999 * whole.size
    assert not (draw(6, 6, 9, 130) == whole).any(0).all()


def test_threads_do_not_change_a_number():
    before = torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            found.append(drawn_normals(3, 61, 50, 128).copy())
    finally:
        torch.set_num_threads(before)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
def test_noise_drawn_in_the_loop_is_that_drawn_before(form, dtype):
    problem = Problem(form, n_trials=5, n_steps=12, n_units=70)
    leaves = problem.leaves(dtype)
    values = kernels.normal_numbers(2**40, 5, 12, 70, leaves["inputs"], first_step=3)
    runs = [
        kernels.run(problem.circuit(leaves), leaves["inputs"], leaves["start"], noise, costs=True)
        for noise in (
            kernels.Noise(0.3, "input", key=2**40, first_step=3),
            kernels.Noise(0.3, "input", values=values),
            kernels.Noise(0.3, "input", key=2**40),
        )
    ]
    assert same(results(runs[0]), results(runs[1]))
    assert not torch.allclose(runs[0].output, runs[2].output, atol=0.01)


def test_the_transform_is_accurate_in_the_tail_and_at_the_edges():
    """Against double precision, for the extreme words and the edges of the eighths of a circle."""
    ends = np.concatenate([np.arange(300), 2**32 - 1 - np.arange(300), 2 ** np.arange(32)])
    eighths = (np.arange(8)[:, None] * 2**29 + np.arange(-2, 3)).ravel() % 2**32
    spread = np.random.default_rng(0).integers(0, 2**32, 400)
    first, second = np.meshgrid(np.concatenate([ends, spread]), np.concatenate([ends, eighths, spread]))
    found = _box_muller(*(_Array(each.ravel().astype(np.uint32)) for each in (first, second)))
    radius = np.sqrt(-2 * np.log((first.ravel() + 0.5) / 2**32))
    angle = 2 * math.pi * second.ravel() / 2**32
    for one, expected in zip(found, (radius * np.cos(angle), radius * np.sin(angle)), strict=True):
        assert np.isfinite(one.values).all()
        # u near 1 is rounded to single precision, which moves the radius by at most the root of its rounding
        assert (np.abs(one.values - expected) < 2e-6 + np.where(radius < 0.1, 4e-4, 0)).all()
    assert 6.7 < max(np.abs(each.values).max() for each in found) < 6.8


def moment_errors(x):
    """Errors of the moments of orders 1 to 8 in standard errors, for numbers that should be standard normal."""
    double = lambda k: math.prod(range(k - 1, 0, -2))  # the k-th moment for even k
    power, errors = np.ones_like(x), []
    for k in range(1, 9):
        power *= x
        expected = double(k) if k % 2 == 0 else 0
        errors.append((power.mean() - expected) / math.sqrt((double(2 * k) - expected**2) / x.size))
    return np.array(errors)


def kolmogorov_smirnov(x):
    """Probability of so large a distance from the normal distribution."""
    steps = ndtr(np.sort(x))
    rank = np.arange(x.size + 1) / x.size
    return kstwobign.sf(math.sqrt(x.size) * max((rank[1:] - steps).max(), (steps - rank[:-1]).max()))


def tail_errors(x):
    """Errors of the counts beyond 3, 4 and 4.5 on either side, in standard errors."""
    return np.array([
        (np.count_nonzero(side * x > z) - x.size * ndtr(-z)) / math.sqrt(x.size * ndtr(-z))
        for z in (3.0, 4.0, 4.5)
        for side in (-1, 1)
    ])


@pytest.fixture(scope="module")
def draws():
    return drawn_normals(20_240_607, 100, 400, 250)


def test_ten_million_numbers_are_normal(draws):
    x = draws.ravel().astype(np.float64)
    assert x.size == N
    assert np.abs(moment_errors(x)).max() < 5
    assert np.abs(tail_errors(x)).max() < 5
    assert kolmogorov_smirnov(x) > 1e-3
    assert 1 <= np.count_nonzero(np.abs(x) > 5) <= 20  # 5.7 expected
    assert 5.0 < np.abs(x).max() < 6.0


@pytest.mark.parametrize(
    "flaw",
    [
        lambda x: x * 1.002,
        lambda x: x + 0.002,
        lambda x: np.clip(x, -4.2, 4.2),
        lambda x: np.round(x, 2),
        lambda x: x + 1e-3 * (x * x - 1),
    ],
    ids=["scale", "shift", "short tails", "coarse", "skew"],
)
def test_the_tests_above_would_see_a_flaw(draws, flaw):
    x = flaw(draws.ravel().astype(np.float64))
    assert (
        np.abs(moment_errors(x)).max() >= 5
        or np.abs(tail_errors(x)).max() >= 5
        or kolmogorov_smirnov(x) <= 1e-3
    )


def assert_independent(a, b):
    """Numbers, their sizes and their signs are uncorrelated, and quantiles fill a grid evenly."""
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    for f in (lambda x: x, lambda x: (x * x - 1) / math.sqrt(2), np.sign):
        assert abs((f(a) * f(b)).mean()) < 5 / math.sqrt(a.size)
    edges = ndtri(np.arange(1, 8) / 8)
    counts = np.bincount(8 * np.searchsorted(edges, a) + np.searchsorted(edges, b), minlength=64)
    distance = ((counts - a.size / 64) ** 2 / (a.size / 64)).sum()
    assert 1e-4 < chi2.sf(distance, 63) < 1 - 1e-4


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("lag", [1, 2, 16, 64])
def test_neighbours_are_independent(draws, axis, lag):
    """Trials, steps and units; units 16 apart are the two partners of one transform."""
    x = draws[:, :100]
    assert_independent(
        np.take(x, range(lag, x.shape[axis]), axis), np.take(x, range(x.shape[axis] - lag), axis)
    )


@pytest.mark.parametrize("word", [0, 2])
def test_partners_of_one_transform_are_independent(draws, word):
    units = np.arange(16) + 16 * word
    assert_independent(draws[:, :, units], draws[:, :, units + 16])


@pytest.mark.parametrize("other", [8, 7 + 2**31, 7 + 2**32, 7 + 2**62])
def test_other_keys_give_independent_numbers(other):
    one, two = (drawn_normals(key, 50, 200, 64) for key in (7, other))
    assert_independent(one, two)


def test_dependence_would_be_seen(draws):
    """Of partners that share their radius and of one that is hidden in the signs."""
    x, y = draws[:, :, :16], draws[:, :, 64:80]
    for a, b in ((x, x * np.sign(y)), (x, np.abs(y) * np.sign(x) * np.sign(draws[:, :, 80:96] + 1))):
        with pytest.raises(AssertionError):
            assert_independent(a, b)
