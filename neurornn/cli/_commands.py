"""What each command does; its fields are its options and its docstring is its help."""

__all__ = ["Analyze", "Command", "Compare", "Demo", "Report", "Simulate", "Tasks", "Train", "from_recipe"]

import logging
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import tyro

import neurornn.cli._pipeline as pipeline
from neurornn.cli._none import bounds, optional_float, optional_int, optional_text
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.cli._recipes import options_of
from neurornn.cli._tasks import make_task, task_list, task_page
from neurornn.report import flat, page_is_current
from neurornn.report.examinations import EXAMINATIONS
from neurornn.runs import Run

_log = logging.getLogger(__name__)

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
        _say(task_list() if self.name is None else task_page(make_task(self.name)))


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
        _say(f"Trained network in {path}. Next: neurornn report {shlex.quote(str(path))}")

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
        _say(f"{data.sizes['trial']} trials in {run.trials_path}")


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
        _table(pipeline.analyze(Run.open(self.folder), self.seed, also))


@dataclass(frozen=True)
class Report:
    """Write report.html, one page that opens anywhere. What it needs is simulated and analysed first.

    Attributes:
        folder: Folder of the run.
    """

    folder: RunFolder

    def run(self) -> None:
        """Write the page."""
        _say(f"Report: {pipeline.report(Run.open(self.folder)).resolve()}")


@dataclass(frozen=True)
class Compare:
    """Compare trained networks with a recording: scores, noise ceilings, untrained networks, null, intervals.

    Each folder is one network, usually the same with another seed. Writes a page, and beside it the same as .nc and .json.

    Attributes:
        paths: Run folders, and last the file of the recording.
        by: Condition variables of the task. NAME=NAME_IN_RECORDING where the recording calls it otherwise, and
            NAME=NAME_IN_RECORDING*FACTOR where its values are in other units.
        align: Event at time 0, or EVENT=EVENT_IN_RECORDING, as in stimulus_start=dots_on.
        window: First and last edge in ms.
        bin_width: Width of the bins in ms, a multiple of the time steps of both sides.
        measures: Measures, by name.
        units: Units of each side in a draw: match, all or a number.
        split: What fitted measures hold out.
        drop_unmatched: Compare the conditions both sides have where one has others as well.
        n_subsamples: Draws of units.
        min_trials: Trials a recorded unit needs in every condition at every bin.
        n_trials: Trials of each network.
        out: The page to write.
        seed: Seed of everything.
    """

    paths: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FOLDER [FOLDER ...] RECORDING", help_behavior_hint="(required)"),
    ]
    by: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")]
    align: Annotated[
        str | None,
        optional_text,
        tyro.conf.arg(metavar="EVENT", help_behavior_hint="(default: time as it is)"),
    ] = None
    window: Annotated[
        tuple[float, float] | None,
        bounds,
        tyro.conf.arg(help_behavior_hint="(default: what both sides cover)"),
    ] = None
    bin_width: Annotated[
        float | None,
        optional_float,
        tyro.conf.arg(
            metavar="MS", help_behavior_hint="(default: the time step, if both sides have the same)"
        ),
    ] = None
    measures: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            metavar="NAME [NAME ...]",
            help_behavior_hint="(default: linear-predictivity svcca held-out-procrustes linear-cka rsa)",
        ),
    ] = ()
    units: str = "match"
    split: Literal["condition", "trial"] = "condition"
    drop_unmatched: bool = False
    n_subsamples: int = 10
    min_trials: int = 2
    n_trials: Annotated[
        int | None,
        optional_int,
        tyro.conf.arg(
            help_behavior_hint="(default: 500 or more, so that every condition comes at least ten times)"
        ),
    ] = None
    out: Path = Path("compare.html")
    seed: int = 0

    def run(self) -> None:
        """Compare and write."""
        from neurornn.analysis.compare import table  # the other commands need none of this
        from neurornn.cli._compare import Settings, compare_runs

        if len(self.paths) < 2:
            raise ValueError("Give one run folder or more and last the file of the recording.")
        settings = Settings(
            self.by,
            self.align,
            self.window,
            self.bin_width,
            self.measures,
            self.units,
            self.split,
            self.drop_unmatched,
            self.n_subsamples,
            self.min_trials,
            self.n_trials,
            self.seed,
        )
        result, page = compare_runs(self.paths[:-1], self.paths[-1], settings, self.out)
        _say(table(result))
        _say(f"Comparison: {page.resolve()}")
        if not result.attrs["complete"]:
            raise KeyboardInterrupt


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
        _table(metrics)
        _say(f"Done in {time.perf_counter() - began:.0f} s. Open {run.report_path.resolve()}")


def _table(metrics: Mapping[str, Any]) -> None:
    lines = dict(flat(metrics))
    width = max(map(len, lines))
    _say("\n".join(f"  {name:<{width}}  {value}" for name, value in lines.items()))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
