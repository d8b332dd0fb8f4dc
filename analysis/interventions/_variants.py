"""What is in force in each trial and each step, when several interventions change the same thing."""

__all__ = ["Variants"]

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

Kind = TypeVar("Kind")


class Variants(Generic[Kind]):
    """One thing in all the versions that interventions make of it.

    Args:
        plain: The thing as it is.
        changes: For each intervention the steps in which it acts, ``(batch, time)``, and what it makes of the thing; they
            act in this order.
        device: Where masks of trials are wanted.
    """

    def __init__(
        self,
        plain: Kind,
        changes: Sequence[tuple[Tensor, Callable[[Kind], Kind]]],
        device: torch.device,
    ) -> None:
        self._changes, self._device = [change for _, change in changes], device
        self._known: dict[int, Kind] = {0: plain}
        self._codes = np.zeros((1, 1), dtype=np.int64)
        if changes:
            powers = (2**bit * active.long() for bit, (active, _) in enumerate(changes))
            self._codes = cast(Tensor, sum(powers)).cpu().numpy()

    def at(self, k: int) -> Iterator[tuple[Tensor | None, Kind]]:
        """The versions in force in step ``k`` and their trials; the first comes with None, for all."""
        codes = self._codes[:, min(k, self._codes.shape[1] - 1)]
        for place, code in enumerate(np.unique(codes)):
            rows = torch.as_tensor(codes == code, device=self._device) if place else None
            yield rows, self._of(int(code))

    def all(self) -> list[Kind]:
        """The versions that occur anywhere."""
        return [self._of(int(code)) for code in np.unique(self._codes)]

    def _of(self, code: int) -> Kind:
        if code not in self._known:
            each = self._known[0]
            for bit, change in enumerate(self._changes):
                if code >> bit & 1:
                    each = change(each)
            self._known[code] = each
        return self._known[code]
