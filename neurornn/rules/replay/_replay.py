"""Learning from replay: the rule."""

__all__ = ["Replay", "replayed"]

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork, Outputs, ReversibleRNN, Trajectory
from neurornn.objective import Objective
from neurornn.rules._base import AbstractRule, UnsuitableNetwork
from neurornn.rules._checks import fitting
from neurornn.rules._hand_over import penalise
from neurornn.rules.replay._credit import AbstractCredit, ExactCredit
from neurornn.rules.replay._leaky import fill_leaky
from neurornn.rules.replay._pair import fill_pair
from neurornn.rules.replay._past import judged
from neurornn.rules.replay._sources import AbstractSource, Experience, Replayed, Stored
from neurornn.trials import Trials


@dataclass(frozen=True)
class Replay(AbstractRule):
    r"""Credit that runs backwards through a replay of the trial.

    The trial is run forward and nothing of it is kept but what the source asks for. Then the source gives the past back,
    in reverse; outputs and errors are formed again from the states it gives, and the credit of each step is carried on to the
    step before. With the states as they were and exact credit this is back-propagation through time. The sources differ in what
    a brain would have to keep:

    * :class:`Stored`: every state.
    * :class:`Reversible`: the last state of a :class:`~neurornn.networks.ReversibleRNN`, and the inputs.
    * :class:`Inverted`: the same of an ordinary leaky network.
    * :class:`Recalled`: the last state, and a memory that recalls the inputs in reverse order.

    Running backwards amplifies rounding errors: random tanh networks of gain 1.5 come back over 11 to 15 time constants in double
    precision and 4 to 5 in single before a state is wrong by 0.001, fewer with stronger weights or an activation that does not
    saturate; ``docs/gallery/replay_range.md`` has the table. A source that runs backwards measures its errors and refuses, or runs the
    trial forward again, where they pass its tolerance. Recurrent noise is part of the past: its numbers are drawn again from their key,
    which a brain could not do.

    Attributes:
        source: Where the past comes from.
        credit: Through which weights credit travels back.

    Raises:
        TypeError: If source or credit is none.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> from neurornn import rules, tasks
        >>> task = tasks.make("perceptual-decision", dt=20.0)
        >>> network = ReversibleRNN(task.n_inputs, 20, task.n_outputs)
        >>> rule = rules.Replay(rules.Reversible(), rules.AlignedCredit(seed=1))
        >>> loss = rule.backward(network, task.sample(8, seed=0))
        >>> bool(loss > 0), all(p.grad is not None for p in network.parameters())
        (True, True)
    """

    source: AbstractSource = field(default_factory=Stored)
    credit: AbstractCredit = field(default_factory=ExactCredit)

    def __post_init__(self) -> None:
        for name, part, kind, example in (
            ("source", self.source, AbstractSource, "rules.Reversible()"),
            ("credit", self.credit, AbstractCredit, "rules.ExactCredit()"),
        ):
            if not isinstance(part, kind):
                raise TypeError(f"{name} must be an object such as {example}: got {part!r}.")

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        pair = _replayable(network)
        self.source.check(network)
        trials = fitting(network, trials)
        with single_threaded():
            with torch.no_grad():
                run, experience = _experience(
                    network, trials.inputs, self.source, generator, objective.costs_rates
                )
                loss = objective.of_steps(trials, run)
                back = self.source.replay(network, experience)
                noise = experience.noise(network, 0, experience.n_steps)
            past = judged(pair, trials, objective, back, noise)
            if isinstance(pair, ReversibleRNN):
                fill_pair(pair, past, self.credit)
            else:
                fill_leaky(pair, past, self.credit)
            return loss + penalise(network, objective)


def replayed(
    source: AbstractSource,
    network: AbstractNetwork,
    inputs: Tensor,
    *,
    generator: torch.Generator | None = None,
) -> tuple[Replayed, Tensor]:
    """What a source gives back of a run, beside what happened.

    Args:
        source: The source.
        network: The network.
        inputs: Inputs, ``(batch, time, input)``.
        generator: Source of the recurrent noise.

    Returns:
        The replayed past, and the true states ``(batch, time + 1, unit)``.

    Examples:
        >>> from neurornn import rules
        >>> network = ReversibleRNN(2, 20, 1, tau=100.0, dt=10.0)
        >>> past, true = replayed(rules.Reversible(), network, torch.ones(3, 40, 2, dtype=torch.float64))
        >>> bool(rules.replay.distance(past.state, true).max() < 1e-8), past.known
        (True, (0,))
    """
    source.check(network)
    with torch.no_grad(), single_threaded():
        key = network.run_key(generator)
        start = network.initial_state(len(inputs))
        run = cast(Trajectory, network.stretch(inputs, start, key, 0, record=True))
        true = torch.cat([start[:, None], run.state], 1)
        kept = {k: true[:, k] for k in source.keeps(inputs.shape[1])}
        return source.replay(network, Experience(inputs, run.final, kept, key)), true


def _replayable(network: AbstractNetwork) -> CTRNN | ReversibleRNN:
    if not isinstance(network, CTRNN | ReversibleRNN):
        raise UnsuitableNetwork(
            f"Replay is derived for CTRNN and ReversibleRNN, and {type(network).__name__} is neither. Use rules.BPTT(), which "
            "differentiates any network."
        )
    return network


def _experience(
    network: AbstractNetwork,
    inputs: Tensor,
    source: AbstractSource,
    generator: torch.Generator | None,
    costs: bool,
) -> tuple[Outputs, Experience]:
    """Run forward and keep what the source asks for."""
    n_steps = inputs.shape[1]
    key = network.run_key(generator)
    state = network.initial_state(len(inputs))
    wanted = sorted(set(source.keeps(n_steps)))
    kept = {0: state} if 0 in wanted else {}
    runs: list[Trajectory | Outputs] = []
    for first, stop in _stretches(wanted, n_steps):
        inside = [k for k in wanted if first < k <= stop]
        run = network.stretch(
            inputs[:, first:stop], state, key, first, record=costs or inside not in ([], [stop])
        )
        state = run.final
        kept |= {k: state if k == stop else run.state[:, k - first - 1] for k in inside}  # type: ignore[union-attr]
        runs.append(run)
    output = torch.cat([run.output for run in runs], 1)
    sizes = [
        torch.cat([each for run in runs if (each := getattr(run, name)) is not None], 1) if costs else None
        for name in ("mean_abs_rate", "mean_square_rate")
    ]
    return Outputs(output, state, *sizes), Experience(inputs, state, kept, key)


def _stretches(wanted: Iterable[int], n_steps: int) -> list[tuple[int, int]]:
    """Parts of a run at whose ends states are kept, or one part if most of them are."""
    marks = [k for k in wanted if 0 < k < n_steps]
    if 2 * len(marks) > n_steps:
        return [(0, n_steps)]
    return list(zip([0, *marks], [*marks, n_steps], strict=True))
