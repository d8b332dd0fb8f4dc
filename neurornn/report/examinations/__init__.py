"""Further analyses of a run, each asked for by name: ``neurornn analyze runs/a --also lyapunov``."""

__all__ = ["EXAMINATIONS", "AbstractExamination", "Subject", "examine", "sections"]

from neurornn.report.examinations._base import AbstractExamination as AbstractExamination
from neurornn.report.examinations._base import Subject as Subject
from neurornn.report.examinations._run import EXAMINATIONS as EXAMINATIONS
from neurornn.report.examinations._run import examine as examine
from neurornn.report.examinations._run import sections as sections
