"""From the recipe of a task to the options of the command line."""

__all__ = ["options_of", "task_named_in"]

import dataclasses
from collections.abc import Sequence
from typing import Any

from neurornn.cli._options import INITIALISERS, NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.tasks import AbstractTask


def options_of(task: AbstractTask) -> tuple[NetworkOptions, ObjectiveOptions, TrainingOptions]:
    """Options that do what the recipe of a task says.

    Args:
        task: The task.

    Returns:
        Network, objective and training.

    Examples:
        >>> from neurornn import tasks
        >>> options_of(tasks.make("context-decision"))[2].optimizer
        'adam:lr=0.005'
    """
    recipe = task.recipe
    return (
        NetworkOptions(
            n_units=recipe.n_units,
            tau=recipe.tau,
            dt=task.dt,
            activation=recipe.activation,
            form=recipe.form,
            sigma_rec=recipe.sigma_rec,
            excitatory=recipe.excitatory,
            init=None if recipe.init is None else _written(recipe.init),
            train_initial_state=recipe.train_initial_state,
        ),
        ObjectiveOptions(rate_l2=recipe.rate_l2),
        TrainingOptions(
            optimizer=f"adam:lr={recipe.learning_rate:g}",
            n_steps=recipe.n_steps,
            batch_size=recipe.batch_size,
            clip_norm=recipe.clip_norm,
            validate_every=recipe.validate_every,
            target_performance=recipe.criterion,
        ),
    )


def task_named_in(arguments: Sequence[str]) -> str | None:
    """The value of ``--task`` in the words of a command.

    Args:
        arguments: Words after ``neurornn``.

    Returns:
        The last one given, None if there is none.

    Examples:
        >>> task_named_in(["train", "runs/a", "--task", "flip-flop", "--n-units", "50"])
        'flip-flop'
    """
    found = None
    for word, after in zip(arguments, [*arguments[1:], None], strict=True):
        if word == "--task" and after is not None:
            found = after
        elif word.startswith("--task="):
            found = word.removeprefix("--task=")
    return found


def _written(init: Any) -> str:  # noqa: ANN401
    name = next(name for name, cls in INITIALISERS.items() if cls is type(init))
    values = {each.name: getattr(init, each.name) for each in dataclasses.fields(init)}
    given = ",".join(f"{key}={value}" for key, value in values.items() if value is not None)
    return f"{name}:{given}" if given else name
