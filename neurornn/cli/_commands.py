"""What each command does; its fields are its options and its docstring is its help."""

__all__ = ["Analyze", "Command", "Demo", "Report", "Simulate", "Tasks", "Train"]

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, TextIO

import tyro

import neurornn.cli._pipeline as pipeline
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions, make_task
from neurornn.report import flat
from neurornn.runs import Run

RunFolder = Annotated[Path, tyro.conf.Positional]


class Command(Protocol):
    """Anything the command line can run."""

    def run(self) -> None:
        """Do it."""


@dataclass(frozen=True)
class Tasks:
    """List the tasks, or describe one: channels, conditions and parameters.

    Attributes:
        name: Task to describe; all are listed without it.
    """

    name: Annotated[str | None, tyro.conf.Positional] = None

    def run(self) -> None:
        """Print to standard output."""
        _say(pipeline.task_list() if self.name is None else pipeline.task_page(make_task(self.name, dt=20.0)))


@dataclass(frozen=True)
class Train:
    """Train a network on a task, or continue a training that was interrupted.

    Attributes:
        folder: Folder of the run; by default runs/TASK-seedSEED.
        task: Task, with parameters after a colon: perceptual-decision:sigma_in=0.2 (see neurornn tasks).
        seed: Seed of everything: weights, trials and noise.
        network: The network.
        objective: What training minimises.
        training: How it is trained.
    """

    folder: Annotated[Path | None, tyro.conf.Positional] = None
    task: str = "context-decision"
    seed: int = 0
    network: NetworkOptions = field(default_factory=NetworkOptions)
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def run(self) -> None:
        """Train, with a progress bar on a terminal."""
        run = self.train()
        _say(f"Trained network in {run.path}. Next: neurornn analyze {run.path}")

    def train(self) -> Run:
        """Train and save.

        Returns:
            The run folder, with weights.
        """
        task = make_task(self.task, self.network.dt)
        folder = self.folder or Path("runs") / f"{task.name}-seed{self.seed}"
        return pipeline.train(folder, task, self.network, self.objective, self.training, self.seed)


@dataclass(frozen=True)
class Simulate:
    """Run held-out trials through a trained network and save everything it did as trials.nc.

    Attributes:
        folder: Folder of the run.
        n_trials: Number of trials; by default enough to visit every condition at least ten times.
        seed: Seed of the trials and the noise; by default one that training never used.
    """

    folder: RunFolder
    n_trials: int | None = None
    seed: int | None = None

    def run(self) -> None:
        """Simulate and save."""
        data = pipeline.simulate(Run.open(self.folder), self.n_trials, self.seed)
        _say(f"{data.sizes['trial']} trials in {Run.open(self.folder).trials_path}")


@dataclass(frozen=True)
class Analyze:
    """Behaviour, principal components, fixed points and landscapes of a trained network, as analysis.nc and metrics.json.

    Attributes:
        folder: Folder of the run.
        seed: Seed of the candidates for fixed points and of bootstrap intervals.
    """

    folder: RunFolder
    seed: int = 0

    def run(self) -> None:
        """Analyse and save."""
        _table(pipeline.analyze(Run.open(self.folder), self.seed))


@dataclass(frozen=True)
class Report:
    """Write report.html, one page that opens anywhere, from what the other commands have saved.

    Attributes:
        folder: Folder of the run.
    """

    folder: RunFolder

    def run(self) -> None:
        """Write the page."""
        _say(f"Report: {pipeline.report(Run.open(self.folder)).resolve()}")


DEMO_NETWORK = NetworkOptions(n_units=100, sigma_rec=0.1, excitatory=0.8)
DEMO_TRAINING = TrainingOptions(
    optimizer="adam:lr=0.005", n_steps=1200, batch_size=64, validate_every=50, target_performance=0.95
)


@dataclass(frozen=True)
class Demo:
    """The main example: an 80/20 network learns context-dependent decision making and is dissected. About a minute.

    Attributes:
        seed: Seed of everything.
        folder: Folder of the run; by default runs/demo-seedSEED.
    """

    seed: int = 0
    folder: Annotated[Path | None, tyro.conf.Positional] = None

    def run(self) -> None:
        """Train, simulate, analyse, report."""
        began = time.perf_counter()
        folder = self.folder or Path("runs") / f"demo-seed{self.seed}"
        recipe = Train(folder, seed=self.seed, network=DEMO_NETWORK, training=DEMO_TRAINING)
        run = recipe.train()
        _say("Simulating held-out trials and looking for fixed points ...", sys.stderr)
        pipeline.simulate(run, None, None)
        metrics = pipeline.analyze(run, self.seed)
        page = pipeline.report(run)
        _table(metrics)
        _say(f"Done in {time.perf_counter() - began:.0f} s. Open {page.resolve()}")


def _table(metrics: Mapping[str, Any]) -> None:
    lines = dict(flat(metrics))
    width = max(map(len, lines))
    _say("\n".join(f"  {name:<{width}}  {value}" for name, value in lines.items()))


def _say(text: str, stream: TextIO | None = None) -> None:
    (stream or sys.stdout).write(text + "\n")
