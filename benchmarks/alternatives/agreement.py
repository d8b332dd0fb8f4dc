"""Nothing is timed before it was shown to compute the same numbers."""

__all__ = ["Disagreement", "check"]

import torch

from alternatives.case import Alternative, Case
from alternatives.library import Library

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}  # of the largest entry of each gradient


class Disagreement(RuntimeError):
    """An alternative does not compute what neurornn computes."""


def check(alternative: type[Alternative], case: Case) -> float:
    """Compare loss and all gradients of an alternative with neurornn's, without noise and with the same noise.

    Without noise, neurornn's side is ``rules.BPTT().backward``, the call that is timed. Noise can only be handed to
    its forward pass, so there the gradient is autograd's.

    Args:
        alternative: Class of the alternative.
        case: Size, type and data.

    Returns:
        The largest relative error found.

    Raises:
        Disagreement: If an error is beyond 1e-8 in float64 or 1e-4 in float32.
    """
    parameters = case.parameters(alternative.equation.get("dale"))
    theirs, ours = alternative(case, parameters), Library(case, parameters, **alternative.equation)
    comparisons = [
        ("without noise", ours.noiseless_gradients(), theirs.gradients(torch.zeros_like(case.noise)))
    ]
    if alternative.noisy:
        comparisons.append(("with noise", ours.gradients(case.noise), theirs.gradients(case.noise)))
    worst = 0.0
    for when, expected, found in comparisons:
        for name, value in expected.items():
            other = found[name]
            if other.dtype != case.dtype or other.shape != value.shape:
                raise Disagreement(
                    f"{alternative.__name__} at {case}: '{name}' is {other.dtype} {tuple(other.shape)} and neurornn's "
                    f"{value.dtype} {tuple(value.shape)}."
                )
            error = ((other - value).abs().max() / value.abs().max()).item()
            if not error <= TOLERANCE[case.dtype]:
                raise Disagreement(
                    f"{alternative.__name__} at {case}, {when}: '{name}' is off neurornn's by {error:.2g} of its largest "
                    f"entry, and {TOLERANCE[case.dtype]:g} is allowed. They do not compute the same, so times "
                    "would mean nothing."
                )
            worst = max(worst, error)
    return worst
