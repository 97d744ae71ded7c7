"""The parts of a report, each from the result (`validate --json`), the plan and the records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuner import provenance
from tuner.validate import measures
from tuner.validate.blocks import Plan
from tuner.validate.recommendation import NULL
from tuner.validate.report import figures
from tuner.validate.report.document import Badge, Block, Code, Figure, Heading, Items, Table, Text
from tuner.validate.report.strings import METRICS, Words

TONES = {
    "better": "good",
    "supported": "good",
    "worse": "bad",
    "refuted": "bad",
    "equivalent": "same",
    "more than claimed": "more",
}
"""Verdicts to classes of the style sheet; the rest is `open`."""
OVERVIEW = ("speed", "stability", "final_performance", "training_loss", "training_fluctuation")
"""Rows of the document's table 1.2."""
FALL = ("training_loss", "training_fluctuation")
"""Those that the document signs as they fall."""
AT = "training_loss@"
ORDER = ("better", "worse", "equivalent", "inconclusive")
CLAIM_ORDER = ("supported", "refuted", "more than claimed", "not shown")


@dataclass(frozen=True, slots=True)
class Source:
    """What every section is made from."""

    result: Mapping[str, Any]
    plan: Plan
    records: Mapping[str, Sequence[Mapping[str, Any]]] | None
    words: Words

    @property
    def base(self) -> str:
        """The baseline's name."""
        return next(iter(self.plan.arms))

    @property
    def sign(self) -> float:
        """-1 where a lower primary metric is better."""
        return 1.0 if measures.metric(self.plan.primary).higher_is_better else -1.0

    @property
    def margin(self) -> str:
        """As shown."""
        return f"{self.plan.margin:g}"

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Comparisons of all but the null arm."""
        return [c for c in self.result["comparisons"] if c["candidate"] != NULL]

    @property
    def null(self) -> dict[str, Any]:
        """The null arm's comparison."""
        return next(c for c in self.result["comparisons"] if c["candidate"] == NULL)

    def badge(self, verdict: str) -> Badge:
        """A verdict, worded and coloured."""
        return Badge(self.words(verdict), TONES.get(verdict, "open"))


def sentence(result: Mapping[str, Any], candidate: str, words: Words) -> str:
    """The verdict on one arm in a sentence."""
    c = next(c for c in result["comparisons"] if c["candidate"] == candidate)
    what = words(f"is {c['verdict']}", candidate=candidate, baseline=c["baseline"], margin=f"{result['margin']:g}")
    lo, hi = ends(c["ci"])
    metric = words.metric(c["metric"])
    text = words("sentence", what=what, metric=metric, difference=signed(c["difference"]), lo=signed(lo), hi=signed(hi))
    if c["verdict"] == "inconclusive" and c["seeds_needed"]:
        text += words("would decide", seeds=c["seeds_needed"])
    return text


def headline(s: Source) -> list[Block]:
    """The verdict, what noise does, what was compared."""
    w, found = s.words, s.candidates
    if len(found) == 1:
        lead = sentence(s.result, found[0]["candidate"], w) + ("。" if w.lang == "zh" else ".")
    else:
        groups = {v: [f"`{c['candidate']}`" for c in found if c["verdict"] == v] for v in ORDER}
        parts = [] if groups["better"] else [w("none better", baseline=s.base)]
        for verdict, names in groups.items():
            if names:
                parts.append(w(f"all {verdict}", names=w.join(names), baseline=s.base, margin=s.margin))
        lead = w("headline", seeds=s.result["seeds"], parts=w("separator").join(parts))
    if s.result["claims"]:
        counts = Counter(claim_verdict(c) for c in s.result["claims"])
        told = [w("count", n=counts[v], verdict=w(v)) for v in CLAIM_ORDER if counts[v]]
        lead += ("" if w.lang == "zh" else " ") + w("headline_claims", all=len(s.result["claims"]), counts=w.join(told))
    null, epochs = s.null, s.plan.spec.training.epochs
    said = {"baseline": s.base, "difference": signed(null["difference"])}
    said |= {"lo": signed(ends(null["ci"])[0]), "hi": signed(ends(null["ci"])[1]), "verdict": w(null["verdict"])}
    alarm = null["verdict"] in ("better", "worse")
    facts = w("facts", seeds=s.result["seeds"], epochs=epochs, metric=w.metric(s.plan.primary), margin=s.margin)
    return [
        Text(lead, "lead"),
        Text(facts),
        Text(w("null_alarm" if alarm else "null_quiet", **said), "warning" if alarm else ""),
    ]


def claim_verdict(claim: Mapping[str, Any]) -> str:
    """The verdict on a claim, with `more than claimed` told apart from other claims that are not shown."""
    beyond = claim["ci"] is not None and claim["ci"][0] > claim["claimed"][1]
    return "more than claimed" if claim["verdict"] == "not shown" and beyond else str(claim["verdict"])


def claims(s: Source) -> list[Block]:
    """Every claim: claimed, naive, measured, noise, verdict."""
    w = s.words
    if not s.result["claims"]:
        return []
    keys = ("claim", "metric", "claimed", "naive", "measured", "ci", "noise", "verdict")
    rows: list[list[str | Badge]] = []
    for c in s.result["claims"]:
        name = f"`{c['id']}`"
        if c["baseline"] != s.base:
            name += f" ({w('versus', candidate=c['candidate'], baseline=c['baseline'])})"
        figures_ = [percent(c["naive"]), percent(c["measured"]), percents(c["ci"]), percent(c["null"])]
        rows.append([name, w.metric(c["metric"]), percents(c["claimed"]), *figures_, s.badge(claim_verdict(c))])
    blocks: list[Block] = [Heading(w("h_claims")), Table([w(k) for k in keys], rows, frozenset({0, 1, 7}))]
    blocks += [Text(w("claims_note"), "note"), Text(w("claims_verdicts"), "note")]
    epochs = s.plan.spec.training.epochs
    if any(epoch_of(c) > epochs for c in s.result["claims"]):
        blocks.append(Text(w("beyond_budget", epochs=epochs), "note"))
    if any(c["measured"] is None for c in s.result["claims"]):
        blocks.append(Text(w("undefined"), "note"))
    return blocks


def epoch_of(claim: Mapping[str, Any]) -> int:
    """The epoch of a claim on a loss at an epoch, else 0."""
    return int(claim["metric"].removeprefix(AT)) if claim["metric"].startswith(AT) else 0


def forest(s: Source) -> list[Block]:
    """Differences from the baseline, drawn and as a table."""
    w = s.words

    def bar(c: Mapping[str, Any], tone: str) -> figures.Bar:
        lo, hi = ends(c["ci"])
        return figures.Bar(
            c["candidate"], c["difference"], lo, hi, tone, f"{signed(c['difference'])}  {w(c['verdict'])}"
        )

    bars = [bar(c, TONES.get(c["verdict"], "open")) for c in s.candidates]
    null = bar(s.null, "null")
    caption = w("forest_caption", baseline=s.base, margin=s.margin)
    caption += f" *{w.metric(s.plan.primary)}{w('colon')}{w('higher' if s.sign > 0 else 'lower')}*"
    if figures.clips([*bars, null], figures.reach([*bars, null], s.plan.margin)):
        caption += " " + w("clipped")
    rows: list[list[str | Badge]] = []
    for c in s.result["comparisons"]:
        needed = "" if c["seeds_needed"] is None else str(c["seeds_needed"])
        cells = [f"`{c['candidate']}`", signed(c["difference"]), interval(c["ci"]), p_value(c["p"])]
        cells += [p_value(c["p_holm"]) if c["candidate"] != NULL else "", f"{c['probability_better']:.2f}"]
        smallest = "" if c["smallest_effect"] is None else f"{c['smallest_effect']:.4f}"
        rows.append([*cells, smallest, needed, s.badge(c["verdict"])])
    keys = ("candidate", "difference", "ci", "p", "p_holm", "probability", "smallest", "needed", "verdict")
    head = ["p" if key == "p" else w(key) for key in keys]
    return [
        Heading(w("h_forest")),
        Figure([figures.forest(bars, null, s.plan.margin, w("h_forest"))], caption),
        Table(head, rows, frozenset({0, 8})),
        Text(w("forest_note"), "note"),
    ]


def curves(s: Source) -> list[Block]:
    """How the baseline, the null arm and the plans learn; nothing where no run of the baseline completed."""
    w = s.words
    if s.records is None:
        return []
    candidates = s.plan.candidates
    plans = [*candidates[:3], *(["best"] if "best" in candidates[3:] else [])]
    colors = {s.base: "--c0", **{name: f"--c{i}" for i, name in enumerate(plans, 1)}, NULL: "--null"}
    dashes = dict(zip(colors, (*figures.DASHES[: len(colors) - 1], "3 3"), strict=True))
    above, below, shown = [], [], {}
    for name, title in (("val/weighted_f1", w("curve_f1")), ("val/cross_entropy", w("curve_ce"))):
        absolute, relative = [], []
        for arm, color in colors.items():
            runs, pairs = _runs(s, arm, name)
            if len(runs):
                absolute.append(figures.Curve(arm, *figures.band(runs), color, dashes[arm]))
                shown[arm] = absolute[-1]
            if arm != s.base and len(pairs):
                relative.append(figures.Curve(arm, *figures.band(pairs), color, dashes[arm]))
        if not absolute:
            return []
        above.append(figures.curves(absolute, title, w("epoch")))
        if relative:
            below.append(figures.curves(relative, w("minus", metric=title), w("epoch"), zero=True))
    figure = Figure([*above, *below], w("curves_caption"), figures.legend(list(shown.values())))
    return [Heading(w("h_curves")), figure]


def _runs(s: Source, arm: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Curves of the completed runs (seeds, epochs), and their differences from the baseline of the same seed."""
    assert s.records is not None
    own = [_curve(r, name) for r in s.records[arm] if r["state"] == "complete"]
    both = [
        _curve(r, name) - _curve(b, name)
        for r, b in zip(s.records[arm], s.records[s.base], strict=True)
        if r["state"] == b["state"] == "complete"
    ]
    return np.array(own), np.array(both)


def _curve(record: Mapping[str, Any], name: str) -> np.ndarray:
    return np.array([math.nan if v is None else v for v in record["curves"][name]], dtype=float)


def document(s: Source) -> list[Block]:
    """The document's tables 1.2 and 3.2, for those arms of which it claims a training loss."""
    w = s.words
    stated: dict[tuple[str, str], Mapping[str, Any]] = {}
    for c in s.result["claims"]:  # the first of several: claims by phase repeat some of a plan's
        if c["baseline"] == s.base:
            stated.setdefault((c["candidate"], c["metric"]), c)
    arms = list(dict.fromkeys(arm for arm, metric in stated if metric == "training_loss"))
    blocks: list[Block] = []
    if arms:
        head = [w("indicator")]
        for arm in arms:
            head += [w("d_claimed", arm=f"`{arm}`"), w("d_naive"), w("d_measured"), w("verdict")]
        rows: list[list[str | Badge]] = []
        for metric in OVERVIEW:
            row: list[str | Badge] = [METRICS[w.lang][f"row_{metric}"]]
            for arm in arms:
                row += _overview_cells(s, stated.get((arm, metric)), metric)
            rows.append(row)
        left = frozenset({0, *range(4, 4 * len(arms) + 1, 4)})
        blocks += [Heading(w("h_overview"), 3), Table(head, rows, left), Text(w("signs_note"), "note")]
    blocks += _losses(s, stated)
    return [Heading(w("h_document")), *blocks] if blocks else []


def _overview_cells(s: Source, claim: Mapping[str, Any] | None, metric: str) -> list[str | Badge]:
    if claim is None:
        return ["", "", "", ""]
    sign = -1.0 if metric in FALL else 1.0
    claimed = percents(sorted(sign * end for end in claim["claimed"]))
    return [claimed, _times(sign, claim["naive"]), _times(sign, claim["measured"]), s.badge(claim_verdict(claim))]


def _times(sign: float, value: float | None) -> str:
    return percent(None if value is None else sign * value)


def _losses(s: Source, stated: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Block]:
    w, budget = s.words, s.plan.spec.training.epochs
    epochs = sorted({epoch_of(c) for c in stated.values()} - {0})
    arms = list(dict.fromkeys(arm for arm, metric in stated if metric.startswith(AT)))
    if s.records is None or not epochs or not any(_runs(s, s.base, "weighted/total")[0].size for _ in epochs):
        return []
    rows: list[list[str | Badge]] = []
    for epoch in (e for e in epochs if e <= budget):
        for arm in [s.base, *arms]:
            totals, losses = (_runs(s, arm, name)[0] for name in ("weighted/total", "train/cross_entropy"))
            claim = stated.get((arm, f"{AT}{epoch}"))
            values = [f"{r[:, epoch - 1].mean():.3f}" if r.size else "" for r in (totals, losses)]
            claimed, naive, measured = "", "", ""
            if claim is not None:
                claimed = percents(sorted(-end for end in claim["claimed"]))
                naive, measured = _times(-1.0, claim["naive"]), _times(-1.0, claim["measured"])
            first = f"{epoch}" if arm == s.base else ""
            rows.append([first, f"`{arm}`", claimed, values[0], naive, values[1], measured])
    keys = ("epoch", "arm", "d_change", "d_total", "d_total_change", "d_ce", "d_ce_change")
    blocks: list[Block] = [Heading(w("h_losses"), 3)]
    if rows:
        blocks.append(Table([w(key) for key in keys], rows, frozenset({0, 1})))
    missing = [str(epoch) for epoch in epochs if epoch > budget]
    note = w("losses_note")
    if missing:
        note += ("" if w.lang == "zh" else " ") + w("unreached", epochs=budget, missing=w.join(missing))
    return [*blocks, Text(note, "note")]


def dose_response(s: Source) -> list[Block]:
    """The curve over doses, and in a sentence which of them will do."""
    w, found = s.words, s.result["dose_response"]
    if not found:
        return []
    best = next(d for d in found if d["best"])
    knob = _knob(s.plan)
    named = [s.base, *s.plan.candidates]
    marked = [d for d in found if d["arm"] in named]
    within = w.join([f"{d['dose']:g}" for d in found if d["within_margin"]])
    worse = [f"{d['dose']:g}" for d in found if d["clearly_worse"]]
    said = [w("dose_sentence", margin=s.margin, knob=knob, best=f"{best['dose']:g}", within=within)]
    said.append(w("dose_beyond", worse=w.join(worse)) if worse else w("dose_none_worse"))
    for d in marked:
        inside = "dose_inside" if d["within_margin"] else "dose_outside"
        said.append(w(inside, dose=f"{d['dose']:g}", arm=d["arm"], difference=signed(d["difference"])))
    blocks: list[Block] = [Heading(w("h_dose")), Text(("" if w.lang == "zh" else " ").join(said))]
    if found[0]["dose"] >= 0 and found[-1]["dose"] > 0:
        points = []
        for d in found:
            lo, hi = d["difference_ci"]
            tone = "--good" if d["best"] else "--same" if d["within_margin"] else "--bad"
            tone = tone if d["within_margin"] or d["clearly_worse"] else "--open"
            points.append((d["dose"], figures.Bar(d["arm"], d["difference"], lo, hi, tone)))
        label = f"{w('dose_axis')}{w('colon')}{w.metric(s.plan.primary)}"
        drawn = figures.doses(points, [d["dose"] for d in marked], s.plan.margin, knob, label, s.sign)
        caption = w("dose_caption", best=f"{best['dose']:g}", margin=s.margin)
        bars = [bar for _, bar in points]
        if figures.clips(bars, figures.reach(bars, s.plan.margin)):
            caption += " " + w("clipped")
        blocks.append(Figure([drawn], caption))
    rows: list[list[str | Badge]] = []
    for d in found:
        key, tone = ("dose_best", "good") if d["best"] else ("dose_within", "same")
        if not d["within_margin"]:
            key, tone = ("dose_clearly", "bad") if d["clearly_worse"] else ("dose_perhaps", "open")
        cells = [f"{d['dose']:g}", f"{d['mean']:.4f}", interval(d["ci"], plain=True)]
        cells += [signed(d["difference"]), interval(d["difference_ci"]) if not d["best"] else ""]
        rows.append([*cells, Badge(w(key), tone)])
    head = [f"`{knob}`", w("mean"), w("ci"), w("dose_axis"), w("ci"), w("reading")]
    return [*blocks, Table(head, rows, frozenset({0, 5}))]


def _knob(plan: Plan) -> str:
    """The knob that the doses are values of."""
    configs = {arm: plan.arms[arm].knobs() for arm in plan.doses if arm in plan.arms}
    for knob in next(iter(configs.values()), {}):
        if all(knobs.get(knob) == plan.doses[arm] for arm, knobs in configs.items()):
            return knob
    return "dose"


def designs(s: Source) -> list[Block]:
    """The ladder and the factorial."""
    w, blocks = s.words, list[Block]()
    if s.result["ladder"]:
        rows: list[list[str | Badge]] = []
        for step in s.result["ladder"]:
            name = f"`{step['from']}` → `{step['to']}`"
            rows.append([name, signed(step["difference"]), interval(step["ci"]), _says(s, step["ci"])])
        head = [w(k) for k in ("step", "difference", "ci", "reading")]
        blocks += [Heading(w("h_ladder")), Table(head, rows, frozenset({0, 3})), Text(w("ladder_note"), "note")]
    f = s.result["factorial"]
    if f:
        by_name = {c["candidate"]: c for c in s.result["comparisons"]}
        rows = []
        for part, key in (("first", "alone"), ("second", "alone"), ("both", "both")):
            ci = by_name[f[part]]["ci"] if f[part] in by_name else None
            said = _says(s, ci) if ci else ""
            rows.append([w(key, arm=f[part]), signed(f[f"effect_{part}"]), interval(ci), said])
        lo, hi = f["ci"]
        says = "sum more" if lo > 0 else "sum less" if hi < 0 else "sum equal"
        rows.append([w("interaction"), signed(f["interaction"]), interval(f["ci"]), Badge(w(says), "open")])
        head = ["", *(w(k) for k in ("difference", "ci", "reading"))]
        blocks += [Heading(w("h_factorial")), Table(head, rows, frozenset({0, 3}))]
    return blocks


def _says(s: Source, ci: Sequence[float | None]) -> Badge:
    """An interval in words, in the order in which a verdict is reached."""
    lo, hi = sorted(s.sign * end for end in ends(ci))
    if -s.plan.margin <= lo and hi <= s.plan.margin:
        verdict = "equivalent"
    else:
        verdict = "better" if lo > 0 else "worse" if hi < 0 else "inconclusive"
    return Badge(s.words(f"says {verdict}", margin=s.margin), TONES.get(verdict, "open"))


def scale(s: Source) -> list[Block]:
    """What is scale and what is shape: the control arm, and the effective weights."""
    w, texts = s.words, []
    by_name = {c["candidate"]: c for c in s.candidates}
    plain, matched = (_smooth(s.plan, factor) for factor in (1.0, 2.0))
    if plain in by_name and matched in by_name:
        said = {
            f"{key}_difference": f"{signed(by_name[arm]['difference'])} [{interval(by_name[arm]['ci'])}]"
            for key, arm in (("plain", plain), ("matched", matched))
        }
        texts.append(w("scale", plain=plain, matched=matched, baseline=s.base, **said))
    weights = [
        f"`{name}` {arm['effective_weight']:.3g}"
        for name, arm in s.result["arms"].items()
        if arm["effective_weight"] is not None and (name in (s.base, NULL) or name in s.plan.candidates)
    ]
    if weights:
        texts.append(w("effective", weights=w.join(weights)))
    return [Heading(w("h_scale")), *map(Text, texts)] if texts else []


def _smooth(plan: Plan, factor: float) -> str | None:
    """The arm that is the baseline with SmoothL1 at so many times its weight."""
    base = next(iter(plan.arms.values())).knobs()
    wanted = {**base, "reconstruction_loss": "smooth_l1"}
    wanted["encoder_loss_weight"] = factor * base["encoder_loss_weight"]
    if base["reconstruction_loss"] != "mse":
        return None
    for name, config in plan.arms.items():
        knobs = {k: v for k, v in config.knobs().items() if k in wanted}
        if all(v == wanted[k] or (k == "encoder_loss_weight" and math.isclose(v, wanted[k])) for k, v in knobs.items()):
            return name
    return None


def diverged(s: Source) -> list[Block]:
    """Runs that diverged, and why."""
    w = s.words
    found = []
    for name, arm in s.result["arms"].items():
        if arm["diverged"]:
            records = s.records[name] if s.records else []
            reasons = list(dict.fromkeys(str(r.get("reason", "")) for r in records if r["state"] != "complete"))
            why = "; ".join(reason for reason in reasons if reason)
            said = w("colon") + why if why else ""
            found.append(w("diverged", arm=name, n=arm["diverged"], runs=arm["runs"], reasons=said))
    if found:
        return [Heading(w("h_diverged")), Items(found), Text(w("diverged_note"), "note")]
    runs = sum(arm["runs"] for arm in s.result["arms"].values())
    return [Heading(w("h_diverged")), Text(w("none_diverged", runs=runs))]


def settings(s: Source, command: str | None) -> list[Block]:
    """Everything that was fixed, each arm's means, and the command."""
    w, plan, spec = s.words, s.plan, s.plan.as_data()["spec"]
    seeds = w("until_decided" if plan.until_decided else "seeds_value", seeds=plan.seeds)
    rows: list[list[str | Badge]] = [
        [w("data"), _fields(spec["data"])],
        [w("model"), _fields(spec["model"])],
        [w("training"), _fields(spec["training"])],
        [w("seeds"), seeds],
        [w("margin"), f"{s.margin} ({w.metric(plan.primary)})"],
        [w("versions"), ", ".join(f"{name} {version}" for name, version in provenance.versions().items())],
    ]
    arms: list[list[str | Badge]] = []
    shown = ("final_performance", "macro_f1", "accuracy", "training_loss", "reconstruction")
    for name, arm in s.result["arms"].items():
        means = ["" if arm["means"].get(m) is None else f"{arm['means'][m]:.4f}" for m in shown]
        knobs = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in arm["params"].items())
        arms.append([f"`{name}`", *means, str(arm["diverged"]), f"`{knobs}`"])
    head = [w("arm"), *map(w.metric, shown), w("diverged_runs"), w("settings_of")]
    blocks: list[Block] = [
        Heading(w("h_settings")),
        Table([w("setting"), w("value")], rows, frozenset({0, 1})),
        Heading(w("arms"), 3),
        Table(head, arms, frozenset({0, len(head) - 1})),
        Heading(w("h_repeat")),
    ]
    return [*blocks, *([Code(command)] if command else []), Text(w("made_by"), "note")]


def _fields(section: Mapping[str, Any]) -> str:
    shown = {k: f"{v:g}" if isinstance(v, float) else str(v) for k, v in section.items() if v is not None}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def signed(value: float) -> str:
    """A difference in the metric's unit."""
    return f"{round(value, 4) + 0.0:+.4f}" if math.isfinite(value) else f"{value:+}".replace("inf", "∞")


def ends(ci: Sequence[float | None]) -> tuple[float, float]:
    """An interval's ends; JSON has no infinity, so that an end which the data do not bound is None there."""
    lo, hi = ci
    return -math.inf if lo is None else lo, math.inf if hi is None else hi


def interval(ci: Sequence[float | None] | None, *, plain: bool = False) -> str:
    """An interval of a difference, or of a value where `plain`."""
    if ci is None:
        return ""
    return " .. ".join(f"{end:.4f}" if plain else signed(end) for end in ends(ci))


def percent(value: float | None) -> str:
    """A change in percent."""
    return "–" if value is None else f"{round(value, 1) + 0.0:+.1f}"


def percents(ci: Sequence[float] | None) -> str:
    """A range in percent; one number where both ends are the same."""
    if ci is None:
        return "–"
    return " .. ".join(dict.fromkeys(f"{end + 0.0:+g}" if end == round(end) else percent(end) for end in ci))


def p_value(value: float) -> str:
    """p, with three decimals."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
