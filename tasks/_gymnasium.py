"""Tasks as environments of Gymnasium."""

__all__ = ["to_gymnasium"]

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from neurornn.tasks._draws import Split
from neurornn.tasks._task import AbstractTask

if TYPE_CHECKING:
    from gymnasium import Env

_MISSING = "Environments need gymnasium. Install it with: pip install gymnasium"


def to_gymnasium(
    task: AbstractTask,
    *,
    reward: Literal["steps", "performance"] = "steps",
    trials_per_episode: int = 1,
    split: Split = "train",
    conditions: Mapping[str, Any] | None = None,
) -> "Env[Any, Any]":
    r"""A task as an environment that an agent of reinforcement learning can act in, step by step.

    **A supervised task** shows the inputs of a trial, ``dt`` after ``dt``, and judges an action at each step. An episode is one trial, or
    ``trials_per_episode`` of them; it terminates after the last step. What an action is follows from the targets:

    * ``Discrete``, if the outputs stand for alternatives. With a cross-entropy loss action k is output k. With targets that
      are high for at most one output, action 0 is to hold still and action k is output k, counted from 1.
    * ``Box``, if the outputs are continuous: one number for each output, as far as twice the largest target.

    With ``reward="steps"`` each step of the trial counts by its weight in the mask, :math:`w_t = m_t / \sum_s m_s`:

    .. math:: R_t = w_t\, [a_t = a_t^*] \quad\text{(Discrete)}, \qquad R_t = -\frac{w_t}{O} \sum_k (a_{tk} - y^*_{tk})^2 \quad\text{(Box)}

    so that a perfect trial earns 1, or loses nothing. With ``reward="performance"`` there is nothing until the last step, and then the
    performance the task gives to the trial, the actions taken for outputs; 0 where there is nothing to get right.

    **A reward task** (bandit, reversal, two-step) is played as it is: a step is an action, its reward is that of the task, and an episode
    is an episode of the task. The arguments about trials and reward are for supervised tasks alone.

    ``info`` holds what neurogym's does: ``"gt"``, what the action just taken should have been (in a reward task, that of an ideal observer
    that has seen the same), and ``"new_trial"``, whether the trial or decision ended with it. The right action for the
    observation at hand is the attribute ``ground_truth`` of the environment.

    ``reset(seed=s)`` starts at the first trial of seed s: the trials of ``task.sample(..., seed=s)`` in their order. A reset without a seed goes on to the next one.

    Args:
        task: The task.
        reward: What is rewarded.
        trials_per_episode: Trials in an episode.
        split: Trials of training or held-out ones.
        conditions: Values of conditions to use instead of drawing them.

    Returns:
        The environment; :func:`gymnasium.utils.env_checker.check_env` accepts it.

    Raises:
        ImportError: If gymnasium is not installed.
        ValueError: If an argument makes no sense.

    Examples:
        >>> from neurornn import tasks
        >>> env = to_gymnasium(tasks.make("perceptual-decision"))
        >>> env.action_space, env.observation_space.shape
        (Discrete(3), (3,))
        >>> _ = env.reset(seed=0)
        >>> total, terminated = 0.0, False
        >>> while not terminated:
        ...     _, gain, terminated, _, info = env.step(env.unwrapped.ground_truth)
        ...     total += gain
        >>> round(total, 6), info["new_trial"]
        (1.0, True)
    """
    try:
        from neurornn.tasks._gymnasium_env import RewardEnv, TrialEnv
    except ImportError as error:
        raise ImportError(_MISSING) from error
    from neurornn.tasks.learning import AbstractRewardTask

    if trials_per_episode < 1:
        raise ValueError(f"trials_per_episode must be at least 1: got {trials_per_episode}.")
    if reward not in {"steps", "performance"}:
        raise ValueError(f"reward must be 'steps' or 'performance': got {reward!r}.")
    if isinstance(task, AbstractRewardTask):
        if reward != "steps" or trials_per_episode != 1:
            raise ValueError(
                f"Task '{task.name}' pays its own reward and has its own episodes: leave reward and trials_per_episode out. "
                "The length of an episode is a field, n_decisions."
            )
        return RewardEnv(task, split, conditions)
    return TrialEnv(task, reward, trials_per_episode, split, conditions)
