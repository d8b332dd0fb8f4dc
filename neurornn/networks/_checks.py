"""What a network refuses before it does anything."""

__all__ = ["check_choices", "check_inputs", "check_kinds", "check_point", "check_start", "whole"]

import math
import operator
from numbers import Real

import torch
from torch import Tensor

from neurornn.connectivity import AbstractConnectivity, AbstractInitialiser, Dale


def whole(name: str, number: int, least: int | None = None) -> int:
    """A whole number as a plain int.

    Args:
        name: Name of the option.
        number: Its value.
        least: Smallest value allowed.

    Returns:
        The number.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is too small.
    """
    try:
        value = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be a whole number: got {number!r}.") from None
    if least is not None and value < least:
        raise ValueError(f"{name} must be at least {least}: got {value}.")
    return value


def check_kinds(
    dale: Dale | None,
    connectivity: AbstractConnectivity | None,
    init: AbstractInitialiser | None,
    dtype: torch.dtype | None,
) -> None:
    """Refuse options that are objects of another kind.

    Args:
        dale: Dale's law.
        connectivity: Wiring plan.
        init: Initialiser.
        dtype: Floating-point type.

    Raises:
        TypeError: Naming the option at fault.
    """
    for name, part, kind in (
        ("dale", dale, Dale),
        ("connectivity", connectivity, AbstractConnectivity),
        ("init", init, AbstractInitialiser),
        ("dtype", dtype, torch.dtype),
    ):
        if part is not None and not isinstance(part, kind):
            raise TypeError(
                f"{name} must be an object of class {kind.__name__}, or None for the default: got {part!r}."
            )
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point type such as torch.float64: got {dtype}.")


def check_choices(form: str, noise: str, sigma_rec: float) -> None:
    """Refuse a form, a place of the noise or a strength that does not exist.

    Args:
        form: ``"current"`` or ``"rate"``.
        noise: ``"input"`` or ``"state"``.
        sigma_rec: Strength of the noise.

    Raises:
        TypeError: If the strength is not a number.
        ValueError: Naming the option at fault.
    """
    if form not in ("current", "rate"):
        raise ValueError(f"form must be 'current' or 'rate': got '{form}'.")
    if noise not in ("input", "state"):
        raise ValueError(f"noise enters with the 'input' or on the 'state': got '{noise}'.")
    if not isinstance(sigma_rec, Real):
        raise TypeError(f"sigma_rec must be a number: got {sigma_rec!r}.")
    if not (math.isfinite(sigma_rec) and sigma_rec >= 0):
        raise ValueError(f"sigma_rec must be finite and at least 0: got {sigma_rec}.")


def check_inputs(inputs: Tensor, like: Tensor, n_inputs: int) -> None:
    """Refuse inputs that a network cannot take.

    Args:
        inputs: Input channels, ``(batch, time, input)``.
        like: A parameter of the network.
        n_inputs: Number of its input channels.

    Raises:
        TypeError: If they are no tensor of the network's floating-point type.
        ValueError: If the shape is wrong or a value is not finite.
    """
    if not isinstance(inputs, Tensor) or inputs.dtype != like.dtype:
        found = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise TypeError(
            f"inputs must be a tensor of the type of the weights, {like.dtype}: got {found}. Convert with "
            "torch.as_tensor(inputs, dtype=...), or Trials with trials.to(network.W_rec)."
        )
    if inputs.ndim != 3:
        raise ValueError(f"inputs must be (batch, time, input): got shape {tuple(inputs.shape)}.")
    if inputs.shape[2] != n_inputs:
        raise ValueError(
            f"inputs has {inputs.shape[2]} channels but the network was built with n_inputs={n_inputs}. "
            "Build it with n_inputs=task.n_inputs, or choose the task it was built for."
        )
    if inputs.shape[1] == 0:
        raise ValueError("inputs has no time steps: give at least one.")
    if not math.isfinite(inputs.sum().item()) and not bool(
        torch.isfinite(inputs).all()
    ):  # the sum is quicker
        trial, step, channel = (int(i) for i in (~torch.isfinite(inputs)).nonzero()[0])
        raise ValueError(
            f"inputs must be finite: got {inputs[trial, step, channel].item()} in trial {trial}, step {step}, "
            f"channel {channel}. Mask missing data in the loss and put numbers in the inputs."
        )


def check_start(start: Tensor, inputs: Tensor, noise: Tensor | None, n_units: int) -> None:
    """Refuse a first state or noise that does not belong to the inputs.

    Args:
        start: State to start from.
        inputs: Inputs ``(batch, time, input)``.
        noise: Standard normal numbers, or None.
        n_units: Number of units.

    Raises:
        TypeError: If the state is of another floating-point type.
        ValueError: If a shape is wrong or a value is not finite.
    """
    n_trials, n_steps = inputs.shape[:2]
    if start.shape != (n_trials, n_units):
        raise ValueError(f"state must be (batch, unit) = {(n_trials, n_units)}: got {tuple(start.shape)}.")
    if start.dtype != inputs.dtype:
        raise TypeError(f"state must be of the type of the inputs, {inputs.dtype}: got {start.dtype}.")
    if not math.isfinite(start.sum().item()) and not bool(torch.isfinite(start).all()):
        raise ValueError(
            "state must be finite: it holds NaN or infinity. Start from a state that is a number."
        )
    if noise is None:
        return
    if noise.shape != (n_trials, n_steps, n_units):
        raise ValueError(
            f"noise must be (batch, time, unit) = {(n_trials, n_steps, n_units)}: got {tuple(noise.shape)}."
        )
    if not bool(torch.isfinite(noise).all()):
        raise ValueError("noise must be finite: it holds NaN or infinity.")


def check_point(state: Tensor, input: Tensor, n_units: int, n_inputs: int) -> None:
    """Refuse a state or an input of another network.

    Args:
        state: States ``(*batch, unit)``.
        input: Inputs ``(*batch, input)``.
        n_units: Number of units.
        n_inputs: Number of input channels.

    Raises:
        ValueError: If the last axis of either is wrong.
    """
    for name, value, size, axis in (("state", state, n_units, "unit"), ("input", input, n_inputs, "input")):
        if value.ndim == 0 or value.shape[-1] != size:
            raise ValueError(
                f"{name} must be (*batch, {axis}) with {size} {axis}s: got shape {tuple(value.shape)}."
            )
