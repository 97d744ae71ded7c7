"""A report as data, and its two forms: Markdown, and one HTML page that needs nothing else.

Texts carry Markdown's backticks and asterisks; figures are SVG and appear in HTML only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field


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


# Okabe and Ito 2008, Color Universal Design; lighter ones of the same hues on a dark page.
STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1c1f23; --soft: #5b636d; --line: #d9dde2; --panel: #f5f6f8;
  --c0: #000; --c1: #0072b2; --c2: #00805c; --c3: #b0498a; --c4: #b87400; --null: #80868e;
  --good: #00735a; --bad: #b84700; --same: #0068a3; --open: #5b636d; --more: #94397a; --band: #0072b21f;
  --best: #c24e00; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --ink: #e6e9ec; --soft: #a3abb5; --line: #353b43;
  --panel: #1e2228; --c0: #fff; --c1: #56b4e9; --c2: #2fc79a; --c3: #e79bc8; --c4: #f0b32f; --null: #8d959f;
  --good: #3fd0a4; --bad: #ff8f4d; --same: #6cc0f0; --open: #a3abb5; --more: #e79bc8; --band: #56b4e92e;
  --best: #ff8f4d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 8px 0 16px; }
h2 { font-size: 1.25rem; margin: 44px 0 12px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 24px 0 8px; }
p, ul { margin: 10px 0; } li { margin: 4px 0; } ul { padding-left: 22px; }
.lead { font-size: 1.12rem; font-weight: 600; padding: 14px 18px; background: var(--panel);
  border-left: 4px solid var(--same); border-radius: 4px; }
:lang(zh) em { font-style: normal; font-weight: 600; }
.lead code { font-weight: 600; padding: 0; }
.warning { padding: 10px 18px; background: var(--panel); border-left: 4px solid var(--bad); border-radius: 4px; }
.note, figcaption { color: var(--soft); font-size: .88rem; }
code { font: .88em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; background: var(--panel);
  padding: 1px 4px; border-radius: 3px; overflow-wrap: anywhere; }
pre { background: var(--panel); padding: 12px 14px; border-radius: 6px; white-space: pre-wrap; }
pre code { background: none; padding: 0; }
.table { margin: 12px 0; }
.table, .drawing { overflow-x: auto; background-repeat: no-repeat; background-attachment: local, local, scroll, scroll;
  background-size: 30px 100%, 30px 100%, 10px 100%, 10px 100%; background-position: left, right, left, right;
  background-image: linear-gradient(to right, var(--page) 40%, transparent),
  linear-gradient(to left, var(--page) 40%, transparent), linear-gradient(to right, var(--line), transparent),
  linear-gradient(to left, var(--line), transparent); }
table { border-collapse: collapse; font-size: .85rem; min-width: 100%; }
th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:hover { background: var(--panel); }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th.n { white-space: normal; } td:nth-child(2):not(.n) { min-width: 11em; }
th code, td code { white-space: nowrap; } td:last-child code { white-space: normal; }
.badge { display: inline-block; white-space: nowrap; font-weight: 600; font-size: .82rem; padding: 0 8px;
  border: 1px solid currentColor; border-radius: 10px; }
.good { color: var(--good); } .bad { color: var(--bad); } .same { color: var(--same); } .open { color: var(--open); }
.more { color: var(--more); }
figure { margin: 14px 0; }
.panels { display: grid; grid-template-columns: 1fr 1fr; gap: 10px 18px; }
.panels.many { grid-template-columns: repeat(auto-fit, minmax(min(280px, 100%), 1fr)); }
.single svg { min-width: 560px; }
svg { display: block; width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--ink); }
svg .soft { fill: var(--soft); font-size: 11px; } svg .mono { font-family: ui-monospace, Menlo, Consolas, monospace; }
svg .halo { font-size: 11px; paint-order: stroke; stroke: var(--page); stroke-width: 3px; }
details { margin: 14px 0; } summary { cursor: pointer; color: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: .7; } svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .mark { stroke: var(--soft); stroke-dasharray: 3 3; } svg .margin { fill: var(--band); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: .85rem; margin-bottom: 6px; }
.legend svg { display: inline-block; width: 30px; height: 10px; margin-right: 6px; vertical-align: middle; }
@media (max-width: 700px) { .panels { grid-template-columns: 1fr; } }
@media (max-width: 600px) { main { padding: 12px 14px 40px; } h1 { font-size: 1.4rem; } .lead { font-size: 1rem; } }
@media (max-width: 600px) { .cards thead { display: none; } .cards tr { display: block; padding: 8px 0;
    border-bottom: 1px solid var(--line); } .cards td { display: block; border: 0; padding: 1px 0; min-width: 0; }
  .cards td:first-child { font-size: .95rem; } .cards td:empty { display: none; } .cards td.n { white-space: normal; }
  .cards td[data-label]:not(:empty) { display: flex; justify-content: space-between; gap: 14px; text-align: right; }
  .cards td[data-label]::before { content: attr(data-label); color: var(--soft); text-align: left; } }
@media print { h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""
