"""Continuation as users call it."""

__all__ = ["trace"]

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import plain
from neurornn.analysis.continuation._dataset import dataset
from neurornn.analysis.continuation._diagram import complete
from neurornn.analysis.continuation._family import Array, Family
from neurornn.analysis.continuation._paths import AbstractPath
from neurornn.analysis.continuation._walk import Effort
from neurornn.analysis.systems import HasDrift


def trace(
    network: HasDrift,
    path: AbstractPath,
    start: ArrayLike | Tensor | xr.Dataset,
    *,
    at: float | None = None,
    switch: bool = True,
    max_step: float = 0.1,
    min_step: float = 1e-10,
    max_points: int = 4000,
    max_state: float = 100.0,
    max_branches: int = 64,
) -> xr.Dataset:
    r"""Follow fixed points while an input or a parameter changes: the bifurcation diagram connected to the starts.

    Solutions of :math:`F(x, p) = 0` form curves, which are followed by pseudo-arclength continuation in both
    directions, around folds, in the scaled coordinates :math:`y = (x / \sqrt N, \theta)` where :math:`\theta` runs
    from 0 to 1 along the path. A step is accepted only if it passes tests against jumping to another branch, and is
    halved otherwise. At branch points the other branches are followed too. Special points solve equations of their
    own, to rounding level:

    * ``"fold"``: two fixed points meet and vanish;
    * ``"pitchfork"``, ``"transcritical"``: two branches cross, one of them vertical in :math:`p` or none;
    * ``"branch point"``: other points where branches meet, such as those of several identical units;
    * ``"hopf"``: a complex pair of eigenvalues crosses the imaginary axis, with its frequency. Neutral saddles (a
      real pair of opposite sign) are none;
    * ``"kink"``: an eigenvalue jumps across the axis where the drift is not differentiable, at a corner of the
      branch;
    * ``"end"``: the branch was followed no further, for the reason in ``special_note``.

    Derivatives along the path are central differences of the drift in float64, with a relative error of about
    :math:`10^{-10}`; they steer the iterations, and no equation but that of branch points contains them. The
    derivatives with respect to the state are exact. Nothing depends on ``dt``.

    Two crossings of the axis that undo each other within one step are looked for: the Jacobian is sampled 16 times
    along each step, the eigenvalues it can move to the axis are predicted from their eigenvectors, and points are put
    in between until the counts of unstable eigenvalues explain all of them. What happens in less than about a
    twentieth of ``max_step`` can still go unseen.

    Only what is connected to the starts is found. An isolated closed curve needs a start on it.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms. It
            is left untouched.
        path: What changes: an :class:`InputPath` or a :class:`ParameterPath`.
        start: States near fixed points, ``(unit,)`` or ``(start, unit)``; or the fixed points found by
            :func:`neurornn.analysis.fixed_points.find`.
        at: Value of the parameter where the starts rest; the beginning of the path if None.
        switch: Whether to follow the other branches at branch points.
        max_step: Longest step in scaled arclength.
        min_step: Shortest step; a branch that needs shorter ones ends with ``"step too small"``.
        max_points: Points on one side of the start of a branch, at most.
        max_state: Root mean square of the state at which a branch is left as running away.
        max_branches: Branches followed, at most.

    Returns:
        A dataset. Along ``point``, all branches one after the other with their number as coordinate ``branch``:
        ``state``, ``parameter``, ``arclength`` and ``tangent`` (scaled), ``eigenvalue`` (least stable first),
        ``n_unstable``, ``stable``, ``marginal``. Along ``special``, in the order of each branch: ``special_kind``,
        ``special_branch``, ``special_parameter``, ``special_error`` (first-order bound on the effect of rounding
        on the parameter), ``special_state``, ``special_frequency`` (at Hopf points), ``special_arclength``,
        ``special_note``. Along ``curve``, one for each branch: ``curve_first_end`` and ``curve_last_end`` (why it
        ends: ``"left the range"``, ``"closed"``, ``"branch point"``, ``"step too small"``, ``"budget spent"``,
        ``"state too large"``), ``curve_closed``, ``curve_length``. Along ``start``: ``start_state``,
        ``start_branch`` (-1 if it led nowhere) and ``start_note``. ``n_directions_left`` in the attributes counts
        branches that were seen to leave and not followed.

    Raises:
        TypeError: If the network has no drift, or the path is none.
        ValueError: If the network is noisy, the drift no smooth function of the parameter, or an argument makes no
            sense.

    References:
        Numerical Methods for Bifurcations of Dynamical Equilibria (Govaerts, 2000)
        https://doi.org/10.1137/1.9780898719543

    Examples:
        A unit that excites itself with weight 2 remembers until the input passes the fold.

        >>> import neurornn
        >>> from neurornn.analysis.continuation import InputPath
        >>> network = neurornn.CTRNN(1, 1, 1, activation="tanh", bias=False)
        >>> network.W_rec, network.W_in = torch.tensor([[2.0]]), torch.tensor([[1.0]])
        >>> diagram = trace(network, InputPath([-1.0], [1.0], name="input"), [-3.0])
        >>> diagram.special_kind.values.tolist()
        ['end', 'fold', 'fold', 'end']
        >>> (2 * diagram.special_parameter.values[1:3] - 1).round(9).tolist()    # the input there
        [0.532839975, -0.532839975]
    """
    if not isinstance(path, AbstractPath):
        raise TypeError(f"path must be an InputPath or a ParameterPath: got {type(path).__name__}.")
    states = _starts(start, getattr(network, "n_units", None))
    effort = Effort(max_step, min_step, max_points, max_state, max_branches)
    bound = path.bind(network, states.shape[1])
    parameter = path.begin if at is None else float(at)
    if not bound.low <= parameter <= bound.high:
        raise ValueError(f"at must lie on the path, from {bound.low:g} to {bound.high:g}: got {parameter:g}.")
    with torch.no_grad(), single_threaded():
        family = Family(bound, states, parameter)
        diagram = complete(family, states, parameter, effort, switch=switch)
    return dataset(diagram, family, path, effort, parameter)


def _starts(start: ArrayLike | Tensor | xr.Dataset, n_units: int | None) -> Array:
    if isinstance(start, xr.Dataset):
        if "kind" not in start or "state" not in start:
            raise ValueError(
                "A dataset to start from must be a result of fixed_points.find: it lacks 'kind' and 'state'."
            )
        found = start["state"].transpose("fixed_point", "unit").values
        states = np.asarray(found[start["kind"].values == "fixed"], dtype=np.float64)
    else:
        states = np.atleast_2d(plain(start))
    if states.ndim != 2 or not states.size or n_units not in {None, states.shape[1]}:
        raise ValueError(
            f"start must hold states of {n_units or 'all'} units, (unit,) or (start, unit), at least one: got shape {states.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("start must be finite: it holds NaN or infinity.")
    return states
