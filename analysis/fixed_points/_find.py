r"""The search as users call it.

A fixed point is a zero of the drift :math:`F(x) = \dot x`, here found by Newton's method to rounding level rather
than by lowering a speed below a threshold. Nothing in the search depends on ``dt``.
"""

__all__ = ["find"]

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import System, check_drift, freeze, plain
from neurornn.analysis.fixed_points._candidates import as_candidates
from neurornn.analysis.fixed_points._dataset import Found, dataset
from neurornn.analysis.fixed_points._enclosure import enclosure_of
from neurornn.analysis.fixed_points._linearise import linearise, spectrum
from neurornn.analysis.fixed_points._pool import Effort
from neurornn.analysis.fixed_points._regions import add_regions
from neurornn.analysis.fixed_points._search import Outcome, search
from neurornn.analysis.systems import HasDrift

Inputs = ArrayLike | Tensor | xr.DataArray | Mapping[str, ArrayLike | Tensor] | None


def find(
    network: HasDrift,
    *,
    candidates: ArrayLike | Tensor | xr.Dataset | xr.DataArray,
    inputs: Inputs = None,
    n_rounds: int = 10,
    wave: int = 128,
    adaptive: bool = True,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
    bounded: bool | None = None,
    n_regions: int = 65536,
    eigenvectors: bool = False,
    seed: int = 0,
) -> xr.Dataset:
    r"""Find the fixed and slow points of a network while its input is held.

    Candidates run through a trust-region Newton iteration in float64 until

    .. math:: \lVert F(x) \rVert \le \epsilon\, \rho\, (1 + \lVert x \rVert)

    where :math:`F` is the drift in 1/ms, :math:`\epsilon` the ``tolerance`` and :math:`\rho` the rate of the
    network in 1/ms (the median over 16 candidates of :math:`\lVert J \rVert_F / \sqrt N` with the Jacobian :math:`J`,
    about one over the time constant). Points that converged are refined to rounding level and merged where their
    distance is below the sum of their error bounds, or :math:`10^{-8} (1 + \lVert x \rVert)`. A candidate that
    comes to a minimum of the speed :math:`\lVert F \rVert` which is not 0 is a *slow point*: no fixed point, but the
    network lingers there if the speed is low.

    The search goes on, with further candidates and with new seeds midway between the points found, until nothing
    new turns up. Where all rates are bounded there is a stronger test. The indices of the fixed points then obey

    .. math:: \sum_k \operatorname{sign} \det(-J_k) = 1

    (Poincare-Hopf), and a set with another sum is incomplete. A set with the right sum is *consistent* and no
    more: a missing pair of a saddle and a node is invisible to the sum. Two kinds of sets are *complete* beyond
    doubt. Where the activation is piecewise linear (relu, identity) every linear region holds at most one isolated
    fixed point, the solution of a linear system; with few enough regions (16 units of relu) all are solved. And
    where the network contracts all of state space, as is proved if it holds, there is one fixed point and no other.

    Each point comes with a certificate where bounds on the slope of the activation are known, which is so for all
    of this library and for torch's GRU and LSTM cells. With a matrix A near the inverse of the Jacobian J, and for all states y of a box around x,

    .. math:: \lVert I - A\,J(y) \rVert_\infty < 1

    proves that the box holds no second fixed point, and, if the first Newton step does not leave the box, that it
    holds one. The bounds include all errors of rounding. Points are merged, or kept apart, by these proofs before
    any tolerance is asked.

    Stability is given twice: ``stable_ode`` of :math:`\dot x = F(x)` (all :math:`\operatorname{Re} \lambda < 0`) and
    ``stable_map`` of :math:`x \mapsto x + dt\,F(x)` (all :math:`|1 + dt\,\lambda| < 1`). ``dt`` enters nowhere else.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms. Its
            ``drift_jacobian(state, input)`` is used if it has one, automatic differentiation otherwise. It is left
            untouched. An object of your own is certified too if it has a method ``drift_bounds(low, high, input)``
            that returns four tensors: lower and upper bounds on the drift, ``(batch, unit)``, and on its Jacobian,
            ``(batch, unit, unit)``, over the boxes of states from ``low`` to ``high`` (which may be one state, or all
            of space), rounding included.
        candidates: States to start from, ``(candidate, unit)``, as :func:`candidates_from` gives them; or trials
            to draw 1,024 from.
        inputs: Input held: one number for each channel, or several such rows ``(context, input)``, or a mapping
            from names of contexts to inputs, or a DataArray with dimension ``input`` and, if there are several
            contexts, another one whose coordinate names them. Zero if None. Every candidate is tried in every
            context.
        n_rounds: Rounds of new seeds, at most, for each context.
        wave: Number of candidates tried at a time (at most 64 in the first wave), and of midpoints between points
            where no more than half as many points are known.
        adaptive: Whether to leave the remaining candidates unused once a wave brings nothing new and the index sum
            does not speak against it.
        tolerance: :math:`\epsilon` above.
        max_iterations: Newton steps a candidate may take.
        bounded: Whether the index sum must be 1, because the drift points inwards in all states far away. By
            default True for a :class:`~neurornn.CTRNN` whose activation is bounded and False otherwise.
        n_regions: Linear regions of a piecewise-linear network that are solved at most, in each context: all if
            there are no more, otherwise those on walks from region to region that start at candidates, at known
            fixed points and at random, until they find nothing new. 0 leaves regions alone.
        eigenvectors: Whether to list the eigenvectors of each point, which take 32 bytes for each pair of units.
            :func:`neurornn.analysis.mechanism.linearise` gives them for points of choice.
        seed: Seed of the order of the candidates, of the new seeds and of the walks.

    Returns:
        A dataset with the following variables. Along ``fixed_point``, fixed points first and slow points last in
        each context: ``kind`` (``"fixed"`` or ``"slow"``), ``converged`` (the drift vanishes), ``state``, ``speed``,
        ``error_bound`` (first-order bound on the distance to the exact point), ``certified`` (a fixed point is proved
        to exist), ``existence_radius`` (it differs by no more than this in any unit), ``uniqueness_radius`` (no
        other state that differs by no more than this in every unit is a fixed point; infinite if there is no other
        anywhere), both NaN without a proof, ``inputs``; ``eigenvalue`` (least
        stable first), ``time_constant`` (-1 / real part, negative where it grows), ``frequency``, and if asked for
        ``eigenvector``, ``left_eigenvector`` (what is integrated along each mode; products with ``eigenvector`` are 1
        and 0) and ``eigenvalue_condition``; ``n_unstable``, ``stable_ode``, ``stable_map``, ``marginal`` (an eigenvalue is not
        told from the imaginary axis); ``index``, ``nullity`` (number of singular values of J not told from 0),
        ``isolated`` (False on a continuous attractor, of which points some way apart are listed), ``smooth``
        (False on a kink of the drift, where the linear dynamics are one-sided).

        Along ``candidate``: ``candidate_status`` (``"fixed"``, ``"slow"``, ``"unconverged"``, ``"unused"``),
        ``candidate_converged``, ``candidate_speed``, ``candidate_fixed_point`` (the point it ended at, or -1),
        ``candidate_n_iterations``. Along ``search``, one for each context: ``completeness``, ``index_sum``,
        ``index_expected``, ``n_rounds``, ``n_seeds``, ``n_candidates_used``, ``n_regions``, ``rate``,
        ``certificates`` (``"proved"``, or why no point could be certified).

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the network is noisy or its drift random, or an argument makes no sense.

    References:
        Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural networks (Sussillo &
        Barak, 2013) https://doi.org/10.1162/NECO_a_00409

    Examples:
        Two units that each remember one bit have :math:`3^2` fixed points: 4 stable, 4 saddles and a repeller.

        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 2, 1, activation="tanh", bias=False)
        >>> network.W_rec = 2 * torch.eye(2)
        >>> points = find(network, candidates=[[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> np.bincount(points.n_unstable).tolist(), points.completeness.item(), points.certified.all().item()
        ([4, 4, 1], 'consistent', True)
        >>> [round(tau, 3) for tau in points.time_constant.values[0].tolist()]    # 100 ms / (1 - 2 sech^2 x)
        [119.958, 119.958]
    """
    if n_regions < 0:
        raise ValueError(f"n_regions must be at least 0: got {n_regions}.")
    effort = Effort(tolerance, max_iterations, n_rounds, wave, adaptive, seed)
    states = as_candidates(candidates, getattr(network, "n_units", None), seed=seed)
    system = freeze(network, states.shape[1], bounded=bounded)
    names, rows = _contexts(inputs, getattr(network, "n_inputs", None))
    found = []
    gpus = [system.device] if system.device.type == "cuda" else []
    with torch.no_grad(), single_threaded(), torch.random.fork_rng(devices=gpus):
        start = torch.as_tensor(states, device=system.device)
        for row in rows:
            held = torch.as_tensor(row, device=system.device)
            check_drift(system, start, held)
            outcome, n_solved = _settled(
                system, held, search(system, held, start, effort), states, effort, n_regions
            )
            everything = np.concatenate([outcome.roots.state, outcome.slow_state])
            modes = (linearise if eigenvectors else spectrum)(system, held, everything, rate=outcome.rate)
            bounds = enclosure_of(system, held)
            found.append(
                Found(row, outcome, modes, n_solved, bounds if isinstance(bounds, str) else "proved")
            )
    return dataset(found, names, system, effort)


def _settled(
    system: System,
    input: Tensor,
    outcome: Outcome,
    starts: NDArray[np.float64],
    effort: Effort,
    n_regions: int,
) -> tuple[Outcome, int]:
    """What is known in the end, linear regions and proofs included, and the number of regions solved."""
    roots, solutions = add_regions(
        system,
        input,
        outcome.roots,
        starts,
        most=n_regions,
        rate=outcome.rate,
        tolerance=effort.tolerance,
        seed=effort.seed,
    )
    completeness = outcome.completeness
    if np.isinf(roots.uniqueness).any():
        completeness = "complete: proved to be the only fixed point"
    elif solutions is not None and solutions.complete:
        completeness = "complete: every linear region solved"
    outcome = outcome._replace(roots=roots, index_sum=int(roots.sign.sum()), completeness=completeness)
    return outcome, 0 if solutions is None else solutions.n_solved


def _contexts(inputs: Inputs, n_inputs: int | None) -> tuple[list[Any], NDArray[np.float64]]:
    """Names of the contexts and their inputs, ``(context, input)``."""
    names: list[Any] | None = None
    if inputs is None:
        if n_inputs is None:
            raise ValueError("The network does not say how many inputs it has (n_inputs): pass inputs.")
        inputs = np.zeros(n_inputs)
    if isinstance(inputs, xr.DataArray):
        if inputs.ndim == 2 and "input" in inputs.dims:
            inputs = inputs.transpose(..., "input")
        if inputs.ndim == 2 and inputs.dims[0] in inputs.coords:
            names = inputs[inputs.dims[0]].values.tolist()
            if len(set(names)) < len(names):
                raise ValueError(f"Contexts must have names of their own: got {names}.")
        inputs = inputs.values
    if isinstance(inputs, Mapping):
        if not inputs:
            raise ValueError("inputs names no context: give at least one.")
        names = [str(name) for name in inputs]
        rows = [plain(each) for each in inputs.values()]
        if len({each.shape for each in rows}) > 1:
            raise ValueError(
                f"All contexts must have the same channels: got shapes {[r.shape for r in rows]}."
            )
        values = np.stack(rows)
    else:
        values = np.atleast_2d(plain(inputs))
    if values.ndim != 2 or len(values) == 0 or n_inputs not in {None, values.shape[1]}:
        raise ValueError(
            f"inputs must hold a number for each of the {n_inputs or ''} input channels, (input,) or (context, input): "
            f"got shape {values.shape if names is None else values.shape[1:]}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"inputs must be finite: got {values.tolist()}.")
    return list(range(len(values))) if names is None else names, values
