r"""Where the flow takes states: the stable points near them, at the price of one product a step.

Cheap iterations with a shared Jacobian forget where they began. The flow itself does not: a state between two
memories goes to the one in whose basin it lies. Where it goes matters and how exactly it gets there does not, so
that single precision serves, and states that have come together go on as one.
"""

__all__ = ["at_rest", "relax"]

import torch
from torch import Tensor

from neurornn.analysis.fixed_points._held import Held
from neurornn.analysis.fixed_points._roots import merge

_STEP, _STEPS = 0.5, 80  # length of a step in units of 1 / rate, and their number
_LOOK = 8  # steps after which states that have come together are looked for
_TOGETHER = 5e-3  # times (1 + |x|): their distance
_SLOW = 0.02  # times rate * (1 + |x|): speed of a state that has come to rest, or almost
_STILL = 1e-5  # times the same: speed of a state that needs no following
_NEAR = 0.02  # times (1 + |x|): states at rest closer than this went the same way
_MOST = 32  # states handed on


def relax(held: Held, start: Tensor, *, rate: float) -> Tensor:
    """Follow the flow for forty time scales, or until all have come to rest.

    Args:
        held: The system.
        start: States, ``(batch, unit)``.
        rate: Scale of the drift in 1/ms.

    Returns:
        Where it takes them; one of those that it takes to the same place.
    """
    x, length = start.to(held.type), _STEP / rate
    for k in range(0, _STEPS, _LOOK):
        x = x[_different(x)] if k else x
        for _ in range(_LOOK - 1):
            x = x + length * held.coarse(x)
        F = held.coarse(x)
        x = x + length * F
        if bool((F.norm(dim=1) <= _STILL * rate * (1 + x.norm(dim=1))).all()):
            break
    return x.to(start.dtype)


def at_rest(held: Held, state: Tensor, *, rate: float) -> Tensor:
    """One of each group of states that came to rest together.

    Args:
        held: The system.
        state: Where the flow took states, ``(batch, unit)``.
        rate: Scale of the drift in 1/ms.

    Returns:
        States near which stable points are likely, the slowest first.
    """
    speed, size = held.drift(state).norm(dim=1), 1 + state.norm(dim=1)
    rest = (speed <= _SLOW * rate * size).nonzero().squeeze(1)  # NaN is not
    rest = rest[speed[rest].argsort()]
    if not rest.numel():
        return state[:0]
    group = merge(state[rest].cpu().numpy(), (0.5 * _NEAR * size[rest]).cpu().numpy())
    first = {int(g): k for k, g in reversed(list(enumerate(group)))}
    return state[rest[sorted(first.values())[:_MOST]]]


def _different(x: Tensor) -> Tensor:
    """Rows such that every other one is close to one of them, and none of them to an earlier one."""
    square = x.square().sum(1)
    distance = square[:, None] + square - 2 * x @ x.T
    close = distance <= (_TOGETHER * (1 + square.sqrt())).square()
    left = torch.arange(len(x), device=x.device)
    kept = left[:0]
    while left.numel():
        among = close[left][:, left]
        first = ~among.tril(-1).any(1)
        kept = torch.cat([kept, left[first]])
        left = left[~first & ~among[:, first].any(1)]
    return kept.sort()[0]
