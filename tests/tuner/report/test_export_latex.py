from tuner.report.export.latex import as_latex, escape

JUDGED = {
    "verdict": "equivalent",
    "difference": 0.0012,
    "ci": [-0.003, 0.0054],
    "seeds": 10,
    "metric": "weighted_f1",
}


def test_everything_that_latex_reads_is_escaped():
    assert escape("a_b & 50% #1 {x} ~ ^ \\") == (
        r"a\_b \& 50\% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("a\x1b[31mb\nc") == "a[31mbc"


def test_a_row_a_knob_and_the_verdict_in_the_caption():
    table = as_latex("my_study", {"w": 0.05, "kind": "mse"}, {"w": 0.031234, "kind": "smooth_l1"}, JUDGED)
    assert "    w & 0.05 & 0.03123 \\\\" in table.splitlines()
    assert r"    kind & mse & smooth\_l1 \\" in table.splitlines()
    assert "Over 10 paired seeds the exported config is equivalent within the margin: " in table
    assert "$+0.0012$ [$-0.0030$, $+0.0054$]" in table
    assert table.count(r"\begin") == table.count(r"\end") == 2


def test_without_a_validation_the_caption_says_so():
    assert "No validation has compared the two." in as_latex("s", {"w": 1.0}, {"w": 2.0})


def test_an_interval_without_an_end():
    assert "of unbounded width" in as_latex("s", {}, {}, JUDGED | {"ci": [None, None]})
