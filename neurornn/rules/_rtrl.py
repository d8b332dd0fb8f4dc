"""Real-time recurrent learning: exact, and with influences that reach only so far."""

__all__ = ["RTRL", "SnAp"]

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN
from neurornn.rules._checks import check_steps
from neurornn.rules._footprint import check_fits
from neurornn.rules._online import AbstractForwardRule
from neurornn.rules._steps import AbstractTraces, Setting, Step


@dataclass(frozen=True)
class RTRL(AbstractForwardRule):
    r"""Real-time recurrent learning: the exact gradient, carried forward in time.

    .. math::
        M_{i,ab}(t) = \sum_j J_{ij}(t)\, M_{j,ab}(t-1) + \delta_{ia} I_{ab}(t), \qquad
        \frac{\partial \ell_t}{\partial \theta_{ab}} = \sum_i \frac{\partial \ell_t}{\partial s_i}\, M_{i,ab}(t)

    where :math:`\theta_{ab}` is parameter :math:`b` of unit :math:`a`, :math:`M` is its influence on the state
    :math:`s` and :math:`J` is the Jacobian of a step. With weights that rest during a trial this is the gradient of
    back-propagation through time; with updates within the trial it is the gradient along the trajectory that was
    visited. Influences are those of the effective weights and of :math:`\alpha`; what they teach reaches the parameters
    behind them, under Dale's law or where time constants are learned, through the parametrisation as it is at the update.

    Nothing about it is local, nothing is dropped. A step costs :math:`O(B N^3 (N + I))` operations and the influence
    matrices of a batch of :math:`B` trials hold :math:`B N^2 (N + I + 1)` numbers, twice.

    Attributes:
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps.
        MemoryError: If the influence matrices are larger than the memory of the machine.

    References:
        A learning algorithm for continually running fully recurrent neural networks (Williams & Zipser, 1989)
        https://doi.org/10.1162/neco.1989.1.2.270

    Examples:
        >>> from neurornn import CTRNN, rules, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs, dtype=torch.float64)
        >>> trials = task.sample(4, seed=0)
        >>> RTRL().backward(network, trials).isclose(rules.BPTT().backward(network, trials)).item()
        True
    """

    update_every: int | None = None

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        return _Influence(setting, "RTRL")


@dataclass(frozen=True)
class SnAp(AbstractForwardRule):
    r"""Sparse n-step approximation of RTRL: influences are kept on the units they reach within ``n`` steps.

    A parameter of unit :math:`a` reaches :math:`a` itself in one step, the units that :math:`a` projects to in two, and so
    on along the synapses that exist (the mask of the recurrent matrix, whatever the weights are). Influences on all
    other units are set to 0 in each step.

    ``n = 1`` keeps :math:`M_{a,ab}(t) = J_{aa}(t)\, M_{a,ab}(t-1) + I_{ab}(t)` alone, local but for the self-connection.
    One more than the longest of the shortest paths between units, hence any ``n`` of at least the number of units, is RTRL exactly;
    in a network without a mask so is ``n = 2``. Where at most :math:`K` units are reached a step costs
    :math:`O(B N K^2 (N + I))` operations and the influences are :math:`B N K (N + I + 1)` numbers.

    Attributes:
        n: Number of steps of the network within which an influence counts.
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If a number of steps is not positive.
        MemoryError: If the influences are larger than the memory of the machine.

    References:
        A practical sparse approximation for real time recurrent learning (Menick et al., 2021)
        https://arxiv.org/abs/2006.07232

    Examples:
        >>> from neurornn import CTRNN, rules, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs, dtype=torch.float64)
        >>> found = []
        >>> for rule in (SnAp(n=1), rules.SnAp1(), rules.BPTT()):
        ...     network.zero_grad()
        ...     loss = rule.backward(network, task.sample(4, seed=0))
        ...     found.append(network.bias.grad.clone())
        >>> torch.allclose(found[0], found[1]), torch.allclose(found[0], found[2])
        (True, False)
    """

    n: int = 1
    update_every: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steps("n", self.n)

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        reached = _reached(_synapses(network), int(self.n))
        if bool(reached.all()):
            return _Influence(setting, repr(self))
        return _SparseInfluence(setting, reached, repr(self))


class _Influence(AbstractTraces):
    """The influence of every parameter on every unit, ``(batch, unit, parameter)``."""

    def __init__(self, setting: Setting, name: str) -> None:
        n, columns = setting.columns.n_units, setting.columns.total
        shape = (setting.n_trials, n, n, columns)
        check_fits(
            f"The influence matrices of {name}",
            shape,
            setting.state,
            copies=2,
            advice="Use fewer trials in a batch, fewer units, or a rule that carries less, such as SnAp(n=1) or OnlineRFLO().",
        )
        self.shape = shape
        self.now, self.next = setting.zeros(n, n * columns), setting.zeros(n, n * columns)
        self._own(self.now).copy_(setting.first_traces())

    def _own(self, influence: Tensor) -> Float[Tensor, "batch unit column"]:
        """Influence of each unit's parameters on the unit itself, a view."""
        return influence.view(self.shape).diagonal(dim1=1, dim2=2).transpose(1, 2)

    @override
    def advance(self, step: Step) -> Tensor:
        torch.bmm(step.jacobian, self.now, out=self.next)
        self._own(self.next).add_(step.local)
        self.now, self.next = self.next, self.now
        return (step.signal.reshape(1, -1) @ self.now.flatten(0, 1)).view(self.shape[2:])


class _SparseInfluence(AbstractTraces):
    """The influence of each unit's parameters on the few units they reach, ``(batch, unit, reached, column)``."""

    def __init__(self, setting: Setting, reached: Bool[Tensor, "unit unit"], name: str) -> None:
        self.index, kept = _packed(reached)
        n, width = self.index.shape
        check_fits(
            f"The influences of {name}",
            (setting.n_trials, n, width, setting.columns.total + width),
            setting.state,
            copies=2,
            advice="Use fewer trials in a batch, fewer units, or a smaller n.",
        )
        self.kept = kept.to(setting.state)[None, :, :, None]
        self.influence = setting.zeros(n, width, setting.columns.total)
        self.influence[:, :, 0] = setting.first_traces()

    @override
    def advance(self, step: Step) -> Tensor:
        hops = step.jacobian[:, self.index[:, :, None], self.index[:, None, :]]
        influence = hops @ self.influence
        influence *= self.kept
        influence[:, :, 0] += step.local
        self.influence = influence
        return torch.einsum("bak,bakp->ap", step.signal[:, self.index], influence)


def _synapses(network: CTRNN) -> Bool[Tensor, "post pre"]:
    """Where there can ever be a recurrent weight."""
    W = network.recurrent
    there = torch.ones_like(W.raw, dtype=torch.bool) if W.mask is None else W.mask != 0
    return there if W.fixed is None else there & (W.fixed != 0)  # NaN: plastic


def _reached(synapses: Bool[Tensor, "post pre"], n: int) -> Bool[Tensor, "from to"]:
    """Which units a parameter of each unit reaches within ``n`` steps."""
    hop = synapses.double()
    reached = torch.eye(len(hop), dtype=torch.bool, device=hop.device)
    for _ in range(n - 1):
        further = reached | (hop @ reached.double() > 0)
        if torch.equal(further, reached):
            break
        reached = further
    return reached.t()


def _packed(
    reached: Bool[Tensor, "unit unit"],
) -> tuple[Int[Tensor, "unit reached"], Bool[Tensor, "unit reached"]]:
    """The units reached from each unit, itself first, padded to the same number; and which are no padding."""
    itself = torch.eye(len(reached), dtype=torch.bool, device=reached.device)
    order = torch.argsort(2 * itself.int() + reached.int(), dim=1, descending=True, stable=True)
    width = int(reached.sum(1).max())
    index = order[:, :width]
    return index, reached.gather(1, index)
