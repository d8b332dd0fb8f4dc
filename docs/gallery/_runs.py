"""Runs of a study in several processes, each kept when it is finished: an interrupted study goes on where it was."""

__all__ = ["Runs", "arguments", "save_figure"]

import argparse
import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Runs:
    """A place where the results of runs are kept, one small file each.

    Attributes:
        folder: The place.
        n_processes: Runs at a time.
    """

    folder: Path
    n_processes: int = 2

    def finished(self, execute: Callable[[Any], Mapping[str, Any]], runs: Sequence[Any]) -> list[Any]:
        """Results of runs, from the folder where they are there and else by doing the run.

        Args:
            execute: Does one run. With several processes it must be a function of a module.
            runs: Settings, frozen dataclasses.

        Returns:
            One result for each of the runs, in their order.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        missing = [run for run in runs if not self._file(run).exists()]
        doing = self._each(execute, missing)
        with tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run", disable=None) as bar:
            for run, result in doing:
                self._keep(run, result)
                bar.update()
        return [json.loads(self._file(run).read_text())["result"] for run in runs]

    def _each(
        self, execute: Callable[[Any], Mapping[str, Any]], runs: Sequence[Any]
    ) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        if self.n_processes == 1:
            for run in runs:
                yield run, execute(run)
        elif runs:
            context = multiprocessing.get_context("spawn")
            with context.Pool(self.n_processes, torch.set_num_threads, (1,)) as pool:
                yield from pool.imap_unordered(_Named(execute), runs)

    def _keep(self, run: Any, result: Mapping[str, Any]) -> None:
        file = self._file(run)
        part = file.with_suffix(".part")
        part.write_text(json.dumps({"run": asdict(run), "result": result}))
        os.replace(part, file)

    def _file(self, run: Any) -> Path:
        return self.folder / f"{hashlib.sha256(repr(run).encode()).hexdigest()[:16]}.json"


@dataclass(frozen=True)
class _Named:
    """A run together with its result, as processes finish in any order."""

    execute: Callable[[Any], Mapping[str, Any]]

    def __call__(self, run: Any) -> tuple[Any, Mapping[str, Any]]:
        return run, self.execute(run)


def arguments(about: str, study: str, n_seeds: int) -> tuple[argparse.Namespace, Runs]:
    """Options that all studies have, and the place of their runs.

    Args:
        about: What the study does.
        study: Its name.
        n_seeds: Number of seeds unless asked otherwise.

    Returns:
        The options, and the place.
    """
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=n_seeds, help="number of seeds")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--to", type=Path, default=HERE, help="folder of figure and table")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="folder of finished runs")
    options = parser.parse_args()
    return options, Runs(options.cache / study, options.processes)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in few bytes.

    Args:
        figure: The figure.
        path: Where to.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=180)
    Image.open(buffer).convert("RGB").quantize(256, kmeans=2).save(path, optimize=True)
