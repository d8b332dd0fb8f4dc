"""Families of tasks that share their channels and are learned by one network."""

__all__ = [
    "YANG_WEIGHTS",
    "AbstractRingTask",
    "AbstractSchedule",
    "AbstractSuite",
    "Blocked",
    "DriscollCategoryAnti",
    "DriscollCategoryPro",
    "DriscollContextIntegration1",
    "DriscollContextIntegration2",
    "DriscollDelayAnti",
    "DriscollDelayPro",
    "DriscollIntegration1",
    "DriscollIntegration2",
    "DriscollMatchToSample",
    "DriscollMemoryAnti",
    "DriscollMemoryPro",
    "DriscollMultimodalIntegration",
    "DriscollNonMatchToSample",
    "DriscollReactAnti",
    "DriscollReactPro",
    "DriscollTasks",
    "Interleaved",
    "MultiTask",
    "Sequential",
    "YangAnti",
    "YangContextDecision1",
    "YangContextDecision2",
    "YangContextDelayedDecision1",
    "YangContextDelayedDecision2",
    "YangDecision1",
    "YangDecision2",
    "YangDelayAnti",
    "YangDelayGo",
    "YangDelayedDecision1",
    "YangDelayedDecision2",
    "YangGo",
    "YangMatchToCategory",
    "YangMatchToSample",
    "YangMultisensoryDecision",
    "YangMultisensoryDelayedDecision",
    "YangNonMatchToCategory",
    "YangNonMatchToSample",
    "YangReactAnti",
    "YangReactGo",
]

from neurornn.tasks.suites._ring_task import AbstractRingTask as AbstractRingTask
from neurornn.tasks.suites._schedules import AbstractSchedule as AbstractSchedule
from neurornn.tasks.suites._schedules import Blocked as Blocked
from neurornn.tasks.suites._schedules import Interleaved as Interleaved
from neurornn.tasks.suites._schedules import Sequential as Sequential
from neurornn.tasks.suites._suite import AbstractSuite as AbstractSuite
from neurornn.tasks.suites.driscoll import DriscollTasks as DriscollTasks
from neurornn.tasks.suites.driscoll_tasks import DriscollCategoryAnti as DriscollCategoryAnti
from neurornn.tasks.suites.driscoll_tasks import DriscollCategoryPro as DriscollCategoryPro
from neurornn.tasks.suites.driscoll_tasks import DriscollContextIntegration1 as DriscollContextIntegration1
from neurornn.tasks.suites.driscoll_tasks import DriscollContextIntegration2 as DriscollContextIntegration2
from neurornn.tasks.suites.driscoll_tasks import DriscollDelayAnti as DriscollDelayAnti
from neurornn.tasks.suites.driscoll_tasks import DriscollDelayPro as DriscollDelayPro
from neurornn.tasks.suites.driscoll_tasks import DriscollIntegration1 as DriscollIntegration1
from neurornn.tasks.suites.driscoll_tasks import DriscollIntegration2 as DriscollIntegration2
from neurornn.tasks.suites.driscoll_tasks import DriscollMatchToSample as DriscollMatchToSample
from neurornn.tasks.suites.driscoll_tasks import DriscollMemoryAnti as DriscollMemoryAnti
from neurornn.tasks.suites.driscoll_tasks import DriscollMemoryPro as DriscollMemoryPro
from neurornn.tasks.suites.driscoll_tasks import (
    DriscollMultimodalIntegration as DriscollMultimodalIntegration,
)
from neurornn.tasks.suites.driscoll_tasks import DriscollNonMatchToSample as DriscollNonMatchToSample
from neurornn.tasks.suites.driscoll_tasks import DriscollReactAnti as DriscollReactAnti
from neurornn.tasks.suites.driscoll_tasks import DriscollReactPro as DriscollReactPro
from neurornn.tasks.suites.multi_task import YANG_WEIGHTS as YANG_WEIGHTS
from neurornn.tasks.suites.multi_task import MultiTask as MultiTask
from neurornn.tasks.suites.yang_tasks import YangAnti as YangAnti
from neurornn.tasks.suites.yang_tasks import YangContextDecision1 as YangContextDecision1
from neurornn.tasks.suites.yang_tasks import YangContextDecision2 as YangContextDecision2
from neurornn.tasks.suites.yang_tasks import YangContextDelayedDecision1 as YangContextDelayedDecision1
from neurornn.tasks.suites.yang_tasks import YangContextDelayedDecision2 as YangContextDelayedDecision2
from neurornn.tasks.suites.yang_tasks import YangDecision1 as YangDecision1
from neurornn.tasks.suites.yang_tasks import YangDecision2 as YangDecision2
from neurornn.tasks.suites.yang_tasks import YangDelayAnti as YangDelayAnti
from neurornn.tasks.suites.yang_tasks import YangDelayedDecision1 as YangDelayedDecision1
from neurornn.tasks.suites.yang_tasks import YangDelayedDecision2 as YangDelayedDecision2
from neurornn.tasks.suites.yang_tasks import YangDelayGo as YangDelayGo
from neurornn.tasks.suites.yang_tasks import YangGo as YangGo
from neurornn.tasks.suites.yang_tasks import YangMatchToCategory as YangMatchToCategory
from neurornn.tasks.suites.yang_tasks import YangMatchToSample as YangMatchToSample
from neurornn.tasks.suites.yang_tasks import YangMultisensoryDecision as YangMultisensoryDecision
from neurornn.tasks.suites.yang_tasks import (
    YangMultisensoryDelayedDecision as YangMultisensoryDelayedDecision,
)
from neurornn.tasks.suites.yang_tasks import YangNonMatchToCategory as YangNonMatchToCategory
from neurornn.tasks.suites.yang_tasks import YangNonMatchToSample as YangNonMatchToSample
from neurornn.tasks.suites.yang_tasks import YangReactAnti as YangReactAnti
from neurornn.tasks.suites.yang_tasks import YangReactGo as YangReactGo
