"""Interventions on the equations: lesions of weights, other noise, other time constants."""

__all__ = ["ChangeNoise", "ChangeTau", "LesionWeights"]

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from neurornn.analysis._system import plain
from neurornn.analysis.interventions._base import AbstractIntervention, Action, Equations, Subject
from neurornn.analysis.interventions._select import (
    Channels,
    Epoch,
    Units,
    active_steps,
    channels_of,
    units_of,
)
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.random import derive_seed, uniform_array
from neurornn.trials import Trials

_FIELDS = {"recurrent": "W_rec", "input": "W_in", "readout": "W_out"}


@dataclass(frozen=True, eq=False)
class LesionWeights(AbstractIntervention):
    """Scale a block of weights, or a random share of it.

    The network must have the matrix, as ``W_rec (unit, unit)``, ``W_in (unit, input)`` or ``W_out (output, unit)``; one that is
    no :class:`~neurornn.CTRNN` must let it be assigned.

    Attributes:
        pre: Units the synapses come from, as in :class:`Silence`; input channels, by index, mask or name, for
            ``matrix="input"``. None means all.
        post: Units they go to; output channels for ``matrix="readout"``. None means all.
        matrix: ``"recurrent"``, ``"input"`` or ``"readout"``.
        keep: What is left of each weight: 0 cuts it, 1 does nothing, more strengthens it.
        fraction: Share of the synapses of the block that are hit, each by its own coin.
        seed: Seed of the coins.
        epoch: When, as in :class:`Silence`.

    Raises:
        ValueError: If the matrix does not exist, or a number is out of range.
    """

    pre: Units | Channels = None
    post: Units | Channels = None
    matrix: Literal["recurrent", "input", "readout"] = "recurrent"
    keep: float = 0.0
    fraction: float = 1.0
    seed: int = 0
    epoch: Epoch = None

    def __post_init__(self) -> None:
        if self.matrix not in _FIELDS:
            raise ValueError(f"matrix is 'recurrent', 'input' or 'readout': got {self.matrix!r}.")
        if not math.isfinite(self.keep):
            raise ValueError(f"keep must be finite: got {self.keep}.")
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction is a share between 0 and 1: got {self.fraction}.")

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        inputs, outputs = trials.info.input_names, trials.info.output_names
        pre = (
            channels_of(self.pre, inputs, "input") if self.matrix == "input" else units_of(self.pre, network)
        )
        post = (
            channels_of(self.post, outputs, "output")
            if self.matrix == "readout"
            else units_of(self.post, network)
        )
        hit = post[:, None] & pre[None, :] & self._coins(post.size, pre.size)
        scale = torch.as_tensor(np.where(hit, self.keep, 1.0)).to(trials.inputs)
        field = _FIELDS[self.matrix]

        def change(equations: Equations) -> Equations:
            circuit = equations.circuit
            return equations._replace(circuit=circuit._replace(**{field: getattr(circuit, field) * scale}))

        def edit(twin: Any) -> None:  # noqa: ANN401
            _assign(twin, field, getattr(twin, field).detach() * scale)

        if not isinstance(network, CTRNN):
            weight = getattr(network, field, None)
            found = tuple(weight.shape) if isinstance(weight, torch.Tensor) else None
            if found != (post.size, pre.size):
                raise TypeError(
                    f"{type(network).__name__} has no matrix {field} of shape {(post.size, pre.size)} to lesion"
                    + ("." if found is None else f": its {field} has shape {found}.")
                )
            _try(network, edit)
        return Action(active_steps(self.epoch, trials), change=change, edit=edit)

    def _coins(self, n_post: int, n_pre: int) -> NDArray[np.bool_]:
        return uniform_array(derive_seed(self.seed, "lesion", self.matrix), n_post, n_pre) < self.fraction


@dataclass(frozen=True, eq=False)
class ChangeNoise(AbstractIntervention):
    r"""Another strength of the recurrent noise, with the same random numbers.

    Attributes:
        sigma_rec: Strength :math:`\sigma_{rec}`, in units of the state.
        epoch: When, as in :class:`Silence`.

    Raises:
        ValueError: If the strength is not finite or below 0.
    """

    sigma_rec: float
    epoch: Epoch = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma_rec) and self.sigma_rec >= 0):
            raise ValueError(f"sigma_rec must be finite and at least 0: got {self.sigma_rec}.")

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        sigma = float(self.sigma_rec)
        if not isinstance(network, AbstractNetwork):
            raise TypeError(
                f"{type(network).__name__} is a drift: it has no recurrent noise to change. Only networks with a step of their "
                "own do."
            )

        def edit(twin: Any) -> None:  # noqa: ANN401
            twin.sigma_rec = sigma

        return Action(
            active_steps(self.epoch, trials), change=lambda each: each._replace(sigma=sigma), edit=edit
        )


@dataclass(frozen=True, eq=False)
class ChangeTau(AbstractIntervention):
    r"""Other time constants, :math:`\alpha_i = dt / \tau_i`.

    Attributes:
        tau: New time constant in ms: one number, or one for each unit that changes.
        factor: Factor of the old ones instead.
        units: Units that change, as in :class:`Silence`; None changes all.
        epoch: When, as in :class:`Silence`.

    Raises:
        ValueError: If neither or both of ``tau`` and ``factor`` are given, or one makes no sense.
    """

    tau: float | Sequence[float] | ArrayLike | None = None
    factor: float | None = None
    units: Units = None
    epoch: Epoch = None

    def __post_init__(self) -> None:
        if (self.tau is None) == (self.factor is None):
            raise ValueError("Give ChangeTau either tau, in ms, or factor.")
        values = np.asarray(self.tau if self.factor is None else self.factor, dtype=np.float64)
        if values.ndim > 1 or not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"Time constants must be finite and above 0: got {values.tolist()}.")

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        chosen = units_of(self.units, network)
        had = getattr(network, "tau", None)
        if had is None:
            raise TypeError(
                f"{type(network).__name__} has no time constants, tau, to change. Gated networks set theirs by their gates."
            )
        old = np.array(np.broadcast_to(plain(had), chosen.shape))
        if self.factor is not None:
            new = old[chosen] * self.factor
        else:
            given = np.asarray(self.tau, dtype=np.float64)
            if given.ndim and given.size != chosen.sum():
                raise ValueError(f"tau has {given.size} values for {int(chosen.sum())} units that change.")
            new = np.broadcast_to(given, int(chosen.sum()))
        if new.size and new.min() < network.dt * (1 - 1e-6):
            raise ValueError(
                f"dt must lie in (0, tau]: got dt={network.dt:g} ms and tau={new.min():g} ms. Change tau less, or use "
                "network.rescale_dt with a smaller step."
            )
        ratio = np.ones(chosen.size)
        ratio[chosen] = old[chosen] / new
        scale = torch.as_tensor(ratio).to(trials.inputs)

        def change(equations: Equations) -> Equations:
            alpha = equations.circuit.alpha * scale
            return equations._replace(circuit=equations.circuit._replace(alpha=alpha))

        def edit(twin: Any) -> None:  # noqa: ANN401
            _assign(twin, "tau", torch.as_tensor(plain(twin.tau) / ratio).to(trials.inputs))

        if not isinstance(network, CTRNN):
            _try(network, edit)
        return Action(active_steps(self.epoch, trials), change=change, edit=edit)


def _try(network: Any, edit: Callable[[Any], None]) -> None:  # noqa: ANN401
    """Make the change in a copy that is thrown away, so that what cannot be changed is refused before anything runs."""
    edit(copy.deepcopy(network))


def _assign(twin: Any, name: str, value: torch.Tensor) -> None:  # noqa: ANN401
    """Set a quantity of a copy, in place if it is a parameter or a buffer."""
    own = getattr(twin, name)
    if isinstance(own, torch.nn.Parameter) or any(own is each for each in _buffers(twin)):
        with torch.no_grad():
            own.copy_(value.to(own).expand_as(own) if value.ndim <= own.ndim else value)
        return
    try:
        setattr(twin, name, value if isinstance(own, torch.Tensor) or value.numel() > 1 else value.item())
    except (AttributeError, TypeError) as error:
        raise TypeError(
            f"{type(twin).__name__} does not let its {name} be changed. Give it a setter for {name}."
        ) from error


def _buffers(twin: Any) -> list[torch.Tensor]:  # noqa: ANN401
    return list(twin.buffers()) if isinstance(twin, torch.nn.Module) else []
