"""How the runs of the study of replay are done."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from replay_settings import LENGTHS, Holding, Learning, Pointing, Reading, Recalling, Same
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from typing_extensions import override

from neurornn import CTRNN, TrialInfo, Trials, rules, tasks, training
from neurornn.connectivity import Gaussian
from neurornn.networks import ReversibleRNN
from neurornn.rules.replay import Imprint, Recalled, SequenceMemory, capacity


@dataclass(frozen=True)
class Broken(SequenceMemory):
    """A memory that stores the patterns in another order, but for the last, which is the cue: the control."""

    @override
    def store(self, patterns: Tensor, gate: float | Tensor = 1.0) -> Imprint:
        n = patterns.shape[1]
        order = [*torch.randperm(n - 1, generator=torch.Generator().manual_seed(1)).tolist(), n - 1]
        shuffled = super().store(patterns[:, order], gate)
        return Imprint(patterns, shuffled.gate, shuffled.traces)


class Falling(torch.optim.Adam):
    """Adam whose rate falls to 0 in a number of updates."""

    def __init__(self, parameters: Any, lr: float, n_updates: int) -> None:
        super().__init__(parameters, lr=lr)
        self.rates = iter(np.linspace(lr, 0, n_updates, endpoint=False).tolist())

    @override
    def step(self, closure: Any = None) -> Any:
        rate = next(self.rates)
        for group in self.param_groups:
            group["lr"] = rate
        return super().step(closure)


def execute(run: Learning | Holding | Pointing | Reading | Recalling) -> dict[str, Any]:
    """Do one run of any kind."""
    torch.set_num_threads(1)
    if isinstance(run, Learning):
        return learn(run)
    if isinstance(run, Reading):
        return read(run)
    if isinstance(run, Holding):
        memory = SequenceMemory(run.n_units, pace=run.pace, background=run.background)  # type: ignore[arg-type]
        lengths = [n for n in LENGTHS if n <= run.n_units // 5]
        found = capacity(memory, lengths, n_sequences=20)
        return {"n_patterns": lengths, "in_order": found.in_order.values.tolist()}
    if isinstance(run, Recalling):
        memory = SequenceMemory(500, pace=run.pace, background=run.background)  # type: ignore[arg-type]
        recalled = memory.recall(memory.store(memory.draw(20)))
        return {"step": recalled.step[0].tolist(), "overlap": recalled.overlap[0].tolist()}
    return point(run)


def point(run: Pointing) -> dict[str, Any]:
    """Cosine of the gradient of the input weights with the exact one, and mistakes of the memory.

    The inputs of a trial sum to 0, so that what counts is what came when, and targets are due in the first half, so that the last
    input, the cue of the recall, earns no credit. They are what the memory can store without rounding.
    """
    generator = torch.Generator().manual_seed(run.seed)
    inputs, targets = torch.randn(8, run.n_steps, 22, generator=generator, dtype=torch.float64).split(
        (20, 2), 2
    )
    mask = (torch.arange(run.n_steps) < run.n_steps // 2).double().expand(8, -1)
    info = TrialInfo("random", 10.0, run.seed, tuple(map(str, range(20))), ("y", "z"))
    trials = Trials(
        ((inputs - inputs.mean(1, keepdim=True)) * 4096).round() / 4096, targets, mask, {}, {}, info
    )
    kind = Broken if run.broken else SequenceMemory
    source = Recalled(
        kind(run.n_units, background=0.0), rules.Reversible(tolerance=math.inf), on_mistake="use"
    )
    found = []
    for rule in (rules.BPTT(), rules.Replay(source)):
        network = ReversibleRNN(20, 40, 2, tau=100.0, dt=10.0, seed=run.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # mistakes are counted below
            rule.backward(network, trials)
        grad = network.input.raw.grad
        assert grad is not None
        found.append(grad.flatten())
    exact, recalled = found
    cosine = float(exact @ recalled / (exact.norm() * recalled.norm()))
    return {
        "cosine": cosine,
        "mistaken": float(source.remember(trials.inputs).mistaken.double().mean()),
    }


def learn(run: Learning) -> dict[str, Any]:
    """Performance during learning."""
    setting = run.setting
    task = tasks.make(setting.task[0], **dict(setting.task[1]))
    network, rule = learner(run, task)
    learning = [each for each in network.parameters() if each.requires_grad]
    few = task.name.startswith("counting")  # four sentences are all there are
    optimizer = (
        Falling(learning, setting.rate, setting.n_updates)
        if setting.falling
        else torch.optim.Adam(learning, lr=setting.rate)
    )
    history = training.train(
        network,
        task,
        rule=rule,
        optimizer=optimizer,
        n_steps=setting.n_updates,
        batch_size=setting.batch_size,
        seed=run.seed,
        validate_every=max(1, setting.n_updates // 30),
        n_validation=4 if few else 100,
    ).history
    split: Literal["train", "test"] = "test" if run.study.startswith("rows") else "train"
    test = task.sample(4 if few else 400, seed=1000 + run.seed, balanced=few, split=split)
    with torch.no_grad():
        output = network.outputs(test.inputs.to(next(network.parameters()))).output
    return {
        "update": history.validation_step.values.tolist(),
        "performance": history.performance.values.tolist(),
        "final": float(task.behaviour(test, output)["performance"].mean()),
    }


def read(run: Reading) -> dict[str, Any]:
    """Fraction right of a logistic regression on standardised rates, where the answer is due, in trials it was not fitted to."""
    task = tasks.make(run.setting.task[0], **dict(run.setting.task[1]))
    network, _ = learner(Learning(run.study, "reservoir", run.seed, run.setting), task)
    parts = []
    for split, n_trials in (("train", 3000), ("test", 400)):
        trials = task.sample(n_trials, seed=2000 + run.seed, split=split)  # type: ignore[arg-type]
        due, answer = trials.mask.argmax(1).numpy(), trials.conditions.get("label")
        if answer is None:  # at the junction
            cue, delay = (trials.conditions[name].astype(np.int64) for name in ("cue", "delay"))
            due = cue + delay
            answer = trials.conditions["side"]
        with torch.no_grad():
            rate = network(trials.inputs.to(next(network.parameters()))).rate
        parts.append((rate[np.arange(n_trials), due].double().numpy(), answer))
    reader = make_pipeline(StandardScaler(), LogisticRegression(C=10, max_iter=3000)).fit(*parts[0])
    return {"final": float(reader.score(*parts[1]))}


def learner(run: Learning, task: tasks.AbstractTask) -> tuple[CTRNN | ReversibleRNN, rules.AbstractRule]:
    """The network before learning, and the rule."""
    setting = run.setting
    sizes: dict[str, Any] = {"tau": setting.tau * task.dt, "dt": task.dt, "seed": run.seed}
    leaky, gain, checkpoint_every = run.rule in ("RFLO", "reservoir"), 1.5, None
    if isinstance(setting, Same):
        leaky, gain, checkpoint_every = run.rule != "undone", setting.network_gain, setting.checkpoint_every
    network: CTRNN | ReversibleRNN
    if leaky:
        network = CTRNN(task.n_inputs, 64, task.n_outputs, activation="tanh", init=Gaussian(gain), **sizes)
    else:
        network = ReversibleRNN(task.n_inputs, 64, task.n_outputs, gain=gain, **sizes)
    with torch.no_grad():
        network.input.raw.mul_(setting.scale)
        network.readout.raw.mul_(setting.scale)
    if run.rule == "reservoir":
        for name, each in network.named_parameters():
            each.requires_grad_(name.startswith("readout") or name == "bias_out")
        return network, rules.BPTT()
    if run.rule == "RFLO":
        return network, rules.RFLO(rules.Random(run.seed))
    exact = run.rule in ("exact", "undone")
    credit = rules.ExactCredit() if exact else rules.AlignedCredit(run.seed, setting.gain)
    if leaky:
        return network, rules.Replay(rules.Stored(), credit)
    states = rules.Reversible(checkpoint_every=checkpoint_every)
    source = Recalled(SequenceMemory(400, background=0.0), states) if run.rule == "recalled" else states
    return network, rules.Replay(source, credit)
