"""Simulated observers with known parameters, one for each fit of behaviour that gives intervals."""

__all__ = ["STUDIES", "WITHOUT_INTERVALS", "Study", "covered", "digest"]

from observers import choices, evidence, history, means, memory, timing
from observers._study import Study, covered, digest

STUDIES: dict[str, Study] = {
    study.name: study
    for module in (choices, evidence, memory, timing, history, means)
    for study in module.STUDIES
}
WITHOUT_INTERVALS = {
    "Endpoints": "shows each trial",
    "ErrorHistogram": "shows each trial",
    "TransitionTimes": "shows each switch",
}
