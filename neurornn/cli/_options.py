"""What a run is made of, as frozen dataclasses: defaults, help and checks live here and nowhere else."""

__all__ = ["NetworkOptions", "ObjectiveOptions", "TrainingOptions"]

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
import tyro

from neurornn import connectivity as wiring
from neurornn import rules
from neurornn._record import Plan
from neurornn._words import did_you_mean
from neurornn.cli._kinds import CTRNN_KIND, build_kind
from neurornn.cli._known import CONNECTIVITY, INITIALISERS, NESTED, OPTIMIZERS, RULES
from neurornn.cli._none import bounds, optional_float, optional_int, optional_text
from neurornn.cli._spec import SpecError, build, parse, value_of
from neurornn.networks import CTRNN, AbstractNetwork, LearnedTau
from neurornn.objective import CrossEntropy, Objective, SquaredError
from neurornn.recipe import Recipe
from neurornn.tasks import AbstractTask

_RECIPE = Recipe()  # says what nobody said otherwise


@dataclass(frozen=True)
class NetworkOptions:
    """The network to train.

    Attributes:
        kind: Family of networks: ctrnn, the leaky network that the options below describe; others take those of them that they
            have, and their own after a colon.
        n_units: Number of recurrent units.
        tau: Time constant of the units in ms.
        tau_bounds: Learn a time constant for each unit between these bounds in ms, starting from tau.
        dt: Time step in ms, of the network and of the task; at most tau.
        activation: From potential to firing rate: relu, softplus, tanh, sigmoid, retanh, power or identity.
        form: What leaks: the potential (current), or the firing rate (rate).
        sigma_rec: Recurrent noise, in units of the state: about the standard deviation it gives a lone unit.
        noise: Where the noise enters: beside the input, or on the state itself.
        excitatory: Fraction of excitatory units, each unit keeping its sign (Dale's law); none lets every weight take
            any sign.
        rectifier: How Dale's law is kept while weights change: absolute value, or rectification.
        connectivity: Which recurrent synapses exist: all-to-all, or sparse:density=0.1 for one in ten.
        init: Initial recurrent weights: balanced-gamma, gaussian, orthogonal or identity, with options as in
            gaussian:spectral_radius=1.2.
        train_initial_state: Learn the state before the first step, which is 0 otherwise.
        output_feedback: Return the outputs to the units through fixed weights, uniform between minus and plus this; 0 does not.
    """

    kind: str = CTRNN_KIND
    n_units: int = _RECIPE.n_units
    tau: float = _RECIPE.tau
    tau_bounds: Annotated[
        tuple[float, float] | None, bounds, tyro.conf.arg(help_behavior_hint="(default: tau is not learned)")
    ] = None
    dt: float = 20.0
    activation: str = _RECIPE.activation
    form: Literal["current", "rate"] = _RECIPE.form
    sigma_rec: float = _RECIPE.sigma_rec
    noise: Literal["input", "state"] = "input"
    excitatory: Annotated[float | None, optional_float] = _RECIPE.excitatory
    rectifier: Literal["abs", "relu"] = "abs"
    connectivity: Annotated[
        str | None,
        optional_text,
        tyro.conf.arg(help_behavior_hint="(default: all; no unit contacts itself under Dale's law)"),
    ] = None
    init: Annotated[
        str | None,
        optional_text,
        tyro.conf.arg(help_behavior_hint="(default: balanced-gamma under Dale's law, else gaussian)"),
    ] = None
    train_initial_state: bool = _RECIPE.train_initial_state
    output_feedback: float = 0.0

    def build(self, task: AbstractTask, seed: int) -> AbstractNetwork:
        """The untrained network for a task.

        Args:
            task: Task that fixes the number of inputs and outputs.
            seed: Seed of wiring and weights.

        Returns:
            The network.

        Raises:
            ValueError: If the options make no sense, alone or together.
        """
        if self.kind != CTRNN_KIND:
            return build_kind(self.kind, self, NetworkOptions(), task, seed)
        if self.excitatory is None and self.rectifier != NetworkOptions.rectifier:
            raise ValueError(
                f"--rectifier {self.rectifier} says how Dale's law is kept, and --excitatory none switches it off. "
                "Leave one out."
            )
        return CTRNN(
            task.n_inputs,
            self.n_units,
            task.n_outputs,
            tau=self.tau if self.tau_bounds is None else LearnedTau(self.tau, self.tau_bounds),
            dt=task.dt,
            activation=self.activation,
            form=self.form,
            sigma_rec=self.sigma_rec,
            noise=self.noise,
            dale=None if self.excitatory is None else wiring.Dale(self.excitatory, self.rectifier),
            connectivity=_optional(self.connectivity, CONNECTIVITY, "connectivity"),
            init=_optional(self.init, INITIALISERS, "initialisation"),
            train_initial_state=self.train_initial_state,
            output_feedback=self.output_feedback,
            seed=seed,
        )


@dataclass(frozen=True)
class ObjectiveOptions:
    """What training minimises.

    Attributes:
        loss: Error of each time step; task takes the one the task declares.
        rate_l1: Weight of a penalty on the mean firing rate.
        rate_l2: Weight of a penalty on the mean squared firing rate.
        weight_l1: Weight of a penalty on the mean absolute recurrent weight.
        weight_l2: Weight of a penalty on the mean squared recurrent weight.
    """

    loss: Literal["task", "squared-error", "cross-entropy"] = "task"
    rate_l1: float = 0.0
    rate_l2: float = _RECIPE.rate_l2
    weight_l1: float = 0.0
    weight_l2: float = 0.0

    def build(self) -> Objective:
        """The objective.

        Returns:
            What a learning rule descends.
        """
        loss = {"task": None, "squared-error": SquaredError(), "cross-entropy": CrossEntropy()}[self.loss]
        return Objective(loss, self.rate_l1, self.rate_l2, self.weight_l1, self.weight_l2)


@dataclass(frozen=True)
class TrainingOptions:
    """How it is trained.

    Attributes:
        rule: Learning rule: bptt; truncated-bptt:depth=20,every=10 with lengths in time steps; rflo, e-prop, snap-1,
            feedback-alignment, k-hop:k=2, mdgl or modprop, with options as in rflo:feedback=random(seed=1). Feedback is symmetric, random or
            adaptive(rate, decay). Rules that run forward in time, with update_every=1 to move the weights at every step: rtrl,
            snap:n=2, online-rflo, online-e-prop, uoro, kf-rtrl, r-kf-rtrl, kernl and dni. Credit by replay, as in
            replay:source=inverted,credit=aligned(seed=1). Reward alone, as in node-perturbation:reward=performance,
            weight-perturbation, reward-hebbian and, with --kind recollect, recollect. Least squares: force,
            full-force and ridge:washout=20. From what actions bring, for networks of kind recollect: recollect:rate=0.1.
        optimizer: adam, adamw, rmsprop or sgd, with options as in adam:lr=0.003 (lr is the learning rate); rule takes the
            one that the learning rule was made for.
        n_steps: Number of training steps at most.
        batch_size: Trials in a training step.
        clip_norm: Scale gradients with a larger norm down to this; none never does.
        validate_every: Training steps between validations.
        target_performance: Stop once the mean performance in validation trials, from 0 to 1, reaches this; none does
            all steps.
        checkpoint_every: Training steps between checkpoints, a multiple of validate-every. A training that was
            interrupted or killed goes on from the last one.
    """

    rule: str = "bptt"
    optimizer: str = f"adam:lr={_RECIPE.learning_rate}"
    n_steps: int = _RECIPE.n_steps
    batch_size: int = _RECIPE.batch_size
    clip_norm: Annotated[float | None, optional_float] = _RECIPE.clip_norm
    validate_every: int = _RECIPE.validate_every
    target_performance: Annotated[float | None, optional_float] = _RECIPE.criterion
    checkpoint_every: Annotated[
        int | None, optional_int, tyro.conf.arg(help_behavior_hint="(default: validate-every)")
    ] = None

    def check(self, seed: int) -> None:
        """Refuse numbers that make no sense, before anything is written.

        Args:
            seed: Seed of the training.

        Raises:
            ValueError: Naming the number.
        """
        target = self.target_performance
        if target is not None and not 0 < target <= 1:
            raise ValueError(
                f"target_performance must lie in (0, 1], or be none: got {target}. A perfect network has 1."
            )
        Plan(
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            seed=seed,
            clip_norm=self.clip_norm,
            validate_every=self.validate_every,
            n_validation=1,
            target_performance=target,
            checkpoint_every=self.checkpoint_every,
        )

    def build_rule(self) -> rules.AbstractRule:
        """The learning rule.

        Returns:
            The rule.
        """
        rule: rules.AbstractRule = build(self.rule, RULES, what="learning rule", calls=NESTED)
        return rule

    def build_optimizer(self, network: AbstractNetwork, rule: rules.AbstractRule) -> torch.optim.Optimizer:
        """The optimiser of a network's parameters.

        Args:
            network: Network to train.
            rule: The learning rule, which may be made for one.

        Returns:
            The optimiser.

        Raises:
            SpecError: If there is no such optimiser, or it refuses an option.
        """
        if self.optimizer == "rule":
            return rule.optimizer(network)
        name, raw = parse(self.optimizer)
        if name not in OPTIMIZERS:
            hint = did_you_mean(name, OPTIMIZERS)
            raise SpecError(f"No optimiser is called '{name}'.{hint} Known: {', '.join(OPTIMIZERS)}.")
        allowed = [each for each in inspect.signature(OPTIMIZERS[name]).parameters if each != "params"]
        options = {key: value_of(value) for key, value in raw.items()}
        for key, value in options.items():
            if key not in allowed:
                raise SpecError(
                    f"The optimiser '{name}' has no option '{key}'.{did_you_mean(key, allowed)} It has: {', '.join(allowed)}."
                )
            if isinstance(value, str):
                raise SpecError(
                    f"The optimiser '{name}' cannot have {key}={value}: give a number, true or false."
                )
        try:
            makers: Any = OPTIMIZERS[name]
            if "fused" in allowed and not {"fused", "foreach", "differentiable"} & options.keys():
                options["fused"] = True  # one pass over the parameters
            optimizer: torch.optim.Optimizer = makers(network.parameters(), **options)
        except TypeError as error:
            raise SpecError(
                f"The optimiser '{self.optimizer}' has a value of the wrong kind ({error})."
            ) from error
        except (RuntimeError, ValueError) as error:
            raise SpecError(f"The optimiser '{self.optimizer}' cannot be made. {error}.") from error
        return optimizer


def _optional(text: str | None, known: Mapping[str, type], what: str) -> Any:  # noqa: ANN401
    return None if text is None else build(text, known, what=what)
