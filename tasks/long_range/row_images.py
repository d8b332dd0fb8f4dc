"""Images row by row: what was it, once all rows have been seen?"""

__all__ = ["RowImages"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, answered
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class RowImages(AbstractSymbolTask):
    """Say what an image shows after its rows have been seen one after the other.

    A symbol is a row: each of its pixels is an input. The answer, one of the labels, is due at the last row, and that is all the
    loss counts. By default the images are the 1797 handwritten digits of 8 by 8 pixels that come with scikit-learn; arrays
    of your own, such as the 28 by 28 pixels of MNIST, are given as ``images`` and ``labels``. The last images of each label are
    never trained on: ``split="test"`` shows them alone.

    With ``blank_rows`` empty rows follow the image, and the answer is due at the last of them: the image has to be remembered.

    Cheng & Brown train on MNIST by rows, in one variant with the first ten rows left out (``skip_rows=10``).

    Attributes:
        images: Images ``(image, row, column)`` with finite values; they are scaled to a largest value of 1. None for
            the digits of scikit-learn.
        labels: Label of each image: whole numbers or text.
        skip_rows: Rows at the top that are not shown.
        blank_rows: Empty rows after the image.
        held_out: Fraction of the images of each label that training never shows.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> task = RowImages()
        >>> trials = task.sample(10, seed=0, balanced=True)
        >>> tuple(trials.inputs.shape), trials.conditions["label"].tolist()
        ((10, 8, 8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        >>> RowImages(images=np.eye(3)[None].repeat(4, 0), labels=["x", "x", "o", "o"], held_out=0.5).output_names
        ('label_o', 'label_x')
    """

    name = "row-images-v1"

    images: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    labels: Any = field(default=None, compare=False, repr=False)
    skip_rows: int = 0
    blank_rows: int = 0
    held_out: float = 0.2

    @cached_property
    def _data(self) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[Any]]:
        """Images, the label of each, and the different labels."""
        if self.images is None:
            images, labels = _digits()
        else:
            images, labels = np.asarray(self.images, dtype=np.float64), np.asarray(self.labels)
        return images, labels, np.unique(labels)

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"column_{k + 1}" for k in range(self._data[0].shape[2]))

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return tuple(f"label_{each}" for each in self._data[2])

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if (self.images is None) != (self.labels is None):
            raise ValueError(
                "images and labels go together: give both, or neither for scikit-learn's digits."
            )
        images, labels, known = self._data
        if images.ndim != 3 or labels.shape != images.shape[:1] or labels.dtype.kind not in "iuU":
            raise ValueError(
                "images must be (image, row, column), with one label each, a whole number or text: got shapes "
                f"{images.shape} and {labels.shape}, labels of type {labels.dtype}."
            )
        if images.size == 0 or not np.isfinite(images).all() or images.max() <= 0 or known.size < 2:
            raise ValueError(
                "images must hold finite values, some of them above 0, and show at least two different labels."
            )
        if not (isinstance(self.skip_rows, int | np.integer) and 0 <= self.skip_rows <= images.shape[1] - 2):
            raise ValueError(
                f"skip_rows must leave at least two of the {images.shape[1]} rows: got {self.skip_rows}."
            )
        if not (isinstance(self.blank_rows, int | np.integer) and self.blank_rows >= 0):
            raise ValueError(f"blank_rows must be a whole number, 0 or more: got {self.blank_rows}.")
        counts = np.array([(labels == each).sum() for each in known])
        n_tests = np.floor(self.held_out * counts) if 0 <= self.held_out < 1 else counts
        if np.any(n_tests >= counts) or (self.held_out > 0 and np.any(n_tests < 1)):
            raise ValueError(
                f"held_out must be a fraction from 0 that leaves images of each label on both sides: got {self.held_out} with "
                f"{counts.min()} images of the rarest label."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        images, labels, known = self._data
        label = draws.choice("label", known)
        place = draws.uniform("pick")
        if not np.isin(label, known).all() or np.any((place < 0) | (place > 1)):
            raise ValueError("A label must be one of the labels, and a pick must lie in [0, 1].")
        image = np.zeros(draws.n_trials, dtype=np.int64)
        for each in known:
            members = np.flatnonzero(labels == each)
            n_train = members.size - int(np.floor(self.held_out * members.size))
            if self.held_out > 0 and draws.split != "all":
                members = members[:n_train] if draws.split == "train" else members[n_train:]
            mine = label == each
            image[mine] = members[np.minimum((place[mine] * members.size).astype(np.int64), members.size - 1)]
        rows = images[image, self.skip_rows :] / images.max()
        one = np.ones(draws.n_trials, dtype=np.int64)
        counts = {"rows": one * (rows.shape[1] - (self.blank_rows == 0))}
        if self.blank_rows > 0:
            rows = np.pad(rows, ((0, 0), (0, self.blank_rows), (0, 0)))
            counts["blank"] = one * (self.blank_rows - 1)
        epochs = self._lay_out(counts | {"answer": one})
        answer = held(one_hot(label, known.tolist()), epochs.during("answer"))
        return self._assemble(
            draws,
            epochs,
            inputs={"pixels": self._shown(rows, epochs)},
            targets={"answer": answer},
            mask=epochs.during("answer"),
            conditions={"image": image},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The answer is the output that is largest on average during the last row.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"answer"``, the number of an output or -1 for none, and ``"performance"``, 1 or 0.
        """
        answer = answered(trials, output)
        right = np.searchsorted(self._data[2], trials.conditions["label"])
        return {"answer": answer, "performance": (answer == right).astype(np.float64)}

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"accuracy by label": Accuracy(by="label")}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """A blank row, and the mean row.

        Returns:
            Two vectors.
        """
        images = self._data[0]
        mean = images[:, self.skip_rows :].mean((0, 1)) / images.max()
        return {"blank": torch.zeros(self.n_inputs), "mean": torch.from_numpy(mean.astype(np.float32))}


@lru_cache(maxsize=1)
def _digits() -> tuple[NDArray[np.float64], NDArray[Any]]:
    """The handwritten digits that come with scikit-learn."""
    from sklearn.datasets import load_digits  # reads a file

    data = load_digits()
    return data.images, data.target
