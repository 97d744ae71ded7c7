"""What all plots share: a study read once, with a colour and a name for every trial that stands out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.objective import Objective
from tuner.storage.record import Replicates, StudyRecord, TrialRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

    from tuner.spec.model import Spec
    from tuner.spec.sections import Range
    from tuner.study.study import Study

# Okabe and Ito 2008, Color Universal Design; their yellow is too light for lines on white.
BEST, BASELINE, GREY, INK = "#D55E00", "#000000", "#9a9a9a", "#333333"
DONE = "#0072B2"
PLANS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("--", "-.", ":")
"""Plans differ by dashes as well as by colour."""

WORDS = {
    "val/weighted_f1": "weighted F1",
    "val/macro_f1": "macro F1",
    "val/accuracy": "accuracy",
    "val/cross_entropy": "cross-entropy",
    "val/mse": "mean squared error",
    "val/mae": "mean absolute error",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a trial that stands out is drawn."""

    label: str
    color: str
    dash: Any = "-"
    width: float = 1.8


@dataclass(frozen=True, slots=True)
class View:
    """A study at one moment, as the plots need it."""

    spec: Spec
    objective: Objective
    done: list[FrozenTrial]
    """completed trials with a finite value, by number"""
    pruned: list[FrozenTrial]
    """pruned trials, by number; those that diverged among them"""
    replicates: Replicates
    """the baseline under other seeds"""

    @classmethod
    def of(cls, study: Study) -> View:
        """Read the storage once; trials that wait, run or failed have nothing to show."""
        trials = sorted(study.optuna.get_trials(deepcopy=False), key=lambda t: t.number)
        return cls(
            study.spec,
            study.spec.goal,
            [t for t in trials if t.state.name == "COMPLETE" and t.value is not None and math.isfinite(t.value)],
            [t for t in trials if t.state.name == "PRUNED"],
            StudyRecord.of(study.optuna).replicates or Replicates(),
        )

    @property
    def maximize(self) -> bool:
        """Whether larger is better."""
        return self.objective.direction == "maximize"

    @property
    def comparable(self) -> bool:
        """Whether at least two completed trials differ: below that there is nothing to compare."""
        return len({t.value for t in self.done}) > 1

    @property
    def best(self) -> FrozenTrial | None:
        """The best completed trial, the earliest one of equals."""
        pick = max if self.maximize else min
        return pick(self.done, key=lambda t: t.value or 0.0, default=None)

    @property
    def baseline(self) -> FrozenTrial | None:
        """The baseline's trial, where it completed."""
        return next((t for t in self.done if TrialRecord.of(t).is_baseline), None)

    def value(self, trial: FrozenTrial) -> float:
        """The value of a completed trial, the best value so far of a pruned one; nan where it reported none."""
        if trial.state.name == "COMPLETE" and trial.value is not None:
            return trial.value
        reported = [v for v in trial.intermediate_values.values() if math.isfinite(v)]
        return (max if self.maximize else min)(reported, default=math.nan)

    def ticks(self, name: str) -> list[float]:
        """A few round values in the range of a searched number."""
        return ticks(self.spec.knobs[name], self.spec.vocabulary.knobs[name].kind == "int")

    def words(self, metric: str | None = None) -> str:
        """A metric in plain words; the objective by default."""
        metric = metric or self.objective.metric
        return f"{WORDS.get(metric, metric)} on validation"

    def plan_style(self, name: str) -> Style:
        """The style of the baseline or of a plan."""
        if name == "baseline":
            return Style("baseline", BASELINE, (0, (5, 1.5)))
        at = list(self.spec.plans or {}).index(name) if name in (self.spec.plans or {}) else 0
        return Style(f"plan {name}", PLANS[at % len(PLANS)], DASHES[at % len(DASHES)])

    def styles(self) -> dict[int, Style]:
        """Trials that stand out, by number: the baseline, the plans and, drawn last, the best one."""
        found = {t.number: self.plan_style(TrialRecord.of(t).plan or "") for t in self.standing_out()}
        if self.best is not None:
            also = found.pop(self.best.number, None)
            name = f"best: trial {self.best.number}" + (f", the {also.label}" if also else "")
            found[self.best.number] = Style(name, BEST, "-", 2.4)
        return found

    def standing_out(self) -> list[FrozenTrial]:
        """The baseline and the plans, whether they completed or diverged."""
        return sorted((t for t in self.done + self.pruned if TrialRecord.of(t).plan), key=lambda t: t.number)

    def limits(self) -> tuple[float, float]:
        """Axis limits for the objective, in which the completed trials that are no outliers fill the axis.

        Trials pruned at the first rung lie so far off that the rest would shrink to a line; they are drawn at the edge.
        """
        values = sorted(self.value(t) for t in self.done)
        sign = 1.0 if self.maximize else -1.0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        fence = (low if self.maximize else high) - sign * 3.0 * max(high - low, 1e-3 * abs(high))
        kept = [v for v in values if sign * v >= sign * fence]
        kept += [self.value(t) for t in self.standing_out() if t in self.done]
        if band := self.replicates.spread():
            kept += [band.mean - 2 * band.std, band.mean + 2 * band.std]
        pad = 0.08 * (max(kept) - min(kept)) or 0.01
        return min(kept) - pad, max(kept) + pad


def figure(width: float, height: float) -> Figure:
    """An empty figure whose parts keep out of each other's way."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def tidy(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Labels, a faint grid, no box."""
    ax.set_xlabel(xlabel, fontsize=10)
    ax.set_ylabel(ylabel, fontsize=10)
    ax.tick_params(labelsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e8e8e8", linewidth=0.7)
    ax.set_axisbelow(True)


def headline(fig: Figure, title: str, below: str = "") -> None:
    """Title, and a line below it."""
    fig.suptitle(title + (f"\n{below}" if below else ""), fontsize=12)


def whole_numbers(axis: Any) -> None:
    """Ticks of a count: round and whole."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True))


def key(fig: Figure, handles: Sequence[Any], columns: int = 4) -> None:
    """A legend below all panels, where it hides no data."""
    fig.legend(handles=list(handles), loc="outside lower center", ncols=columns, fontsize=9, frameon=False)


def number(value: float) -> str:
    """A value for a title or a tick."""
    return f"{value:.4g}"


def ticks(rng: Range, whole: bool) -> list[float]:
    """A few round values in a number's range, on the scale on which it is searched; whole: of whole numbers."""
    from matplotlib.ticker import MaxNLocator

    assert rng.low is not None and rng.high is not None
    if not rng.log:
        found = MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole).tick_values(rng.low, rng.high)
        slack = 1e-9 * (rng.high - rng.low)
        return [float(v) for v in found if rng.low - slack <= v <= rng.high + slack]
    decades = range(math.floor(math.log10(rng.low)), math.ceil(math.log10(rng.high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [float(f"{step}e{k}") for k in decades for step in steps]
        inside = [v for v in values if rng.low * (1 - 1e-9) <= v <= rng.high * (1 + 1e-9)]
        if len(inside) <= 5:
            break
    # Two decades or more apart, or none inside a narrow range.
    return inside[:: 1 + len(inside) // 6] if len(inside) > 1 else [rng.low, rng.high]


def clip(value: float, limits: tuple[float, float]) -> tuple[float, str]:
    """Where to draw a value, and its marker: a triangle at the edge where it lies outside."""
    inset = 0.025 * (limits[1] - limits[0])
    if value < limits[0] + inset:
        return limits[0] + inset, "v"
    if value > limits[1] - inset:
        return limits[1] - inset, "^"
    return value, "o"


def hollow(ax: Axes, points: Sequence[tuple[float, float]], limits: tuple[float, float]) -> None:
    """Pruned trials: small hollow grey marks, triangles where they lie beyond the axis."""
    placed = [(x, *clip(y, limits)) for x, y in points if math.isfinite(y)]
    for marker in ("o", "v", "^"):
        xy = [(x, y) for x, y, m in placed if m == marker]
        if xy:
            ax.scatter(
                [x for x, _ in xy],
                [y for _, y in xy],
                s=18,
                marker=marker,
                facecolors="none",
                edgecolors=GREY,
                linewidths=0.9,
            )


def noise(ax: Axes, view: View) -> list[Any]:
    """Shade the range in which the baseline falls by chance; returns its legend entry, where there is such a range."""
    from matplotlib.patches import Patch

    band = view.replicates.spread()
    if band is None:
        return []
    ax.axhspan(band.mean - 2 * band.std, band.mean + 2 * band.std, color=BASELINE, alpha=0.08, linewidth=0, zorder=0)
    label = f"baseline under {len(view.replicates.values)} other seeds: mean ± 2 sd"
    return [Patch(color=BASELINE, alpha=0.08, linewidth=0, label=label)]


def dot(label: str, color: str, marker: str = "o", *, filled: bool = True, size: float = 6) -> Any:
    """A legend entry for a mark."""
    from matplotlib.lines import Line2D

    face = color if filled else "none"
    return Line2D([], [], linestyle="", marker=marker, color=color, markerfacecolor=face, markersize=size, label=label)


def stroke(style: Style) -> Any:
    """A legend entry for a line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=style.color, linestyle=style.dash, linewidth=style.width, label=style.label)
