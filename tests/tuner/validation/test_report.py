"""The report: what it says follows from the result, in both languages, as one page that needs nothing else."""

import html
import math
import re

import numpy as np
import pytest

from trainer.config import LossConfig
from tuner.report import document as parts
from tuner.spec import file as study_file
from tuner.spec.edit import with_overrides
from tuner.validation import recommendation, report
from tuner.validation.blocks import CURVES
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL
from tuner.validation.report import numbers as shown
from tuner.validation.report import sections
from tuner.validation.report.strings import METRICS, STRINGS
from tuner.validation.verdict import judge

EPOCHS, SEEDS = 12, 10


def run(rng, f1, scale=1.0):
    epochs = np.arange(1, EPOCHS + 1)
    loss = 1 / epochs + 0.01 * rng.random(EPOCHS)
    curves = {name: (loss * scale).tolist() for name in CURVES} | {"train/cross_entropy": loss.tolist()}
    curves["val/weighted_f1"] = (f1 - 0.3 / epochs).tolist()
    return {
        "state": "complete",
        "best_epoch": EPOCHS,
        "test": {f"test/{name}": f1 for name in ("weighted_f1", "macro_f1", "accuracy")},
        "minority_f1": f1,
        "curves": curves,
        "gradient_cv": 0.3,
        "gradient_sd": 0.1,
        "explosion_share": 0.0,
        "gate_saturation": 0.1,
        "effective_weight": 0.02 * scale,
    }


def make(arms=None, gains=None, diverged=(), **changes):
    """(result, plan, records) of arms whose test F1 lies `gains` (by arm) above that of the baseline."""
    told = recommendation.load()
    spec = with_overrides(study_file.load("quickstart"), epochs=EPOCHS)
    claims = [c.model_dump(mode="json") for c in told.claims]
    if arms is None:
        doses = told.doses()
        arms = told.configs() | {name: config for name, (_, config) in doses.items()}
        changes |= {"doses": {name: dose for name, (dose, _) in doses.items()}, "ladder": told.ladder}
        changes["factorial"] = told.factorial.model_dump()
    claims = [c for c in claims if c["candidate"] in arms and c["baseline"] in arms]
    plan = Plan(spec, arms, "final_performance", 0.01, claims, SEEDS, **changes)
    rng = np.random.default_rng(0)
    common = 0.8 + 0.02 * rng.standard_normal(SEEDS)
    records = {
        name: [
            run(rng, float(c + (gains or {}).get(name, 0.0) + 0.002 * rng.standard_normal()), 1 - 0.02 * i)
            for c in common
        ]
        for i, name in enumerate([*arms, NULL])
    }
    for name, block in diverged:
        records[name][block] = {"state": "diverged", "reason": "epoch 3: loss is nan", "test": {}, "curves": {}}
    return judge(plan, records), plan, records


@pytest.fixture(scope="module")
def whole():
    return make(gains={"basic": 0.05, "weight": -0.05, "encoder_loss_weight=1": -0.2})


@pytest.fixture(scope="module")
def pair():
    told = recommendation.load().configs()
    return make({"baseline": told["baseline"], "basic": told["basic"]})


def written(case, lang="en", **rest):
    result, plan, records = case
    return report.report(result, plan, records=records, lang=lang, command="tuner validate --seeds 10", **rest)


def visible(page):
    """The page's text, without style and markup."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return html.unescape(re.sub(r"<[^>]*>", " ", body))


def numbers(text):
    return sorted(re.findall(r"\d+(?:\.\d+)?", text))


def headings(document):
    return [b.text for b in document.blocks if isinstance(b, parts.Heading)]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_whole_report_has_every_section_in_both_forms(whole, lang):
    document = written(whole, lang)
    keys = ("claims", "forest", "curves", "dose", "ladder", "factorial", "document", "overview", "losses", "scale")
    for key in (*keys, "diverged", "diagnosis", "settings", "repeat"):
        assert STRINGS[lang][f"h_{key}"] in headings(document)
    assert "tuner validate --seeds 10" in document.html() and "tuner validate --seeds 10" in document.markdown()
    assert document.html().count("<svg viewBox") >= 6


@pytest.mark.parametrize("case", ["whole", "pair"])
def test_both_languages_have_the_same_numbers(case, request):
    given = request.getfixturevalue(case)
    assert numbers(visible(written(given).html())) == numbers(visible(written(given, "zh").html()))
    assert numbers(written(given).markdown()) == numbers(written(given, "zh").markdown())


def test_languages_have_the_same_strings_and_fields():
    for table in (STRINGS, METRICS):
        assert table["en"].keys() == table["zh"].keys()
        for key, text in table["en"].items():
            fields = [sorted(re.findall(r"{(\w+)}", t)) for t in (text, table["zh"][key])]
            assert fields[0] == fields[1], key
            assert numbers(text) == numbers(table["zh"][key]) or "%" in text, key


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_page_needs_nothing_else_and_is_small(whole, lang):
    page = written(whole, lang).html()
    for outside in ("http:", "https:", "//", "src=", "href=", "@import", "url(", "<script"):
        assert outside not in page
    assert len(page.encode()) < 300_000
    assert "prefers-color-scheme: dark" in page and 'name="viewport"' in page
    assert "nan" not in visible(page).split()


def test_verdicts_are_those_of_the_result(whole):
    result, _, _ = whole
    document = written(whole)
    badges = [row[-1] for b in document.blocks if isinstance(b, parts.Table) for row in b.rows]
    badges = [b.text for b in badges if isinstance(b, parts.Badge)]
    claims, rest = badges[: len(result["claims"])], badges[len(result["claims"]) :]
    assert claims == [sections.claim_verdict(c) for c in result["claims"]]
    assert rest[: len(result["comparisons"])] == [c["verdict"] for c in result["comparisons"]]
    by_name = {c["candidate"]: c["verdict"] for c in result["comparisons"]}
    assert by_name["basic"] == "better" and by_name["weight"] == "worse"
    lead = next(b.text for b in document.blocks if getattr(b, "kind", "") == "lead")
    assert "better than `baseline`: `basic`;" in lead and "worse: `weight`;" in lead


def test_an_interval_beyond_the_range_is_more_than_claimed():
    claim = {"verdict": "not shown", "ci": [5.0, 7.0], "claimed": [1.0, 2.0]}
    assert sections.claim_verdict(claim) == "more than claimed"
    assert sections.claim_verdict(claim | {"ci": [1.5, 7.0]}) == "not shown"
    assert sections.claim_verdict(claim | {"ci": None}) == "not shown"
    assert sections.claim_verdict(claim | {"verdict": "refuted"}) == "refuted"
    assert "more than claimed" in written(make(gains={"basic": 0.1})).markdown()


def test_dose_response_says_which_weights_will_do(whole):
    text = written(whole).markdown()
    assert "Clearly further behind: 0.03, 1." in text
    assert re.search(r"0\.03 \(`weight`\) differs from the best by -0\.05\d\d \[.*\]: clearly worse\.", text)
    assert re.search(r"0\.05 \(`baseline`\) differs from the best by -0\.00\d\d \[.*\]: within the margin\.", text)


def table(document, heading):
    """The first table below a heading."""
    blocks = iter(document.blocks)
    next(b for b in blocks if isinstance(b, parts.Heading) and b.text == heading)
    return next(b for b in blocks if isinstance(b, parts.Table))


def test_the_documents_tables_are_refilled():
    told = recommendation.load().configs()
    case = make({name: told[name] for name in ("baseline", "basic", "full")})
    result, _, records = case
    by_id = {c["id"]: c for c in result["claims"]}
    overview = table(written(case), STRINGS["en"]["h_overview"])
    assert [row[0] for row in overview.rows] == [METRICS["en"][f"row_{m}"] for m in (
        "speed", "stability", "final_performance", "training_loss", "training_fluctuation"
    )]  # fmt: skip
    loss, claim = overview.rows[3], by_id["basic.training_loss"]
    assert (loss[1], loss[2]) == ("-20 .. -10", shown.percent(-claim["naive"]))
    lo, hi = (shown.percent(-end) for end in reversed(claim["ci"]))
    assert loss[3] == f"{shown.percent(-claim['measured'])} [{lo} .. {hi}]"
    assert loss[4].text == claim["verdict"]
    losses = table(written(case), STRINGS["en"]["h_losses"])
    assert [row[0] for row in losses.rows if row[0]] == ["1", "10", *[STRINGS["en"]["row_fluctuation"]] * 2]
    assert [row[2] for row in losses.rows] == ["", "-10", "-10", "", "-25", "-30", "-30", "-40"]
    totals = [r["curves"]["weighted/total"][9] for r in records["basic"]]
    assert losses.rows[4][3] == f"{np.mean(totals):.4f}"
    assert "Not reached in 12 epochs: 30, 50." in written(case).markdown()


def test_what_was_not_measured_says_why(pair):
    rows = {row[0]: row for row in table(written(pair), STRINGS["en"]["h_claims"]).rows}
    assert rows["`basic.loss_50`"][3:6] == ["–", "–", "only 12 epochs run"]
    assert rows["`basic.loss_50`"][-1].text == "not shown"
    zh = {row[0]: row for row in table(written(pair, "zh"), STRINGS["zh"]["h_claims"]).rows}
    assert zh["`basic.loss_50`"][5] == "只训练了 12 轮"
    claims = pair[0]["claims"]
    shown = {row[0]: row for row in report.claim_rows(pair[0])}
    assert shown["basic.loss_50"][2:] == ["", "", "only 12 epochs run", "not shown"]
    assert len(shown) == len(claims) and {len(row) for row in shown.values()} == {len(report.CLAIM_COLUMNS)}
    nothing = {**claims[0], "why": "zero", "ci": None}
    assert report.claim_rows({"claims": [nothing], "epochs": 12})[0][4] == "zero in the baseline"


def test_runs_that_stopped_early_are_drawn_to_their_end(pair):
    result, plan, records = pair
    cut = {name: [{**r, "curves": {k: v[: 6 + i % 3] for k, v in r["curves"].items()}} for i, r in enumerate(runs)]
           for name, runs in records.items()}  # fmt: skip
    page = report.report(result, plan, records=cut).html()
    assert page.count("<polyline") > 6 and "nan" not in page


def test_headline_names_what_is_supported(whole):
    result, plan, records = whole
    claims = [c | {"verdict": "supported" if i < 2 else "refuted"} for i, c in enumerate(result["claims"])]
    text = report.markdown(result | {"claims": claims}, plan, records=records)
    first, second = (c["id"] for c in claims[:2])
    assert f"Of {len(claims)} claims, on htad: 2 supported (`{first}`, `{second}`), {len(claims) - 2} refuted." in text


def test_rows_of_wide_tables_become_cards_on_a_phone(pair):
    page = written(pair).html()
    assert '<td class="n" data-label="claimed %">' in page
    assert '<div class="table cards">' in page and '<div class="table">' in page


def test_two_arms_alone(pair):
    result, _, _ = pair
    document = written(pair)
    assert document.markdown().splitlines()[2].startswith(f"**{report.sentence(result, 'basic')}.")
    absent = ("dose", "ladder", "factorial")
    assert not {STRINGS["en"][f"h_{key}"] for key in absent} & set(headings(document))
    assert "basic is equivalent to baseline within 0.01" in document.html()
    assert "与 baseline 等效" in written(pair, "zh").html()


def test_without_records_or_claims(pair):
    result, plan, _ = pair
    text = report.markdown(result | {"claims": []}, plan, "A title")
    assert text.startswith("# A title\n") and STRINGS["en"]["h_curves"] not in text


def test_diverged_runs_are_counted_and_shown(whole):
    told = recommendation.load().configs()
    arms = {name: told[name] for name in ("baseline", "basic", "full")}
    case = make(arms, diverged=[("basic", 2), ("basic", 5), *(("full", i) for i in range(SEEDS))])
    for document in (written(case).markdown(), written(case).html()):
        assert (
            "2 of 10 runs diverged (by these, 4% to 51% would): epoch 3: loss is nan" in document
            and "10 of 10 runs diverged" in document
        )
    assert "No run diverged" in written(whole).markdown()
    everything = make({"baseline": told["baseline"], "basic": told["basic"]}, diverged=[
        (name, i) for name in ("baseline", "basic", NULL) for i in range(SEEDS)
    ])  # fmt: skip
    assert STRINGS["en"]["h_curves"] not in written(everything).html()


def test_an_interval_without_ends(pair):
    result, plan, records = pair
    comparisons = [c | {"ci": [None, None]} for c in result["comparisons"]]
    document = report.report(result | {"comparisons": comparisons}, plan, records=records)
    assert "[-∞, +∞]" in document.markdown() and "<polygon" in document.html()


def test_names_cannot_break_the_page():
    told = recommendation.load().configs()
    case = make({"baseline": told["baseline"], "<b>&|": LossConfig(encoder_loss_weight=0.02)})
    assert "<b>&" not in written(case).html()
    assert "\\|" in written(case).markdown()


def test_numbers():
    assert shown.signed(-0.00001) == "+0.0000" and shown.signed(math.inf) == "+∞"
    assert shown.percent_interval([-0.01, 3.0]) == "+0.0 .. +3.0"
    assert shown.percents([10.0, 10.0]) == "+10" and shown.percents([-1.26, 3.0]) == "-1.3 .. +3"
    assert shown.percent(None) == "–" and shown.p_value(0.0001) == "< 0.001"


def test_runs_that_look_unsound_are_named():
    result, plan, records = make(gains={"basic": 0.05})
    assert STRINGS["en"]["nothing_wrong"] in written((result, plan, records)).markdown()
    for record in records["basic"]:
        record["curves"]["train/cross_entropy"] = [1.0] * EPOCHS
        record["curves"]["val/cross_entropy"] = [1.0, 0.5, *np.linspace(0.6, 2.0, EPOCHS - 2)]
    for record in records["weight"]:
        record["curves"]["val/weighted_f1"] = [0.99] * EPOCHS
        record["test"]["test/weighted_f1"] = 0.6
    found = written((result, plan, records)).markdown()
    assert "does not fall in `basic`." in found
    assert "rises from there in `basic`." in found
    assert "far below in `weight`:" in found
    assert STRINGS["en"]["nothing_wrong"] not in found
    assert (
        STRINGS["zh"]["finds labels_leaked"].format(arms="`weight`")
        in written((result, plan, records), "zh").markdown()
    )


@pytest.mark.parametrize(("often", "said"), [(False, "by t"), (True, "by sequence")])
def test_how_intervals_are_made_is_said(often, said):
    assert STRINGS["en"][said] in written(make(until_decided=often)).markdown()
