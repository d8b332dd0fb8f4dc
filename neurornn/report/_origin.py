"""What a result was made from, so that results of different weights or trials never meet on one page."""

__all__ = ["MADE_FROM", "analysis_origin", "current_analysis", "current_trials", "trials_origin"]

import hashlib
import json
import logging
from typing import Final

import xarray as xr

from neurornn.runs import Run
from neurornn.storage import CorruptFile

_log = logging.getLogger(__name__)

MADE_FROM: Final = "made_from"
"""Attribute of trials that holds :func:`trials_origin`, and of an analysis that holds :func:`analysis_origin`."""


def trials_origin(run: Run) -> str:
    """Digest of what decides a simulation but its seed: the task, the network and its weights.

    Args:
        run: A run with weights.

    Returns:
        SHA-256 digest in hexadecimal.
    """
    parts = json.dumps([run.config.get("task"), run.config.get("network")], sort_keys=True)
    return _sha256(parts.encode() + run.weights_path.read_bytes())


def analysis_origin(run: Run) -> str:
    """Digest of what an analysis starts from: the task, the network, its weights and the file of trials.

    Args:
        run: A run with weights and trials.

    Returns:
        SHA-256 digest in hexadecimal.
    """
    return _sha256(trials_origin(run).encode() + run.trials_path.read_bytes())


def current_trials(run: Run) -> xr.Dataset | None:
    """The trials of a run, if they come from its weights as they are now.

    Args:
        run: A run with weights.

    Returns:
        The trials; None if there are none or they come from other weights. Trials that do not say where they come
        from are taken as they are.

    Raises:
        CorruptFile: If the file is damaged.
    """
    if not run.trials_path.exists():
        return None
    try:
        data = run.load_trials()
    except CorruptFile as error:
        advice = f"Make it again: neurornn simulate {run.path}"
        raise CorruptFile(error.path, error.reason, advice) from error
    if data.attrs.get(MADE_FROM, trials_origin(run)) != trials_origin(run):
        _log.warning("%s comes from other weights or settings than those of this run", run.trials_path)
        return None
    return data


def current_analysis(run: Run) -> xr.DataTree | None:
    """The analysis of a run, if it was made of its trials and weights as they are now.

    Args:
        run: A run with weights and current trials.

    Returns:
        The analysis, or None if there is none or it was made of something else.

    Raises:
        CorruptFile: If the file is damaged.
    """
    if not run.analysis_path.exists():
        return None
    try:
        tree = run.load_analysis()
    except CorruptFile as error:
        raise CorruptFile(error.path, error.reason, f"Make it again: neurornn analyze {run.path}") from error
    if tree.attrs.get(MADE_FROM) != analysis_origin(run):
        _log.warning("%s was made from other trials or weights than those of this run", run.analysis_path)
        return None
    return tree


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
