"""Rules that bring an optimiser along, whole changes of weights, and rules that need the judgement of a task."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from neurornn import CTRNN, rules, tasks
from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.training import train
from neurornn.trials import Trials


@dataclass(frozen=True)
class _Halving(rules.AbstractRule):
    """Every step takes half of the read-out away, whatever the trials say."""

    finished: ClassVar[bool] = True
    clip_norm: ClassVar[float | None] = None

    @override
    def optimizer(self, network: AbstractNetwork) -> torch.optim.Optimizer:
        return torch.optim.SGD(network.parameters(), lr=1.0)

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        assert isinstance(network, CTRNN)
        network.readout.raw.grad = network.readout.raw.detach() / 2
        return torch.ones(())


@dataclass(frozen=True)
class _Curious(_Halving):
    """Remembers which tasks it was shown; the copy that trains holds the task."""

    shown: list[Any] = field(default_factory=list, compare=False)
    task: Any = None

    @override
    def for_task(self, task: Any) -> rules.AbstractRule:
        self.shown.append(task)
        return _Curious(self.shown, task)

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        assert self.task is not None
        return super().backward(network, trials, objective=objective, generator=generator)


@pytest.fixture
def setting() -> tuple[CTRNN, Any]:
    task = tasks.make("perceptual-decision")
    return CTRNN(task.n_inputs, 5, task.n_outputs), task


SHORT: dict[str, Any] = {"n_steps": 3, "batch_size": 2, "n_validation": 4, "validate_every": 3}


def test_a_rule_brings_its_optimiser_and_its_steps_are_taken_whole(setting: tuple[CTRNN, Any]) -> None:
    network, task = setting
    with torch.no_grad():
        network.readout.raw.mul_(1e3)  # so that clipping would show
    before = network.W_out.detach().clone()
    train(network, task, rule=_Halving(), **SHORT)
    torch.testing.assert_close(network.W_out.detach(), before / 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"optimizer": torch.optim.Adam},
            r"whole changes of the weights, not directions.*got Adam\(lr=0.001, ",
        ),
        ({"optimizer": lambda p: torch.optim.SGD(p, lr=0.5)}, "plain gradient descent with rate 1"),
        ({"optimizer": lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9)}, "plain gradient descent"),
        ({"clip_norm": 1.0}, "clipping would cut them short"),
    ],
)
def test_whole_changes_are_not_bent(
    setting: tuple[CTRNN, Any], options: dict[str, Any], message: str
) -> None:
    network, task = setting
    before = network.W_out.detach().clone()
    if "optimizer" in options:
        options = {"optimizer": options["optimizer"](network.parameters())}
    with pytest.raises(ValueError, match=message):
        train(network, task, rule=_Halving(), **SHORT, **options)
    assert torch.equal(network.W_out, before)


def test_a_rule_is_shown_the_task_once(setting: tuple[CTRNN, Any]) -> None:
    network, task = setting
    rule = _Curious()
    train(network, task, rule=rule, **SHORT)
    assert rule.shown == [task]
    assert rule.task is None


def test_directions_are_clipped_unless_told_otherwise(setting: tuple[CTRNN, Any]) -> None:
    network, task = setting
    plain = {"optimizer": torch.optim.SGD(network.parameters(), lr=1.0)}
    with torch.no_grad():
        network.readout.raw.mul_(1e3)
    before = [each.detach().clone() for each in network.parameters()]
    train(network, task, **plain, **(SHORT | {"n_steps": 1}))
    moved = torch.cat([(a - b).flatten() for a, b in zip(network.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(rules.BPTT().clip_norm, rel=1e-4)


@pytest.mark.parametrize("rule", [rules.NodePerturbation(), rules.WeightPerturbation()])
def test_what_reward_says_is_not_cut_to_one_length(
    setting: tuple[CTRNN, Any], rule: rules.AbstractRule
) -> None:
    """Training moves the weights by the whole of what the rule found, however long."""
    network, task = setting
    seen: list[torch.Tensor] = []

    class Noted(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            seen.append(
                torch.cat([each.grad.flatten() for each in network.parameters() if each.grad is not None])
            )
            super().step(closure)

    with torch.no_grad():
        network.readout.raw.mul_(1e3)
    train(
        network, task, rule=rule, optimizer=Noted(network.parameters(), lr=1e-9), **(SHORT | {"n_steps": 1})
    )
    whole = float(seen[0].norm())
    network, task = CTRNN(task.n_inputs, 5, task.n_outputs), task
    with torch.no_grad():
        network.readout.raw.mul_(1e3)
    seen.clear()
    train(
        network,
        task,
        rule=rule,
        optimizer=Noted(network.parameters(), lr=1e-9),
        clip_norm=1.0,
        **(SHORT | {"n_steps": 1}),
    )
    assert whole > 100 and float(seen[0].norm()) == pytest.approx(1.0, rel=1e-3)
