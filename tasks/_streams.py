r"""Streams of random numbers for a batch of trials, each number a function of (task, seed, trial number) alone.

Trial 812 is the same trial in any batch, and a new random quantity changes none of the old ones: each has a
stream named after it, and its value is computed from (seed, task, stream, trial number).
"""

__all__ = ["Split", "Streams"]

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurornn._channels import Noise
from neurornn.random import counter_uniform, derive_seed, normal_traces

Split = Literal["train", "test", "all"]
"""Trials to learn from, trials that are held out, or trials of every condition."""

_STEP_BITS, _CHANNEL_BITS = 18, 12
_TRIAL_BITS = 64 - _STEP_BITS - _CHANNEL_BITS


class Streams:
    """Random numbers of a batch of trials by name; each name is drawn from once.

    Args:
        seed: Seed of the batch.
        index: Absolute trial numbers.
        task: Name of the task; tasks do not share random numbers.
        split: Which trials: splits do not share random numbers.

    Raises:
        ValueError: If a trial number is out of range or there is no such split.

    Examples:
        >>> whole, part = Streams(0, np.arange(4)), Streams(0, np.arange(2, 4))
        >>> whole.uniforms("places", 5)[2:].tolist() == part.uniforms("places", 5).tolist()
        True
    """

    def __init__(
        self, seed: int, index: NDArray[np.int64], *, task: str = "", split: Split = "train"
    ) -> None:
        self.seed, self.task = int(seed), task
        if split not in {"train", "test", "all"}:
            raise ValueError(f"split must be 'train', 'test' or 'all': got {split!r}.")
        self.split = split
        self.index = np.asarray(index, dtype=np.int64)
        if self.index.size and not (self.index.min() >= 0 and self.index.max() < 2**_TRIAL_BITS):
            raise ValueError(
                f"Trial numbers must lie in [0, 2^{_TRIAL_BITS}): got {self.index.min()} to {self.index.max()}."
            )
        self._streams: set[str] = set()

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return int(self.index.size)

    def uniforms(self, name: str, n_steps: int, n_channels: int = 1) -> NDArray[np.float64]:
        """Many uniform numbers for each trial; value ``[i, t, c]`` depends on no size.

        Args:
            name: Name of the stream.
            n_steps: Numbers along time.
            n_channels: Numbers for each step.

        Returns:
            Numbers in (0, 1), ``(batch, n_steps, n_channels)``.
        """
        return counter_uniform(self._key(name), self._counter(n_steps, n_channels))

    def integers(self, name: str, n_values: int, n_steps: int, n_channels: int = 1) -> NDArray[np.int64]:
        """Many whole numbers for each trial, all equally likely; value ``[i, t, c]`` depends on no size.

        Args:
            name: Name of the stream.
            n_values: Numbers run from 0 to ``n_values - 1``.
            n_steps: Numbers along time.
            n_channels: Numbers for each step.

        Returns:
            Numbers ``(batch, n_steps, n_channels)``.
        """
        u = self.uniforms(name, n_steps, n_channels)
        return np.minimum((u * n_values).astype(np.int64), n_values - 1)

    def permutations(self, name: str, n_items: int) -> NDArray[np.int64]:
        """A random order of some items for each trial.

        Args:
            name: Name of the stream.
            n_items: Number of items.

        Returns:
            Orders of ``0 ... n_items - 1``, ``(batch, n_items)``.
        """
        return np.argsort(self.uniforms(name, n_items)[..., 0], axis=1, kind="stable")

    def normal(self, name: str, n_steps: int, n_channels: int = 1) -> NDArray[np.float32]:
        """Many standard normal numbers for each trial; value ``[i, t, c]`` depends on no size.

        Args:
            name: Name of the stream.
            n_steps: Numbers along time.
            n_channels: Numbers for each step.

        Returns:
            Numbers ``(batch, n_steps, n_channels)``.
        """
        self._check_size(n_steps, n_channels)
        key, breaks = self._key(name), np.flatnonzero(np.diff(self.index) != 1) + 1
        runs = [
            each for each in np.split(self.index, breaks) if each.size
        ]  # one, unless a task reorders its trials
        traces = [normal_traces(key, int(each[0]), each.size, n_channels, n_steps) for each in runs]
        return np.concatenate(traces).transpose(0, 2, 1) if len(traces) > 1 else traces[0].transpose(0, 2, 1)

    def noise(self, name: str, scale: float, n_steps: int, n_channels: int = 1) -> Noise | None:
        """Many normal numbers for each trial, the same as those of :meth:`normal`, to be drawn where they are added.

        Args:
            name: Name of the stream.
            scale: Their standard deviation.
            n_steps: Numbers along time.
            n_channels: Numbers for each step.

        Returns:
            What :func:`laid_out` channels get to channels; None if the scale is 0.
        """
        if scale == 0:
            return None
        self._check_size(n_steps, n_channels)
        return Noise(self._key(name), self.index, np.float32(scale))

    def _unit(self, name: str) -> NDArray[np.float64]:
        return counter_uniform(self._key(name), self.index.view(np.uint64))

    def _claim(self, name: str) -> None:
        if name in self._streams:
            raise ValueError(f"'{name}' was drawn twice: both would be the same numbers. Use two names.")
        self._streams.add(name)

    def _key(self, name: str) -> int:
        self._claim(name)
        split = () if self.split == "train" else (self.split,)
        return derive_seed(self.seed, "trials", self.task, name, *split)

    @staticmethod
    def _check_size(n_steps: int, n_channels: int) -> None:
        if n_steps > 2**_STEP_BITS or n_channels > 2**_CHANNEL_BITS:
            raise ValueError(
                f"A trial may have up to {2**_STEP_BITS} steps and {2**_CHANNEL_BITS} channels: got {n_steps} and {n_channels}."
            )

    def _counter(self, n_steps: int, n_channels: int) -> NDArray[np.uint64]:
        self._check_size(n_steps, n_channels)
        trial = self.index.astype(np.uint64)[:, None, None] << np.uint64(_STEP_BITS + _CHANNEL_BITS)
        channel = np.arange(n_channels, dtype=np.uint64) << np.uint64(_STEP_BITS)
        return trial + np.arange(n_steps, dtype=np.uint64)[:, None] + channel
