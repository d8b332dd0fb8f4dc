"""What the words of the command line stand for."""

__all__ = ["CONNECTIVITY", "INITIALISERS", "NESTED", "OPTIMIZERS", "RULES"]

import torch

from neurornn import connectivity as wiring
from neurornn import reward, rules
from neurornn.objective import CrossEntropy, SquaredError

RULES: dict[str, type[rules.AbstractRule]] = {
    "bptt": rules.BPTT,
    "truncated-bptt": rules.TruncatedBPTT,
    "rflo": rules.RFLO,
    "e-prop": rules.EProp,
    "snap-1": rules.SnAp1,
    "feedback-alignment": rules.FeedbackAlignment,
    "k-hop": rules.KHop,
    "mdgl": rules.MDGL,
    "modprop": rules.ModProp,
    "rtrl": rules.RTRL,
    "snap": rules.SnAp,
    "online-rflo": rules.OnlineRFLO,
    "online-e-prop": rules.OnlineEProp,
    "uoro": rules.UORO,
    "kf-rtrl": rules.KroneckerRTRL,
    "r-kf-rtrl": rules.ReverseKroneckerRTRL,
    "kernl": rules.KeRNL,
    "dni": rules.DNI,
    "force": rules.FORCE,
    "full-force": rules.FullFORCE,
    "ridge": rules.RidgeReadout,
    "replay": rules.Replay,
    "node-perturbation": rules.NodePerturbation,
    "weight-perturbation": rules.WeightPerturbation,
    "reward-hebbian": rules.RewardHebbian,
    "recollect": rules.RECOLLECT,
}
NESTED: dict[str, type] = {
    "symmetric": rules.Symmetric,
    "random": rules.Random,
    "ramp": rules.Ramp,
    "adaptive": rules.Adaptive,
    "stored": rules.Stored,
    "inverted": rules.Inverted,
    "reversible": rules.Reversible,
    "recalled": rules.Recalled,
    "sequence_memory": rules.SequenceMemory,
    "exact": rules.ExactCredit,
    "aligned": rules.AlignedCredit,
    "performance": reward.PerformanceReward,
    "loss": reward.NegativeLoss,
    "angular": reward.AngularReward,
    "squared_error": SquaredError,
    "absolute_error": reward.AbsoluteError,
    "cross_entropy": CrossEntropy,
    "running_mean": rules.RunningMean,
    "leave_one_out": rules.LeaveOneOut,
    "noiseless": rules.Noiseless,
    "antithetic": rules.Antithetic,
    "no_baseline": rules.NoBaseline,
}
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
CONNECTIVITY = {"all-to-all": wiring.AllToAll, "sparse": wiring.Sparse}
INITIALISERS = {
    "balanced-gamma": wiring.BalancedGamma,
    "gaussian": wiring.Gaussian,
    "identity": wiring.Identity,
    "orthogonal": wiring.Orthogonal,
}
