"""N-back: is this item the one shown n items ago?"""

__all__ = ["NBack"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, SerialPosition, SignalDetection
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held, summed
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._many_choices import AbstractManyChoices
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class NBack(AbstractManyChoices):
    """Say of each item of a stream whether it equals the item ``lag`` places before.

    Items are one-hot. A cue tells the lag through the trial. The first ``lag`` items have nothing to be compared with:
    no answer is asked for and the fixation input stays on. After each later item it goes off, and choice +1 says
    match. A match has probability ``p_match``; otherwise the item is any of the others, so that items of other lags
    come back by chance. The performance of a trial is the fraction of its decisions that are right; a network
    that always says no reaches ``1 - p_match``, and d' shows that it knows nothing.

    Kirchner (1958) gives the task. Lags, stream, times and the probability of a match are chosen here.

    Attributes:
        lags: Lags, all equally likely.
        n_items: Number of different items.
        n_stream: Length of the stream.
        p_match: Probability of a match.
        item_shown: Duration of each item; the next one follows after the decision epoch.

    References:
        Age differences in short-term retention of rapidly changing information (Kirchner, 1958)
        https://doi.org/10.1037/h0043688

    Examples:
        >>> trials = NBack(lags=(2,), n_stream=4).sample(1, seed=0)
        >>> [int(trials.conditions[f"asked_{k}"][0]) for k in (1, 2)]
        [0, 0]
    """

    name = "n-back-v1"
    output_names = ("non_match", "match")

    lags: tuple[int, ...] = (1, 2, 3)
    n_items: int = 8
    n_stream: int = 10
    p_match: float = 1 / 3
    item_shown: Timing = 400.0

    @property
    @override
    def n_decisions(self) -> int:
        return self.n_stream

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        items = (f"item_{k + 1}" for k in range(self.n_items))
        return ("fixation", *items, *(f"lag_{lag}" for lag in self.lags))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not self.lags or len(set(self.lags)) < len(self.lags) or min(self.lags) < 1:
            raise ValueError(f"lags needs different whole numbers of at least 1: got {self.lags}.")
        if max(self.lags) >= self.n_stream or self.n_items < 2:
            raise ValueError(
                f"The stream must be longer than the largest lag, of two items at least: got n_stream={self.n_stream}, "
                f"lags={self.lags} and n_items={self.n_items}."
            )
        if not 0 < self.p_match < 1:
            raise ValueError(f"p_match must lie between 0 and 1: got {self.p_match}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        lag = draws.choice("lag", self.lags)
        if not np.isin(lag, self.lags).all():
            raise ValueError(f"A lag has a cue only if it is one of {self.lags}.")
        match = draws.uniforms("match", self.n_stream)[..., 0] < self.p_match
        fresh = draws.integers("items", self.n_items, self.n_stream)[..., 0]
        other = 1 + draws.integers("others", self.n_items - 1, self.n_stream)[..., 0]
        items = fresh.copy()
        asked = np.zeros(items.shape, dtype=np.int64)
        for k in range(min(self.lags), self.n_stream):
            known = lag <= k
            past = np.take_along_axis(items, np.maximum(k - lag, 0)[:, None], axis=1)[:, 0]
            item = np.where(match[:, k], past, (past + other[:, k]) % self.n_items)
            items[:, k] = np.where(known, item, items[:, k])
            asked[:, k] = np.where(known, np.where(match[:, k], 1, -1), 0)
        shown, decision = (
            draws.duration("item_shown", self.item_shown),
            draws.duration("decision", self.decision),
        )
        steps = {"fixation": draws.duration("fixation", self.fixation)}
        for k in range(self.n_stream):
            steps |= {f"item_{k + 1}": shown, f"decision_{k + 1}": decision}
        epochs = Epochs(self.dt, steps)
        stream = summed(
            held(one_hot(items[:, k], range(self.n_items)), epochs.during(f"item_{k + 1}"))
            for k in range(self.n_stream)
        )
        cue = held(one_hot(lag, self.lags), epochs.valid)
        return self._ask(
            draws,
            epochs,
            inputs={"items": stream, "lag": cue},
            asked=asked,
            conditions={f"shown_{k + 1}": items[:, k] + 1 for k in range(self.n_stream)},
        )

    @override
    def _score(self, scores: NDArray[np.float64], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
        asked = ~np.isnan(scores)
        return np.sum(scores, axis=1, where=asked) / asked.sum(axis=1)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion by lag": SignalDetection("lag", self.asked_names, self.choice_names),
            "accuracy by lag": MeanBy("performance", by="lag"),
            "accuracy by place in the stream": SerialPosition(by="lag"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No item, at each lag.

        Returns:
            One vector for each lag.
        """
        probes = {}
        for k, lag in enumerate(self.lags):
            probes[f"lag {lag}"] = vector = torch.zeros(self.n_inputs)
            vector[0] = vector[1 + self.n_items + k] = 1.0
        return probes
