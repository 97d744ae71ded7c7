"""The best config beside the baseline, and the verdict on it, as a table for a paper (booktabs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_SAYS = {
    "better": "is better",
    "worse": "is worse",
    "equivalent": "is equivalent within the margin",
    "inconclusive": "cannot be told from the baseline",
}


def as_latex(
    study: str, baseline: Mapping[str, Any], best: Mapping[str, Any], judged: Mapping[str, Any] | None = None
) -> str:
    """A `table` environment with a row a knob that differs or is searched.

    baseline, best: knobs by name; judged: what a validation said of `best`, as the export's provenance has it.
    """
    rows = [
        f"    {escape(name)} & {escape(_shown(baseline.get(name)))} & {escape(_shown(value))} \\\\"
        for name, value in best.items()
    ]
    return "\n".join(
        [
            "% \\usepackage{booktabs}",
            "\\begin{table}",
            "  \\centering",
            f"  \\caption{{Loss knobs of {escape(study)}. {_verdict(judged)}}}",
            "  \\begin{tabular}{lrr}",
            "    \\toprule",
            "    knob & baseline & exported \\\\",
            "    \\midrule",
            *rows,
            "    \\bottomrule",
            "  \\end{tabular}",
            "\\end{table}",
            "",
        ]
    )


def _verdict(judged: Mapping[str, Any] | None) -> str:
    if not judged:
        return "No validation has compared the two."
    difference, ci, seeds = judged["difference"], judged["ci"], judged["seeds"]
    interval = f"[{_signed(ci[0])}, {_signed(ci[1])}]" if None not in ci else "of unbounded width"
    says = _SAYS.get(judged["verdict"], escape(str(judged["verdict"])))
    metric = escape(str(judged["metric"]).replace("_", " "))
    return f"Over {seeds} paired seeds the exported config {says}: {metric} {_signed(difference)} {interval}."


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in text if character.isprintable())


def _shown(value: Any) -> str:
    return "--" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _signed(value: float | None) -> str:
    return "--" if value is None else f"${value:+.4f}$"
