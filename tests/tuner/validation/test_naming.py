"""One name means one configuration: a study's own baseline and plans before the recommendation's."""

import pytest

from trainer.config import LossConfig
from tuner.errors import InputError
from tuner.system.place import Place
from tuner.validation import recommendation
from tuner.validation.arms import make_plan
from tuner.validation.options import ValidateOptions
from tuner.validation.run import knobs_of

OWN = """\
knobs: {encoder_loss_weight: {low: 0.01, high: 50}}
baseline: {encoder_loss_weight: 20}
plans:
  mine: {encoder_loss_weight: 3}
  basic: {encoder_loss_weight: 7}
training: {epochs: 5}
"""
DOCUMENTS = LossConfig(class_weights="balanced", contrastive_weight=0.2, gate_reg_weight=0.0005)


@pytest.fixture
def plan(tmp_path):
    """`plan(study, baseline, candidate)`: the plan that `validate` fixes, of a study file with its own baseline."""
    (tmp_path / "own.yaml").write_text(OWN)

    def make(study="own.yaml", baseline=None, candidate=None, claims=None, doses=False):
        study = study and (str(tmp_path / study) if study.endswith(".yaml") else study)
        asked = ValidateOptions(
            study=study,
            baseline=baseline,
            candidate=candidate,
            claims=None if claims is None else str(claims),
            dose_response=doses,
        )
        return make_plan(Place.at(tmp_path / "state"), asked)

    return make


def test_the_baseline_of_a_study_is_its_own(plan):
    """Once it was the recommendation's, silently: planted outliers at weight 20 came out equivalent."""
    found = plan(baseline="baseline", candidate="weight")
    assert [c.encoder_loss_weight for c in found.arms.values()] == [20, 0.03]
    # The document's claims are about its own 0.05, so that none of them is tested here.
    assert found.claims == []
    assert knobs_of(found)[0].startswith("baseline: encoder_loss_weight 20, ")
    assert knobs_of(found)[1] == "weight: as baseline, but encoder_loss_weight 0.03"


def test_a_studys_own_plans_have_their_names(plan):
    found = plan(baseline="baseline", candidate="mine")
    assert {n: c.encoder_loss_weight for n, c in found.arms.items()} == {"baseline": 20, "mine": 3}
    found = plan(baseline="mine", candidate="basic")
    assert {n: c.encoder_loss_weight for n, c in found.arms.items()} == {"mine": 3, "basic": 7}


def test_the_documents_configurations_are_there_beside_them(plan):
    found = plan(baseline="original", candidate="original:basic").arms
    assert found["original"] == DOCUMENTS
    assert found["original:basic"] == DOCUMENTS.replace(
        encoder_loss_weight=0.03, reconstruction_loss="smooth_l1", gate_reg_weight=0.0003
    )
    found = plan(baseline="document", candidate="document:basic").arms
    assert [c.encoder_loss_weight for c in found.values()] == [0.05, 0.03]
    # What the study does not use for something else keeps its name.
    assert plan(baseline="document", candidate="full").arms["full"].weighting == "ema_inverse"


def test_claims_follow_the_configurations_not_the_names(plan):
    for pair in (("document", "document:basic"), ("original", "original:basic")):
        claims = plan("own.yaml", *pair).claims
        assert {(c["baseline"], c["candidate"]) for c in claims} == {pair}
        assert "basic.speed" in [c["id"] for c in claims]
    assert "basic.speed" in [c["id"] for c in plan("quickstart", "baseline", "basic").claims]


def test_all_arms_of_a_study_with_another_baseline(plan):
    found = plan(doses=True)
    weights = {n: c.encoder_loss_weight for n, c in found.arms.items()}
    assert next(iter(weights)) == "document" and weights["document"] == 0.05
    assert (weights["baseline"], weights["document:basic"]) == (20, 0.03)
    assert "basic" not in weights
    assert found.ladder[1:4] == ["document", "weight", "document:basic"]
    assert found.factorial == {"first": "weight", "second": "smooth_l1", "both": "document:basic"}
    assert found.doses["document"] == 0.05
    names = {c[end] for c in found.claims for end in ("baseline", "candidate")}
    assert names <= set(weights) and "baseline" not in names


def test_the_whole_recommendation_on_the_documents_own_baseline(plan):
    found = plan("quickstart", "original", doses=True)
    assert found.arms["baseline"] == DOCUMENTS
    assert {c.class_weights for c in found.arms.values()} == {"balanced"}
    assert found.arms["smooth_l1_matched"].gate_reg_weight == pytest.approx(0.1 * 0.01)
    assert found.arms["no_gate_reg"].gate_reg_weight == 0
    assert len(found.claims) == len(recommendation.load().claims)


def test_a_file_is_not_taken_for_the_plan_of_its_name(plan, tmp_path):
    (tmp_path / "mine.yaml").write_text("encoder_loss_weight: 0.5\n")
    (tmp_path / "other.yaml").write_text("encoder_loss_weight: 0.5\n")
    path = str(tmp_path / "mine.yaml")
    assert list(plan(baseline="baseline", candidate=path).arms) == ["baseline", path]
    assert list(plan(baseline="baseline", candidate=str(tmp_path / "other.yaml")).arms) == ["baseline", "other"]


def test_an_unknown_name_lists_the_studys_own(plan):
    with pytest.raises(InputError, match=r"'nobody'.*document:basic.*mine.*original"):
        plan(baseline="baseline", candidate="nobody")
