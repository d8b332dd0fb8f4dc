"""What a task shows and asks for, and the dissection of the mechanism that answers it."""

__all__ = ["Evidence", "dissect_mechanism", "evidence_of"]

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import attractors, mechanism
from neurornn.networks import AbstractNetwork
from neurornn.tasks import AbstractTask

_N_PAIRS = 32  # trials in which one stimulus is turned round
_MOST_AMPLIFIED = 12  # points whose transient is computed


class Evidence(NamedTuple):
    """What the task shows and asks for.

    Attributes:
        directions: Change of the input for each unit of a stimulus.
        decision: Weights of the outputs in the decision, or None.
        duration: How long the stimuli last in ms, or None.
    """

    directions: dict[str, NDArray[np.float64]]
    decision: NDArray[np.float64] | None
    duration: float | None


def evidence_of(task: AbstractTask, stimuli: Mapping[str, float], names: Sequence[str]) -> Evidence:
    """Find out what stimuli do to the input and to the targets, from pairs of trials that differ in one of them.

    Args:
        task: Task.
        stimuli: Signed stimuli, name -> the strength at which they are compared with their opposite.
        names: Names of the input channels, which are the evidence of a task without signed stimuli.

    Returns:
        Directions, decision and duration.
    """
    directions: dict[str, NDArray[np.float64]] = {}
    wanted, lengths = [], []
    for name, strength in stimuli.items():
        up, down = (task.sample(_N_PAIRS, seed=0, conditions={name: sign * strength}) for sign in (1.0, -1.0))
        if up.inputs.shape != down.inputs.shape:
            continue
        shown = (up.inputs - down.inputs).double().mean(0).numpy() / (2 * strength)
        size = np.linalg.norm(shown, axis=1)
        if not size.any():
            continue
        directions[name] = shown[size.argmax()]
        lengths.append(task.dt * float((size > size.max() / 2).sum()))
        asked = (up.targets - down.targets).double().mean(0).numpy()
        wanted.append(asked[np.linalg.norm(asked, axis=1).argmax()])
    if not directions:
        return Evidence(
            {str(name): row for name, row in zip(names, np.eye(len(names)), strict=True)}, None, None
        )
    decision = np.sum(wanted, axis=0)
    most = np.abs(decision).max()
    return Evidence(directions, decision / most if most > 1e-6 else None, float(np.median(lengths)))


def dissect_mechanism(
    network: AbstractNetwork,
    points: xr.Dataset,
    data: xr.Dataset,
    evidence: Evidence,
    relevant: Mapping[str, str],
) -> dict[str, xr.Dataset]:
    """Selection in each situation, the non-normality of the points, and the lines on which they lie.

    Args:
        network: Network without noise.
        points: Its fixed and slow points.
        data: Trials, whose states bound the region in which lines are followed.
        evidence: Result of :func:`evidence_of`.
        relevant: The stimulus that counts in each situation, where one does.

    Returns:
        ``mechanism``, the result of :func:`neurornn.analysis.mechanism.selection`; ``nonnormality``, measures of
        :func:`neurornn.analysis.mechanism.linearise`; and ``attractors``, the result of
        :func:`neurornn.analysis.attractors.find`.
    """
    options: dict[str, Any] = {} if evidence.duration is None else {"duration": evidence.duration}
    found = mechanism.selection(
        network,
        points,
        evidence=evidence.directions,
        relevant=relevant,
        decision=evidence.decision,
        **options,
    )
    chosen = np.arange(points.sizes["fixed_point"])
    if chosen.size > _MOST_AMPLIFIED:
        chosen = np.unique(found["reference"].values[found["reference"].values >= 0])
    linear = mechanism.linearise(network, points.isel(fixed_point=chosen))
    measures = ("kind", "n_unstable", "spectral_abscissa", "numerical_abscissa", "henrici", "amplification",
                "amplification_time", "propagator_norm", "kreiss", "kreiss_bound")  # fmt: skip
    return {
        "mechanism": found,
        "nonnormality": linear[list(measures)],
        "attractors": attractors.find(network, points, within=data),
    }
