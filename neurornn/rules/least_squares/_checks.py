"""What a least-squares rule refuses before it does anything."""

__all__ = ["check_number", "check_objective", "check_share", "check_weights"]

import math
from numbers import Real

from neurornn.connectivity import SynapticWeights
from neurornn.objective import Objective, SquaredError
from neurornn.rules._base import AbstractRule
from neurornn.trials import Trials


def check_number(name: str, value: float, *, zero: bool = False) -> None:
    """Refuse a setting that is no positive number.

    Args:
        name: Name of the setting.
        value: Its value.
        zero: Whether 0 will do.

    Raises:
        ValueError: If it is not.
    """
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not zero):
        raise ValueError(
            f"{name} must be a finite number {'of at least' if zero else 'above'} 0: got {value!r}."
        )


def check_share(name: str, value: float) -> None:
    """Refuse a setting outside (0, 1].

    Args:
        name: Name of the setting.
        value: Its value.

    Raises:
        ValueError: If it lies outside.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value <= 1:
        raise ValueError(f"{name} must be a number in (0, 1]: got {value!r}.")


def check_objective(rule: AbstractRule, objective: Objective, trials: Trials) -> None:
    """Refuse an objective that is no squared error.

    Args:
        rule: The rule.
        objective: What is asked for.
        trials: The trials, which name a loss of their own.

    Raises:
        ValueError: If least squares does not minimise it.
    """
    name = type(rule).__name__
    if objective.costs_rates or objective.costs_weights:
        raise ValueError(
            f"{name} solves for weights by least squares and cannot trade errors for penalties on rates or weights. Leave the "
            "penalties out; alpha is the penalty of this rule."
        )
    squared = (
        trials.info.loss == "squared_error"
        if objective.loss is None
        else isinstance(objective.loss, SquaredError)
    )
    if not squared:
        raise ValueError(
            f"{name} minimises squared errors, and task '{trials.info.task}' is to be trained with another loss. Pass "
            "objective=Objective(SquaredError()) (--loss squared-error) to regress on its targets."
        )


def check_weights(rule: AbstractRule, weights: SynapticWeights, what: str, *, whole: bool) -> None:
    """Refuse weights that least squares cannot be solved for.

    Args:
        rule: The rule.
        weights: The weights.
        what: What they are called.
        whole: Whether every weight must exist; else all rows must lack the same columns.

    Raises:
        ValueError: If signs are declared, weights are fixed or rows differ, or the weights are not trained.
    """
    name, mask = type(rule).__name__, weights.mask
    if not weights.raw.requires_grad:
        raise ValueError(
            f"{name} trains {what}, and it is frozen. Give it requires_grad_(True), or use another rule."
        )
    if weights.sign is not None:
        raise ValueError(
            f"{name} solves for {what} without regard to signs, and Dale's law declares them. Leave dale out, or use rules.BPTT()."
        )
    uneven = mask is not None and (whole or bool((mask != mask[0]).any()))
    if weights.fixed is not None or uneven:
        raise ValueError(
            f"{name} regresses every row of {what} on the same units, and here synapses are missing or fixed. Use "
            "connectivity=AllToAll(autapses=True), or another rule."
        )
