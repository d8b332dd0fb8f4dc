"""One self-contained HTML page: figures inside, nothing fetched."""

__all__ = ["Section", "page"]

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import Template

from matplotlib.figure import Figure

from neurornn.report._panels import FULL_WIDTH

_DPI = 170  # sharp on a screen of twice the usual density at a column of 1030 px

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="made-from" content="$origin">
<title>$title</title>
<style>
:root { --ink: #1b2430; --soft: #5b6776; --line: #dde3ea; --paper: #ffffff; --wash: #f6f8fa; --accent: #1f5fa8; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
header { border-bottom: 3px solid var(--accent); margin-bottom: 1.5rem; padding-bottom: .75rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; }
header p { color: var(--soft); margin: 0; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.5rem 0; }
.number { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; }
.number b { display: block; font-size: 1.5rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.number span { color: var(--soft); font-size: .88rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
          padding: 1.2rem 1.4rem; margin: 1.2rem 0; }
figure { margin: 0; }
figure img { height: auto; max-width: 100%; display: block; margin: 0 auto; }
figcaption, section p { color: var(--soft); font-size: .92rem; margin: .7rem 0 0; max-width: 62rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin-top: .9rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; white-space: nowrap; padding-right: 1.5rem; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
table + pre { margin-top: 1rem; }
pre { margin: 0; overflow-x: auto; font-size: .84rem; line-height: 1.4; white-space: pre-wrap; }
footer { color: var(--soft); font-size: .85rem; margin-top: 2rem; }
</style>
</head>
<body>
<main>
<header><h1>$title</h1><p>$subtitle</p></header>
<div class="numbers">$numbers</div>
$sections
<footer>$footer</footer>
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Section:
    """One card of the page.

    Attributes:
        heading: What is shown.
        figure: A figure, or None.
        alt: What the figure shows, for readers who cannot see it; the heading if empty.
        caption: What the reader should see in it, in plain text.
        table: Rows of a two-column table.
        text: Preformatted text.
    """

    heading: str
    figure: Figure | None = None
    alt: str = ""
    caption: str = ""
    table: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def page(
    title: str,
    subtitle: str,
    *,
    numbers: Mapping[str, str],
    sections: Sequence[Section],
    footer: str = "",
    origin: str = "",
) -> str:
    """Lay out a report.

    Args:
        title: Title.
        subtitle: One line under it.
        numbers: Headline numbers, label -> value, both plain text.
        sections: What follows, in order.
        footer: Last line.
        origin: Digest of what the page was made from, kept in its head.

    Returns:
        A whole HTML document.

    Examples:
        >>> "A &amp; B" in page("A & B", "", numbers={}, sections=[])
        True
    """
    cards = "".join(
        f'<div class="number"><b>{escape(value)}</b><span>{escape(label)}</span></div>'
        for label, value in numbers.items()
    )
    return _PAGE.substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        numbers=cards,
        sections="\n".join(_section(section) for section in sections),
        footer=escape(footer),
        origin=escape(origin),
    )


def _section(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.heading)}</h2>"]
    if section.figure is not None:
        share = min(100.0, 100.0 * section.figure.get_figwidth() / FULL_WIDTH)
        parts.append(
            f'<figure><img alt="{escape(section.alt or section.heading)}" style="width: {share:.0f}%" '
            f'src="{_image(section.figure)}"><figcaption>{escape(section.caption)}</figcaption></figure>'
        )
    elif section.caption:
        parts.append(f"<p>{escape(section.caption)}</p>")
    if section.table:
        rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in section.table.items())
        parts.append(f"<table>{rows}</table>")
    if section.text:
        parts.append(f"<pre>{escape(section.text)}</pre>")
    return "".join(parts) + "</section>"


def _image(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
