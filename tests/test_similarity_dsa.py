"""Dynamical similarity: known operators, and an optimum that is proven rather than hoped for."""

import numpy as np
import pytest

from neurornn.analysis.similarity import DynamicalSimilarity
from neurornn.analysis.similarity._conjugacy import closest_conjugate


def orthogonal(rng, n):
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    Q[:, 0] *= rng.choice([-1, 1])
    return Q


def search(A, B, **options):
    return closest_conjugate(A, B, **({"n_starts": 10, "seed": 0, "tolerance": 1e-10} | options))


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def overlap(A, B, C):
    return float((A * (C @ B @ C.T)).sum())


@pytest.mark.parametrize("n", [1, 2, 3, 6, 10])
def test_turned_and_reflected_copies_are_found_and_proven(n):
    rng = np.random.default_rng(n)
    for sign in (1, -1):
        A = rng.normal(size=(n, n))
        Q = orthogonal(rng, n)
        if np.sign(np.linalg.det(Q)) != sign:
            Q[:, 0] *= -1
        found = search(A, Q.T @ A @ Q, n_starts=0)
        assert found.overlap == pytest.approx((A**2).sum(), rel=1e-12)
        assert found.limit - found.overlap < 1e-9 * (A**2).sum()
        np.testing.assert_allclose(found.C @ found.C.T, np.eye(n), atol=1e-12)


def test_in_the_plane_it_is_the_best_of_all_turns_and_reflections():
    rng = np.random.default_rng(0)
    for _ in range(20):
        A, B = rng.normal(size=(2, 2, 2))
        every = [
            overlap(A, B, rotation(angle) @ np.diag([1.0, sign]))
            for angle in np.linspace(0, np.pi, 2000)
            for sign in (1, -1)
        ]
        found = search(A, B)
        assert found.overlap == pytest.approx(max(every), abs=1e-5)
        assert found.limit == pytest.approx(found.overlap, abs=1e-9)


def test_symmetric_matrices_are_matched_by_their_sorted_eigenvalues():
    rng = np.random.default_rng(1)
    A, B = (M + M.T for M in rng.normal(size=(2, 7, 7)))
    found = search(A, B, n_starts=0)
    expected = np.linalg.eigvalsh(A) @ np.linalg.eigvalsh(B)
    assert found.overlap == pytest.approx(expected, rel=1e-10)
    assert found.limit == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_nothing_exceeds_the_limit(n):
    rng = np.random.default_rng(n)
    for _ in range(3):
        A, B = rng.normal(size=(2, n, n))
        found = search(A, B, n_starts=0)  # whatever the search missed must still lie below
        thorough = search(A, B, n_starts=60, seed=1, tolerance=-1.0)
        assert found.overlap <= thorough.overlap + 1e-9
        assert thorough.overlap <= found.limit + 1e-9
        assert max(overlap(A, B, orthogonal(rng, n)) for _ in range(200)) < found.overlap


def test_the_dual_proves_what_eigenvalues_cannot():
    rng = np.random.default_rng(2)
    proven = 0
    for _ in range(10):
        A, noise = rng.normal(size=(2, 6, 6))
        Q = orthogonal(rng, 6)
        found = search(A, Q @ A @ Q.T + 0.2 * noise)
        size = np.linalg.norm(A) * np.linalg.norm(Q @ A @ Q.T + 0.2 * noise)
        symmetric = np.linalg.eigvalsh(A + A.T) @ np.linalg.eigvalsh(
            Q @ (A + A.T) @ Q.T + 0.2 * (noise + noise.T)
        )
        skew = np.linalg.svd(A - A.T)[1] @ np.linalg.svd(Q @ (A - A.T) @ Q.T + 0.2 * (noise - noise.T))[1]
        assert (symmetric + skew) / 4 > found.overlap + 1e-4 * size
        proven += found.limit - found.overlap < 1e-9 * size
    assert proven >= 9


def test_an_optimum_that_cannot_be_proven_has_a_close_limit():
    rng = np.random.default_rng(10)
    gaps = []
    for _ in range(12):
        A, B = rng.normal(size=(2, 5, 5))
        found = search(A, B)
        size = np.linalg.norm(A) * np.linalg.norm(B)
        spectral = (
            np.linalg.eigvalsh(A + A.T) @ np.linalg.eigvalsh(B + B.T)
            + np.linalg.svd(A - A.T)[1] @ np.linalg.svd(B - B.T)[1]
        ) / 4
        gaps.append((found.limit - found.overlap) / size)
        assert gaps[-1] < 0.5 * (spectral - found.overlap) / size
    assert max(gaps) < 0.02


def test_random_starts_reach_turns_and_reflections():
    rng = np.random.default_rng(3)
    signs = set()
    for seed in range(12):
        A, B = rng.normal(size=(2, 4, 4))
        found = search(A, B, seed=seed)
        signs.add(int(np.sign(np.linalg.det(found.C))))
    assert signs == {1, -1}


def test_matrices_that_any_frame_leaves_alone():
    found = search(3 * np.eye(4), np.random.default_rng(0).normal(size=(4, 4)))
    assert found.overlap == found.limit


# from activity to operators


def linear_courses(A, rng, n_conditions=12, n_times=30):
    x = rng.normal(size=(n_conditions, len(A)))
    course = []
    for _ in range(n_times):
        course.append(x)
        x = x @ A.T
    return np.stack(course, 1)


def test_the_operator_has_the_eigenvalues_of_the_system():
    rng = np.random.default_rng(4)
    A = np.diag([0.95, 0.8, 0.0, 0.0])
    A[2:, 2:] = 0.9 * rotation(0.5)
    X = linear_courses(A, rng) @ rng.normal(size=(4, 9)) + 3.0
    for n_delays, step in ((1, 1), (3, 1), (2, 2)):
        dynamics = DynamicalSimilarity(n_delays=n_delays, rank=4, step=step).dynamics(X)
        expected = np.sort_complex(np.linalg.eigvals(np.linalg.matrix_power(A, step)))
        np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(dynamics.operator)), expected, atol=1e-8)
        assert dynamics.r_squared == pytest.approx(1)
        assert dynamics.variance == pytest.approx(1)


def test_delays_see_a_rotation_that_one_unit_hides():
    phase = 0.4 * np.arange(40) + np.linspace(0, 2, 5)[:, None]
    X = np.cos(phase)[..., None]
    eigenvalues = np.linalg.eigvals(DynamicalSimilarity(n_delays=2, rank=2).dynamics(X).operator)
    np.testing.assert_allclose(np.sort(np.angle(eigenvalues)), [-0.4, 0.4], atol=1e-8)


def test_frequencies_apart_are_angles_apart():
    def turning(angle):
        phase = angle * np.arange(2 * round(2 * np.pi / 0.1)) + np.array([[0.0], [np.pi / 2]])
        return np.stack([np.cos(phase), np.sin(phase)], -1)

    measure = DynamicalSimilarity(n_delays=1, rank=2)
    for a, b in ((0.1, 0.2), (0.1, 0.5), (0.3, 0.2)):
        scores = measure.score(turning(a), turning(b))
        assert scores.value == pytest.approx(abs(a - b), abs=5e-3)
        assert scores.verified
        assert measure.score(turning(a), turning(-a)).value < 5e-3  # a reflection turns one into the other


def test_it_sees_dynamics_where_geometry_is_the_same():
    from neurornn.analysis.similarity import Procrustes

    rng = np.random.default_rng(5)
    slow = linear_courses(rotation(0.1), rng, n_conditions=60, n_times=40)
    fast = linear_courses(rotation(0.9), rng, n_conditions=60, n_times=40)
    other = linear_courses(rotation(0.1), rng, n_conditions=60, n_times=40)  # other states, the same rule
    measure = DynamicalSimilarity(n_delays=1, rank=2)
    assert measure.score(slow, other).value < 0.02
    assert measure.score(slow, fast).value > 0.7
    assert Procrustes().score(slow, other).value > 0.7


def test_without_truncation_it_is_blind_to_any_invertible_map():
    rng = np.random.default_rng(6)
    X = linear_courses(0.9 * orthogonal(rng, 4), rng)
    X = X + 0.1 * rng.normal(size=X.shape)
    mapped = X @ (np.eye(4) + rng.normal(size=(4, 4)))
    assert DynamicalSimilarity(n_delays=1, rank=4).score(X, mapped).value < 1e-6
    assert DynamicalSimilarity(n_delays=1, rank=3).score(X, mapped).value > 1e-2


def test_euclidean_distance_sees_the_size_of_the_operator_and_the_angle_does_not():
    rng = np.random.default_rng(7)
    A = orthogonal(rng, 3)
    X, faded = linear_courses(A, rng, n_times=10), linear_courses(0.8 * A, rng, n_times=10)
    angle = DynamicalSimilarity(n_delays=1, rank=3)
    norm = DynamicalSimilarity(n_delays=1, rank=3, metric="euclidean")
    assert norm.score(X, faded).value > angle.score(X, faded).value + 0.1


def test_the_bound_is_never_above_the_value_and_the_seed_decides():
    rng = np.random.default_rng(8)
    for metric in ("angular", "euclidean"):
        X, Y = rng.normal(size=(2, 6, 20, 8))
        scores = DynamicalSimilarity(n_delays=2, rank=6, metric=metric).score(X, Y)
        assert 0 < scores.bound <= scores.value
        assert scores.bound > 0.8 * scores.value
        assert scores == DynamicalSimilarity(n_delays=2, rank=6, metric=metric).score(X, Y)
