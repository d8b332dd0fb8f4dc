"""The page of the LIP study, as Markdown and as one HTML file; all numbers are those of the run."""

__all__ = ["write"]

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from _runs import save_figure
from lip_text import behaviour_says, comparison_says, entered, in_short, made, rates_say, score_rows
from matplotlib.figure import Figure

from neurornn import __version__
from neurornn.report._page import Section, page

if TYPE_CHECKING:
    from lip import Study

_TITLE = "Networks beside neurons: random dots and area LIP"


@dataclass(frozen=True)
class _Part:
    """One section: a heading, and what follows in this order.

    Attributes:
        heading: Heading.
        intro: A paragraph.
        figures: Name of a figure, what it shows, and its caption.
        rows: A table, its heading first.
        note: Under the table.
        bullets: What it says.
    """

    heading: str
    intro: str = ""
    figures: Sequence[tuple[str, str, str]] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""
    bullets: Sequence[str] = field(default_factory=list)


def write(found: "Study", drawn: Mapping[str, Figure], to: Path) -> None:
    """Write the figures, lip.md and lip.html.

    Args:
        found: Results.
        drawn: Figures by name.
        to: Folder.
    """
    for name, figure in drawn.items():
        save_figure(figure, to / f"lip_{name}.png")
    parts = _parts(found)
    (to / "lip.md").write_text(_markdown(parts), encoding="utf-8")
    (to / "lip.html").write_text(_html(found, parts, to), encoding="utf-8")


def _parts(found: "Study") -> list[_Part]:
    n, n_units = len(found.networks), found.lip.evidence.sizes["unit"]
    used = {
        event: int(each["n_units_recorded"] - each["n_units_excluded"])
        for (event, _), each in found.scores.items()
    }
    return [
        _Part("In short", bullets=in_short(found)),
        _Part(
            "Behaviour",
            figures=[
                (
                    "behaviour",
                    "Accuracy, reaction times and their spread against coherence, for two monkeys and the networks.",
                    f"Two monkeys (dots with 95 % intervals) and {n} networks (thin). a Fraction correct with Weibull functions. b Mean "
                    "reaction times of correct choices with the function of a bounded accumulator; without motion every choice "
                    "counts. c Their standard deviation. A network's reaction time runs from stimulus onset to the first output that crosses the threshold.",
                )
            ],
            bullets=behaviour_says(found),
        ),
        _Part(
            "Rates",
            figures=[
                (
                    "rates",
                    "Rates around evidence and answer by coherence, networks left and LIP right.",
                    f"Rates around the evidence (top) and the answer (bottom), networks left and {n_units} neurons right, by the same "
                    "calls. Correct choices; all choices at 0 %. Each bin pools all trials of all units and is shown while half of the trials are "
                    "there. Every network unit has as its response field the target before whose choice it fires more, judged in other trials. "
                    "Left, rates are divided by the rate in the last 40 ms before answers into the response field (a level); right, the axis ends at the same multiple of it.",
                ),
                (
                    "numbers",
                    "Rates after evidence and before the answer and build-up against coherence, in LIP and in each network.",
                    "LIP with 95 % intervals over neurons, and each network. Level: rate in the last 40 ms before answers into the response "
                    "field. a When 180 to 220 ms of evidence have been seen. b In the last 40 ms before the answer. c Slope of a line through the first 160 ms.",
                ),
            ],
            bullets=rates_say(found),
        ),
        _Part(
            "Similarity",
            figures=[
                (
                    "similarity",
                    "Scores of five measures around evidence and answer with ceiling, null, untrained networks and inputs.",
                    "Small markers: networks; large: their mean with its 95 % interval over networks. Green: noise ceiling from halves of the trials, with its "
                    "limits. Grey: scores when the conditions of the network are permuted, which keeps what all conditions share in time.",
                )
            ],
            rows=score_rows(found),
            note="Means over networks with 95 % intervals. p: the largest of the networks; with 50 permutations it cannot be below 0.020. An asterisk marks a ceiling that is one half of the trials "
            "against the other, uncorrected: too low.",
            bullets=comparison_says(found),
        ),
        _Part(
            "Neuron by neuron",
            figures=[
                (
                    "neurons",
                    "Score of each neuron against its noise ceiling.",
                    f"Linear predictivity of each neuron ({used['evidence']} left, {used['answer']} right), mean over networks, against what its trials allow. "
                    "Scores below -0.3 are drawn there.",
                ),
                (
                    "trajectories",
                    "Population trajectories around the answer, network left and LIP right.",
                    "Condition averages in the first two principal components of one network and of LIP, in the last 200 ms before the answer, in bins of 40 ms. Ring: start. Square: end.",
                ),
            ],
        ),
        _Part("How it was made", rows=[["", ""], *entered(found)], bullets=made(found)),
    ]


def _markdown(parts: Sequence[_Part]) -> str:
    lines = [f"# {_TITLE}", "", *_lead(), ""]
    for part in parts:
        lines += [f"## {part.heading}", ""]
        if part.intro:
            lines += [part.intro, ""]
        for name, alt, caption in part.figures:
            lines += [f"![{alt}](lip_{name}.png)", "", f"*{_lettered(caption, '**')}*", ""]
        if part.rows:
            head, *rows = part.rows
            lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
            lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
        if part.note:
            lines += [f"*{part.note}*", ""]
        lines += [f"- {each}" for each in part.bullets] + [""] * bool(part.bullets)
    return "\n".join(lines).rstrip() + "\n"


def _lead() -> list[str]:
    return [
        "Networks trained on the reaction-time version of the random-dots task, and 54 neurons of the lateral intraparietal area of two "
        "monkeys doing it ([Roitman & Shadlen, 2002](https://doi.org/10.1523/JNEUROSCI.22-21-09475.2002)). The recording is not part of this "
        "repository. This page, its figures and tables ([lip.csv](lip.csv), [lip_rates.csv](lip_rates.csv), [lip_similarity.csv](lip_similarity.csv)) are written by",
        "",
        "```",
        "python docs/gallery/lip.py --data FOLDER",
        "```",
    ]


def _html(found: "Study", parts: Sequence[_Part], to: Path) -> str:
    bodies = {f"[[{k}]]": _body(part, to) for k, part in enumerate(parts)}
    result = next(iter(found.scores.values()))
    text = page(
        _TITLE,
        f"{len(found.networks)} networks trained on the reaction-time random-dots task, and {result['n_units_recorded'].item():.0f} neurons "
        "of two monkeys (Roitman & Shadlen, 2002)",
        numbers=_headline(found),
        sections=[Section(part.heading, text=mark) for part, mark in zip(parts, bodies, strict=True)],
        footer=f"neurornn {__version__}. Numbers: lip.csv, lip_rates.csv, lip_similarity.csv. Recording: Roitman & Shadlen (2002), "
        "doi 10.1523/JNEUROSCI.22-21-09475.2002.",
    )
    for mark, body in bodies.items():
        text = text.replace(f"<pre>{mark}</pre>", body)
    return text


def _headline(found: "Study") -> dict[str, str]:
    numbers = {}
    for event in ("evidence", "answer"):
        one = found.scores[event, "rates"].sel(measure="RSA")
        trained, untrained = (float(one["mean"].sel(quantity=each)) for each in ("trained", "untrained"))
        label = f"RSA from the {event} (untrained {untrained:.2f}, ceiling {float(one['ceiling']):.2f})"
        numbers[label] = f"{trained:.2f}"
    threshold = [each.numbers["weibull_threshold"] for each in found.networks.values()]
    monkey = [each.numbers["weibull_threshold"] for each in found.monkeys.values()]
    numbers["Weibull threshold of networks (%)"] = f"{min(threshold):.1f} - {max(threshold):.1f}"
    numbers["Weibull threshold of monkeys (%)"] = " and ".join(f"{each:.1f}" for each in monkey)
    return numbers


def _body(part: _Part, to: Path) -> str:
    pieces = [f"<p>{escape(part.intro)}</p>"] if part.intro else []
    for name, alt, caption in part.figures:
        data = base64.b64encode((to / f"lip_{name}.png").read_bytes()).decode()
        pieces.append(
            f'<figure style="margin-top: 1rem"><img alt="{escape(alt)}" style="width: 100%" src="data:image/png;base64,{data}">'
            f"<figcaption>{_lettered(escape(caption), 'b')}</figcaption></figure>"
        )
    if part.rows:
        head, *rows = part.rows
        cells = "".join(f"<th>{escape(each)}</th>" for each in head) if any(head) else ""
        style = ' style="white-space: nowrap; font-size: .84rem"' if any(head) else ""
        pieces.append(
            f'<div style="overflow-x: auto"><table{style}>' + (f"<tr>{cells}</tr>" if cells else "")
        )
        for row in rows:
            if any(head) and row[0]:  # its first word in a line of its own
                pieces.append(f'<tr><td colspan="{len(row)}">{_inline(row[0])}</td></tr>')
            shown = ["", *row[1:]] if any(head) else row
            pieces.append("<tr>" + "".join(f"<td>{_inline(each)}</td>" for each in shown) + "</tr>")
        pieces.append("</table></div>")
    if part.note:
        pieces.append(f"<p>{escape(part.note)}</p>")
    if part.bullets:
        items = "".join(f'<li style="margin: .35rem 0">{_inline(each)}</li>' for each in part.bullets)
        pieces.append(f'<ul style="margin: .9rem 0 0; padding-left: 1.2rem; max-width: 62rem">{items}</ul>')
    return "".join(pieces)


def _inline(text: str) -> str:
    """The little Markdown that is used: bold text and links."""
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text).replace("\\*", "*"))
    bold = re.sub(r"`(.+?)`", r"<code>\1</code>", bold)
    return re.sub(r"\[([^\]]+)\]\((https?:[^)]+)\)", r'<a href="\2">\1</a>', bold)


def _lettered(caption: str, mark: str) -> str:
    """Letters of panels, at the start of a sentence, in bold."""
    both = ("**", "**") if mark == "**" else (f"<{mark}>", f"</{mark}>")
    return re.sub(r"(?<=\. )([a-d]) (?=[A-Z])", rf"{both[0]}\1{both[1]} ", caption)
