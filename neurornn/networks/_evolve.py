"""Long runs in bounded memory."""

__all__ = ["evolve"]

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurornn.networks._checks import whole
from neurornn.networks._trajectory import Trajectory

if TYPE_CHECKING:
    from neurornn.networks._base import AbstractNetwork

_STRETCH = 256  # steps run at a time


def evolve(
    network: "AbstractNetwork",
    inputs: Tensor,
    n_steps: int | None,
    state: Tensor | None,
    generator: torch.Generator | None,
    record_every: int | None,
) -> Trajectory:
    """The body of :meth:`AbstractNetwork.evolve`.

    Args:
        network: The network.
        inputs: Inputs held ``(batch, input)`` or changing ``(batch, time, input)``.
        n_steps: Number of steps.
        state: State to start from, or None.
        generator: Source of the recurrent noise.
        record_every: Steps between records, or None.

    Returns:
        What was recorded.

    Raises:
        ValueError: If the number of steps is missing or is not that of the inputs.
    """
    held = inputs.ndim == 2
    if not held and n_steps is not None and n_steps != inputs.shape[1]:
        raise ValueError(
            f"inputs has {inputs.shape[1]} steps and n_steps={n_steps} were asked for. Leave n_steps out, or hold "
            "one input with inputs (batch, input)."
        )
    if held and n_steps is None:
        raise ValueError("A held input (batch, input) goes on for ever: say for how many steps with n_steps.")
    steps = whole("n_steps", inputs.shape[1] if n_steps is None else n_steps, 1)
    every = None if record_every is None else whole("record_every", record_every, 1)
    key = network.run_key(generator)
    state = network.initial_state(inputs.shape[0]) if state is None else state
    recorded: list[tuple[Tensor, Tensor, Tensor]] = []
    with torch.no_grad():
        for first, stop in _stretches(steps):
            here = inputs[:, None].expand(-1, stop - first, -1) if held else inputs[:, first:stop]
            run = network.stretch(here, state, key, first, record=every is not None)
            state = run.final
            if every is not None and isinstance(run, Trajectory):
                due = slice((every - 1 - first) % every, None, every)
                recorded.append((
                    run.state[:, due].clone(),
                    run.rate[:, due].clone(),
                    run.output[:, due].clone(),
                ))
    nothing = (
        state.new_zeros(state.shape[0], 0, network.n_units),
        state.new_zeros(state.shape[0], 0, network.n_outputs),
    )
    recorded.append((nothing[0], nothing[0], nothing[1]))
    states, rates, outputs = (torch.cat(each, 1) for each in zip(*recorded, strict=True))
    return Trajectory(states, rates, outputs, state)


def _stretches(n_steps: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n_steps, _STRETCH):
        yield first, min(first + _STRETCH, n_steps)
