"""Dissect a trained run and show it on one self-contained page."""

__all__ = [
    "MADE_FROM",
    "Section",
    "analysis_origin",
    "current_analysis",
    "current_trials",
    "dissect",
    "examinations",
    "flat",
    "metrics_of",
    "page",
    "page_is_current",
    "trials_origin",
    "write_report",
]

from neurornn.report import examinations as examinations
from neurornn.report._dissect import dissect as dissect
from neurornn.report._metrics import flat as flat
from neurornn.report._metrics import metrics_of as metrics_of
from neurornn.report._origin import MADE_FROM as MADE_FROM
from neurornn.report._origin import analysis_origin as analysis_origin
from neurornn.report._origin import current_analysis as current_analysis
from neurornn.report._origin import current_trials as current_trials
from neurornn.report._origin import trials_origin as trials_origin
from neurornn.report._page import Section as Section
from neurornn.report._page import page as page
from neurornn.report._write import page_is_current as page_is_current
from neurornn.report._write import write_report as write_report
