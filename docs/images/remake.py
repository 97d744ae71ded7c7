"""Draw the README's picture anew, from a study that has run: `.venv/bin/python docs/images/remake.py`.

The picture brings its own background, so that it can be read on a light page and on a dark one.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from tuner.report.document import STYLE
from tuner.report.plots._view import View
from tuner.report.study import drawings
from tuner.study.study import open_study
from tuner.system.place import Place

MARGIN, TOP = 16.0, 68.0
LEGEND = (
    ('<circle r="4" style="fill:var(--c1)"/>', "ran to its end", 120),
    ('<circle r="3.4" style="fill:none;stroke:var(--null)"/>', "stopped early (▽: lies below)", 208),
    ('<text y="5" text-anchor="middle" style="fill:var(--best);font-size:15px">★</text>', "best", 62),
    ('<path d="M-11 0h22" stroke-width="2" stroke-dasharray="7 3" style="stroke:var(--c0)"/>', "baseline", 100),
    (
        '<path d="M-11 -5h22v10h-22z" style="fill:var(--null)" fill-opacity=".25"/>',
        "baseline under other seeds, mean ± 2 sd",
        0,
    ),
)


def picture(name: str, state: Path) -> str:
    """The search as an SVG file of its own."""
    view = View.of(open_study(Place.at(state), name))
    drawn = drawings.history(view, lambda trial: "")
    inner = re.sub(r"<title></title>", "", drawn[drawn.index(">") + 1 : drawn.rindex("</svg>")])
    width, height = 900 + 2 * MARGIN, 340 + TOP
    stopped, trials = len(view.pruned), len(view.pruned) + len(view.done)
    title = f"{name}: {trials} trials, {stopped} of them stopped early"
    at, keys = MARGIN + 20, []
    for mark, words, room in LEGEND:
        keys.append(f'<g transform="translate({at:g} 52)">{mark}<text x="18" y="4">{words}</text></g>')
        at += room + 18
    style = " ".join(rule for rule in STYLE.splitlines() if rule.strip()).replace(":root", "svg")
    rules = re.findall(r"svg \{ color-scheme.*?\}|@media \(prefers-color-scheme: dark\) \{.*?\} \}", style)
    rules += re.findall(r"svg \.(?:soft|halo|grid|axis) \{.*?\}", style)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{title}">'
        f"<title>{title}</title><style>{' '.join(rules)} text {{ font: 12px system-ui, sans-serif; fill: var(--ink) }}"
        "</style>"
        f'<rect width="{width:g}" height="{height:g}" rx="8" style="fill:var(--page)"/>'
        f'<text x="{MARGIN + 8}" y="30" style="font-size:16px;font-weight:600">{title}</text>{"".join(keys)}'
        f'<g transform="translate({MARGIN:g} {TOP:g})">{inner}</g></svg>\n'
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--study", default="quickstart")
    options.add_argument("--state", type=Path, default=Path("mlruns"))
    given = options.parse_args()
    Path(__file__).with_name("quickstart.svg").write_text(picture(given.study, given.state), encoding="utf-8")
