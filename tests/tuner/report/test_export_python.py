"""The exported loss module against our own loss: the same total and gradients, over steps and epochs."""

import ast
import inspect
import itertools
import subprocess
import sys

import pytest
import torch

from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.data import Raw, build
from trainer.member import Member
from trainer.metrics import step_metrics
from trainer.registry import load, names
from trainer.tensors import TRAIN, epoch_batches, to_tensors
from tuner.errors import InputError
from tuner.report.export import python
from tuner.report.export.python import as_python

RECONSTRUCTIONS, WEIGHTINGS = names("trainer.losses.reconstruction"), names("trainer.weighting")
PROVENANCE = {"study": 'odd """name""" \\', "trial": 6, "versions": {"torch": "2"}}


def module(config):
    """The exported class, from source that is executed."""
    namespace = {}
    exec(as_python(config, PROVENANCE), namespace)
    return namespace["TunedLoss"]


@pytest.fixture
def member():
    """Makes a member that trains `config` on 90 rows, a tenth of them without a label."""
    import numpy as np

    def make(config):
        rng = np.random.default_rng(0)
        y = np.where(np.arange(150) % 10 == 3, -1, np.arange(150) % 3)
        data = build(Raw("small", {"a": rng.normal(size=(150, 5)), "b": rng.normal(size=(150, 3))}, y), seed=0)
        model, training = ModelConfig(hidden=8, view_width=4), TrainingConfig(epochs=4, batch_size=30, conflict_every=0)
        tensors = to_tensors(data, model)
        return Member(config, tensors, model, training, 0, len(epoch_batches(tensors, 30, 0, 0)))

    return make


def exported(config, member):
    kind = module(config)
    if config.class_weights == "none":
        return kind()
    labels = member.data.labels[torch.tensor([int(i) for rows in member.data.sequences[TRAIN] for i in rows])]
    return kind(torch.bincount(labels[labels >= 0]))


def follow(config, member, epochs=4):
    """Train the member; at each step compare the exported loss of the same outputs with ours."""
    theirs = exported(config, member)
    wanted = inspect.signature(theirs.forward).parameters
    learned = torch.optim.SGD(theirs.parameters(), lr=0.1) if list(theirs.parameters()) else None
    ours_learned = torch.optim.SGD(member.weighting.parameters(), lr=0.1) if learned else None
    for epoch in range(epochs):
        for step, batch in enumerate(batches := epoch_batches(member.data, 30, 7, epoch)):
            progress = epoch + step / len(batches)
            x, labels = member.data.x[batch.rows], member.data.labels[batch.rows]
            member.model.train()
            out = member.model(x, batch.lengths)
            parts, terms = built_in_terms(member, out, x, labels)
            ours, weights = member.weighting(terms, progress)
            given = {
                "logits": out.logits,
                "labels": labels,
                "inputs": x,
                "reconstructions": [out.reconstruction_global, out.reconstruction_inter],
                "gates": [out.gates[name] for name in ("temporal", "forget", "input")],
                "z": out.z,
                "z_inter": out.z_inter,
                "progress": progress,
            }
            other = theirs(**{name: given[name] for name in wanted})
            torch.testing.assert_close(other, ours, rtol=1e-6, atol=1e-7)
            some = list(member.model.parameters())
            first, second = (
                torch.autograd.grad(loss, some, retain_graph=True, allow_unused=True) for loss in (ours, other)
            )
            for a, b in zip(first, second, strict=True):
                if a is None or b is None:  # a term that is out of the loss reaches nothing
                    assert a is None or not a.any()
                    assert b is None or not b.any()
                    continue
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)
            for optimiser, loss in ((ours_learned, ours), (learned, other)):
                if optimiser:
                    optimiser.zero_grad()
                    loss.backward(retain_graph=True)
                    optimiser.step()
            member.log.add(ours, torch.tensor(0.0), parts, weights, 0.0)
        metrics, _ = step_metrics(member.log.steps(), 5.0)
        member.log = type(member.log)()
        member.weighting.end_epoch({n.removeprefix("loss/"): v for n, v in metrics.items() if n.startswith("loss/")})
        if config.weighting == "dwa":
            theirs.end_epoch()
    return weights


def built_in_terms(member, out, x, labels):
    parts = member.terms(out, x, labels)
    terms = dict(parts)
    terms["reconstruction"] = terms.pop("reconstruction_global") + terms.pop("reconstruction_inter")
    return parts, terms


@pytest.mark.parametrize("strategy", WEIGHTINGS)
@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS)
def test_every_loss_and_strategy_is_ours_or_refused(member, reconstruction, strategy):
    config = LossConfig(encoder_loss_weight=0.3, reconstruction_loss=reconstruction, weighting=strategy)
    forms = load(python.LOSSES, reconstruction, "loss"), load(python.STRATEGIES, strategy, "strategy")
    if not all(hasattr(form, "EXPORT") for form in forms):
        with pytest.raises(InputError, match="--format python cannot express"):
            as_python(config, PROVENANCE)
        return
    weights = follow(config, member(config))
    assert set(weights) == {"classification", "reconstruction", "gate"}


OTHERS = {
    "focal, balanced": {"focal_gamma": 1.7, "class_weights": "balanced"},
    "beta": {"reconstruction_loss": "smooth_l1", "smooth_l1_beta": 0.3},
    "no reconstruction": {"encoder_loss_weight": 0.0},
    "no gates": {"gate_reg_weight": 0.0},
    "classification alone": {"encoder_loss_weight": 0.0, "gate_reg_weight": 0.0},
    "contrastive": {"contrastive_weight": 0.2, "contrastive_temperature": 0.3},
    "slow warm-up": {"warmup_epochs": 3, "contrastive_weight": 0.2},
    "narrow range": {"ema_range": 1.5, "ema_momentum": 0.5, "contrastive_weight": 0.2},
    "learned, three tasks": {"weighting": "uncertainty", "contrastive_weight": 0.2},
    "averaged, three tasks": {"dwa_temperature": 0.5, "contrastive_weight": 0.2, "class_weights": "balanced"},
    "averaged, one task": {"weighting": "dwa", "encoder_loss_weight": 0.0},
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_knob_is_in_it(member, name):
    config = LossConfig.from_knobs({"encoder_loss_weight": 0.2, **OTHERS[name]})
    follow(config, member(config))


def test_it_needs_torch_alone_and_its_lines_fit():
    for reconstruction, strategy in itertools.product(RECONSTRUCTIONS, WEIGHTINGS):
        config = LossConfig.from_knobs(
            {"reconstruction_loss": reconstruction, "weighting": strategy, "focal_gamma": 2, "contrastive_weight": 0.1}
        )
        text = as_python(config, PROVENANCE)
        found = {n.name if isinstance(node, ast.Import) else node.module for node in ast.walk(ast.parse(text))
                 if isinstance(node, (ast.Import, ast.ImportFrom)) for n in node.names}  # fmt: skip
        assert found <= {"math", "torch", "torch.nn"}
        assert max(map(len, text.splitlines())) <= 120 and len(text.splitlines()) < 100


def test_a_new_loss_or_strategy_is_refused_until_it_is_known_here(monkeypatch):
    config = LossConfig()
    object.__setattr__(config, "weighting", "brand_new")
    with pytest.raises(InputError, match="cannot express weighting 'brand_new'; it knows: dwa, ema_inverse, fixed"):
        as_python(config, PROVENANCE)


def test_the_loss_of_a_model_of_ones_own_is_refused():
    from tuner.spec import file as study_file

    own = study_file.parse({"model": "m.py:M", "knobs": {"sim_weight": {"low": 0.1, "high": 1.0}}, "plans": {}})
    with pytest.raises(InputError, match="code of your own"):
        as_python(own.vocabulary.config({"sim_weight": 0.2}), PROVENANCE)


def test_from_the_command_line_to_a_file_that_runs(finished_study, cli, tmp_path):
    done = cli(
        "export", "tiny", "--format", "python", "--output", tmp_path / "loss.py", "--state", finished_study.state
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "loss.py").read_text()
    for words in ("of study tiny", 'data_fingerprint: "', '"torch": "', "val/weighted_f1: "):
        assert words in text
    code = "import loss; print(loss.TunedLoss.__doc__)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "logits (n, C)" in ran.stdout


def test_all_losses_and_strategies_of_today_have_an_exported_form():
    assert {"mse", "smooth_l1", "l1", "log_cosh"} <= set(RECONSTRUCTIONS)
    assert {"fixed", "warmup", "ema_inverse", "uncertainty", "dwa"} <= set(WEIGHTINGS)
    for package, known in ((python.LOSSES, RECONSTRUCTIONS), (python.STRATEGIES, WEIGHTINGS)):
        for name in known:
            assert isinstance(load(package, name, "module").EXPORT, str)
