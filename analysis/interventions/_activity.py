"""Interventions on activity: silence, drive, push, clamp."""

__all__ = ["Clamp", "Drive", "Push", "Silence"]

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.interventions._base import AbstractIntervention, Action, Subject
from neurornn.analysis.interventions._select import (
    Directions,
    Epoch,
    Units,
    active_steps,
    n_units_of,
    orthonormal,
    units_of,
)
from neurornn.trials import Trials


@dataclass(frozen=True, eq=False)
class Silence(AbstractIntervention):
    r"""Hold the rates of some units at 0: :math:`r_i = 0`.

    A silent unit reaches neither other units nor the read-out. In current form its potential goes on integrating
    what it receives, so it speaks again as soon as it is released; in rate form the rate is the state, which
    starts again from 0. In a network of another family the state of a silent unit is held at 0.

    Attributes:
        units: Indices, a mask, names of areas, or cell types (``"E"``, ``"I"``); None silences all.
        epoch: Name of an epoch, ``(start, end)`` in ms from trial onset, or None for the whole trial. From the first
            step of a trial means from the state before it.
    """

    units: Units
    epoch: Epoch = None

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        silent = torch.as_tensor(units_of(self.units, network), device=trials.inputs.device)
        return Action(active_steps(self.epoch, trials), silent=silent)


@dataclass(frozen=True, eq=False)
class Drive(AbstractIntervention):
    r"""Add a constant current beside the input: :math:`W_{in} u + b + I`.

    Only a :class:`~neurornn.CTRNN` says where currents enter; others take a :class:`Push`.

    Attributes:
        current: :math:`I`, in units of the input current: one number, or one for each unit that is driven.
        units: Units to drive, as in :class:`Silence`; None drives all.
        direction: Direction in state space to drive along instead, ``(unit,)``, of any length: the current is
            ``current`` times the unit vector.
        epoch: When, as in :class:`Silence`.

    Raises:
        ValueError: If both units and a direction are given, or the current is not finite or has the wrong number of
            values.
    """

    current: float | ArrayLike
    units: Units = None
    direction: Directions | None = None
    epoch: Epoch = None

    def __post_init__(self) -> None:
        _check_values(self.current, self.units, self.direction, "current", "driven")

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        current = _along(self.current, self.units, self.direction, network, "current", "driven")
        return Action(active_steps(self.epoch, trials), current=torch.as_tensor(current).to(trials.inputs))


@dataclass(frozen=True, eq=False)
class Push(AbstractIntervention):
    r"""Add to the velocity of the state, :math:`\dot x = F(x, u) + v`; any network can be pushed.

    .. math:: x_k \leftarrow x_k + dt\,v

    after each step and before states are clamped or silenced. In a leaky network in current form this is a current of
    :math:`\tau v`.

    Attributes:
        velocity: :math:`v`, in units of the state per ms: one number, or one for each unit that is pushed.
        units: Units to push, as in :class:`Silence`; None pushes all.
        direction: Direction in state space to push along instead, ``(unit,)``, of any length: the velocity is
            ``velocity`` times the unit vector.
        epoch: When, as in :class:`Silence`.

    Raises:
        ValueError: If both units and a direction are given, or the velocity is not finite or has the wrong number of
            values.
    """

    velocity: float | ArrayLike
    units: Units = None
    direction: Directions | None = None
    epoch: Epoch = None

    def __post_init__(self) -> None:
        _check_values(self.velocity, self.units, self.direction, "velocity", "pushed")

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        velocity = _along(self.velocity, self.units, self.direction, network, "velocity", "pushed")
        return Action(active_steps(self.epoch, trials), velocity=torch.as_tensor(velocity).to(trials.inputs))


@dataclass(frozen=True, eq=False)
class Clamp(AbstractIntervention):
    r"""Hold the coordinates of the state along directions, and leave all others free.

    .. math:: x \leftarrow x - Q\,(Q^\top x - c)

    after each step, where the columns of :math:`Q` are the directions made orthonormal in their order, and :math:`c` is
    ``value``. With ``value=0`` the direction is projected out; with ``value=None`` the coordinates stay as they
    were in the step before the epoch.

    Attributes:
        direction: One direction ``(unit,)`` or several ``(direction, unit)`` in state space (potentials in current
            form, rates in rate form), for instance rows of a read-out or components of the variable ``"state"``.
        value: Coordinate to hold, in units of the state along the unit vector; one for each direction if several.
        reference: State the coordinates are measured from, ``(unit,)``, for instance the mean of the activity; the
            origin if None.
        epoch: When, as in :class:`Silence`.
    """

    direction: Directions
    value: float | ArrayLike | None = 0.0
    reference: ArrayLike | None = None
    epoch: Epoch = None

    @override
    def bind(self, network: Subject, trials: Trials) -> Action:
        like = trials.inputs
        n_units = n_units_of(network)
        axes = orthonormal(self.direction, n_units)
        Q = torch.as_tensor(axes).to(like)  # (direction, unit)
        origin = np.zeros(n_units) if self.reference is None else np.asarray(self.reference, dtype=np.float64)
        if origin.shape != (n_units,) or not np.isfinite(origin).all():
            raise ValueError(f"reference is a finite state of {n_units} units: got shape {origin.shape}.")
        if self.value is None:
            return Action(active_steps(self.epoch, trials), clamp=lambda x, before: _held(x, before, Q))
        value = np.asarray(self.value, dtype=np.float64)
        if value.shape not in ((), (len(axes),)) or not np.isfinite(value).all():
            raise ValueError(
                f"value is one finite number or one for each of {len(axes)} directions: got {self.value!r}."
            )
        goal = torch.as_tensor(axes.T @ (np.broadcast_to(value, len(axes)) + axes @ origin)).to(like)
        return Action(active_steps(self.epoch, trials), clamp=lambda x, before: x - (x @ Q.T) @ Q + goal)


def _held(state: Tensor, before: Tensor | None, Q: Tensor) -> Tensor:
    """The state with the coordinates it had a step earlier; before the first step there is nothing to hold."""
    return state if before is None else state - ((state - before) @ Q.T) @ Q


def _check_values(
    given: float | ArrayLike, units: Units, direction: Directions | None, what: str, done: str
) -> None:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim > 1 or not np.isfinite(values).all():
        raise ValueError(f"{what} is one finite number or one for each {done} unit: got {given!r}.")
    if direction is not None and (units is not None or values.ndim):
        verb = {"driven": "Drive", "pushed": "Push"}[done]
        raise ValueError(f"{verb} units or along a direction, not both, and a direction with one number.")


def _along(
    given: float | ArrayLike,
    units: Units,
    direction: Directions | None,
    network: Subject,
    what: str,
    done: str,
) -> NDArray[np.float64]:
    """One number for each unit."""
    values = np.asarray(given, dtype=np.float64)
    n_units = n_units_of(network)
    if direction is not None:
        axes = orthonormal(direction, n_units)
        if len(axes) != 1:
            raise ValueError(f"A {what} has one direction: got {len(axes)}. Combine several interventions.")
        return np.asarray(values * axes[0])
    full = np.zeros(n_units)
    chosen = units_of(units, network)
    if values.ndim and values.size != chosen.sum():
        raise ValueError(f"{what} has {values.size} values for {int(chosen.sum())} {done} units.")
    full[chosen] = values
    return full
