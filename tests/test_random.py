"""Counter-based randomness: the numbers are right, repeatable, and independent of how they are asked for."""

import numpy as np
import pytest
import torch
from scipy import stats

from neurornn.random import counter_normal, counter_uniform, derive_seed, torch_generator

N = 1_000_000
COUNTER = np.arange(N, dtype=np.uint64)
WORD = 1 << 64


def counter_giving(word: int) -> np.ndarray:
    """The counter that stream 0 maps to a 64-bit word: SplitMix64 run backwards, in exact integers."""

    def unshift(z: int, bits: int) -> int:
        out = z
        for _ in range(64 // bits + 1):
            out = z ^ (out >> bits)
        return out

    z = unshift(word, 31) * pow(0x94D049BB133111EB, -1, WORD) % WORD
    z = unshift(z, 27) * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
    z = unshift(z, 30) * pow(0x9E3779B97F4A7C15, -1, WORD) % WORD
    return np.array([z], dtype=np.uint64)


def test_uniform_numbers_are_pinned():
    """A seed means the same trials in every version, so these numbers may never change."""
    counter = np.array([0, 1, 2, 2**63, 2**64 - 1], dtype=np.uint64)
    assert [float(u).hex() for u in counter_uniform(7, counter)] == [
        "0x1.2ae30237b17d8p-4",
        "0x1.8f2f879164c82p-2",
        "0x1.130f35fd0f1a0p-6",
        "0x1.df50194d808c5p-1",
        "0x1.46e3a11fb657bp-1",
    ]


def test_derived_seeds_are_pinned():
    assert derive_seed(0, "noise", 3) == 8085812603969780074


def test_splitmix64_agrees_with_its_definition_in_exact_integers():
    key = derive_seed(3, "definition")
    counter = np.random.default_rng(0).integers(0, WORD, size=200, dtype=np.uint64)
    for c, u in zip(counter, counter_uniform(key, counter), strict=True):
        z = (key + int(c) * 0x9E3779B97F4A7C15) % WORD
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
        z ^= z >> 31
        assert u == (2 * (z >> 12) + 1) / 2**53


def test_the_interval_is_open_at_both_ends():
    smallest, largest = counter_giving(0), counter_giving(WORD - 1)
    assert counter_uniform(0, smallest)[0] == 2.0**-53
    assert counter_uniform(0, largest)[0] == 1 - 2.0**-53
    assert counter_normal(0, smallest)[0] == pytest.approx(-8.2095, abs=1e-4)
    assert counter_normal(0, largest)[0] == pytest.approx(8.2095, abs=1e-4)


def test_uniform_numbers_fill_the_interval_evenly():
    u = counter_uniform(derive_seed(0, "uniform"), COUNTER)
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    counts = np.bincount((u * 1024).astype(int), minlength=1024)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_normal_numbers_have_normal_moments_and_tails():
    z = counter_normal(derive_seed(0, "normal"), COUNTER)
    for moment, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**moment).mean() - expected) < 4 * np.sqrt(variance / N), moment
    assert stats.kstest(z, "norm").pvalue > 1e-3
    beyond = (np.abs(z) > 4).sum()
    assert abs(beyond - N * 2 * stats.norm.sf(4)) < 4 * np.sqrt(N * 2 * stats.norm.sf(4))


def test_neighbouring_counters_and_streams_are_uncorrelated():
    keys = [derive_seed(0, "a"), derive_seed(0, "b"), derive_seed(1, "a"), derive_seed(0, "a", 0), 0, 1]
    streams = [counter_normal(key, COUNTER) for key in keys]
    bound = 4.5 / np.sqrt(N)
    for lag in (1, 2, 3, 64, 1000):
        assert abs(np.corrcoef(streams[0][:-lag], streams[0][lag:])[0, 1]) < bound
    correlation = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(correlation).max() < bound
    squares = np.corrcoef(np.square(streams)) - np.eye(len(streams))
    assert np.abs(squares).max() < bound


def test_a_number_does_not_depend_on_the_batch_it_is_drawn_in():
    whole = counter_normal(5, COUNTER[:1000].reshape(10, 100))
    alone = np.array([counter_normal(5, COUNTER[k : k + 1])[0] for k in range(1000)])
    assert whole.shape == (10, 100)
    assert np.array_equal(whole.ravel(), alone)


def test_the_counter_is_not_changed():
    counter = COUNTER[:10].copy()
    counter_normal(5, counter)
    assert np.array_equal(counter, COUNTER[:10])


def test_derived_seeds_differ_for_every_purpose():
    seeds = {derive_seed(s, name, k) for s in range(20) for name in ("a", "b", "ab") for k in range(20)}
    assert len(seeds) == 20 * 3 * 20
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "1") != derive_seed(0, 1)


def test_a_numpy_integer_names_the_same_purpose_as_an_integer():
    assert derive_seed(np.int64(4), "trial", np.int64(3)) == derive_seed(4, "trial", 3)


def test_torch_generators_are_reproducible_and_named():
    first, again, other = (
        torch.randn(100, generator=torch_generator(2, name)) for name in ("noise", "noise", "order")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
