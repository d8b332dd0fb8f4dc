"""The same trials with and without interventions."""

__all__ = ["compare"]

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn.analysis._conditions import groups_of
from neurornn.analysis._plotting import value_text
from neurornn.analysis.interventions._base import Readout, Subject
from neurornn.analysis.interventions._outcome import Outcome, outcomes_of
from neurornn.analysis.interventions._paired import Paired, paired_difference
from neurornn.analysis.interventions._run import Interventions, as_interventions, run, subject_of
from neurornn.provenance import provenance
from neurornn.random import derive_seed
from neurornn.simulation import HasBehaviour
from neurornn.trials import Trials

_log = logging.getLogger(__name__)


def compare(
    network: Subject,
    trials: Trials,
    interventions: Mapping[str, Interventions],
    *,
    task: HasBehaviour | None = None,
    outcomes: Mapping[str, Outcome] | None = None,
    by: str | list[str] | None = None,
    readout: Readout | None = None,
    start: ArrayLike | Tensor | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    n_resamples: int = 1000,
) -> xr.Dataset:
    r"""Run the same trials with the same noise with and without interventions, and compare trial by trial.

    The effect of an intervention on an outcome :math:`z` is the mean paired difference

    .. math:: \Delta = \frac1n \sum_k \big(z_k^{\text{with}} - z_k^{\text{without}}\big)

    over the :math:`n` trials in which both have a value. Inputs and noise of a pair are the same numbers, so an
    intervention that does nothing has differences of exactly 0. An outcome that is 0 or 1 in all trials of all runs
    gets Newcombe's interval and McNemar's exact test; another one the percentile bootstrap over trials and a test that
    flips signs at random. The intervals are about further trials of the same kind, not about other networks; p values are not corrected for the
    number of interventions.

    Args:
        network: Network to intervene upon, or any object with a drift, as in :func:`run`; it is left untouched.
        trials: Trials to run.
        interventions: For each name one intervention, or several that act together.
        task: Its behaviour gives the outcomes: performance, choice, ...
        outcomes: Further outcomes, functions of trials and outputs that give a number for each trial, for instance
            :class:`ReadOut`. Without any and without a task the outcome is the squared error.
        by: Condition variables; each combination of values is compared on its own as well.
        readout: What is read from the states of a network without a read-out, as in :func:`run`.
        start: State before the first step, as in :func:`run`.
        seed: Seed of the recurrent noise and of the resampling.
        confidence: Of the intervals.
        n_resamples: Bootstrap replicates and sign flips.

    Returns:
        A dataset with, for each ``outcome`` and ``intervention``, the values of each trial without (``control``) and
        with it (``value``), their ``difference``, and over trials the ``effect``, its ``interval``, ``p_value``,
        ``n_pairs``, ``n_missing`` (trials without a value on either side) and ``n_changed``; with ``by`` the same again
        for each ``group`` under ``group_...``. ``n_active`` counts the steps of each trial in which the intervention acts.

    Raises:
        TypeError: If an intervention is not one.
        ValueError: If there is no intervention, or a number is out of range.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> from neurornn.analysis import interventions as iv
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 10, task.n_outputs, sigma_rec=0.1)
        >>> what = {"nothing": iv.Drive(0.0), "half": iv.Silence(range(5))}
        >>> ds = iv.compare(network, task.sample(8, seed=0), what, task=task)
        >>> bool((ds.difference.sel(intervention="nothing") == 0).all())
        True
    """
    if not isinstance(interventions, Mapping) or not interventions:
        raise ValueError(
            "interventions names what is done, for instance {'silent': Silence([0, 1])}: got "
            f"{interventions!r}."
        )
    if not 0 < confidence < 1 or n_resamples < 1:
        raise ValueError(
            f"confidence lies between 0 and 1 and n_resamples is at least 1: got {confidence} and {n_resamples}."
        )
    steps = {name: as_interventions(each) for name, each in interventions.items()}
    here = trials.to(next(subject_of(network, trials, readout, start).parameters()))
    active = np.stack([_n_active(network, here, each) for each in steps.values()])
    own: dict[str, Any] = {"readout": readout, "start": start, "seed": seed}
    plain = run(network, trials, **own)
    control = outcomes_of(plain, trials, task, outcomes)
    groups = _groups(plain, by)
    del plain
    values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in control}
    for name, each in steps.items():
        _log.info("intervention %s", name)
        found = outcomes_of(run(network, trials, each, **own), trials, task, outcomes)
        for outcome, numbers in found.items():
            values[outcome].append(numbers)
    before = np.stack(list(control.values()))
    after = np.stack([np.stack(each) for each in values.values()])
    options: dict[str, Any] = {"confidence": confidence, "n_resamples": n_resamples, "seed": seed}
    everyone = [np.ones(trials.n_trials, dtype=bool)]
    variables = _tables(before, after, list(control), everyone, options, "", ())
    coords: dict[str, Any] = {
        "outcome": list(control),
        "intervention": list(steps),
        "trial": np.arange(trials.n_trials),
        "bound": ["lower", "upper"],
        "description": ("intervention", [" + ".join(repr(one) for one in each) for each in steps.values()]),
        **{name: ("trial", column) for name, column in trials.conditions.items()},
    }
    if groups is not None:
        names, levels, members = groups
        variables |= _tables(before, after, list(control), members, options, "group_", ("group",))
        text = [", ".join(f"{n}={value_text(levels[n][k])}" for n in names) for k in range(len(members))]
        coords |= {"group": text} | {f"group_{n}": ("group", levels[n]) for n in names}
    units = {"units": "1"}
    variables |= {
        "control": (("outcome", "trial"), before, {"long_name": "without intervention", **units}),
        "value": (("outcome", "intervention", "trial"), after, {"long_name": "with intervention", **units}),
        "difference": (
            ("outcome", "intervention", "trial"),
            after - before[:, None],
            {"long_name": "paired difference", **units},
        ),
        "n_active": (("intervention", "trial"), active, {"long_name": "steps acted upon", **units}),
    }
    return xr.Dataset(
        variables,
        coords,
        provenance("neurornn.Interventions/1")
        | {
            "task": trials.info.task,
            "trial_seed": trials.info.seed,
            "noise_seed": int(seed),
            "confidence": float(confidence),
            "n_resamples": int(n_resamples),
            "by": [] if groups is None else groups[0],
        },
    )


def _n_active(network: Subject, trials: Trials, steps: tuple[Any, ...]) -> NDArray[np.int64]:
    """Steps of each trial in which any of several interventions acts; all are bound, so mistakes show at once."""
    inside = np.zeros((trials.n_trials, trials.n_steps), dtype=bool)
    for each in steps:
        inside |= each.bind(network, trials).active.cpu().numpy()
    return np.asarray(inside.sum(1), dtype=np.int64)


def _groups(
    ds: xr.Dataset, by: str | list[str] | None
) -> tuple[list[str], dict[str, NDArray[Any]], list[NDArray[np.bool_]]] | None:
    if by is None:
        return None
    names = [by] if isinstance(by, str) else list(by)
    levels, member = groups_of(ds, names)
    return names, levels, [member == k for k in range(len(next(iter(levels.values()))))]


def _tables(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    names: list[str],
    members: Sequence[NDArray[np.bool_]],
    options: Mapping[str, Any],
    prefix: str,
    last: tuple[str, ...],
) -> dict[str, Any]:
    """The paired differences of each outcome, intervention and group, as variables of the dataset."""
    binary = [
        bool(np.isin(both[~np.isnan(both)], [0.0, 1.0]).all())
        for both in (np.concatenate([b[None], a]) for b, a in zip(before, after, strict=True))
    ]
    cells: list[Paired] = []
    for i in range(len(before)):
        for j in range(after.shape[1]):
            for k, rows in enumerate(members):
                cells.append(
                    paired_difference(
                        before[i, rows],
                        after[i, j, rows],
                        binary=binary[i],
                        confidence=options["confidence"],
                        n_resamples=options["n_resamples"],
                        key=derive_seed(options["seed"], "resampling", names[i], k if prefix else "all"),
                    )
                )
    dims = ("outcome", "intervention", *last)
    shape = (len(before), after.shape[1], len(members))[: len(dims)]
    size = np.array([rows.sum() for rows in members])

    def table(field: str) -> NDArray[Any]:
        return np.array([getattr(cell, field) for cell in cells]).reshape(shape)

    n_pairs = table("n_pairs")
    share = f"{100 * options['confidence']:g} %"
    variables = {
        "effect": (dims, table("effect"), {"long_name": "mean paired difference", "units": "1"}),
        "interval": (
            (*dims, "bound"),
            np.array([cell.interval for cell in cells]).reshape(*shape, 2),
            {"long_name": f"{share} interval of the effect", "units": "1"},
        ),
        "p_value": (dims, table("p_value"), {"long_name": "p value", "units": "1"}),
        "n_pairs": (dims, n_pairs, {"long_name": "pairs", "units": "1"}),
        "n_missing": (
            dims,
            size.reshape(shape[2:]) - n_pairs,
            {"long_name": "trials without a value", "units": "1"},
        ),
        "n_changed": (dims, table("n_changed"), {"long_name": "pairs that differ", "units": "1"}),
    }
    named: dict[str, Any] = {f"{prefix}{name}": each for name, each in variables.items()}
    if not prefix:
        methods = ["newcombe" if each else "bootstrap" for each in binary]
        named["method"] = ("outcome", methods, {"long_name": "method of the interval"})
    return named
