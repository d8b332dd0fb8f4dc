"""Add: the probability of a coin depends on two earlier coins, one step more easily forgotten than the other."""

__all__ = ["Add"]

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, to_steps
from neurornn.trials import Trials

_LEVELS = np.array([0.25, 0.5, 0.75, 1.0])


@register
@dataclass(frozen=True, kw_only=True)
class Add(AbstractTask):
    r"""Say how probable heads is, given two coins of the past: a test of how far credit reaches back in time.

    .. math:: y(t) = \tfrac12 + \tfrac12\, x(t - t_1) - \tfrac14\, x(t - t_2)

    where :math:`x \in \{0, 1\}` is the coin of the moment, tossed anew in every step or every ``toss`` ms. One input is 1 for heads, the other for
    tails, and the target is the probability :math:`(y, 1 - y)`, learned by cross-entropy. The epoch ``"fill"`` lasts until the older
    of both coins lies within the trial; the loss counts the epoch ``"report"``.

    What a network knows of the past can be read from its cross-entropy in nats: 0.6616 if it knows no coin, 0.5192 if it knows the
    first, 0.4545 if it knows both (:meth:`floors`). With the defaults and ``dt=20.0`` the coins lie 3 and 5 steps back, as in Marschall et al.,
    who run one endless trial where this task has many.

    Attributes:
        first_lag: Time :math:`t_1` back to the coin that matters more, in ms.
        second_lag: Time :math:`t_2` back to the other coin, in ms.
        toss: Time between tosses in ms; None tosses in every step.
        report: Duration of the report epoch in ms.

    References:
        A unified framework of online learning algorithms for training recurrent neural networks
        (Marschall, Cho & Savin, 2020) https://arxiv.org/abs/1907.02649

    Examples:
        >>> trials = Add(report=100.0).sample(1, seed=0)
        >>> coins, targets = trials.inputs[0, :, 0], trials.targets[0, :, 0]
        >>> bool((targets[5:] == 0.5 + 0.5 * coins[2:-3] - 0.25 * coins[:-5]).all())
        True
    """

    name = "add-v1"
    supports_balanced = False

    first_lag: float = 60.0
    second_lag: float = 100.0
    toss: float | None = None
    report: Timing = 2000.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("heads", "tails")

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return ("heads", "tails")

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not all(math.isfinite(each) and each >= 0 for each in (self.first_lag, self.second_lag)):
            raise ValueError(
                f"The lags must be finite and at least 0 ms: got {self.first_lag} and {self.second_lag}."
            )
        if self.toss is not None and not (math.isfinite(self.toss) and self.toss >= self.dt):
            raise ValueError(
                f"dt must be at most as long as the time between tosses: got dt={self.dt:g} ms and toss={self.toss:g} ms."
            )
        if self._lags[0] == self._lags[1]:
            raise ValueError(
                f"The two coins must lie in different steps: got lags of {self.first_lag:g} and {self.second_lag:g} ms at "
                f"dt={self.dt:g} ms. Reduce dt or move them apart."
            )

    @property
    def _lags(self) -> tuple[int, int]:
        return int(to_steps(self.first_lag, self.dt)), int(to_steps(self.second_lag, self.dt))

    def floors(self) -> dict[str, float]:
        """Least cross-entropy, in nats, of a network that knows neither coin, one of them, or both.

        Returns:
            By what is known: ``"none"``, ``"second"``, ``"first"``, ``"both"``.

        Examples:
            >>> {known: round(nats, 4) for known, nats in Add().floors().items()}
            {'none': 0.6616, 'second': 0.6277, 'first': 0.5192, 'both': 0.4545}
        """
        y = 0.5 + 0.5 * np.array([0.0, 1.0])[:, None] - 0.25 * np.array([0.0, 1.0])
        known = {"none": y.mean(), "second": y.mean(0), "first": y.mean(1), "both": y}
        return {name: float(np.mean(_entropy(np.asarray(best)))) for name, best in known.items()}

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        fill = max(self._lags)
        epochs = Epochs(
            self.dt,
            {"fill": np.full(draws.n_trials, fill), "report": draws.duration("report", self.report)},
        )
        number = np.floor((np.arange(epochs.n_steps) * self.dt + 1e-9) / (self.toss or self.dt)).astype(
            np.int64
        )
        x = (draws.uniforms("coins", int(number[-1]) + 1)[:, number, 0] < 0.5).astype(np.float64)
        first, second = (np.pad(x, ((0, 0), (lag, 0)))[:, : epochs.n_steps] for lag in self._lags)
        y = 0.5 + 0.5 * first - 0.25 * second
        return self._assemble(
            draws,
            epochs,
            inputs={"coin": np.stack([x, 1 - x], 2)},
            targets={"probability": np.stack([y, 1 - y], 2)},
            mask=epochs.during("report"),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """How well the probability of heads is told in the report epoch.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials; the probabilities are their soft-max.

        Returns:
            ``"performance"``, the fraction of steps in which the probability told is nearer to the right one of 1/4, 1/2, 3/4, 1 than to
            the others, and ``"cross_entropy"``, the mean in nats.
        """
        log_p = torch.log_softmax(torch.as_tensor(as_array(trials, output)), -1).numpy()
        target, counted = as_array(trials, trials.targets), window(trials, "report")
        nearest = np.abs(np.exp(log_p[..., :1]) - _LEVELS).argmin(-1)
        right = np.isclose(_LEVELS[nearest], target[..., 0]) & np.isfinite(log_p).all(-1)
        nats = -(target * log_p).sum(-1)
        n = counted.sum(1)
        return {
            "performance": (right & counted).sum(1) / n,
            "cross_entropy": np.where(counted, nats, 0.0).sum(1) / n,
        }

    @override
    def ideal_output(self, trials: Trials) -> Float[Tensor, "batch time output"]:
        """Logarithms of the probabilities, those below one in a million raised to it.

        Args:
            trials: Trials of this task.

        Returns:
            Outputs whose soft-max is the target.
        """
        return trials.targets.clamp(min=1e-6).log()

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """A coin that shows the same side for ever.

        Returns:
            Two vectors.
        """
        return {"heads": torch.tensor([1.0, 0.0]), "tails": torch.tensor([0.0, 1.0])}


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of a coin in nats."""
    q = np.stack([p, 1 - p])
    return -(q * np.log(np.where(q > 0, q, 1.0))).sum(0)
