"""Dissect a trained run and show it on one self-contained page."""

__all__ = ["Section", "dissect", "flat", "metrics_of", "page", "write_report"]

from neurornn.report._dissect import dissect as dissect
from neurornn.report._metrics import flat as flat
from neurornn.report._metrics import metrics_of as metrics_of
from neurornn.report._page import Section as Section
from neurornn.report._page import page as page
from neurornn.report._write import write_report as write_report
