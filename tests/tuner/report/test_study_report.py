"""The report of a study: one page that needs nothing else, true to the study, small."""

import re
import xml.etree.ElementTree as ET

import pytest
from synthetic import EPOCHS, MIXED, make

from tuner.report.plots import response
from tuner.report.plots._view import View
from tuner.report.study import MOST_ROWS, report

HEADINGS = [
    "Best against baseline and plans",
    "The search",
    "Which encoder_loss_weight?",
    "What sets good trials apart",
    "Where good values lie",
    "Trial by trial",
    "How they learned",
    "Before you believe it",
    "Next",
    "Look it up",
]
OUTSIDE = re.compile(r"<(?:script|link|img|iframe|object)|@import|url\(|(?:src|href)=", re.IGNORECASE)
"""Whatever could load something."""


def told(study):
    """A made-up study with what a real one knows about itself."""
    data = {"name": "<data> & co", "rows": 9, "split": [5, 2, 2], "labelled_train": 5, "views": {"a": 2}}
    data |= {"classes": ["x", "y"], "dialogues": None, "terms": ""}
    known = {"data": data, "n_trials": len(study.optuna.trials), "versions": {"tuner": "1"}, "data_fingerprint": "f"}
    for key, value in known.items():
        study.optuna.set_user_attr(key, value)
    return study


def configured(study):
    """Trials as a worker leaves them: with the complete knobs."""
    for trial in study.optuna.get_trials(deepcopy=False):
        trial.user_attrs["config"] = study.spec.config(trial.params, trial.user_attrs["overrides"]).knobs()
    return study


@pytest.fixture(scope="module")
def page(finished_study):
    return (finished_study.state / "reports" / "tiny" / "report.html").read_text(encoding="utf-8")


def test_start_writes_it_and_says_where(finished_study, page):
    shown = finished_study.output.replace("\n", "")
    assert str(finished_study.state / "reports" / "tiny" / "report.html") in shown
    assert (finished_study.state / "reports" / "tiny" / "plots" / "history.png").exists()
    assert len(page) < 500_000
    assert f"{finished_study.summary['best']['value']:.4f}" in page


def test_page_needs_nothing_else(page):
    assert not OUTSIDE.search(page.replace("<svg", ""))
    assert "prefers-color-scheme: dark" in page


def test_drawings_are_whole_and_said_in_words(page):
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) > 6
    for drawing in drawings:
        svg = ET.fromstring(drawing)
        assert svg.get("aria-label") or svg.get("aria-hidden")
        assert "nan" not in drawing.replace("nance", "") and "inf" not in drawing.replace("info", "")


def test_usual_study_has_every_section_in_order(tmp_path):
    html = report(configured(told(make(tmp_path, MIXED, replicates=[0.79, 0.8, 0.81])))).html()
    places = [html.index(f">{heading}</h2>") for heading in HEADINGS]
    assert places == sorted(places)
    assert "&lt;data&gt; &amp; co" in html and "<data>" not in html
    assert "trials were stopped early" in html


@pytest.mark.parametrize("values", [[], [0.8], [0.8, 0.8], [(2, 0.4)] * 6, [0.8, 0.8, 0.8, 0.8, (3, 0.5)]])
def test_studies_with_little_to_show_have_a_page_too(tmp_path, values):
    html = report(configured(told(make(tmp_path, values)))).html()
    assert "Next" in html and not OUTSIDE.search(html)


def test_a_large_study_still_makes_a_small_page(tmp_path):
    values = [0.6 + 0.001 * (i % 97) if i % 3 == 0 else (2, 0.4) for i in range(1500)]
    html = report(configured(told(make(tmp_path, values)))).html()
    assert len(html) < 1_500_000
    assert html.count("<tr>") < MOST_ROWS + 20


def test_weight_response_compares_values_of_the_same_epoch(tmp_path):
    """Every trial at the first rung, and apart from it the completed ones; marks as recommended."""
    view = View.of(make(tmp_path, MIXED))
    early, late = response.series(view)
    assert early.title == "every trial, best value until epoch 2"
    assert set(early.points) == {t.number for t in view.done + view.pruned}
    assert set(late.points) == {t.number for t in view.done}
    for trial in view.done + view.pruned:
        values = list(trial.intermediate_values.values())[:2]
        assert early.points[trial.number][1] == pytest.approx(max(values))
    assert list(early.marks) == [0.05, 0.03]


def test_weight_response_finds_a_planted_optimum(tmp_path):
    """Highest at 0.03, falling to both sides on the log scale."""
    from math import log

    weights = [0.01 * 10 ** (i / 39) for i in range(40)]
    params = [{"encoder_loss_weight": w} for w in weights]
    values = [0.9 - 0.1 * log(w / 0.03) ** 2 for w in weights]
    view = View.of(make(tmp_path, values, params=params, plans={}))
    (early, late) = response.series(view)
    for one in (early, late):
        trend = one.trend
        best = trend.x[max(range(len(trend.y)), key=trend.y.__getitem__)]
        assert 0.024 < best < 0.038
        assert all(low <= y <= high for low, y, high in zip(trend.low, trend.y, trend.high, strict=True))


def test_no_response_where_no_weight_is_searched(tmp_path):
    study = make(tmp_path, MIXED, knobs=["reconstruction_loss", "weighting"], plans={})
    assert response.series(View.of(study)) == []


def test_without_pruning_there_is_one_response(tmp_path):
    study = make(tmp_path, [0.7 + 0.01 * i for i in range(16)])
    assert EPOCHS // 2 >= 2
    raw = study.spec.model_dump(mode="json")
    raw["search"]["pruner"] = "none"
    study.spec = type(study.spec).model_validate(raw)
    (only,) = response.series(View.of(study))
    assert only.title == "completed trials"
