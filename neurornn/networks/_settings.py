"""What a leaky network was made of, for a configuration that makes it again."""

__all__ = ["CTRNN_ARGUMENTS", "activation_name", "tau_setting"]

from collections.abc import Mapping
from typing import Any, Final, Literal

import torch

from neurornn import connectivity
from neurornn.activations import Activation
from neurornn.activations import activation as find_activation
from neurornn.networks._tau import LearnedTau, TimeConstant

CTRNN_ARGUMENTS: Final[Mapping[str, Any]] = {
    "n_inputs": int,
    "n_units": int,
    "n_outputs": int,
    "tau": float | tuple[float, ...] | LearnedTau,
    "dt": float,
    "activation": str,
    "form": Literal["current", "rate"],
    "sigma_rec": float,
    "noise": Literal["input", "state"],
    "dale": connectivity.Dale | None,
    "connectivity": connectivity.AbstractConnectivity,
    "init": connectivity.AbstractInitialiser,
    "bias": bool,
    "train_initial_state": bool,
    "output_feedback": float,
    "seed": int,
    "dtype": Literal["float16", "bfloat16", "float32", "float64"],
}


def tau_setting(time_constant: TimeConstant) -> Any:  # noqa: ANN401
    """Time constants as a constructor takes them.

    Args:
        time_constant: Those of a network.

    Returns:
        Where they started and their bounds if they are learned, else a number or one for each unit.
    """
    if time_constant.bounds is not None:
        return LearnedTau(time_constant.initial, time_constant.bounds)
    return time_constant().detach().cpu().double().numpy().tolist()


def activation_name(activation: Activation) -> str:
    """Name under which an activation is found again.

    Args:
        activation: The activation.

    Returns:
        Its name.

    Raises:
        ValueError: If that name stands for no activation, or for another.
    """
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    try:
        known = find_activation(activation.name)
    except ValueError:
        known = None
    if known is None or not torch.equal(known(x), activation(x)):
        raise ValueError(
            f"The activation '{activation.name}' can be used but not written to a configuration: only activations "
            "known by name can be read back. Save the weights with network.state_dict() and build the network in code."
        )
    return activation.name
