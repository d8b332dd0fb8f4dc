"""Check that a learning rule keeps the contract that training relies on."""

__all__ = ["RuleCheckError", "check_rule"]

import copy

import torch
from torch import Tensor

from neurornn._untouched import fingerprint, global_random_state
from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.random import torch_generator
from neurornn.rules import AbstractRule
from neurornn.trials import Trials


class RuleCheckError(ValueError):
    """A rule breaks the contract of learning rules."""


def check_rule(
    rule: AbstractRule,
    network: AbstractNetwork,
    trials: Trials,
    *,
    objective: Objective = Objective(),
    seed: int = 0,
) -> None:
    """Check that a rule keeps the contract of :class:`~neurornn.rules.AbstractRule`.

    It returns the detached value of the objective; it adds a finite gradient to ``.grad`` of each parameter that
    is trained and of no other, not all of them 0; the same generator gives the same gradient and another one, in
    a network with noise, another gradient; and it changes neither weights, ``requires_grad``, mode, trials nor a
    global random state.

    Whether the gradient is the right one is not looked at: approximations are rules too.

    Args:
        rule: The rule.
        network: A network to try it on; the check works on float64 copies of it.
        trials: A batch it can run.
        objective: What to descend.
        seed: Seed of the recurrent noise.

    Raises:
        RuleCheckError: If the rule breaks the contract; the message says where.
        ValueError: If no parameter of the network is trained.

    Examples:
        >>> from neurornn import CTRNN, rules, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> check_rule(rules.BPTT(), CTRNN(task.n_inputs, 10, task.n_outputs), task.sample(4, seed=0))
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError("The network has no parameter to train: all have requires_grad=False.")
    before, random_state, numbers = fingerprint(network), global_random_state(), _numbers(trials)
    attempt = _Attempt(rule, network, trials, objective, seed)
    try:
        twin, loss = attempt.run()
        _require(_numbers(trials) == numbers, "it changes the trials")
        _check_loss(attempt, loss)
        gradients = _check_gradients(twin)
        _check_untouched(attempt, twin)
        _check_repetition(attempt, loss, gradients)
        _check_accumulation(attempt, gradients)
        _check_freezing(attempt, gradients)
        _require(fingerprint(network) == before, "it changes a network it was not given")
        _require(global_random_state() == random_state, "it used or changed a global random state")
    except RuleCheckError as error:
        raise RuleCheckError(f"{rule!r}: {error}.") from None


class _Attempt:
    """One rule, one network, one batch, run as often as needed from the same start."""

    def __init__(
        self, rule: AbstractRule, network: AbstractNetwork, trials: Trials, objective: Objective, seed: int
    ) -> None:
        self.rule, self.trials, self.objective, self.seed = rule, trials, objective, seed
        self.network = copy.deepcopy(network).double()
        self.network.zero_grad()

    def generator(self, seed: int) -> torch.Generator:
        return torch_generator(seed, "check", "noise", device=next(self.network.parameters()).device)

    def run(
        self, twin: AbstractNetwork | None = None, seed: int | None = None
    ) -> tuple[AbstractNetwork, Tensor]:
        twin = copy.deepcopy(self.network) if twin is None else twin
        generator = self.generator(self.seed if seed is None else seed)
        loss = self.rule.backward(twin, self.trials, objective=self.objective, generator=generator)
        return twin, loss


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RuleCheckError(message)


def _numbers(trials: Trials) -> tuple[bytes, ...]:
    return tuple(x.cpu().numpy().tobytes() for x in (trials.inputs, trials.targets, trials.mask))


def _gradients(network: AbstractNetwork) -> dict[str, Tensor]:
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def _check_loss(attempt: _Attempt, loss: Tensor) -> None:
    _require(isinstance(loss, Tensor) and loss.ndim == 0, "the loss it returns is no scalar tensor")
    _require(
        not loss.requires_grad, "the loss it returns is not detached, so it keeps the whole graph in memory"
    )
    network, trials = attempt.network, attempt.trials.to(next(attempt.network.parameters()))
    with torch.no_grad():
        run = network(trials.inputs, generator=attempt.generator(attempt.seed))
        expected = attempt.objective(network, trials, run).item()
    close = abs(loss.item() - expected) <= 1e-9 * max(1.0, abs(expected))
    _require(close, f"the loss it returns is {loss.item():.9g} and the objective is {expected:.9g}")


def _check_gradients(twin: AbstractNetwork) -> dict[str, Tensor]:
    for name, parameter in twin.named_parameters():
        grad = parameter.grad
        if not parameter.requires_grad:
            _require(grad is None, f"it gives a gradient to '{name}', which is not trained")
            continue
        if grad is None:
            raise RuleCheckError(f"it gives no gradient to '{name}'")
        _require(bool(grad.isfinite().all()), f"the gradient of '{name}' is not finite")
        _require(not grad.requires_grad, f"the gradient of '{name}' is not detached")
    gradients = {name: grad.clone() for name, grad in _gradients(twin).items()}
    _require(any(bool(grad.any()) for grad in gradients.values()), "all gradients are 0")
    return gradients


def _check_untouched(attempt: _Attempt, twin: AbstractNetwork) -> None:
    after = fingerprint(twin)
    for what, value in fingerprint(attempt.network).items():
        _require(after.get(what) == value, f"it changes {what}")
    _require(torch.is_grad_enabled(), "it leaves gradients switched off")


def _check_repetition(attempt: _Attempt, loss: Tensor, gradients: dict[str, Tensor]) -> None:
    again, same_loss = attempt.run()
    same = all(torch.equal(_gradients(again)[name], grad) for name, grad in gradients.items())
    _require(same and torch.equal(loss, same_loss), "the same generator gives another loss or gradient")
    if attempt.network.sigma_rec > 0:
        other, _ = attempt.run(seed=attempt.seed + 1)
        moved = any(not torch.equal(_gradients(other)[name], grad) for name, grad in gradients.items())
        _require(moved, "the network has noise and another generator gives the same gradient")


def _check_accumulation(attempt: _Attempt, gradients: dict[str, Tensor]) -> None:
    twin = copy.deepcopy(attempt.network)  # not the first one: a rule may have learned something about it
    for name, grad in gradients.items():
        twin.get_parameter(name).grad = grad.clone()
    attempt.run(twin)
    for name, grad in gradients.items():
        close = torch.allclose(_gradients(twin)[name], 2 * grad, rtol=1e-9, atol=1e-12)
        _require(close, f"the gradient of '{name}' does not add to the one that is there, as backward() does")


def _check_freezing(attempt: _Attempt, gradients: dict[str, Tensor]) -> None:
    for frozen in gradients if len(gradients) > 1 else ():
        twin = copy.deepcopy(attempt.network)
        twin.get_parameter(frozen).requires_grad_(False)
        attempt.run(twin)
        found = _gradients(twin)
        _require(frozen not in found, f"it gives a gradient to '{frozen}' although that is frozen")
        for name in gradients.keys() - {frozen}:
            close = name in found and torch.allclose(found[name], gradients[name], rtol=1e-9, atol=1e-12)
            _require(close, f"freezing '{frozen}' changes the gradient of '{name}'")
