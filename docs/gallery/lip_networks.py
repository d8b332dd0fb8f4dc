"""Networks that decide in reaction time, observed as LIP was: every unit with one of the two targets in its response field.

Two events are given the same names on both sides. ``evidence`` is when motion can first be felt: stimulus onset in a network,
190 ms after the dots appear in LIP, when its responses begin to tell coherences apart. ``answer`` is when the decision is made:
the first output to cross the threshold in a network, 30 ms before the saccade in LIP.
"""

__all__ = ["COHERENCES", "MOTOR", "SENSORY", "Network", "Observed", "Run", "learn", "observe"]

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from neurornn import CTRNN, recordings, simulate
from neurornn.random import derive_seed
from neurornn.recipe import Recipe
from neurornn.tasks.perceptual import PerceptualDecisionRT

SENSORY, MOTOR = 190.0, 30.0  # ms from the dots to the evidence, and from the answer to the saccade
COHERENCES = (0.0, 3.2, 6.4, 12.8, 25.6, 51.2)  # %
EVIDENCE, ANSWER = (-200.0, 600.0), (-400.0, 60.0)  # ms of activity kept around the two events
_PART = 1100  # trials simulated at a time


@dataclass(frozen=True)
class Run:
    """One network: 80 % excitatory softplus units under Dale's law, with recurrent noise.

    Attributes:
        seed: Seed of everything.
        n_units: Units.
        n_steps: Training steps.
        sigma_in: Noise of the motion.
        threshold: Output that is an answer; the target of the correct output is 1.2, of the other 0.2.
    """

    seed: int
    n_units: int = 100
    n_steps: int = 800
    sigma_in: float = 0.25
    threshold: float = 0.95

    @property
    def task(self) -> PerceptualDecisionRT:
        """Random dots with the coherences of the experiment; motion lasts 2 s and is answered whenever the network likes."""
        signed = tuple(sorted({sign * each / 100 for each in COHERENCES for sign in (-1, 1)}))
        return PerceptualDecisionRT(
            dt=20.0, coherences=signed, sigma_in=self.sigma_in, threshold=self.threshold, stimulus=2000.0
        )

    @property
    def recipe(self) -> Recipe:
        """How it is built and trained."""
        return Recipe(
            n_units=self.n_units,
            n_steps=self.n_steps,
            activation="softplus",
            excitatory=0.8,
            sigma_rec=0.1,
            learning_rate=5e-3,
            rate_l2=0.02,
        )

    def checkpoint(self, folder: Path) -> Path:
        """Its file of weights."""
        name = "_".join(f"{value:g}" for value in asdict(self).values())
        return folder / f"network_{name}.safetensors"


def learn(run: Run, folder: Path) -> dict[str, Any]:
    """Train a network, or go on where its file was left."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    network = run.recipe.network(run.task, seed=run.seed)
    result = run.recipe.train(network, run.task, seed=run.seed, checkpoint=run.checkpoint(folder))
    return {"n_steps": result.n_steps, "performance": result.performance}


class Observed(NamedTuple):
    """Activity from each unit's own point of view: choice +1 and motion > 0 are towards its response field.

    Attributes:
        evidence: Trials by time from the evidence, NaN from the answer on.
        answer: Trials by time from the answer, NaN before the evidence.
    """

    evidence: xr.Dataset
    answer: xr.Dataset


class Network(NamedTuple):
    """What is known of one network.

    Attributes:
        behaviour: All trials: ``coherence`` in %, ``choice``, ``correct``, ``reaction_time``, ``premature``.
        trained: Its activity in correct trials, and in all that were answered at coherence 0.
        untrained: The same of the network before training, in the same trials, timed by the trained network's answers.
    """

    behaviour: xr.Dataset
    trained: Observed
    untrained: Observed


def observe(run: Run, folder: Path, *, n_parts: int = 3) -> Network:
    """Simulate a trained network, and the same network before training in the same trials.

    Each unit is given the target before whose choice its rate is higher as its response field, judged in trials of their own.

    Args:
        run: The network; its weights must be in the folder.
        folder: Folder of weights.
        n_parts: Number of parts of 1100 trials each, beside those in which response fields are found.

    Returns:
        Behaviour and activity.
    """
    before = run.recipe.network(run.task, seed=run.seed)
    after = run.recipe.network(run.task, seed=run.seed)
    run.recipe.train(after, run.task, seed=run.seed, checkpoint=run.checkpoint(folder))  # loads what is done
    fields = next(_simulated(run, [after, before], ["fields"]))
    prefers = [_preferred(_around(ds)[1]) for ds in fields[1:]]
    behaviour, found = [], [[], []]
    for shown, *each in _simulated(run, [after, before], [f"part {k}" for k in range(n_parts)]):
        behaviour.append(shown)
        for parts, ds, side in zip(found, each, prefers, strict=True):
            parts.append([_from_response_field(one, side) for one in _around(ds)])
    trained, untrained = (
        Observed(*(_joined([part[k] for part in parts]) for k in range(2))) for parts in found
    )
    return Network(xr.concat(behaviour, "trial"), trained, untrained)


def _simulated(run: Run, networks: list[CTRNN], keys: list[str]) -> Iterator[tuple[xr.Dataset, ...]]:
    """Behaviour of the first network in all trials, and the activity of each in those that count."""
    for key in keys:
        seed = derive_seed(run.seed, "observed", key)
        trials = run.task.sample(_PART, seed=seed, balanced=True)
        runs = [simulate(network, trials, task=run.task, seed=seed) for network in networks]
        first = runs[0]
        names = ("choice", "correct", "reaction_time", "premature")
        shown = xr.Dataset({name: ("trial", first[name].values, first[name].attrs) for name in names})
        percent = np.round(100 * np.abs(first["coherence"].values), 1)
        shown["coherence"] = ("trial", percent, {"units": "%", "long_name": "motion coherence"})
        kept = (first["choice"].values != 0) & (first["correct"].values | (percent == 0))
        start = first["epoch_stimulus_start"].values
        dt = run.task.dt
        rows = {
            "conditions": {
                name: shown[name].values[kept] for name in ("coherence", "choice", "correct", "reaction_time")
            },
            "events": {
                "evidence": start[kept],
                "answer": (start + np.rint(first["reaction_time"].values / dt) * dt)[kept],
            },
        }
        yield shown, *(_binned(ds.isel(trial=np.flatnonzero(kept)), rows) for ds in runs)


def _binned(ds: xr.Dataset, rows: dict[str, Any]) -> xr.Dataset:
    made = recordings.binned(ds["rate"].values, ds["time"].values, **rows)
    made["rate"].attrs.update(units="1")
    made["coherence"].attrs.update(units="%")
    left, right = (ds["inputs"].sel(input=f"motion_{side}").values for side in ("left", "right"))
    fixation = ds["inputs"].sel(input="fixation").values
    made["inputs"] = (("trial", "time", "input"), np.stack([fixation, right, left], -1))
    return made


def _around(ds: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Activity around the evidence and around the answer."""
    time = ds["time"]
    evidence = recordings.align(ds.where(time < ds["event_answer"]), "evidence", window=EVIDENCE)
    answer = recordings.align(ds.where(time >= ds["event_evidence"]), "answer", window=ANSWER)
    return evidence, answer


def _preferred(answer: xr.Dataset) -> NDArray[np.int64]:
    """+1 for units with a higher rate in the last 100 ms before choices of +1, else -1."""
    late = answer["rate"].sel(time=slice(-100.0, -20.0)).mean("time")
    means = [late.isel(trial=np.flatnonzero(late["choice"].values == side)).mean("trial") for side in (1, -1)]
    return np.where(means[0].values >= means[1].values, 1, -1)


def _from_response_field(ds: xr.Dataset, prefers: NDArray[np.int64]) -> xr.Dataset:
    """Every trial twice, once for the units of each side: a pseudo-population in which all prefer choice +1."""
    views = []
    for side in (1, -1):
        one = ds.assign(rate=ds["rate"].where(xr.DataArray(prefers == side, dims="unit")))
        one = one.assign_coords(
            choice=("trial", side * ds["choice"].values), session=("trial", np.full(ds.sizes["trial"], side))
        )
        if side < 0:
            one["inputs"] = one["inputs"].isel(
                input=[0, 2, 1]
            )  # towards the response field, and away from it
        views.append(one)
    return xr.concat(views, "trial").assign_coords(unit_session=("unit", prefers))


def _joined(parts: list[xr.Dataset]) -> xr.Dataset:
    ds = xr.concat(parts, "trial")
    return ds.assign_coords(trial=np.arange(ds.sizes["trial"]))
