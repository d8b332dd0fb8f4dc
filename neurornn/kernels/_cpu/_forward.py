"""The time loop in compiled code: a thread carries its rows of the batch through all time."""

__all__ = ["TOGETHER", "forward", "forward_space"]

from typing import Any, Final

from neurornn.kernels._cpu._compile import compiled
from neurornn.kernels._cpu._emit import copy_few, pointer
from neurornn.kernels._cpu._normal import draw
from neurornn.kernels._cpu._product import multiply
from neurornn.kernels._cpu._rows import add_cost, begin, step, step_to_rate

TOGETHER: Final = 24  # rows that share one pass over the weights: three tiles


def forward_space(width: int, n_inputs: int, n_outputs: int, lanes: int) -> int:
    """Numbers of scratch that :func:`forward` needs.

    Args:
        width: Units, rounded up to whole registers.
        n_inputs: Input channels.
        n_outputs: Outputs.
        lanes: Numbers in a register.

    Returns:
        The count.
    """
    return TOGETHER * (2 * width + n_inputs + 2 * lanes + n_outputs + lanes) + 2 * width + 64 + 2 * lanes


@compiled
def forward(
    first: int, last: int, code: int, rated: int, lanes: int, work: Any,  # rows of the batch, variant, the same where rates are kept or -1, numbers in a register, scratch
    recurrent: Any, readout: Any, units: Any,  # packed matrices, vectors of the units
    inputs: Any, begins: int, n_steps: int, state: Any, noise: Any, low: Any, high: Any, first_step: int,  # what drives the network
    kept: Any, rates: Any, anchors: Any, spacing: int, output: Any, costs: Any,  # what is written, unless it is empty
) -> None:  # fmt: skip
    """Run rows ``first`` to ``last - 1`` through ``n_steps`` steps of the inputs, from step ``begins``."""
    n_inputs, n_outputs, width = inputs.shape[2], output.shape[2], state.shape[1]
    z_width = (width + n_inputs + lanes) // lanes * lanes  # rates, 1, inputs
    y_width = (n_outputs + lanes - 1) // lanes * lanes
    groups = (width + 63) // 64
    p_at = TOGETHER * z_width
    y_at = p_at + TOGETHER * width
    xi_at = y_at + TOGETHER * y_width
    spare_at = xi_at + 64 * groups
    alpha, keep = pointer(units, 0), pointer(units, width)
    inside, outside, live = pointer(units, 2 * width), pointer(units, 3 * width), pointer(units, 4 * width)
    xi = pointer(work, xi_at)
    work[xi_at:spare_at] = 0
    for chunk in range(first, last, TOGETHER):
        n_rows = min(TOGETHER, last - chunk)
        for i in range(n_rows):
            work[i * z_width : (i + 1) * z_width] = 0
            work[i * z_width + width] = 1
            begin(code, pointer(state, (chunk + i) * width), pointer(work, i * z_width), width)
        for t in range(n_steps):
            for i in range(n_rows):
                outside_input = pointer(inputs, ((chunk + i) * inputs.shape[1] + begins + t) * n_inputs)
                copy_few(outside_input, pointer(work, i * z_width + width + 1), n_inputs)
            multiply(
                pointer(work, 0), z_width, pointer(recurrent, 0), width + 1 + n_inputs, width, pointer(work, p_at), width, n_rows, lanes
            )  # fmt: skip
            for i in range(n_rows):
                b, at = chunk + i, i * z_width
                z = pointer(work, at)
                if noise.shape[0] > 0:
                    for j in range(noise.shape[2]):
                        work[xi_at + j] = noise[b, begins + t, j]
                elif first_step >= 0:
                    draw(xi, groups, first_step + begins + t, b, low, high)
                x = z if code % 2 else pointer(state, b * width)  # the state of the rate form is the rate
                potential = pointer(work, spare_at)
                if kept.shape[0] > 0:
                    potential = pointer(kept, (b * n_steps + t) * width)
                p = pointer(work, p_at + i * width)
                if rated >= 0:
                    step_to_rate(rated, p, x, xi, alpha, keep, outside, z, potential, width)
                else:
                    step(code, p, x, xi, alpha, keep, inside, outside, z, potential, width)
                if rates.shape[0] > 0:
                    rates[b, begins + t, :] = work[at : at + width]
                if anchors.shape[0] > 0 and (n_steps - t) % spacing == 0:
                    anchors[b, (n_steps - t) // spacing - 1, :] = work[at : at + width]
                if costs.shape[0] > 0:
                    work[spare_at : spare_at + 2 * lanes] = 0
                    add_cost(0, z, live, pointer(work, spare_at), width)
                    costs[b, begins + t, 0] = work[spare_at : spare_at + lanes].sum()
                    costs[b, begins + t, 1] = work[spare_at + lanes : spare_at + 2 * lanes].sum()
            if output.shape[0] > 0:
                multiply(
                    pointer(work, 0), z_width, pointer(readout, 0), width + 1, y_width, pointer(work, y_at), y_width, n_rows, lanes
                )  # fmt: skip
                for i in range(n_rows):
                    said = pointer(output, ((chunk + i) * output.shape[1] + begins + t) * n_outputs)
                    copy_few(pointer(work, y_at + i * y_width), said, n_outputs)
        if code % 2:
            for i in range(n_rows):
                state[chunk + i, :] = work[i * z_width : i * z_width + width]
