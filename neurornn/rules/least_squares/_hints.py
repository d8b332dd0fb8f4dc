"""What a teacher network is told beside the targets."""

__all__ = ["AbstractHint", "Ramp"]

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.trials import Trials


class AbstractHint(ABC):
    """A signal that the target-generating network of full-FORCE gets during training and the learner never sees.

    A hint says what is worth keeping in mind between an input and the output it leads to: time that passes, a quantity that
    has been integrated. Final subclasses are frozen dataclasses.
    """

    @abstractmethod
    def signal(self, trials: Trials) -> Float[Tensor, "batch time hint"]:
        """The signal.

        Args:
            trials: Trials that are trained on.

        Returns:
            One or more channels for each step, in the type of the inputs.
        """


@dataclass(frozen=True)
class Ramp(AbstractHint):
    """Time that passes: a ramp from 0 to 1 during an epoch, 0 before and after.

    Attributes:
        epoch: Name of the epoch.

    Examples:
        >>> from neurornn import tasks
        >>> task = tasks.make("delayed-go")
        >>> trials = task.sample(4, seed=0)
        >>> hint = Ramp(next(iter(trials.epochs))).signal(trials)
        >>> tuple(hint.shape) == (4, trials.n_steps, 1), bool((hint >= 0).all() and (hint < 1).all())
        (True, True)
    """

    epoch: str

    @override
    def signal(self, trials: Trials) -> Tensor:
        inside = trials.during(self.epoch)
        start, end = trials.epochs[self.epoch].T
        passed = (trials.time[None, :] - start[:, None]) / (end - start).clip(min=trials.info.dt)[:, None]
        ramp = torch.as_tensor(passed, device=trials.inputs.device).to(trials.inputs) * inside
        return ramp.clamp(0, 1)[:, :, None]
