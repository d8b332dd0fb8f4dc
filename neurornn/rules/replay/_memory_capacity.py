"""How many patterns a sequence memory holds."""

__all__ = ["capacity"]

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from neurornn.random import derive_seed
from neurornn.rules.replay._memory import SequenceMemory


def capacity(
    memory: SequenceMemory,
    n_patterns: Sequence[int],
    *,
    n_sequences: int = 20,
    gate: float = 1.0,
    seed: int = 0,
) -> xr.Dataset:
    """Which fraction of random sequences is recalled in order, against their length.

    Args:
        memory: The memory; every sequence is stored in one of its own, with the same background.
        n_patterns: Lengths of sequences, at least 2 each.
        n_sequences: Sequences of each length.
        gate: Gate of all pairs.
        seed: Seed of the patterns.

    Returns:
        ``in_order``, the fraction of sequences recalled without a mistake; ``right``, the fraction of recalled patterns that are nearest to
        the one that is due; ``overlap``, the mean overlap with that one; ``duration``, the mean number of steps of the memory from a
        pattern to the next. Dimension ``n_patterns``.

    Raises:
        ValueError: If a number makes no sense.

    Examples:
        >>> found = capacity(SequenceMemory(n_units=200), [5, 60], n_sequences=10)
        >>> found.in_order.values.tolist()
        [1.0, 0.0]
    """
    if n_sequences < 1 or not n_patterns or min(n_patterns) < 2:
        raise ValueError(
            f"There must be at least one sequence and two patterns in each: got n_sequences={n_sequences} and "
            f"n_patterns={list(n_patterns)}."
        )
    found = np.zeros((4, len(n_patterns)))
    for k, n in enumerate(n_patterns):
        patterns = memory.draw(n, n_trials=n_sequences, seed=derive_seed(seed, "capacity", n))
        with torch.no_grad():
            recalled = memory.recall(memory.store(patterns, gate))
        right = ~recalled.mistaken
        due = recalled.overlap.take_along_dim(recalled.expected[None, :, None], 2)
        found[:, k] = (
            float(right.all(1).float().mean()),
            float(right.float().mean()),
            float(due.mean()),
            float(recalled.step[:, -1].float().mean()) / (n - 1),
        )
    words = (
        ("in_order", "fraction of sequences recalled in order", "1"),
        ("right", "fraction of patterns recalled at their place", "1"),
        ("overlap", "overlap with the pattern that is due", "1"),
        ("duration", "time from pattern to pattern", "steps of the memory"),
    )
    return xr.Dataset(
        {
            name: ("n_patterns", values, {"long_name": text, "units": units})
            for (name, text, units), values in zip(words, found, strict=True)
        },
        {
            "n_patterns": (
                "n_patterns",
                list(n_patterns),
                {"long_name": "patterns in a sequence", "units": "1"},
            )
        },
        {
            "n_units": memory.n_units,
            "pace": memory.pace,
            "background": memory.background,
            "n_sequences": n_sequences,
            "seed": seed,
        },
    )
