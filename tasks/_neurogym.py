"""Trials from neurogym, which is imported only when asked for."""

__all__ = ["NEUROGYM_EXCEPTIONS", "from_neurogym", "neurogym_ids"]

import logging
from collections.abc import Callable, Mapping
from typing import Any

from neurornn._words import did_you_mean
from neurornn.tasks._neurogym_env import import_neurogym, open_source
from neurornn.tasks._neurogym_state import sealed
from neurornn.tasks._neurogym_task import NeurogymTask
from neurornn.tasks._registry import TaskNotFound

_LOG = logging.getLogger(__name__)

NEUROGYM_EXCEPTIONS: Mapping[str, str] = {
    "Bandit-v0": "no ground truth",
    "DawTwoStep-v0": "no ground truth and no observations before an action is taken",
    "EconomicDecisionMaking-v0": "no ground truth",
    "HierarchicalReasoning-v0": "the rule changes in unannounced blocks, so a trial depends on those before it",
    "Null-v0": "neither observations nor ground truth",
    "Reaching1D-v0": "observations follow the agent's actions; ground truth is an angle, actions are left and right",
    "Reaching1DWithSelfDistraction-v0": "as Reaching1D-v0",
    "perceptualdecisionmaking.roitman02-v0": (
        "its ReactionTime wrapper acts while an agent steps; without it, it is PerceptualDecisionMaking-v0"
    ),
}
"""Registered environments of neurogym 2.3.1 that have no independent supervised trials, and why."""

_CAVEATS = {
    "MultiSensoryIntegration-v0": "its authors call it unfinished.",
    "ReadySetGo-v0": (
        "the ground truth times the interval from the end of the set cue, the reward from its start."
    ),
    "SpatialSuppressMotion-v0": "its ground truth is tabulated for steps of 8.3 ms, whatever dt is.",
    **dict.fromkeys(
        ("yang19.dmc-v0", "yang19.dnmc-v0"),
        "a stimulus at pi is in the first category as a sample and in the second as a test.",
    ),
}


def from_neurogym(
    env: str | Callable[..., Any],
    *,
    dt: float | None = None,
    weight_fixation: float | None = None,
    fix_go_cue: bool = False,
    **settings: Any,  # noqa: ANN401
) -> NeurogymTask:
    """A neurogym environment as a task: whole trials, seeded one by one, with mask, epochs and conditions.

    neurogym is an extra: without it this is an ``ImportError`` that says how to install it. It makes its trials one
    at a time in Python, so this is far slower than the tasks of this package.

    Args:
        env: Name of a registered environment, or a function or class that builds one, wrapped or not.
        dt: Time step in ms; the environment's own if None. A function gets another one as ``dt``.
        weight_fixation: Weight in the mask of steps in which the right action is to fixate; None is 0.05.
        fix_go_cue: Keep the fixation input on until the response is due, and off from then on. Many environments
            switch it off when the stimulus comes on and so give no sign when to respond.
        settings: Arguments of the environment or the function, for instance ``sigma=0.5`` or ``timing={"stimulus": 1000}``.

    Returns:
        The task.

    Raises:
        TaskNotFound: If there is no environment of that name.
        TypeError: If ``env`` is an environment instead of a recipe for one.
        ValueError: If the environment has no independent supervised trials, or an argument does not fit it.

    Examples:
        >>> task = from_neurogym("PerceptualDecisionMaking-v0", cohs=[51.2], fix_go_cue=True)
        >>> task.input_names, task.output_names
        (('fixation', 'stimulus_0', 'stimulus_1'), ('fixation', 'choice_0', 'choice_1'))
        >>> trials = task.sample(16, seed=0)
        >>> trials.epochs["decision"][0].tolist(), float(trials.mask[0, -1]), float(trials.mask[0, 0])
        ([2100.0, 2200.0], 1.0, 0.05000000074505806)
    """
    import_neurogym()
    if isinstance(env, str):
        known = import_neurogym("neurogym.envs.registration").gym.envs.registry
        if env not in known:
            raise TaskNotFound(
                f"neurogym has no environment '{env}'.{did_you_mean(env, neurogym_ids())} neurornn.tasks.neurogym_ids() lists them."
            )
    elif not callable(env):
        raise TypeError(
            f"from_neurogym needs the name of an environment or a function that builds one: got {env!r}. The "
            "environment itself will not do: timing functions of its copies would go on drawing from the random "
            "generator of the original. Pass a function that builds it: lambda **settings: ..."
        )
    if dt is None:
        with sealed():
            dt = open_source(env, settings).dt
    task = NeurogymTask(
        env=env, settings=settings, dt=dt, weight_fixation=weight_fixation, fix_go_cue=fix_go_cue
    )
    _log_oddities(task)
    return task


def neurogym_ids() -> list[str]:
    """Names of the neurogym environments that :func:`from_neurogym` can use.

    Returns:
        All registered environments except those in :data:`NEUROGYM_EXCEPTIONS`, sorted.
    """
    registration = import_neurogym("neurogym.envs.registration")
    every = registration.all_envs(psychopy=True, contrib=True, collections=True)
    return sorted(set(every) - set(NEUROGYM_EXCEPTIONS))


def _log_oddities(task: NeurogymTask) -> None:
    layout = task.layout
    caveat = _CAVEATS.get(str(task.env))
    if caveat is not None:
        _LOG.warning("%s: %s", task.name, caveat)
    for name in layout.lost:
        _LOG.warning("%s: '%s' is shorter than dt = %g ms and vanishes. Reduce dt.", task.name, name, task.dt)
    if layout.off_early and not task.fix_go_cue:
        _LOG.info(
            "%s: its fixation input goes off before the response is due. fix_go_cue=True keeps it on.",
            task.name,
        )
