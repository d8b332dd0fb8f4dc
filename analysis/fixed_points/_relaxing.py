r"""Where the flow takes states: the stable points near them, at the price of one product a step.

Cheap iterations with a shared Jacobian forget where they began. The flow itself does not: a state between two
memories goes to the one in whose basin it lies.
"""

__all__ = ["relax"]

from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._roots import merge

_STEP, _STEPS = 0.5, 80  # length of a step in units of 1 / rate, and their number
_SLOW = 0.02  # times rate * (1 + |x|): speed of a state that has come to rest, or almost
_NEAR = 0.02  # times (1 + |x|): states closer than this went the same way
_MOST = 32  # states handed on


def relax(system: System, input: Tensor, start: Tensor, *, rate: float) -> Tensor:
    """Follow the flow for forty time scales, and keep one of each group of states that came to rest together.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        start: States, ``(batch, unit)``.
        rate: Scale of the drift in 1/ms.

    Returns:
        States near which stable points are likely, the slowest first.
    """
    x = start.clone()
    for _ in range(_STEPS):
        x = x + _STEP / rate * system.drift(x, input)
    speed, size = system.drift(x, input).norm(dim=1), 1 + x.norm(dim=1)
    rest = (speed <= _SLOW * rate * size).nonzero().squeeze(1)  # NaN is not
    rest = rest[speed[rest].argsort()]
    if not rest.numel():
        return x[:0]
    group = merge(x[rest].cpu().numpy(), (0.5 * _NEAR * size[rest]).cpu().numpy())
    first = {int(g): k for k, g in reversed(list(enumerate(group)))}
    return x[rest[sorted(first.values())[:_MOST]]]
