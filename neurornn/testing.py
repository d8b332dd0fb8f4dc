"""Checks that a part written by a user keeps the contract of the library; the library's own parts pass them too."""

__all__ = [
    "NetworkCheckError",
    "RuleCheckError",
    "TaskCheckError",
    "check_network",
    "check_rule",
    "check_task",
]

from neurornn._check_network import NetworkCheckError as NetworkCheckError
from neurornn._check_network import check_network as check_network
from neurornn._check_rule import RuleCheckError as RuleCheckError
from neurornn._check_rule import check_rule as check_rule
from neurornn._check_task import TaskCheckError as TaskCheckError
from neurornn._check_task import check_task as check_task
