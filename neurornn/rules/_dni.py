"""Decoupled neural interfaces: the credit that the future will give is predicted from the present."""

__all__ = ["DNI"]

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.rules._checks import check_steps
from neurornn.rules._online import AbstractForwardRule
from neurornn.rules._steps import AbstractTraces, Setting, Step


@dataclass(frozen=True)
class DNI(AbstractForwardRule):
    r"""Decoupled neural interface: a linear prediction of the gradient with respect to the state.

    .. math::
        \hat\lambda_t = A z_t, \quad z_t = [r_t, y^*_t, 1], \qquad
        \Delta\theta_{ab} = \sum_t \hat\lambda_{t,a}\, I_{ab}(t)

    with the immediate influence :math:`I`; no trace is carried. The predictor learns from what it will say one step later,

    .. math::
        \hat\lambda_{t-1} \to \frac{\partial \ell_{t-1}}{\partial s_{t-1}} + J_t^\top A^- z_t

    and at the end of a trial from :math:`\partial \ell_T / \partial s_T` alone. :math:`A^-` is a copy of :math:`A` that is renewed every
    ``target_every`` steps. Each step of the predictor is divided by the mean squared length of :math:`z`, so that rates below 2 are
    stable whatever the size of the network. :math:`A` starts at 0: the rule learns nothing before the predictor does.

    Not local: the target uses :math:`W_{rec}^\top` and the read-out. Dropped: whatever of the future credit no linear function of
    rates and targets can tell. A step costs :math:`O(B N (N + O))`; nothing is carried but the predictor, its copy and a
    count of steps, all in the memory of the rule.

    Attributes:
        rate: Learning rate of the predictor; 0 leaves it as it is.
        target_every: Steps after which the copy is renewed.
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If a number of steps is not positive or the rate is not in [0, 2).

    References:
        Decoupled neural interfaces using synthetic gradients (Jaderberg et al., 2017) https://arxiv.org/abs/1608.05343

        A unified framework of online learning algorithms for training recurrent neural networks
        (Marschall, Cho & Savin, 2020) https://arxiv.org/abs/1907.02649

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task, rule = tasks.make("perceptual-decision"), DNI()
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs)
        >>> loss = rule.backward(network, task.sample(4, seed=0))
        >>> bool(rule.memory(network)["predictor"].any())
        True
    """

    rate: float = 0.1
    target_every: int = 5
    update_every: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rate < 2:
            raise ValueError(f"The learning rate of the predictor must lie in [0, 2): got {self.rate}.")
        check_steps("target_every", self.target_every)

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        if not isinstance(network, CTRNN):
            return {}
        like = next(network.parameters())
        width = network.n_units + network.n_outputs + 1
        predictor = torch.zeros(network.n_units, width, dtype=like.dtype, device=like.device)
        return {
            "predictor": predictor,
            "target": predictor.clone(),
            "n_steps": torch.zeros((), dtype=torch.int64, device=like.device),
        }

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        return _Predictor(self, self.memory(network))


class _Predictor(AbstractTraces):
    def __init__(self, rule: DNI, memory: Mapping[str, Tensor]) -> None:
        self.rule, self.memory = rule, memory
        self.before: tuple[Tensor, Tensor] | None = None  # what was known one step ago, and what it taught

    @override
    def advance(self, step: Step) -> Tensor:
        now = torch.cat([step.rate, step.target, torch.ones_like(step.rate[:, :1])], 1)
        if self.rule.rate:
            self._learn(step, now)
        credit = step.valid[:, None] * (now @ self.memory["predictor"].t())
        gradient = torch.einsum("ba,bap->ap", credit, step.local)
        if self.before is None and step.columns.start:
            gradient[:, -1] = step.pull(credit).sum(0)
        self.before = now, step.signal
        return gradient

    def _learn(self, step: Step, now: Float[Tensor, "batch feature"]) -> None:
        """Move the prediction of one step ago towards what is known now, and that of the last step to the truth."""
        A, target, count = (self.memory[name] for name in ("predictor", "target", "n_steps"))
        known = (
            []
            if self.before is None
            else [(step.valid, self.before[0], self.before[1] + step.pull(now @ target.t()))]
        )
        known.append((step.ends, now, step.signal))
        change, length = torch.zeros_like(A), A.new_zeros(())
        for weight, features, truth in known:
            error = weight[:, None] * (features @ A.t() - truth)
            change += error.t() @ features
            length += (weight[:, None] * features.square()).sum()
        if length > 0:
            A.sub_(self.rule.rate / length * change)
        count += 1
        if int(count) % self.rule.target_every == 0:
            target.copy_(A)
