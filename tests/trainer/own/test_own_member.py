"""A model class of the user's own, behind the same population."""

import math

import pytest
import torch

from trainer.config import TrainingConfig
from trainer.errors import InputError, UserCodeError
from trainer.objective import Objective
from trainer.own_config import SHARED, vocabulary
from trainer.population import Population
from trainer.scores import evaluate
from trainer.tensors import VALIDATION, evaluation_batches, to_tensors
from trainer.train import train

WORDS = vocabulary(["rebuild_weight", "agree_weight", "small_weight"])
SHORT = TrainingConfig(epochs=4, batch_size=24, conflict_every=2)


def config(**knobs):
    return WORDS.config({"rebuild_weight": 0.3, "agree_weight": 0.1, "small_weight": 0.01, **knobs})


@pytest.fixture
def run(dataset, mine):
    """Trains members of the model in a mode; returns their results."""

    def make(*configs, mode="", seed=0, training=SHORT, **options):
        model = mine(mode)
        return train(configs or [config()], to_tensors(dataset(), model), model, training, seed=seed, **options)

    return make


def same(a, b):
    return all(
        torch.allclose(torch.tensor(a.curves[name]), torch.tensor(b.curves[name]), rtol=0, atol=0, equal_nan=True)
        for name in a.curves
        if name != "samples_per_second"
    )


def test_it_learns_and_reports_each_term_as_it_is_and_as_it_is_weighed(run):
    training = TrainingConfig(epochs=8, batch_size=24, conflict_every=2, learning_rate=2e-2)
    (result,) = run(config(rebuild_weight=0.5), training=training)
    curves = result.curves
    assert result.state == "complete" and curves["train/cross_entropy"][-1] < 0.8 * curves["train/cross_entropy"][0]
    assert {name for name in curves if name.startswith("weighted/")} == {
        f"weighted/{name}" for name in ("classification", "rebuild", "agree", "small", "total")
    }
    for i in range(8):
        assert curves["weighted/rebuild"][i] == pytest.approx(0.5 * curves["loss/rebuild"][i])
        parts = sum(curves[f"weighted/{name}"][i] for name in ("classification", "rebuild", "agree", "small"))
        assert curves["weighted/total"][i] == pytest.approx(parts, rel=1e-5)
    assert -1 <= curves["grad/cosine"][0] <= 1 and curves["grad/effective_weight"][0] > 0
    assert 0 <= result.test["test/weighted_f1"] <= 1 and "test/mse" in result.test
    assert set(result.measures) >= {"convergence/area", "convergence/gradient_cv", "convergence/overfit_gap"}


def test_a_reconstruction_is_measured_only_where_there_is_one(run):
    (result,) = run(mode="no_reconstruction")
    assert not any(name.endswith(("/mse", "/mae")) for name in (*result.curves, *result.test))
    with pytest.raises(InputError, match="'val/mse' is not measured on this model; measured: val/weighted_f1"):
        run(mode="no_reconstruction", objective=Objective("mse"))


def test_the_mse_is_that_of_the_reconstruction(dataset, mine):
    data = to_tensors(dataset(), mine())
    population = Population([config()], data, mine(), SHORT, seed=0)
    member = population.members[0]
    scores = evaluate(member.model, data, evaluation_batches(data, VALIDATION))
    rows = evaluation_batches(data, VALIDATION)[0].rows
    own = member.model.own.eval()
    residual = own.decode(torch.tanh(own.norm(own.encode(data.x[rows])))) - data.x[rows]
    assert scores.values["mse"] == pytest.approx(residual.square().mean().item(), rel=1e-5)


def test_a_term_of_weight_zero_takes_no_part(run):
    without, with_it = run(config(agree_weight=0.0), config(agree_weight=5.0))
    assert "weighted/agree" not in without.curves and "loss/agree" in without.curves
    assert with_it.curves["loss/agree"][-1] < without.curves["loss/agree"][-1]


def test_a_member_in_a_population_equals_the_member_alone(run):
    pair = run(config(), config(rebuild_weight=3.0))
    (alone,) = run(config(rebuild_weight=3.0))
    assert same(pair[1], alone) and not same(pair[0], alone)


def test_members_share_their_randomness_and_leave_the_global_one_alone(run):
    torch.manual_seed(7)
    twins = run(config(), config())
    after = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(after, torch.rand(1))
    assert same(*twins)
    assert not same(twins[0], run(config(), noise=1)[0]), "another noise draws other dropout masks"


def test_a_model_that_draws_at_evaluation_is_scored_alike_each_time(dataset, mine):
    model = mine("draw")
    data = to_tensors(dataset(), model)
    member = Population([config()], data, model, SHORT, seed=0).members[0]
    first, second = (evaluate(member.model, data, evaluation_batches(data, VALIDATION)) for _ in range(2))
    assert first.values == second.values


@pytest.mark.parametrize("weighting", ["fixed", "warmup", "ema_inverse", "uncertainty", "dwa"])
def test_it_goes_on_from_a_checkpoint_exactly(dataset, mine, weighting):
    model, configs = mine(), [config(weighting=weighting), config(focal_gamma=2.0, class_weights="balanced")]
    data = to_tensors(dataset(), model)
    straight = Population(configs, data, model, SHORT, seed=1)
    straight.run_epoch(), straight.run_epoch()
    torch.save(straight.state_dict(), file := f"{model.path}.pt")
    resumed = Population(configs, data, model, SHORT, seed=1)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    torch.manual_seed(99)
    for a, b in zip(straight.run_epoch(), resumed.run_epoch(), strict=True):
        a.metrics.pop("samples_per_second"), b.metrics.pop("samples_per_second")
        assert a.metrics == b.metrics


def test_adaptive_weights_leave_a_regulariser_alone_and_warm_up_raises_the_tasks(run):
    (adaptive,) = run(config(weighting="ema_inverse"))
    assert adaptive.curves["weight/small"] == pytest.approx([0.01] * 4)
    assert adaptive.curves["weight/rebuild"][-1] != pytest.approx(0.3, rel=1e-3)
    (warm,) = run(config(weighting="warmup", warmup_epochs=4))
    assert warm.curves["weight/rebuild"] == sorted(warm.curves["weight/rebuild"])
    assert warm.curves["weight/rebuild"][0] < 0.1 < warm.curves["weight/rebuild"][-1]
    assert warm.curves["weight/small"] == pytest.approx([0.01] * 4)


def test_no_model_sees_a_label_that_it_is_scored_on(run):
    (result,) = run(mode="cheat")
    assert result.curves["loss/classification"][-1] < 0.01, "in training the labels are there"
    assert max(result.curves["val/accuracy"]) < 0.6 and max(result.curves["train/accuracy"]) < 0.6


def test_dialogues_stay_whole_unless_single_rows_are_asked_for(dataset, mine):
    data = dataset(dialogue=[i // 6 for i in range(120)])
    whole = to_tensors(data, mine())
    assert {len(rows) for rows in whole.sequences[0]} == {6}
    single = type(mine())(file=mine().file, context="none")
    assert {len(rows) for rows in to_tensors(data, single).sequences[0]} == {1}
    assert math.isfinite(train([config()], whole, mine(), SHORT, seed=0)[0].best_value)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("bare", r"Mine.forward: expected \(logits, terms\) or .*; found Tensor"),
        (
            "narrow",
            r"Mine.forward: logits: expected a float tensor of shape \(24, 3\); found shape \(24, 2\) of float32",
        ),
        ("whole", "found shape .* of int64"),
        ("vector", r"term 'agree': expected a scalar tensor.*; found shape \(24,\)"),
        ("number", "term 'agree': expected a scalar tensor.*; found float"),
        ("taken", "the term 'classification' is computed from the logits by the tuner"),
        ("listed", "terms a mapping from name to scalar tensor; found 3 values"),
        ("misshapen", r"reconstruction: expected a float tensor of shape \(24, 8\); found shape \(24, 3\)"),
        ("undefined", "term 'agree' is not finite on the first batch, before any training"),
        ("forgets", "expected the same terms in each batch: at first rebuild, agree, small; found rebuild"),
    ],
)
def test_a_wrong_answer_is_told_in_a_sentence(run, mode, said):
    with pytest.raises(UserCodeError, match=said):
        run(mode=mode)


def test_a_term_that_is_lost_under_way_is_a_divergence(run):
    (lost,) = run(mode="later")
    assert lost.state == "diverged" and "loss/agree" in lost.reason


def test_a_knob_without_a_term_is_told_which_terms_there_are(run):
    words = vocabulary(["agree_weight", "consistency_weight"])
    with pytest.raises(
        UserCodeError,
        match="knob consistency_weight: Mine returned no term 'consistency'; it returned: rebuild, agree, small",
    ):
        run(words.config({"agree_weight": 1}))


def test_what_breaks_in_the_users_code_is_shown_in_their_lines_only(run):
    with pytest.raises(UserCodeError) as error:
        run(mode="breaks")
    lines = str(error.value).splitlines()
    assert lines[0] == "Mine failed:" and lines[1].startswith("Traceback")
    assert "mine.py" in lines[2] and "in forward" in lines[2]
    assert "return logits @ logits" in str(error.value) and lines[-1].startswith("RuntimeError: ")
    assert "trainer/own" not in str(error.value)


def test_all_shared_knobs_take_part(run):
    """Each shared knob changes the training: none is accepted and then ignored."""
    usual = run(config())[0]
    changes = {
        "classification_loss": config(classification_loss="focal", focal_gamma=2.0),
        "focal_gamma": config(focal_gamma=4.0),
        "class_weights": None,  # the classes of these rows are balanced
        "weighting": config(weighting="dwa"),
        "warmup_epochs": config(weighting="warmup", warmup_epochs=2),
        "ema_momentum": config(weighting="ema_inverse", ema_momentum=0.5),
        "ema_range": config(weighting="ema_inverse", ema_range=2.0),
        "dwa_temperature": config(weighting="dwa", dwa_temperature=0.5),
    }
    assert set(changes) == set(SHARED)
    assert not any(same(usual, run(changed)[0]) for changed in changes.values() if changed is not None)
