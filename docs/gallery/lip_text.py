"""What the LIP study found, in sentences with the numbers of the run."""

__all__ = ["behaviour_says", "comparison_says", "entered", "in_short", "made", "rates_say", "score_rows"]

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from lip_measures import Behaviour, Neural, relative
from lip_networks import MOTOR, SENSORY, Run
from scipy.stats import t as student

if TYPE_CHECKING:
    from lip import Study

_PARTS = {"rates": "", "differences": ", shared course removed"}


def in_short(found: "Study") -> list[str]:
    """The answer first."""
    monkey, network = _each(found.monkeys, "weibull_threshold"), _each(found.networks, "weibull_threshold")
    spread = _each(found.networks, "rt_sd_0"), _each(found.monkeys, "rt_sd_0")
    late, early = found.scores["answer", "rates"], found.scores["evidence", "rates"]
    slope, flat = _against(found, "slope_in"), _against(found, "late_slope_in")
    return [
        f"**Accuracy is alike** (Weibull thresholds of {_span(network, 1)} % in the networks and {_span(monkey, 1)} % in the monkeys), because the noise of the "
        f"motion was chosen so. **Reaction times fall with coherence on both sides**, but those of the networks scatter more (standard deviation "
        f"{_span(spread[0], 0)} ms without motion, against {_span(spread[1], 0)} ms) and have {_gap(found)} ms less outside of the decision.",
        f"**In the last 200 ms before the answer** every trained network resembles LIP more than its untrained self in {_wins(late, 'untrained')}, and they come to "
        f"{_shares(late)} of the ceiling where it is corrected. Single neurons tell less: linear predictivity is {_three(late, 'linear predictivity')}.",
        f"**In the first 200 ms of the evidence** every trained network does so in {_wins(early, 'untrained')}: RSA {_three(early)}. {_without_course(found)}",
        f"Rates follow coherence on both sides (LIP {_lip(found, 'slope_in')} levels per 100 %; networks {slope}). LIP ends at one level whatever "
        f"the coherence was ({_lip(found, 'late_slope_in')} levels per 100 %); the networks {'too' if _agree(found, 'late_slope_in') else 'do not'} ({flat}).",
    ]


def behaviour_says(found: "Study") -> list[str]:
    """Psychometric and chronometric function."""
    monkeys, networks = found.monkeys, found.networks
    thresholds = "; ".join(
        f"monkey {name} {each.numbers['weibull_threshold']:.1f} % ({each.numbers['weibull_threshold_low']:.1f} to {each.numbers['weibull_threshold_high']:.1f})"
        for name, each in monkeys.items()
    )
    rest = "; ".join(
        f"monkey {name} {each.numbers['nondecision_ms']:.0f} ms ({each.numbers['nondecision_low']:.0f} to {each.numbers['nondecision_high']:.0f})"
        for name, each in monkeys.items()
    )
    slower = {
        who: [each.numbers["rt_error_6.4"] - each.numbers["rt_6.4"] for each in group.values()]
        for who, group in (("monkeys", monkeys), ("networks", networks))
    }
    return [
        f"**Psychometric function.** Threshold of the Weibull function with 95 % interval: {thresholds}; networks {_span(_each(networks, 'weibull_threshold'), 1)} % "
        f"(mean {_mean(_each(networks, 'weibull_threshold'), 1)}). Its slope: monkeys {_span(_each(monkeys, 'weibull_slope'), 2)}, networks "
        f"{_span(_each(networks, 'weibull_slope'), 2)} (mean {_mean(_each(networks, 'weibull_slope'), 2)}). The noise of the motion was set by hand so that two networks of other seeds are as accurate as the monkeys: the threshold is no result, the slope is.",
        f"**Chronometric function.** Mean times of correct choices, without motion and at 51.2 %: monkeys {_span(_each(monkeys, 'rt_0'), 0)} and {_span(_each(monkeys, 'rt_51.2'), 0)} ms, networks "
        f"{_span(_each(networks, 'rt_0'), 0)} and {_span(_each(networks, 'rt_51.2'), 0)} ms. The lines in b are A/(k c) · tanh(A k c) + t₀, the mean time a random walk of drift k c takes to one of two bounds ±A, and a constant "
        f"(Palmer, Huk & Shadlen, 2005). Its decision times without motion, A²: monkeys {_span(_each(monkeys, 'longest_decision_ms'), 0)} ms, networks {_span(_each(networks, 'longest_decision_ms'), 0)} ms.",
        f"**Time that is not decision**, t₀: {rest}; networks {_span(_each(networks, 'nondecision_ms'), 0)} ms. A network has no eye, no retina and no saccade; what it has is the time constant of its units (100 ms) and a loss that asks for nothing in the first 300 ms.",
        f"**Spread does not match.** Standard deviations without motion: monkeys {_span(_each(monkeys, 'rt_sd_0'), 0)} ms, networks {_span(_each(networks, 'rt_sd_0'), 0)} ms; at 51.2 %: "
        f"{_span(_each(monkeys, 'rt_sd_51.2'), 0)} and {_span(_each(networks, 'rt_sd_51.2'), 0)} ms. Nothing hurries a network, whose motion lasts 2 s; "
        f"it leaves {_span([100 * each for each in _each(networks, 'share_unanswered')], 1)} % of the trials unanswered, and these are left out.",
        f"Errors at 6.4 %, mean time less that of correct choices: monkeys {_span(slower['monkeys'], 0)} ms, networks {_span(slower['networks'], 0)} ms.",
    ]


def rates_say(found: "Study") -> list[str]:
    """Ramps."""
    paper, start = found.paper, found.lip.numbers["start_in"]
    return [
        f"**The recording is what it should be.** In the windows of the paper, with its cut 100 ms before the saccade: 370 to 410 ms after the dots the rate changes by {paper['slope_in']:.1f} spikes/s per "
        f"100 % of motion towards the response field and by {paper['slope_out']:.1f} away from it; 70 to 30 ms before saccades into the field it is {paper['level_in']:.1f} spikes/s, and "
        f"changes by {paper['late_slope_in']:.1f} with coherence (away: {paper['late_slope_out']:.1f}).",
        f"**Common clock.** Evidence is taken to reach LIP {SENSORY:.0f} ms after the dots, when its rates begin to part, and an answer to be made {MOTOR:.0f} ms before the saccade, where they peak. The same functions then measure both sides; "
        f"rates are in levels, a level being the rate in the last 40 ms before answers into the field ({found.lip.numbers['level_in']:.1f} spikes/s in LIP).",
        f"**Coherence** after 180 to 220 ms of evidence, in levels per 100 %: into the field LIP {_lip(found, 'slope_in')}, networks {_against(found, 'slope_in')}; away from it LIP {_lip(found, 'slope_out')}, networks "
        f"{_against(found, 'slope_out')}; networks before training {_span(_ratios(found.untrained.values(), 'slope_in'), 2)} and {_span(_ratios(found.untrained.values(), 'slope_out'), 2)}.",
        f"**The end.** Before answers into the field, levels per 100 %: LIP {_lip(found, 'late_slope_in')}, networks {_against(found, 'late_slope_in')}. Before answers away from it the rate is "
        f"{_lip(found, 'level_out')} of a level in LIP and {_against(found, 'level_out')}, in the networks.",
        f"**The beginning.** In the first 40 ms of evidence LIP is at {_lip(found, 'start_in')} of a level ({start:.0f} spikes/s), the networks at {_against(found, 'start_in')}. Monkeys see two targets, one of them in the response field, before and during the motion; "
        "a network sees none, and its fixation input goes off when the motion comes on.",
        f"**Build-up** over the first 160 ms, levels per second: without motion LIP {_lip(found, 'ramp_in_0')}, networks {_against(found, 'ramp_in_0')}; at 51.2 % LIP {_lip(found, 'ramp_in_51.2')}, networks {_against(found, 'ramp_in_51.2')}. "
        "In the networks much of the early rise is the same for all coherences and for both choices: it answers the onset, and only then do rates part.",
    ]


def comparison_says(found: "Study") -> list[str]:
    """Measures, ceilings, baselines."""
    says = []
    for (event, part), result in found.scores.items():
        says.append(
            f"**From the {event}{_PARTS[part]}**, every network scores above its untrained self in {_wins(result, 'untrained')}, above its inputs alone in {_wins(result, 'inputs')}, "
            f"and above the range with permuted conditions in {_above_null(result)}; means are {_shares(result)} of the ceiling where it is corrected."
        )
    early = found.scores["evidence", "rates"]
    procrustes = found.scores["answer", "rates"].sel(measure="held-out Procrustes")
    inputs, ceiling = float(procrustes["mean"].sel(quantity="inputs")), float(procrustes["ceiling"])
    if inputs > ceiling:
        says.append(
            f"**Inputs alone score high**: in held-out Procrustes {inputs:.2f} from the answer, above the ceiling of {ceiling:.2f}. They are three channels, averaged over trials of one choice and timed by "
            "the answer of the network, so they hold the course of the evidence that led to it; and three dimensions are easier to rotate than many, for which that ceiling does not count. A score means something only beside them."
        )
    svcca = [result.sel(measure="SVCCA") for result in found.scores.values()]
    if all(float(one["mean"].sel(quantity="trained")) >= float(one["ceiling"]) for one in svcca):
        says.append(
            "**SVCCA is of no use here**: its ceiling, one half of the trials against the other, lies below all scores. Few neurons with a few trials in a condition leave its smaller components to noise."
        )
    says.append(
        f"Of {int(early['n_units_recorded'])} neurons {int(early['n_units_recorded'] - early['n_units_excluded'])} enter: those with two trials or more in each of 12 conditions in every bin. "
        "Neurons were recorded one at a time, so nothing here can see what they share from trial to trial."
    )
    return says


def score_rows(found: "Study") -> list[list[str]]:
    """The table of scores, its heading first."""
    rows = [
        [
            "time",
            "measure",
            "networks",
            "over networks",
            "over neurons",
            "ceiling",
            "untrained",
            "inputs",
            "permuted",
            "p",
        ]
    ]
    for (event, part), result in found.scores.items():
        for k, name in enumerate(result["measure"].values):
            one = result.sel(measure=name)
            trained = one.sel(quantity="trained")
            over, units = trained["seed_interval"].values, np.nanmean(trained["interval"].values, 0)
            null = np.nanmean(one["null_interval"].values, 0)
            rows.append([
                f"**from the {event}{_PARTS[part]}**" if k == 0 else "",
                str(name),
                f"**{_two(float(trained['mean']))}**",
                _ends(over),
                _ends(units),
                f"{float(one['ceiling']):.2f}" + ("" if bool(one["is_corrected"]) else r"\*"),
                *(_two(float(one["mean"].sel(quantity=q))) for q in ("untrained", "inputs")),
                _ends(null),
                f"{np.nanmax(one['p_value'].values):.3f}",
            ])
    return rows


def entered(found: "Study") -> list[list[str]]:
    """What entered, as two columns."""
    rows = []
    for (event, part), result in found.scores.items():
        if part != "rates":
            continue
        used = int(result["n_units_recorded"] - result["n_units_excluded"])
        least = result["n_trials_of_condition"].values
        rows += [
            [
                f"neurons, from the {event}",
                f"{used} of {int(result['n_units_recorded'])}; as many units of a network in each draw",
            ],
            [
                f"recorded trials of all neurons, from the {event}",
                f"{int(result['n_trials'])}, {least.min()} to {least.max()} in a condition",
            ],
        ]
        settings = result.attrs
    rows += [
        ["conditions", "coherence (6) and choice (2); correct trials, and at 0 % all that were answered"],
        ["bins", f"{settings['bin_width']:g} ms"],
        [
            "draws of units, halves of trials, folds",
            f"{settings['n_draws']}, {settings['n_splits']}, {settings['n_folds']}",
        ],
    ]
    return rows


def made(found: "Study") -> list[str]:
    """How, in sentences."""
    run = Run(0)
    seeds = [*found.networks]
    return [
        f"Networks: {run.n_units} softplus units, 80 % excitatory, Dale's law, time constant 100 ms, steps of 20 ms, recurrent noise 0.1, trained by back-propagation for {run.n_steps} steps of 64 trials "
        f"(Adam, {run.recipe.learning_rate:g}; penalty {run.recipe.rate_l2:g} on squared rates), seeds {seeds[0]} to {seeds[-1]}. Task: `perceptual-decision-rt` with the coherences of the experiment and 0, input noise {run.sigma_in:g}, threshold {run.threshold:g} for targets of "
        "1.2 and 0.2, motion for 2 s; nothing is trained in the first 300 ms.",
        "Input noise, threshold and number of steps were chosen by the behaviour of networks of other seeds. A first version, in which the first 300 ms were trained too, was given up: its networks answered within 0.1 s at 51.2 %, and "
        "the rates of one of them hardly followed coherence.",
        "A network's answer is the first crossing of the threshold by one of its two outputs, between steps by linear interpolation; activity from it on is cut, as spikes after the answer are. The motion of a monkey goes off with its saccade.",
        "Untrained: the same networks with their initial weights, in the same trials, labelled and timed by the answers of the trained ones. Inputs alone: fixation, motion towards the response field and motion away from it.",
        "Shared course removed: each unit less the mean of its twelve condition averages, bin by bin, on both sides.",
        "Clock, level and windows are ours; other sensory and motor delays would move the scores of the first 200 ms most.",
    ]


def _each(group: "dict[object, Behaviour] | object", name: str) -> list[float]:
    return [each.numbers[name] for each in group.values()]  # type: ignore[attr-defined]


def _ratios(group: Iterable[Neural], name: str) -> list[float]:
    return [each.numbers[name] / each.numbers["level_in"] for each in group]


def _span(values: Sequence[float], digits: int) -> str:
    low, high = (f"{each:.{digits}f}" for each in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _mean(values: Sequence[float], digits: int) -> str:
    """Mean with its interval over networks."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return f"{mean:.{digits}f}"
    half = float(student.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / np.sqrt(n)
    return f"{mean:.{digits}f}, {mean - half:.{digits}f} to {mean + half:.{digits}f} over networks"


def _ends(ends: Sequence[float]) -> str:
    return f"{_two(ends[0])} to {_two(ends[1])}" if np.isfinite(ends).all() else "-"


def _two(value: float) -> str:
    """Two digits, and no zero below 0."""
    return f"{round(value, 2) + 0.0:.2f}" if np.isfinite(value) else "-"


def _lip(found: "Study", name: str) -> str:
    value, low, high = relative(found.lip, name)
    return f"{value:.2f}" if low == high else f"{value:.2f} [{low:.2f} to {high:.2f}]"


def _agree(found: "Study", name: str) -> bool:
    """Whether most networks lie in the interval of LIP."""
    _, low, high = relative(found.lip, name)
    values = _ratios(found.populations.values(), name)
    return sum(low <= each <= high for each in values) > len(values) / 2


def _against(found: "Study", name: str) -> str:
    """Networks, and how many of them lie in the interval of LIP."""
    _, low, high = relative(found.lip, name)
    values = _ratios(found.populations.values(), name)
    inside = sum(low <= each <= high for each in values)
    return f"{_span(values, 2)}, {inside} of {len(values)} in that interval"


def _gap(found: "Study") -> str:
    mean = float(np.mean(_each(found.networks, "nondecision_ms")))
    return _span([each - mean for each in _each(found.monkeys, "nondecision_ms")], 0)


def _three(result: xr.Dataset, measure: str = "RSA") -> str:
    one = result.sel(measure=measure)
    trained, untrained = (float(one["mean"].sel(quantity=each)) for each in ("trained", "untrained"))
    return f"{trained:.2f} trained, {untrained:.2f} untrained, ceiling {float(one['ceiling']):.2f}"


def _without_course(found: "Study") -> str:
    """What is left when the course that all conditions share is taken out."""
    result = found.scores["evidence", "differences"]
    one = result.sel(measure="RSA")
    says = f"Without the course that all conditions share: {_three(result)}"
    close = (one["mean"].sel(quantity=["trained", "untrained"]) > 0.9 * one["ceiling"]).all()
    if not close:
        return says + "."
    return (
        says
        + ". So conditions part from each other as in LIP, trained or not; what they all do after the onset is different."
    )


def _shown(result: xr.Dataset) -> list[str]:
    return [str(name) for name in result["measure"].values]


def _wins(result: xr.Dataset, baseline: str) -> str:
    """Measures in which every network scores above its own baseline."""
    names = []
    for name in _shown(result):
        one = result["score"].sel(measure=name)
        gap = one.sel(quantity="trained").values - one.sel(quantity=baseline).values
        if (gap > 0).all():
            names.append(name)
    return _of(names, _shown(result))


def _above_null(result: xr.Dataset) -> str:
    names = [
        name
        for name in _shown(result)
        if (
            result["score"].sel(measure=name, quantity="trained").values
            > result["null_interval"].sel(measure=name).values.max(-1)
        ).all()
    ]
    return _of(names, _shown(result))


def _of(names: Sequence[str], every: Sequence[str]) -> str:
    if len(names) == len(every):
        return f"all {len(every)} measures"
    return f"{len(names)} of {len(every)} measures ({', '.join(names)})" if names else "no measure"


def _shares(result: xr.Dataset) -> str:
    """Mean score over ceiling, in percent, of measures with a corrected ceiling."""
    shares = [
        100
        * float(result["mean"].sel(measure=name, quantity="trained"))
        / float(result["ceiling"].sel(measure=name))
        for name in _shown(result)
        if bool(result["is_corrected"].sel(measure=name))
    ]
    return f"{_span(shares, 0)} %"
