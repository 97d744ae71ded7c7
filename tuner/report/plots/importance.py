"""Which knobs decided whether a trial was among the best."""

from __future__ import annotations

import math
import random
import textwrap
import warnings
from typing import TYPE_CHECKING

from tuner.report.plots._view import DONE, INK, View, figure, headline, key, tidy
from tuner.storage.record import TrialRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

TOP = 0.25
"""Share of the trials that counts as good. Optuna's 0.1 would leave two or three of them in a study of 25."""
FEWEST = 12
"""Below three trials at the top, the density that the measure rests on is a guess."""
SHUFFLES = 40
CHANCE = 0.95
"""Share of the shuffles that a knob has to beat."""


def draw(view: View) -> Figure | None:
    """Importance by knob beside what chance alone gives; None with too few trials or a single searched knob."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    trials = counted(view)
    if not view.comparable or len(trials) < FEWEST or len({name for t in trials for name in t.params}) < 2:
        return None
    found, chance = importances(view, trials)
    if not any(found.values()):
        return None
    order = sorted(found, key=lambda name: found[name])
    beyond = [name for name in reversed(order) if found[name] > chance[name]]
    fig = figure(8.0, 2.3 + 0.36 * len(order))
    ax = fig.subplots()
    colors = [DONE if name in beyond else "#c4c4c4" for name in order]
    ax.barh(order, [found[name] for name in order], height=0.62, color=colors)
    # Few trials let chance alone reach far; such a mark is left out rather than the bars made small.
    right = 1.15 * max(found.values())
    marks = [name for name in order if chance[name] <= right]
    ax.plot([chance[n] for n in marks], marks, linestyle="", marker="|", markersize=17, markeredgewidth=2.2, color=INK)
    tidy(ax, "share of the importance of all knobs", "")
    ax.grid(axis="y", visible=False)
    ax.set_xlim(0, right)
    mark = Line2D([], [], linestyle="", marker="|", markersize=12, markeredgewidth=2.2, color=INK)
    mark.set_label(f"{CHANCE:.0%} of shuffled results stay below")
    bars = [Patch(color=DONE, label="more than chance")] if beyond else []
    if len(beyond) < len(order):
        bars.append(Patch(color="#c4c4c4", label="no more than chance gives"))
    key(fig, [*bars, mark] if marks else bars, 3)
    conditional = [name for name in reversed(order) if any(name not in t.params for t in trials)]
    note = f"Where the best quarter of {len(trials)} trials lies, against all of them (PED-ANOVA)"
    if conditional:
        note += "\n" + textwrap.fill(f"Among the trials that have the knob: {', '.join(conditional)}", 75)
    ax.set_title(note, fontsize=9, color=INK)
    headline(fig, f"What sets good trials apart: {', '.join(beyond[:2])}" if beyond else "No knob stands out yet")
    return fig


def counted(view: View) -> list[FrozenTrial]:
    """Completed and pruned trials with a value; not those plans that also differ in a knob that is not searched."""
    trials = [t for t in view.done + view.pruned if math.isfinite(view.value(t)) and t.params]
    return [t for t in trials if not TrialRecord.of(t).overrides]


def importances(view: View, trials: list[FrozenTrial]) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of importance by knob, and on the same scale what CHANCE of the shuffled results stay below.

    PED-ANOVA (Watanabe et al. 2023) rather than fANOVA. It compares where the best trials lie with where all lie,
    so it needs no surrogate, has no seed, does not take the sampler's favourite region for an effect, and follows
    conditional knobs (arXiv:2601.20800). It reads no values beyond who is among the best, so a pruned trial counts
    as what it is, one of the rest, where a regression on values after 2 and after 30 epochs would mix the two.
    """
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator

    sign = -1.0 if view.maximize else 1.0
    # Optuna looks at completed trials only; a copy in memory takes the pruned ones in at their best value.
    copy = optuna.create_study(direction="minimize")
    own = [sign * view.value(t) for t in trials]
    for t, value in zip(trials, own, strict=True):
        copy.add_trial(optuna.trial.create_trial(params=t.params, distributions=t.distributions, value=value))
    knobs = sorted({name for t in trials for name in t.params})
    evaluator = PedAnovaImportanceEvaluator(target_quantile=TOP)

    def measure(values: list[float]) -> dict[str, float]:
        with warnings.catch_warnings():
            # It warns that `target` is minimised, which is meant; of knobs that fewer than two trials have or lack;
            # and where so many trials share the best value that the top is all of them, which gives 0.
            for text in ("PedAnovaImportanceEvaluator computes", "Some regimes", "Target and region quantiles"):
                warnings.filterwarnings("ignore", text, UserWarning)
            return evaluator.evaluate(copy, knobs, target=lambda t: values[t.number])

    found = measure(own)
    generator = random.Random(0)
    shuffled = [measure(generator.sample(own, len(own))) for _ in range(SHUFFLES)]
    total = math.fsum(found.values()) or 1.0
    at = math.ceil(CHANCE * SHUFFLES) - 1
    return (
        {name: float(found[name]) / total for name in knobs},
        {name: sorted(float(s[name]) for s in shuffled)[at] / total for name in knobs},
    )
