"""check_rule accepts the rules of the library and notices each broken promise."""

from dataclasses import dataclass

import pytest
import torch
from toys import toy_trials

from neurornn import CTRNN, Dale, LearnedTau, Objective
from neurornn.connectivity import Sparse
from neurornn.rules import BPTT, AbstractRule, TruncatedBPTT
from neurornn.testing import RuleCheckError, check_rule

PENALTIES = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)


def make_network(**options):
    return CTRNN(2, 6, 2, **({"sigma_rec": 0.2, "dale": Dale()} | options))


@pytest.mark.parametrize("rule", [BPTT(), TruncatedBPTT(3), TruncatedBPTT(4, 2)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sigma_rec": 0.0, "form": "rate", "bias": False},
        {"tau": LearnedTau(), "train_initial_state": True, "connectivity": Sparse(0.5)},
    ],
)
def test_the_rules_of_the_library_pass(rule, options):
    check_rule(rule, make_network(**options), toy_trials(3, 7), objective=PENALTIES)
    check_rule(rule, make_network(**options), toy_trials(3, 7, loss="cross_entropy", dtype=torch.float32))


def test_frozen_parameters_and_present_gradients_are_no_obstacle():
    network = make_network()
    network.recurrent.raw.requires_grad_(False)
    network.bias.grad = torch.full((6,), torch.nan)
    check_rule(TruncatedBPTT(3), network, toy_trials(3, 7), objective=PENALTIES)
    assert network.bias.grad.isnan().all()


def test_a_network_with_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match="no parameter to train"):
        check_rule(BPTT(), make_network().requires_grad_(False), toy_trials(3, 7))


@dataclass(frozen=True)
class Broken(AbstractRule):
    """Back-propagation with something done to it afterwards."""

    def backward(self, network, trials, *, objective=PENALTIES, generator=None):
        loss = BPTT().backward(network, trials, objective=objective, generator=generator)
        return self.spoil(network, trials, loss)

    def spoil(self, network, trials, loss):
        return loss


class AttachedLoss(Broken):
    def spoil(self, network, trials, loss):
        return loss.requires_grad_()


class LossOfEachTrial(Broken):
    def spoil(self, network, trials, loss):
        return loss.expand(3)


class OtherLoss(Broken):
    def spoil(self, network, trials, loss):
        return 2 * loss


class Forgets(Broken):
    def spoil(self, network, trials, loss):
        network.bias.grad = None
        return loss


class Overwrites(Broken):
    def backward(self, network, trials, **options):
        network.zero_grad()
        return super().backward(network, trials, **options)


class NotFinite(Broken):
    def spoil(self, network, trials, loss):
        network.bias.grad[2] = torch.inf
        return loss


class Zero(Broken):
    def spoil(self, network, trials, loss):
        for parameter in network.parameters():
            parameter.grad.zero_()
        return loss


class Steps(Broken):
    def spoil(self, network, trials, loss):
        network.bias.data.sub_(0.1)
        return loss


class Freezes(Broken):
    def spoil(self, network, trials, loss):
        network.bias.requires_grad_(False)
        network.bias.grad = network.bias.grad
        return loss


class Switches(Broken):
    def spoil(self, network, trials, loss):
        network.eval()
        return loss


class Quietens(Broken):
    def spoil(self, network, trials, loss):
        network.sigma_rec = 0.0
        return loss


class SpoilsTrials(Broken):
    def spoil(self, network, trials, loss):
        trials.targets[0, 0, 0] += 1e-12
        return loss


class GlobalRandomness(Broken):
    def spoil(self, network, trials, loss):
        network.bias.grad += torch.rand(6)
        return loss


class GlobalSeed(Broken):
    def spoil(self, network, trials, loss):
        torch.manual_seed(0)
        return loss


class OwnNoise(Broken):
    def backward(self, network, trials, *, objective=PENALTIES, generator=None):
        own = torch.Generator().manual_seed(0)
        BPTT().backward(network, trials, objective=objective, generator=own)
        with torch.no_grad():
            run = network(trials.inputs.to(network.bias), generator=generator)
            return objective(network, trials.to(network.bias), run)


class SwitchesGradientsOff(Broken):
    def spoil(self, network, trials, loss):
        torch.set_grad_enabled(False)
        return loss


class IgnoresFreezing(Broken):
    def spoil(self, network, trials, loss):
        if network.bias.grad is None:
            network.bias.grad = torch.ones_like(network.bias)
        return loss


class DependsOnFreezing(Broken):
    def spoil(self, network, trials, loss):
        if not network.bias.requires_grad:
            network.bias_out.grad *= 2
        return loss


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (AttachedLoss, "loss it returns is not detached"),
        (LossOfEachTrial, "loss it returns is no scalar"),
        (OtherLoss, r"the loss it returns is \S+ and the objective is"),
        (Forgets, "gives no gradient to 'bias'"),
        (Overwrites, "does not add to the one that is there"),
        (NotFinite, "the gradient of 'bias' is not finite"),
        (Zero, "all gradients are 0"),
        (Steps, "it changes the value of 'bias'"),
        (Freezes, "gives a gradient to 'bias', which is not trained"),
        (Switches, "it changes the mode of ''"),
        (Quietens, "it changes an attribute of ''"),
        (SpoilsTrials, "it changes the trials"),
        (GlobalRandomness, "the same generator gives another loss or gradient"),
        (GlobalSeed, "used or changed a global random state"),
        (OwnNoise, "another generator gives the same gradient"),
        (SwitchesGradientsOff, "leaves gradients switched off"),
        (IgnoresFreezing, "gives a gradient to 'bias' although that is frozen"),
        (DependsOnFreezing, "freezing 'bias' changes the gradient of 'bias_out'"),
    ],
)
def test_each_broken_promise_is_noticed(broken, message):
    with torch.random.fork_rng(), torch.enable_grad(), pytest.raises(RuleCheckError, match=message):
        check_rule(broken(), make_network(), toy_trials(3, 7))
