"""From the recipe of a task to the options of the command line."""

__all__ = ["named_in", "options_of"]

import dataclasses
from collections.abc import Sequence
from typing import Any

from neurornn.cli._kinds import CTRNN_KIND, neutral_for
from neurornn.cli._known import INITIALISERS, RULES
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.cli._spec import parse
from neurornn.rules import AbstractRule
from neurornn.tasks import AbstractTask


def options_of(
    task: AbstractTask, rule: str | None = None, kind: str | None = None
) -> tuple[NetworkOptions, ObjectiveOptions, TrainingOptions]:
    """Options that do what the recipe of a task says, as far as it holds for a rule and a kind of network.

    A recipe tells of leaky networks and of gradients. A rule that is made for an optimiser of its own brings it along, and other
    networks leave out what they do not have.

    Args:
        task: The task.
        rule: What the user says of the rule; None for nothing.
        kind: What the user says of the network.

    Returns:
        Network, objective and training.

    Examples:
        >>> from neurornn import tasks
        >>> options_of(tasks.make("context-decision"))[2].optimizer
        'adam:lr=0.005'
    """
    network, objective, training = _from_recipe(task)
    if kind is not None and kind != CTRNN_KIND:
        options = {each.name: getattr(network, each.name) for each in dataclasses.fields(network)}
        network = NetworkOptions(**neutral_for(kind, options, vars(NetworkOptions())))
    family = None if rule is None else RULES.get(parse(rule)[0])
    if family is not None and family.clip_norm != AbstractRule.clip_norm:
        training = dataclasses.replace(training, clip_norm=family.clip_norm)
    if family is not None and family.optimizer is not AbstractRule.optimizer:
        training = dataclasses.replace(training, optimizer="rule")
    return network, objective, training


def named_in(arguments: Sequence[str], option: str) -> str | None:
    """The value of an option in the words of a command.

    Args:
        arguments: Words after ``neurornn``.
        option: The option.

    Returns:
        The last one given, None if there is none.

    Examples:
        >>> named_in(["train", "runs/a", "--task", "flip-flop", "--n-units", "50"], "--task")
        'flip-flop'
    """
    found = None
    for word, after in zip(arguments, [*arguments[1:], None], strict=True):
        if word == option and after is not None:
            found = after
        elif word.startswith(option + "="):
            found = word.removeprefix(option + "=")
    return found


def _from_recipe(task: AbstractTask) -> tuple[NetworkOptions, ObjectiveOptions, TrainingOptions]:
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
            optimizer=f"adam:lr={recipe.learning_rate}",
            n_steps=recipe.n_steps,
            batch_size=recipe.batch_size,
            clip_norm=recipe.clip_norm,
            validate_every=recipe.validate_every,
            target_performance=recipe.criterion,
        ),
    )


def _written(init: Any) -> str:  # noqa: ANN401
    name = next(name for name, cls in INITIALISERS.items() if cls is type(init))
    values = {each.name: getattr(init, each.name) for each in dataclasses.fields(init)}
    given = ",".join(f"{key}={value}" for key, value in values.items() if value is not None)
    return f"{name}:{given}" if given else name
