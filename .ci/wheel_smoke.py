"""Run by ``make wheel`` with the unpacked wheel first on the path, from outside the repository."""

import sys
from pathlib import Path

import torch

import neurornn
import neurornn.analysis
import neurornn.tasks

where = Path(neurornn.__file__).resolve()
assert where.is_relative_to(Path(sys.argv[1]).resolve()), f"imported {where}, not the wheel"
assert Path(neurornn.tasks.__file__).is_relative_to(where.parent), neurornn.tasks.__file__
assert (where.parent / "py.typed").exists(), "py.typed is missing from the wheel"
task = neurornn.tasks.make("context-decision")
network = neurornn.CTRNN(task.n_inputs, 20, task.n_outputs, dale=neurornn.Dale())
trials = task.sample(8, seed=0)
neurornn.rules.BPTT().backward(network, trials)
assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
data = neurornn.simulate(network, trials, task=task)
assert neurornn.analysis.pca.fit(data).participation_ratio > 1
sys.stdout.write(f"wheel of neurornn {neurornn.__version__}: imports and runs outside the repository\n")
