"""The table of further analyses, and how they come into a run and onto its page."""

__all__ = ["EXAMINATIONS", "examine", "sections"]

import json
import logging
from typing import Final

import xarray as xr

from neurornn._threads import single_threaded
from neurornn.report._page import Section
from neurornn.report.examinations._attractors import Attractors
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._basins import Basins
from neurornn.report.examinations._continuation import Continuation
from neurornn.report.examinations._cycles import Cycles
from neurornn.report.examinations._decoding import Decoding
from neurornn.report.examinations._edges import Edges
from neurornn.report.examinations._energy import Energy
from neurornn.report.examinations._interventions import Interventions
from neurornn.report.examinations._low_rank import Reduction
from neurornn.report.examinations._lyapunov import Lyapunov
from neurornn.report.examinations._population import Demixed, Rotations, Targeted
from neurornn.report.examinations._quasi_potential import QuasiPotential
from neurornn.report.examinations._subspaces import Subspaces

_log = logging.getLogger(__name__)

_ORDER: Final[tuple[AbstractExamination, ...]] = (
    Targeted(),
    Demixed(),
    Subspaces(),
    Rotations(),
    Decoding(),
    Attractors(),
    Cycles(),
    Basins(),
    Edges(),
    Energy(),
    QuasiPotential(),
    Continuation(),
    Lyapunov(),
    Interventions(),
    Reduction(),
)
EXAMINATIONS: Final[dict[str, AbstractExamination]] = {each.name: each for each in _ORDER}
"""By name; their cards stand in this order."""
_GROUP, _PROBLEMS = "also", "problems_also"


def examine(subject: Subject, name: str) -> xr.DataTree:
    """Add a further analysis to what is known of a run.

    Args:
        subject: The network and what is known of it.
        name: Name of the analysis.

    Returns:
        The tree with the group ``also/<name>``; or, if the network or the task does not allow it, with the reason in its
        attribute ``problems_also``, as JSON.

    Raises:
        ValueError: If there is no such analysis.
    """
    if name not in EXAMINATIONS:
        raise ValueError(f"There is no analysis '{name}'. There are: {', '.join(EXAMINATIONS)}.")
    _log.info("%s", EXAMINATIONS[name].heading)
    kept = {path: node for path, node in subject.tree.to_dict().items() if not _belongs(path, name)}
    problems: dict[str, str] = json.loads(subject.tree.attrs.get(_PROBLEMS, "{}"))
    problems.pop(name, None)
    try:
        with single_threaded():
            found = EXAMINATIONS[name].examine(subject)
        kept |= {f"/{_GROUP}/{name}/{part}": each for part, each in found.items()}
    except ValueError as error:
        problems[name] = str(error)
        _log.warning("%s: %s", EXAMINATIONS[name].heading, error)
    tree = xr.DataTree.from_dict(kept)
    tree.attrs = subject.tree.attrs | {_PROBLEMS: json.dumps(problems)}
    return tree


def sections(tree: xr.DataTree) -> list[Section]:
    """Cards of all further analyses that a run holds.

    Args:
        tree: The analysis of the run.

    Returns:
        The cards; one that could not be computed says why.
    """
    problems: dict[str, str] = json.loads(tree.attrs.get(_PROBLEMS, "{}"))
    there = tree[_GROUP].children if _GROUP in tree.children else {}
    cards = []
    for name, examination in EXAMINATIONS.items():
        if name in there:
            found = {part: node.to_dataset() for part, node in there[name].children.items()}
            cards.append(examination.section(found, tree))
        elif name in problems:
            cards.append(Section(examination.heading, caption=f"Not shown: {problems[name]}"))
    return cards


def _belongs(path: str, name: str) -> bool:
    return path == f"/{_GROUP}/{name}" or path.startswith(f"/{_GROUP}/{name}/")
