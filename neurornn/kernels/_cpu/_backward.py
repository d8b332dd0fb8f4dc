r"""The adjoint of the time loop in compiled code.

For each step, from the last to the state before the first,

.. math:: m_t = S_t + F_{t+1} \odot m_{t+1} + H(m_{t+1})

where the hop :math:`H` is a matrix, a diagonal or nothing. The product :math:`[A_{t+1} \mid e_t] [V; B]` gives hop and read-out errors at once
(:math:`A` is the credit that reaches the current into a unit), and one product over batch and time of
:math:`[A_{t+1} \mid e_t]` with :math:`[r_t \mid 1 \mid u_{t+1}]` is the gradient of every weight and bias, of which the few rows of
:math:`[1 \mid u_{t+1}]` are made transposed. It is summed in blocks of the batch that do not depend on the number of threads.
"""

__all__ = ["STEPS", "backward", "backward_space"]

from typing import Any, Final

from neurornn.kernels._cpu._compile import compiled
from neurornn.kernels._cpu._emit import copy_few, pointer
from neurornn.kernels._cpu._normal import draw
from neurornn.kernels._cpu._product import accumulate, multiply
from neurornn.kernels._cpu._rows import back, back_from_rate, begin, fetch, once_more

STEPS: Final = 16  # steps whose products are summed together


def backward_space(width: int, n_inputs: int, n_outputs: int, lanes: int, rows: int) -> int:
    """Numbers of scratch that :func:`backward` needs.

    Args:
        width: Units, rounded up to whole registers.
        n_inputs: Input channels.
        n_outputs: Outputs.
        lanes: Numbers in a register.
        rows: Rows of a block.

    Returns:
        The count.
    """
    both = 2 * width + n_inputs + n_outputs + 3 * lanes
    return rows * (STEPS + 1) * both + rows * (width + n_inputs + lanes) + 4 * width + 64


@compiled
def backward(
    first: int, last: int, bounds: Any, code: int, rated: int, lanes: int, work: Any,  # blocks, their bounds, variant, the same where rates were kept or -1, numbers in a register, scratch
    hop: int, weights: Any, diagonal: Any, to_inputs: Any, units: Any,  # 0 no hop, 1 matrix, 2 diagonal; packed matrices
    inputs: Any, kept: Any, start: Any, anchors: Any, begins: int,  # the stretch that is kept, and the step it begins with
    noise: Any, low: Any, high: Any, first_step: int,  # as in the forward loop
    errors: Any, costs: Any, at_state: Any, at_rate: Any, at_final: Any,  # gradients that arrive, unless empty
    adjoint: Any, credit: Any, gradient: Any, beside: Any, at_alpha: Any, at_inputs: Any,  # carried, and written
) -> None:  # fmt: skip
    """Run blocks ``first`` to ``last - 1`` of the batch from the end of the stretch to its beginning."""
    n_steps, n_inputs, n_outputs, width = kept.shape[1], inputs.shape[2], errors.shape[2], start.shape[1]
    ends, stop = begins + n_steps, -1 if begins == 0 else begins
    z_width = (width + n_inputs + lanes) // lanes * lanes
    q_width = (width + n_outputs + lanes - 1) // lanes * lanes
    u_width = (n_inputs + lanes - 1) // lanes * lanes
    groups = (width + 63) // 64
    alpha, keep = pointer(units, 0), pointer(units, width)
    outside = pointer(units, 3 * width)
    half = units.dtype.type(0.5)
    for block in range(first, last):
        top = bounds[block]
        n_rows = bounds[block + 1] - top
        z_at = (STEPS + 1) * n_rows * q_width
        p_at = z_at + STEPS * n_rows * z_width
        u_at = p_at + n_rows * width
        direct_at = u_at + n_rows * u_width
        zero_at, xi_at = direct_at + width, direct_at + 2 * width
        xi = pointer(work, xi_at)
        work[zero_at : zero_at + width] = 0
        work[xi_at : xi_at + 64 * groups] = 0
        work[: (STEPS + 1) * n_rows * q_width] = 0
        work[z_at:p_at] = 0  # there is no input after the last step, and nothing beyond the inputs
        for i in range(STEPS * n_rows):
            work[z_at + i * z_width + width] = 1
        for i in range(n_rows):
            work[i * q_width : i * q_width + width] = credit[top + i]
        late = ends - 1
        while late >= stop:
            early = max(late - STEPS + 1, stop)
            if code % 2:  # rates of the chunk, from the potentials
                for i in range(n_rows):
                    b = top + i
                    for t in range(early, late + 1):
                        z = pointer(work, z_at + ((late - t) * n_rows + i) * z_width)
                        if t == begins - 1:
                            begin(code, pointer(start, b * width), z, width)
                        elif t == early and t != begins:
                            at = z_at + ((late - t) * n_rows + i) * z_width
                            work[at : at + width] = anchors[b, (ends - t) // STEPS - 1]
                        else:
                            before = pointer(start, b * width)
                            if t != begins:
                                before = pointer(work, z_at + ((late - t + 1) * n_rows + i) * z_width)
                            if noise.shape[0] > 0:
                                for j in range(noise.shape[2]):
                                    work[xi_at + j] = noise[b, t, j]
                            elif first_step >= 0:
                                draw(xi, groups, first_step + t, b, low, high)
                            potential = pointer(kept, (b * n_steps + t - begins) * width)
                            once_more(code, before, potential, xi, alpha, keep, outside, z, width)
            for t in range(late, early - 1, -1):
                q_row = (late - t) * n_rows * q_width
                z_row = z_at + (late - t) * n_rows * z_width
                for i in range(n_rows):
                    b = top + i
                    after, back_from = z_row + i * z_width + width + 1, q_row + i * q_width + width
                    if t + 1 < inputs.shape[1]:
                        copy_few(
                            pointer(inputs, (b * inputs.shape[1] + t + 1) * n_inputs),
                            pointer(work, after),
                            n_inputs,
                        )
                    if t >= begins:
                        copy_few(
                            pointer(errors, (b * inputs.shape[1] + t) * n_outputs),
                            pointer(work, back_from),
                            n_outputs,
                        )
                    else:
                        work[back_from : back_from + n_outputs] = 0
                if t > begins:
                    for i in range(n_rows):
                        fetch(0, pointer(kept, ((top + i) * n_steps + t - 1 - begins) * width), width)
                if hop == 1:
                    multiply(
                        pointer(work, q_row), q_width, pointer(weights, 0), width + n_outputs, width, pointer(work, p_at), width, n_rows, lanes
                    )  # fmt: skip
                else:
                    multiply(
                        pointer(work, q_row + width), q_width, pointer(weights, 0), n_outputs, width, pointer(work, p_at), width, n_rows, lanes
                    )  # fmt: skip
                if at_inputs.shape[0] > 0 and t + 1 < inputs.shape[1]:
                    multiply(
                        pointer(work, q_row), q_width, pointer(to_inputs, 0), width, u_width, pointer(work, u_at), u_width, n_rows, lanes
                    )  # fmt: skip
                    for i in range(n_rows):
                        for j in range(n_inputs):
                            at_inputs[top + i, t + 1, j] = work[u_at + i * u_width + j]
                for i in range(n_rows):
                    b = top + i
                    q, p = q_row + i * q_width, p_at + i * width
                    if hop == 2:
                        for j in range(width):
                            work[p + j] += diagonal[j] * work[q + j]
                    size = square = units.dtype.type(0)
                    direct = pointer(work, zero_at)
                    potential = pointer(start, b * width)
                    if t >= begins:
                        potential = pointer(kept, (b * n_steps + t - begins) * width)
                        if costs.shape[0] > 0:
                            size, square = costs[b, t, 0], costs[b, t, 1]
                        if at_rate.shape[0] > 0:
                            for j in range(at_rate.shape[2]):
                                work[p + j] += at_rate[b, t, j]
                        final = at_final.shape[0] > 0 and t == inputs.shape[1] - 1
                        if at_state.shape[0] > 0 or final:
                            work[direct_at : direct_at + width] = 0
                            direct = pointer(work, direct_at)
                        if at_state.shape[0] > 0:
                            for j in range(at_state.shape[2]):
                                work[direct_at + j] += at_state[b, t, j]
                        if final:
                            for j in range(at_final.shape[1]):
                                work[direct_at + j] += at_final[b, j]
                    if at_alpha.shape[0] > 0 and code % 2:
                        for j in range(at_alpha.shape[1]):  # the adjoint is still that of the next step
                            at_alpha[block, j] -= adjoint[b, j] * work[z_row + i * z_width + j]
                    if rated >= 0 and t >= begins:
                        back_from_rate(
                            rated, pointer(work, p), potential, pointer(adjoint, b * width), direct, alpha, keep,
                            pointer(work, z_row + i * z_width), pointer(work, q + n_rows * q_width), size, square, width,
                        )  # fmt: skip
                    else:
                        back(
                            code, pointer(work, p), potential, pointer(adjoint, b * width), direct, alpha, keep,
                            pointer(work, z_row + i * z_width), pointer(work, q + n_rows * q_width), size, square, width,
                        )  # fmt: skip
                    if at_alpha.shape[0] > 0 and t >= begins:
                        if noise.shape[0] > 0:
                            for j in range(noise.shape[2]):
                                work[xi_at + j] = noise[b, t, j]
                        elif first_step >= 0:
                            draw(xi, groups, first_step + t, b, low, high)
                        if code % 2:
                            begin(
                                code - 1, potential, pointer(work, p), width
                            )  # the activation of the potential
                        for j in range(at_alpha.shape[1]):
                            a, kick = units[0, j], work[xi_at + j]
                            if code % 2:
                                slope = work[p + j] + units[3, j] * kick / (a + a)
                                at_alpha[block, j] += adjoint[b, j] * slope
                                at_alpha[block, j] -= (
                                    work[q + n_rows * q_width + j] * units[2, j] * kick / (a + a)
                                )
                            else:
                                earlier = start[b, j] if t == begins else kept[b, t - begins - 1, j]
                                move = kept[b, t - begins, j] - earlier - units[3, j] * kick * half
                                at_alpha[block, j] += adjoint[b, j] * move / a
            n_chunk = (late - early + 1) * n_rows
            accumulate(
                pointer(work, 0), q_width, pointer(work, z_at), z_width, n_chunk, width,
                pointer(gradient, block * gradient.shape[1] * width), width, width + n_outputs, lanes,
            )  # fmt: skip
            accumulate(
                pointer(work, z_at + width), z_width, pointer(work, 0), q_width, n_chunk, q_width,
                pointer(beside, block * (1 + n_inputs) * q_width), q_width, 1 + n_inputs, lanes,
            )  # fmt: skip
            work[: n_rows * q_width] = work[
                (late - early + 1) * n_rows * q_width : (late - early + 2) * n_rows * q_width
            ]
            late = early - 1
        for i in range(n_rows):
            credit[top + i, :] = work[i * q_width : i * q_width + width]
