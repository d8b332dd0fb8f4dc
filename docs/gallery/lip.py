"""Networks beside neurons of area LIP (Roitman & Shadlen, 2002): writes lip.md, lip.html, figures lip_*.png and tables lip*.csv.

python docs/gallery/lip.py --data FOLDER

FOLDER holds roitman2002_lip_rdm/T1RT.mat (or roitman2002_lip.npz), or is that folder; without --data it is the environment
variable NEURORNN_DATA. Five networks are trained on the reaction-time version of the random-dots task, observed as the neurons were, and
compared with them. Finished networks and comparisons are kept in .cache/ and not done again. All of it took 11 minutes on two cores
that had much else to do.
"""

import argparse
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import lip_figures as figures
import numpy as np
import pandas as pd
import xarray as xr
from _runs import HERE, Runs
from lip_measures import BY, Behaviour, Neural, behaved, events_of, from_files, neural, published, relative
from lip_networks import Observed, Run, learn, observe
from lip_page import write
from tqdm import tqdm

from neurornn import recordings
from neurornn.analysis import compare

FIRST_SEED = 21  # the settings were chosen with networks of other seeds
WINDOWS = {"evidence": (0.0, 200.0), "answer": (-200.0, 0.0)}  # ms
SHARED, DIFFERENCES = "rates", "differences"
"""Rates as they are, and without the course that all conditions have in common."""


class Study(NamedTuple):
    """Everything the page says.

    Attributes:
        monkeys: Behaviour of each monkey.
        networks: Behaviour of each network by its seed.
        lip: Averages and numbers of LIP.
        populations: The same of each network.
        untrained: Numbers of each network before training.
        paper: LIP in the windows of the paper.
        scores: Comparison by event, and by whether the course that all conditions share is left in.
        view: A network and LIP around the answer, for views side by side.
    """

    monkeys: Mapping[str, Behaviour]
    networks: Mapping[int, Behaviour]
    lip: Neural
    populations: Mapping[int, Neural]
    untrained: Mapping[int, Neural]
    paper: Mapping[str, float]
    scores: Mapping[tuple[str, str], xr.Dataset]
    view: tuple[xr.Dataset, xr.Dataset]


def study(
    runs: Sequence[Run], spikes: xr.Dataset, folder: Path, *, n_parts: int = 3, **options: int
) -> Study:
    """Compare trained networks with a recording.

    Args:
        runs: Networks; their weights are in the folder.
        spikes: The recording; see :func:`neurornn.recordings.load_roitman`.
        folder: Folder of weights and comparisons.
        n_parts: How many times 1100 trials are simulated of each network.
        options: Options of :func:`neurornn.analysis.compare.run`.

    Returns:
        All results.
    """
    trials = spikes.drop_dims(["spike", "unit"]).reset_coords()
    subjects = [str(name) for name in np.unique(trials["monkey"])]
    monkeys = {
        name: behaved(trials.isel(trial=np.flatnonzero(trials["monkey"] == name))) for name in subjects
    }
    chosen, recorded = events_of(spikes)
    networks, populations, untrained = {}, {}, {}
    sides: dict[str, list[Observed]] = {"trained": [], "untrained": []}
    for run in tqdm(runs, desc="networks are observed", unit="network", disable=None):
        found = observe(run, folder, n_parts=n_parts)
        networks[run.seed] = behaved(found.behaviour)
        populations[run.seed] = neural(found.trained, n_bootstrap=0)
        untrained[run.seed] = neural(found.untrained, n_bootstrap=0)
        for name, pair in (("trained", found.trained), ("untrained", found.untrained)):
            sides[name].append(_cropped(pair))
    made_of = [repr(runs), str(n_parts)]
    scores = {
        (event, part): _compared(event, part, sides, getattr(recorded, event), folder, made_of, options)
        for part in (SHARED, DIFFERENCES)
        for event in WINDOWS
    }
    return Study(
        monkeys,
        networks,
        neural(recorded),
        populations,
        untrained,
        published(chosen),
        scores,
        (sides["trained"][0].answer, recorded.answer),
    )


def _cropped(observed: Observed) -> Observed:
    """Only the windows that are compared, to save memory."""
    parts = {
        event: getattr(observed, event).sel(time=slice(low, high - 1.0)).copy(deep=True)
        for event, (low, high) in WINDOWS.items()
    }
    return Observed(**parts)


def _differences(ds: xr.Dataset) -> xr.Dataset:
    """Activity less the mean of all conditions, unit by unit and bin by bin."""
    _, member = np.unique(np.stack([ds[name].values for name in BY]), axis=1, return_inverse=True)
    out = {}
    for name in {"rate", "inputs"} & set(ds):
        values = ds[name].values
        means = []
        for k in range(member.max() + 1):
            here = values[member.reshape(-1) == k]
            n = np.isfinite(here).sum(0)
            means.append(np.divide(np.nansum(here, 0), n, out=np.full(n.shape, np.nan), where=n > 0))
        out[name] = ds[name] - np.mean(means, axis=0, dtype=np.float32)
    return ds.assign(out)


def _compared(
    event: str,
    part: str,
    sides: Mapping[str, Sequence[Observed]],
    brain: xr.Dataset,
    folder: Path,
    made_of: Sequence[str],
    options: Mapping[str, int],
) -> xr.Dataset:
    """A comparison, or what was kept of it."""
    mark = [
        event,
        part,
        *made_of,
        repr(sorted(options.items())),
        repr(WINDOWS),
        float(np.nansum(brain["rate"].values)),
    ]
    file = folder / f"comparison_{hashlib.sha256(json.dumps(mark).encode()).hexdigest()[:16]}.nc"
    if file.exists():
        with xr.open_dataset(file, engine="h5netcdf") as kept:
            return kept.load()
    take = _differences if part == DIFFERENCES else (lambda ds: ds)
    with tqdm(desc=f"{part} compared around the {event}", unit="draw", disable=None) as bar:

        def tell(now: compare.Progress) -> None:
            bar.total = now.total
            bar.update(now.done - bar.n)

        found = compare.run(
            [take(getattr(pair, event)) for pair in sides["trained"]],
            take(brain),
            by=BY,
            window=WINDOWS[event],
            untrained=[take(getattr(pair, event)) for pair in sides["untrained"]],
            callback=tell,
            **options,
        )
    if found.attrs["complete"]:
        found.to_netcdf(file, engine="h5netcdf")
    return found


def subjects(found: Study) -> pd.DataFrame:
    """One row for each monkey and network: behaviour."""
    rows = [{"subject": f"monkey {name}", **each.numbers} for name, each in found.monkeys.items()]
    rows += [{"subject": f"network {seed}", **each.numbers} for seed, each in found.networks.items()]
    return pd.DataFrame(rows)


def populations(found: Study) -> pd.DataFrame:
    """One row for each population and number: value, and over the rate before choices into the response field."""
    rows = []
    named = {"LIP": found.lip}
    named |= {f"network {seed}": each for seed, each in found.populations.items()}
    named |= {f"untrained {seed}": each for seed, each in found.untrained.items()}
    for who, each in named.items():
        for name, value in each.numbers.items():
            ratio, low, high = relative(each, name)
            rows.append({"population": who, "number": name, "value": value, "ratio": ratio, "ratio_low": low, "ratio_high": high})  # fmt: skip
    rows += [
        {"population": "LIP, windows of the paper", "number": name, "value": value}
        for name, value in found.paper.items()
    ]
    return pd.DataFrame(rows)


def similarity(found: Study) -> pd.DataFrame:
    """One row for each event, measure and network, and one for each ceiling."""
    rows = []
    for (event, part), result in found.scores.items():
        for name in result["measure"].values:
            one = result.sel(measure=name)
            limits = sorted(one["ceiling_limit"].values)
            for k in range(result.sizes["model"]):
                low, high = one["interval"].sel(quantity="trained").values[k]
                rows.append({
                    "event": event,
                    "activity": part,
                    "measure": str(name),
                    "network": [*found.networks][k],
                    **{q: float(one["score"].sel(quantity=q)[k]) for q in one["quantity"].values},
                    "interval_over_units_low": low,
                    "interval_over_units_high": high,
                    "ceiling": float(one["ceiling"]),
                    "ceiling_cautious": limits[0],
                    "ceiling_generous": limits[1],
                    "null_low": float(one["null_interval"].values[k].min()),
                    "null_high": float(one["null_interval"].values[k].max()),
                    "p_value": float(one["p_value"].values[k]),
                })
    return pd.DataFrame(rows)


def main() -> None:
    """Train, compare, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("NEURORNN_DATA"), help="folder of the recording"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of networks")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="networks trained at a time"
    )
    parser.add_argument("--to", type=Path, default=HERE, help="folder of page, figures and tables")
    parser.add_argument(
        "--cache", type=Path, default=HERE / ".cache", help="folder of networks and comparisons"
    )
    options = parser.parse_args()
    if options.data is None:
        parser.error("where is the recording? Pass --data FOLDER, or set NEURORNN_DATA.")
    try:
        spikes = from_files(Path(options.data))
    except FileNotFoundError as error:
        parser.error(str(error))
    recordings.check(spikes, events=["dots_on", "saccade"])
    runs = [Run(FIRST_SEED + k) for k in range(options.seeds)]
    folder = options.cache / "lip"
    Runs(folder, options.processes).finished(_Learn(folder), runs)
    found = study(runs, spikes, folder)
    options.to.mkdir(parents=True, exist_ok=True)
    tables = {"lip": subjects(found), "lip_rates": populations(found), "lip_similarity": similarity(found)}
    for name, table in tables.items():
        table.to_csv(options.to / f"{name}.csv", index=False, float_format="%.4g")
    write(found, figures.draw(found), options.to)


class _Learn:
    """Training into one folder, as a function that can be sent to another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, run: Run) -> dict[str, object]:
        return learn(run, self.folder)


if __name__ == "__main__":
    main()
