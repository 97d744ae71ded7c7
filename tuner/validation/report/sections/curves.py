"""How the arms learn."""

from __future__ import annotations

from tuner.report.document import Block, Figure, Heading
from tuner.validation.recommendation import NULL
from tuner.validation.report import figures
from tuner.validation.report.sections.source import Source, runs_of


def curves(s: Source) -> list[Block]:
    """How the baseline, the null arm and the plans learn; nothing where no run of the baseline completed."""
    w = s.words
    if s.records is None:
        return []
    candidates = s.plan.candidates
    plans = [*candidates[:3], *(["best"] if "best" in candidates[3:] else [])]
    styles = figures.styles([s.base, *plans], NULL)
    above, below, shown = [], [], {}
    titles = {"val/weighted_f1": w("curve_f1"), "val/cross_entropy": w("curve_ce")}
    script = s.plan.spec.command is not None
    for name in dict.fromkeys((s.plan.spec.objective, "val/cross_entropy") if script else titles):
        title = titles.get(name, name)
        absolute, relative = [], []
        for arm, (color, dash) in styles.items():
            runs, pairs = runs_of(s, arm, name)
            if len(runs):
                absolute.append(figures.Curve(arm, *figures.band(runs), color, dash))
                shown[arm] = absolute[-1]
            if arm != s.base and len(pairs):
                relative.append(figures.Curve(arm, *figures.band(pairs), color, dash))
        if not absolute:
            continue
        above.append(figures.curves(absolute, title, w("epoch")))
        if relative:
            below.append(figures.curves(relative, w("minus", metric=title), w("epoch"), zero=True))
    if not above:
        return []
    figure = Figure([*above, *below], w("curves_caption"), figures.legend(list(shown.values())))
    return [Heading(w("h_curves")), figure]
