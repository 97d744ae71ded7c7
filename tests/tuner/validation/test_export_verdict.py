"""The verdict that an export carries: the newest finished one on exactly this config, model and data."""

import numpy as np
import pytest

from trainer.config import LossConfig
from tuner.report import export as exporting
from tuner.storage.record import Runs, config_of
from tuner.study.study import open_study
from tuner.study.summary import best_trial
from tuner.validation import blocks, said
from tuner.validation.plan import Plan
from tuner.worker import worker


@pytest.fixture
def searched(make_study, scripted):
    """A study whose best trial is none of the plans."""
    study = make_study(search={"trials": 6})
    named = set(map(str, study.spec.named().values()))
    scripted(lambda config, epoch: 0.5 if str(config) in named else 0.9)
    worker.work(study, device="cpu", say=lambda text: None)
    return open_study(study.place, study.name)


def provenance(study):
    best = best_trial(study)
    return exporting.provenance(study, said.of_trial(study, best), best)


def export(study, form):
    best = best_trial(study)
    return exporting.export(study, form, said.of_trial(study, best), best)


def record(f1):
    return {
        "state": "complete",
        "test": {f"test/{name}": f1 for name in ("weighted_f1", "macro_f1", "accuracy")},
        "minority_f1": f1,
        "curves": {name: [f1] * 4 for name in blocks.CURVES},
        "gradient_cv": 0.5,
        "gradient_sd": 1.0,
        "explosion_share": 0.0,
        "gate_saturation": 0.2,
        "effective_weight": 0.1,
    }


def validate(study, lead, done=8, spec=None, fingerprint=None, **arms):
    """A validation of `arms` against the baseline with planted results: each arm is `lead` above it in every block."""
    arms = {"baseline": LossConfig(), **arms}
    plan = Plan(spec or study.spec, arms, "final_performance", 0.01, [], 8)
    made = blocks.create_or_resume(
        study.place,
        study.name,
        plan,
        fingerprint or study.optuna.user_attrs["data_fingerprint"],
        lambda name: Runs("0", "none"),
    )
    noise = np.random.default_rng(0).normal(scale=0.004, size=(8, len(arms) + 1))
    for block in range(8):
        made.optuna.enqueue_trial({}, user_attrs={"block": block})
    for block in range(done):
        trial = made.optuna.ask()
        leads = dict.fromkeys([*arms, "null"], lead) | {"baseline": 0.0, "null": 0.0}
        results = {name: record(0.7 + leads[name] + n) for (name, n) in zip(leads, noise[block], strict=True)}
        trial.set_user_attr("arms", results)
        made.optuna.tell(trial, 0.7)
    return made.name


def test_newest_verdict_on_the_best_config(searched):
    best = config_of(searched.spec, best_trial(searched))
    assert "verdict" not in provenance(searched)
    validate(searched, 0.1, full=searched.spec.named()["full"])  # on another config
    assert "verdict" not in provenance(searched)
    validate(searched, 0.1, best=best)
    assert provenance(searched)["verdict"]["verdict"] == "better"
    newest = validate(searched, -0.1, mine=best, full=searched.spec.named()["full"])
    found = provenance(searched)["verdict"]
    assert (found["verdict"], found["validation"], found["baseline"], found["seeds"]) == (
        "worse",
        newest,
        "baseline",
        8,
    )
    assert (
        found["difference"] == pytest.approx(-0.1, abs=0.01) and found["ci"][0] < found["difference"] < found["ci"][1]
    )
    assert "verdict: worse" in export(searched, "yaml") and '"verdict": "worse"' in export(searched, "python")


def test_what_is_unfinished_or_of_another_model_or_data_says_nothing(searched):
    best = config_of(searched.spec, best_trial(searched))
    validate(searched, 0.1, done=5, best=best)
    wider = searched.spec.model_copy(update={"model": type(searched.spec.model)(hidden=32)})
    validate(searched, 0.1, spec=wider, best=best)
    shorter = searched.spec.model_copy(update={"seed": 9})
    validate(searched, 0.1, spec=shorter, fingerprint="0" * 16, best=best)
    assert "verdict" not in provenance(searched)


def test_the_baseline_of_a_validation_is_not_its_candidate(searched):
    best = config_of(searched.spec, best_trial(searched))
    plan = Plan(searched.spec, {"baseline": best, "other": LossConfig()}, "final_performance", 0.01, [], 8)
    made = blocks.create_or_resume(
        searched.place, "x", plan, searched.optuna.user_attrs["data_fingerprint"], lambda name: Runs("0", "none")
    )
    made.optuna.enqueue_trial({}, user_attrs={"block": 0})
    made.optuna.tell(made.optuna.ask(), 0.5)
    assert "verdict" not in provenance(searched)
