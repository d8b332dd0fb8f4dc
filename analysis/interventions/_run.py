"""Run trials while a network is intervened upon."""

__all__ = ["Interventions", "as_interventions", "run", "subject_of"]

import json
from collections.abc import Sequence
from typing import Any, cast

import torch
import xarray as xr
from numpy.typing import ArrayLike
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis.interventions._base import AbstractIntervention, Action, Readout, Subject
from neurornn.analysis.interventions._general import General
from neurornn.analysis.interventions._leaky import run_leaky
from neurornn.analysis.interventions._select import n_units_of
from neurornn.networks import CTRNN, AbstractNetwork, Trajectory
from neurornn.simulation import HasBehaviour, simulate
from neurornn.trials import Trials

Interventions = AbstractIntervention | Sequence[AbstractIntervention]


def run(
    network: Subject,
    trials: Trials,
    interventions: Interventions = (),
    *,
    task: HasBehaviour | None = None,
    readout: Readout | None = None,
    start: ArrayLike | Tensor | None = None,
    seed: int = 0,
) -> xr.Dataset:
    r"""Simulate trials while the network is intervened upon.

    Step ``k`` of a :class:`~neurornn.CTRNN` uses the rates of step ``k - 1``:

    .. math::
        \text{current:}\quad x_k &= (1-\alpha) x_{k-1} + \alpha (W_{rec} r_{k-1} + W_{in} u_k + b + I)
        + \sqrt{2\alpha}\,\sigma_{rec}\,\xi_k, \quad r_k = \phi(x_k) \\
        \text{rate:}\quad r_k &= (1-\alpha) r_{k-1} + \alpha\,\phi(W_{rec} r_{k-1} + W_{in} u_k + b + I
        + \sqrt{2/\alpha}\,\sigma_{rec}\,\xi_k)

    (or with the noise on the state). In a step in which an intervention acts, changed weights, time constants, noise
    and currents hold in the equation of that step; then the state :math:`x_k` is pushed and clamped; then silent units get
    :math:`r_k = 0`; then the output is read. Several interventions act in the order given. The noise
    :math:`\xi` depends on the seed alone and is that of :func:`neurornn.simulate`.

    A network of another family takes its own steps, ``step(state, input, noise)``, and an object with nothing but a drift
    the steps ``state + dt * drift``. Both can be pushed, clamped and silenced (:class:`Silence` holds the state of a
    unit at 0). Weights, noise and time constants change where they are there to be changed, in a copy; currents enter
    a CTRNN alone.

    Args:
        network: Network to run, or any object with ``drift(state, input)`` in 1/ms, ``dt`` in ms and ``n_units``; it is
            left untouched.
        trials: Trials to run.
        interventions: One intervention or several that act together; none leaves the network as it is.
        task: If given, its behaviour is added to the trial coordinates.
        readout: Matrix ``(output, unit)`` read from the state, or a function from states to outputs; what the network
            reads from its rates if None.
        start: State before the first step, ``(unit,)`` or ``(trial, unit)``; that of the network, or 0, if None.
        seed: Seed of the recurrent noise.

    Returns:
        A dataset like that of :func:`neurornn.simulate`; the attribute ``interventions`` lists what was done.

    Raises:
        TypeError: If the network has no drift or not what an intervention acts on, or something else than an
            intervention is given.
        ValueError: If an intervention makes no sense for this network or these trials.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> from neurornn.analysis import interventions
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 10, task.n_outputs)
        >>> silent = interventions.Silence([0, 1], epoch="stimulus")
        >>> ds = interventions.run(network, task.sample(4, seed=0), silent)
        >>> first = int(ds.epoch_stimulus_start[0] / ds.attrs["dt"])
        >>> ds.rate[0, first, :2].values.tolist(), bool(ds.rate[0, first - 1, 0] > 0)
        ([0.0, 0.0], True)
    """
    steps = as_interventions(interventions)
    subject = subject_of(network, trials, readout, start)
    subject.check_trials(trials)
    here = trials.to(next(subject.parameters()))
    actions = [each.bind(network, here) for each in steps]
    if isinstance(subject, General):
        subject.check_actions(actions)
    ds = simulate(cast(AbstractNetwork, _Intervened(subject, actions)), trials, task=task, seed=seed)
    return ds.assign_attrs(interventions=json.dumps([repr(each) for each in steps]))


def subject_of(
    network: Subject, trials: Trials, readout: Readout | None, start: ArrayLike | Tensor | None
) -> CTRNN | General:
    """A network as it is run here.

    Args:
        network: What the user passed.
        trials: Trials to run.
        readout: What is read from its states, or None for its own.
        start: State before the first step, or None for its own.

    Returns:
        The network itself if it is leaky, and something that runs it otherwise.

    Raises:
        TypeError: If it has no drift.
        ValueError: If a read-out or a start is given for a network that has its own.
    """
    if isinstance(network, CTRNN):
        if readout is not None or start is not None:
            raise ValueError(
                "A CTRNN has a read-out and an initial state of its own: leave out readout and start."
            )
        return network
    if not callable(getattr(network, "drift", None)) or not hasattr(network, "dt"):
        raise TypeError(
            "Interventions need a network, or an object with a method drift(state, input), in 1/ms, and a time step dt, in ms: "
            f"got {type(network).__name__}."
        )
    n_units_of(network)
    return General(network, trials, readout, start)


def as_interventions(given: Interventions) -> tuple[AbstractIntervention, ...]:
    """One or several interventions as a tuple.

    Args:
        given: What the user passed.

    Returns:
        The interventions.

    Raises:
        TypeError: If something else is among them.
    """
    several = (given,) if isinstance(given, AbstractIntervention) else given
    if isinstance(several, str) or not isinstance(several, Sequence):
        raise TypeError(f"interventions are objects such as Silence(...), or a list of them: got {given!r}.")
    for each in several:
        if not isinstance(each, AbstractIntervention):
            raise TypeError(f"interventions are objects such as Silence(...): got {each!r}.")
    return tuple(several)


class _Intervened:
    """A network that is run step by step with what is done to it, and is itself in everything else."""

    def __init__(self, network: CTRNN | General, actions: list[Action]) -> None:
        self._network, self._actions = network, actions

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._network, name)

    def __call__(self, inputs: Tensor, *, generator: torch.Generator) -> Trajectory:
        key = AbstractNetwork.noise_key(cast(AbstractNetwork, self._network), generator)
        with torch.no_grad(), single_threaded():
            if isinstance(self._network, CTRNN):
                self._network.check_inputs(inputs)
                return run_leaky(self._network, inputs, key, self._actions)
            return self._network.run(inputs, key, self._actions)
