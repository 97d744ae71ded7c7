"""Each rule fires on curves that have its ailment and is silent on healthy ones."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from tuner.report.diagnosis import Evidence, Run, diagnose, no_knob_matters
from tuner.report.luck import luck_bound, luckiest_lead
from tuner.storage.record import Finding, plain

N = 30


def healthy(value=0.85):
    fall = [1.5 * math.exp(-epoch / 6) + 0.3 for epoch in range(N)]
    rise = [value * (1 - math.exp(-(epoch + 1) / 5)) for epoch in range(N)]
    return Run(value, fall, [loss + 0.1 for loss in fall], rise, value - 0.02)


def evidence(*runs, **rest):
    runs = runs or (healthy(),) * 5
    return Evidence(runs, max(runs, key=lambda run: run.value), len(runs), **rest)


def ids(given):
    return [finding.id for finding in diagnose(given)]


def change(run, **fields):
    return dataclasses.replace(run, **fields)


def test_healthy_runs_get_no_finding():
    assert ids(evidence()) == []
    assert ids(evidence(healthy(0.9), healthy(0.8), healthy(0.85), baseline_values=[0.80, 0.801, 0.802])) == []


def test_loss_that_does_not_fall():
    flat = change(healthy(), train_loss=[1.0 + 0.001 * (e % 3) for e in range(N)])
    assert ids(evidence(flat, flat, healthy())) == ["loss_does_not_fall"]
    assert ids(evidence(flat, healthy(), healthy())) == []  # one of three is no pattern


def test_loss_that_fluctuates():
    run = healthy()
    wobbly = change(run, validation_loss=[v * (1.6 if e % 2 else 0.6) for e, v in enumerate(run.validation_loss)])
    assert ids(evidence(wobbly, wobbly, wobbly)) == ["loss_fluctuates"]
    slightly = change(run, validation_loss=[v * (1.03 if e % 2 else 0.97) for e, v in enumerate(run.validation_loss)])
    assert ids(evidence(slightly, slightly, slightly)) == []


def test_validation_that_does_not_improve():
    rising = [1.0, 0.8, 0.7] + [0.7 + 0.02 * e for e in range(N - 3)]
    run = change(healthy(), validation_loss=rising)
    found = diagnose(evidence(run, run, run))
    assert [f.id for f in found] == ["validation_does_not_improve"]
    assert "epoch 3 of 30" in found[0].text or "epoch 4 of 30" in found[0].text
    late = change(healthy(), validation_loss=[2.0 - 0.05 * e for e in range(20)] + [1.05 + 0.02 * e for e in range(10)])
    assert ids(evidence(late)) == []  # its lowest is late


def test_leaked_labels():
    leaking = change(healthy(), validation_f1=[0.99] * N, value=0.99, test_f1=0.70)
    assert ids(evidence(leaking, healthy())) == ["labels_leaked"]
    easy = change(leaking, test_f1=0.98)  # simply easy data
    assert ids(evidence(easy)) == []
    slow = change(leaking, validation_f1=[0.5] * 15 + [0.99] * 15)  # perfect, but not at once
    assert ids(evidence(slow)) == []


@pytest.mark.parametrize("maximise", [True, False])
def test_no_knob_matters(maximise):
    values = [0.80, 0.83, 0.86, 0.82]
    sign = 1 if maximise else -1
    runs = [healthy(0.85)] * 20
    within = change(healthy(), value=0.8275 + sign * 0.02)
    beyond = change(healthy(), value=0.8275 + sign * 0.40)
    near = Evidence(runs, within, 40, maximise=maximise, baseline_values=values)
    far = Evidence(runs, beyond, 40, maximise=maximise, baseline_values=values)
    assert ids(near) == ["no_knob_matters"]
    assert ids(far) == []
    assert ids(dataclasses.replace(near, baseline_values=values[:2])) == []  # two seeds say nothing about spread


@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("noise", ["normal", "t4"])
def test_where_only_the_seed_differs_a_best_trial_is_rarely_beyond_luck(noise, n):
    """At most 5% of studies, and for the heavy tails, which the bound is made for, not far below."""
    rng = np.random.default_rng(n)
    draw = rng.standard_normal if noise == "normal" else lambda shape: rng.standard_t(4, shape)
    baseline, best = draw((4000, n)), draw((4000, 60)).max(1)
    leads = best - baseline.mean(1)
    beyond = leads > luck_bound(60, n) * baseline.std(1, ddof=1)
    assert beyond.mean() <= 0.06
    if noise == "t4":
        assert beyond.mean() >= 0.04
    else:
        told = (luckiest_lead(60, n) * baseline.std(1, ddof=1)).mean()
        assert told == pytest.approx(leads.mean(), rel=0.03)


def test_the_rule_goes_by_the_bound_and_says_the_expected_lead():
    values, best = [0.80, 0.83, 0.86, 0.82], healthy()
    centre, deviation = np.mean(values), np.std(values, ddof=1)

    def rule(lead: float) -> Finding | None:
        return no_knob_matters(Evidence([best], change(best, value=centre + lead), 40, baseline_values=values))

    bound = luck_bound(40, 4) * deviation
    assert rule(1.001 * bound) is None
    said = rule(0.999 * bound)
    assert f"would lead by about {luckiest_lead(40, 4) * deviation:.4f}" in said.text
    assert f"by up to {bound:.4f}" in said.text


def test_the_bound_of_one_new_value_is_at_least_that_of_the_t_distribution():
    for n in (3, 10, 40):
        by_t = stats.t.ppf(0.95, n - 1) * math.sqrt(1 + 1 / n)
        assert by_t * 0.98 <= luck_bound(1, n) <= by_t * 1.1
    assert luck_bound(10, 5) < luck_bound(100, 5)
    assert luck_bound(60, 30) < luck_bound(60, 10) < luck_bound(60, 3)
    assert luckiest_lead(2, 1000) == pytest.approx(math.pi**-0.5, rel=1e-3)


def test_every_finding_says_what_to_check():
    flat = change(healthy(), train_loss=[1.0] * N)
    found = plain(diagnose(evidence(flat)))
    assert list(found[0]) == ["id", "text", "check"]
    assert "learning rate" in found[0]["check"]


def test_short_and_empty_curves_break_no_rule():
    short = Run(0.5, [1.0], [1.0], [0.5], math.nan)
    assert ids(evidence(short)) == []
    assert ids(evidence(Run(0.5, [], [], [], math.nan))) == []


def test_study_with_planted_leak_is_told(make_study, scripted):
    """From the trials to the status, the tag and the note."""
    import mlflow

    from tuner.report import finish
    from tuner.worker import training, worker

    study = make_study(plans={}, search={"trials": 2}, training={"epochs": 10})
    scripted(lambda config, epoch: 0.99)

    def low_test(results):
        for result in results:
            result.test = {"test/weighted_f1": 0.5}
        return results

    original = training.train
    training.train, restore = (lambda *args, **kwargs: low_test(original(*args, **kwargs))), original
    try:
        worker.work(study, device="cpu", say=lambda text: None)
    finally:
        training.train = restore
    summary = finish.finish(study)
    assert "labels_leaked" in [f["id"] for f in summary["diagnosis"]]
    run = mlflow.MlflowClient(study.place.tracking).get_run(study.runs.run_id)
    assert "labels_leaked" in run.data.tags["diagnosis"]
    assert "labels have probably leaked" in run.data.tags["mlflow.note.content"]
