"""What each command does; its fields are its options and its docstring is its help."""

__all__ = ["Analyze", "Command", "Compare", "Demo", "Report", "Simulate", "Tasks", "Train", "from_recipe"]

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import tyro

import neurornn.cli._pipeline as pipeline
from neurornn.cli._compare_command import Compare
from neurornn.cli._none import optional_int
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.cli._recipes import options_of
from neurornn.cli._say import say, table
from neurornn.cli._tasks import make_task, task_list, task_page
from neurornn.report import page_is_current
from neurornn.report.examinations import EXAMINATIONS
from neurornn.runs import Run

RunFolder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]


class Command(Protocol):
    """Anything the command line can run."""

    def run(self) -> None:
        """Do it."""


@dataclass(frozen=True)
class Tasks:
    """List the tasks, or describe one: channels, conditions and parameters.

    Attributes:
        name: Task to describe.
    """

    name: Annotated[
        str | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[NAME]", help_behavior_hint="(default: list them all)"),
    ] = None

    def run(self) -> None:
        """Print to standard output."""
        say(task_list() if self.name is None else task_page(make_task(self.name)))


@dataclass(frozen=True)
class Train:
    """Train a network on a task. The same command again continues a training that was interrupted.

    Options that are not given come from the recipe of the task: add --help after --task NAME to see them.

    Attributes:
        folder: Folder of the run.
        task: Task, with parameters after a colon as in perceptual-decision:sigma_in=0.2. See neurornn tasks for all
            tasks and neurornn tasks NAME for the parameters of one.
        seed: Seed of everything: weights, trials and noise.
        network: The network.
        objective: What training minimises.
        training: How it is trained.
    """

    folder: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[FOLDER]", help_behavior_hint="(default: runs/TASK-seedSEED)"),
    ] = None
    task: str = "context-decision"
    seed: int = 0
    network: NetworkOptions = field(default_factory=NetworkOptions)
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def run(self) -> None:
        """Train, with a progress bar on a terminal."""
        path = self.train().path
        say(f"Trained network in {path}. Next: neurornn report {shlex.quote(str(path))}")

    def train(self) -> Run:
        """Train and save.

        Returns:
            The run folder, with weights.
        """
        task = make_task(self.task, self.network.dt)
        folder = self.folder or Path("runs") / f"{task.name}-seed{self.seed}"
        return pipeline.train(folder, task, self.network, self.objective, self.training, self.seed)


def from_recipe(
    task: str,
    *,
    folder: Path | None = None,
    seed: int = 0,
    rule: str | None = None,
    kind: str | None = None,
) -> Train:
    """The training that the recipe of a task describes.

    Args:
        task: Task, as ``--task`` takes it.
        folder: Folder of the run.
        seed: Seed of everything.
        rule: Learning rule that the user asks for; it may bring an optimiser of its own.
        kind: Kind of network that the user asks for.

    Returns:
        The command, with the options of the recipe.
    """
    return Train(folder, task, seed, *options_of(make_task(task), rule, kind))


@dataclass(frozen=True)
class Simulate:
    """Run held-out trials through a trained network and save everything it did as trials.nc.

    Attributes:
        folder: Folder of the run.
        n_trials: Number of trials.
        seed: Seed of the trials and the noise.
    """

    folder: RunFolder
    n_trials: Annotated[
        int | None,
        optional_int,
        tyro.conf.arg(
            help_behavior_hint="(default: 500 or more, so that every condition comes at least ten times)"
        ),
    ] = None
    seed: Annotated[
        int | None, optional_int, tyro.conf.arg(help_behavior_hint="(default: one that training never used)")
    ] = None

    def run(self) -> None:
        """Simulate and save."""
        run = Run.open(self.folder)
        data = pipeline.simulate(run, self.n_trials, self.seed)
        say(f"{data.sizes['trial']} trials in {run.trials_path}")


@dataclass(frozen=True)
class Analyze:
    """Find out what a trained network does: behaviour, principal components, fixed points, landscapes.

    Saves analysis.nc and metrics.json. Trials are simulated first if there are none of these weights.

    Attributes:
        folder: Folder of the run.
        seed: Seed of the search for fixed points and of the bootstrap.
        also: Further analyses, by name, or 'all' of them. They are added to what is there.
    """

    folder: RunFolder
    seed: int = 0
    also: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="NAME", help_behavior_hint=f"(any of: {', '.join(EXAMINATIONS)})"),
    ] = ()

    def run(self) -> None:
        """Analyse and save."""
        unknown = sorted({*self.also} - {*EXAMINATIONS, "all"})
        if unknown:
            raise ValueError(
                f"There is no analysis '{unknown[0]}'. There are: {', '.join(EXAMINATIONS)}, and all of them with 'all'."
            )
        also = tuple(EXAMINATIONS) if "all" in self.also else self.also
        table(pipeline.analyze(Run.open(self.folder), self.seed, also))


@dataclass(frozen=True)
class Report:
    """Write report.html, one page that opens anywhere. What it needs is simulated and analysed first.

    Attributes:
        folder: Folder of the run.
    """

    folder: RunFolder

    def run(self) -> None:
        """Write the page."""
        say(f"Report: {pipeline.report(Run.open(self.folder)).resolve()}")


@dataclass(frozen=True)
class Demo:
    """The main example, about a minute: train, simulate, analyse, report.

    A network of 80 % excitatory and 20 % inhibitory units with noise learns context-dependent decision making and is
    dissected. Run again, it keeps what is there.

    Attributes:
        folder: Folder of the run.
        seed: Seed of everything.
    """

    folder: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[FOLDER]", help_behavior_hint="(default: runs/demo-seedSEED)"),
    ] = None
    seed: int = 0

    def run(self) -> None:
        """Train, simulate, analyse, report."""
        began = time.perf_counter()
        folder = self.folder or Path("runs") / f"demo-seed{self.seed}"
        run = from_recipe("context-decision", folder=folder, seed=self.seed).train()
        metrics = pipeline.dissected(run)
        if not page_is_current(run):
            pipeline.report(run)
        table(metrics)
        say(f"Done in {time.perf_counter() - began:.0f} s. Open {run.report_path.resolve()}")
