"""The 20 tasks of Yang et al. (2019), one class each."""

__all__ = [
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

from dataclasses import dataclass

from neurornn.tasks._registry import register
from neurornn.tasks.suites._decision import AbstractDecision, AbstractDelayedDecision
from neurornn.tasks.suites._go import AbstractGoAtOnce, AbstractGoFromMemory, AbstractGoWhileShown
from neurornn.tasks.suites._match import AbstractMatch, AbstractMatchToCategory


@register
@dataclass(frozen=True, kw_only=True)
class YangGo(AbstractGoWhileShown):
    """Respond towards a stimulus that stays on, when the fixation cue goes off (Go)."""

    name = "yang-fdgo-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangReactGo(AbstractGoAtOnce):
    """Respond towards a stimulus as soon as it appears (RT Go)."""

    name = "yang-reactgo-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangDelayGo(AbstractGoFromMemory):
    """Respond towards a remembered stimulus when the fixation cue goes off (Dly Go)."""

    name = "yang-delaygo-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangAnti(AbstractGoWhileShown):
    """Respond away from a stimulus that stays on, when the fixation cue goes off (Anti)."""

    name = "yang-fdanti-v1"
    anti = True


@register
@dataclass(frozen=True, kw_only=True)
class YangReactAnti(AbstractGoAtOnce):
    """Respond away from a stimulus as soon as it appears (RT Anti)."""

    name = "yang-reactanti-v1"
    anti = True


@register
@dataclass(frozen=True, kw_only=True)
class YangDelayAnti(AbstractGoFromMemory):
    """Respond away from a remembered stimulus when the fixation cue goes off (Dly Anti)."""

    name = "yang-delayanti-v1"
    anti = True


@register
@dataclass(frozen=True, kw_only=True)
class YangDecision1(AbstractDecision):
    """Respond towards the stronger of two stimuli in modality 1 (DM 1)."""

    name = "yang-dm1-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangDecision2(AbstractDecision):
    """Respond towards the stronger of two stimuli in modality 2 (DM 2)."""

    name = "yang-dm2-v1"
    attended = 2


@register
@dataclass(frozen=True, kw_only=True)
class YangContextDecision1(AbstractDecision):
    """Respond towards the stimulus that is stronger in modality 1, whatever the other modality shows (Ctx DM 1)."""

    name = "yang-contextdm1-v1"
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class YangContextDecision2(AbstractDecision):
    """Respond towards the stimulus that is stronger in modality 2, whatever the other modality shows (Ctx DM 2)."""

    name = "yang-contextdm2-v1"
    attended = 2
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class YangMultisensoryDecision(AbstractDecision):
    """Respond towards the stimulus that is stronger in both modalities together (MultSen DM)."""

    name = "yang-multidm-v1"
    attended = "both"
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class YangDelayedDecision1(AbstractDelayedDecision):
    """Respond towards the stronger of two successive stimuli in modality 1 (Dly DM 1)."""

    name = "yang-delaydm1-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangDelayedDecision2(AbstractDelayedDecision):
    """Respond towards the stronger of two successive stimuli in modality 2 (Dly DM 2)."""

    name = "yang-delaydm2-v1"
    attended = 2


@register
@dataclass(frozen=True, kw_only=True)
class YangContextDelayedDecision1(AbstractDelayedDecision):
    """Respond towards the stronger of two successive stimuli in modality 1, whatever the other modality shows (Ctx Dly DM 1)."""

    name = "yang-contextdelaydm1-v1"
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class YangContextDelayedDecision2(AbstractDelayedDecision):
    """Respond towards the stronger of two successive stimuli in modality 2, whatever the other modality shows (Ctx Dly DM 2)."""

    name = "yang-contextdelaydm2-v1"
    attended = 2
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class YangMultisensoryDelayedDecision(AbstractDelayedDecision):
    """Respond towards the stronger of two successive stimuli, both modalities together (MultSen Dly DM)."""

    name = "yang-multidelaydm-v1"
    attended = "both"
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class YangMatchToSample(AbstractMatch):
    """Respond towards the test if it has the direction of the sample (DMS)."""

    name = "yang-dmsgo-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangNonMatchToSample(AbstractMatch):
    """Respond towards the test if it does not have the direction of the sample (DNMS)."""

    name = "yang-dmsnogo-v1"
    respond_to_match = False


@register
@dataclass(frozen=True, kw_only=True)
class YangMatchToCategory(AbstractMatchToCategory):
    """Respond towards the test if it is of the category of the sample (DMC)."""

    name = "yang-dmcgo-v1"


@register
@dataclass(frozen=True, kw_only=True)
class YangNonMatchToCategory(AbstractMatchToCategory):
    """Respond towards the test if it is not of the category of the sample (DNMC)."""

    name = "yang-dmcnogo-v1"
    respond_to_match = False
