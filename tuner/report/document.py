"""A report as data, and its two forms: Markdown, and one HTML page that needs nothing else.

Texts carry Markdown's backticks and asterisks; figures are SVG and appear in HTML only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; kind: `lead` (the verdict), `note`, `warning` or plain."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    texts: list[str]


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict in a table: worded, and coloured by `tone` (a class of the style sheet)."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `left` columns are words, the others numbers."""

    head: list[str]
    rows: list[list[str | Badge]]
    left: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Figure:
    """Drawings side by side, with a legend above and a caption below."""

    drawings: list[str]
    caption: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """A command, or a file."""

    text: str
    language: str = "sh"


WIDE = 4
"""Columns above which a table does not fit on a phone."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What one opens only to look something up."""

    title: str
    blocks: list[Heading | Text | Items | Table | Figure | Code]


Block = Heading | Text | Items | Table | Figure | Code | Fold


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    lang: str
    blocks: list[Block] = field(default_factory=list)

    def markdown(self) -> str:
        """As Markdown, without figures."""
        lines = [f"# {self.title}", ""]
        for block in self.blocks:
            lines += [*_markdown(block), ""] if not isinstance(block, Figure) else []
        return "\n".join(lines)

    def html(self) -> str:
        """As a page of its own."""
        lang = {"zh": "zh-CN"}.get(self.lang, self.lang)
        return (
            f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
            f"<h1>{html.escape(self.title)}</h1>\n" + fragment(self.blocks) + "\n</main>\n</body>\n</html>\n"
        )


def fragment(blocks: Sequence[Block]) -> str:
    """Blocks as a part of somebody else's page, a notebook say, in its style."""
    return "\n".join(map(_html, blocks))


def _markdown(block: Block) -> list[str]:
    if isinstance(block, Heading):
        return [f"{'#' * block.level} {block.text}"]
    if isinstance(block, Text):
        return [f"**{block.text}**" if block.kind in ("lead", "warning") else block.text]
    if isinstance(block, Items):
        return [f"- {text}" for text in block.texts]
    if isinstance(block, Table):
        rule = [":---" if i in block.left else "---:" for i in range(len(block.head))]
        rows = [[c.text if isinstance(c, Badge) else c for c in row] for row in block.rows]
        escaped = [[c.replace("|", "\\|") for c in row] for row in [block.head, rule, *rows]]
        return ["| " + " | ".join(row) + " |" for row in escaped]
    if isinstance(block, Code):
        return [f"```{block.language}", block.text, "```"]
    if isinstance(block, Fold):
        return [f"### {block.title}", *(line for inner in block.blocks for line in ("", *_markdown(inner)))]
    return []


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_inline(block.text)}</h{block.level}>"
    if isinstance(block, Text):
        return f'<p class="{block.kind}">{_inline(block.text)}</p>' if block.kind else f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Items):
        return "<ul>" + "".join(f"<li>{_inline(text)}</li>" for text in block.texts) + "</ul>"
    if isinstance(block, Code):
        return f"<pre><code>{html.escape(block.text)}</code></pre>"
    if isinstance(block, Fold):
        inner = "\n".join(map(_html, block.blocks))
        return f"<details><summary>{_inline(block.title)}</summary>\n{inner}\n</details>"
    if isinstance(block, Figure):
        drawn = "".join(f'<div class="drawing">{d}</div>' for d in block.drawings)
        kind = "single" if len(block.drawings) == 1 else "panels" if len(block.drawings) < 5 else "panels many"
        caption = f"<figcaption>{_inline(block.caption)}</figcaption>"
        return f'<figure>{block.legend}<div class="{kind}">{drawn}</div>{caption}</figure>'

    cards = len(block.head) > WIDE

    def cell(i: int, value: str | Badge, tag: str) -> str:
        inner = f'<span class="badge {value.tone}">{html.escape(value.text)}</span>' if isinstance(value, Badge) else ""
        text = inner or _inline(str(value))
        kind = "" if i in block.left else ' class="n"'
        # On a phone a row of many cells becomes a card, whose cells say which column they are of.
        label = f' data-label="{html.escape(_plain(block.head[i]), quote=True)}"' if tag == "td" and cards and i else ""
        return f"<{tag}{kind}{label}>{text}</{tag}>"

    head = "".join(cell(i, c, "th") for i, c in enumerate(block.head))
    rows = "".join("<tr>" + "".join(cell(i, c, "td") for i, c in enumerate(row)) + "</tr>\n" for row in block.rows)
    kind = "table cards" if cards else "table"
    return f'<div class="{kind}"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>'


def _plain(text: str) -> str:
    return re.sub(r"[`*]", "", text)


def _inline(text: str) -> str:
    """Backticks and asterisks as HTML."""
    parts = re.split(r"`([^`]*)`", text)
    for i, part in enumerate(parts):
        safe = html.escape(part)
        parts[i] = f"<code>{safe}</code>" if i % 2 else re.sub(r"\*([^*]+)\*", r"<em>\1</em>", safe)
    return "".join(parts)


# The colours are those of Okabe and Ito 2008, Color Universal Design; lighter ones of the same hues on a dark page.
STYLE = "\n" + resources.files("tuner.report").joinpath("document.css").read_text(encoding="utf-8")
