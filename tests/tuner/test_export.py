"""The best config in the forms that training code takes."""

import json

import pytest

from trainer.config import LossConfig
from tuner import yaml
from tuner.errors import InputError
from tuner.export import as_args, export
from tuner.study import Place, open_study


def test_yaml_reloads_as_the_best_config(finished_study, cli, tmp_path):
    done = cli("export", "tiny", "--state", finished_study.state)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "best.yaml").write_text(done.stdout)
    found = yaml.read(tmp_path / "best.yaml", "config").data
    provenance = found.pop("provenance")
    assert LossConfig.from_knobs(found).knobs() == finished_study.summary["best"]["params"]
    assert provenance["study"] == "tiny"
    assert provenance["val/weighted_f1"] == finished_study.summary["best"]["value"]


def test_json_says_the_same_and_goes_to_a_file(finished_study, cli, tmp_path):
    output = tmp_path / "best.json"
    done = cli("export", "tiny", "--format", "json", "--output", output, "--state", finished_study.state)
    assert done.returncode == 0, done.stderr
    study = open_study(Place.at(finished_study.state), "tiny")
    (tmp_path / "best.yaml").write_text(export(study, "yaml"))
    assert json.loads(output.read_text()) == yaml.read(tmp_path / "best.yaml", "config").data


def test_args_are_those_of_the_best(finished_study, cli):
    done = cli("export", "tiny", "--format", "args", "--state", finished_study.state)
    best = LossConfig.from_knobs(finished_study.summary["best"]["params"])
    assert done.stdout == as_args(best) + "\n"
    assert done.stdout.startswith("--encoder_loss_weight ")


@pytest.mark.parametrize(
    ("knobs", "flags"),
    [
        ({}, "--encoder_loss_weight 0.05 --gate_reg_weight 0.01"),
        (
            {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1"},
            "--encoder_loss_weight 0.03 --use_smooth_l1 --gate_reg_weight 0.01",
        ),
        (
            {"reconstruction_loss": "smooth_l1", "smooth_l1_beta": 0.5, "gate_reg_weight": 0.0},
            "--encoder_loss_weight 0.05 --use_smooth_l1 --smooth_l1_beta 0.5 --gate_reg_weight 0",
        ),
        (
            {"reconstruction_loss": "log_cosh", "focal_gamma": 2.0},
            "--encoder_loss_weight 0.05 --reconstruction_loss log_cosh --gate_reg_weight 0.01 --focal_gamma 2",
        ),
        (
            {"class_weights": "balanced", "contrastive_weight": 0.1},
            "--encoder_loss_weight 0.05 --gate_reg_weight 0.01 --class_weight --cl_loss_weight 0.1",
        ),
        (
            {"weighting": "warmup", "warmup_epochs": 3},
            "--encoder_loss_weight 0.05 --gate_reg_weight 0.01 --weighting warmup --warmup_epochs 3",
        ),
        (
            {"weighting": "ema_inverse"},
            "--encoder_loss_weight 0.05 --gate_reg_weight 0.01 --weighting ema_inverse --ema_momentum 0.9 "
            "--ema_range 10",
        ),
    ],
)
def test_args(knobs, flags):
    assert as_args(LossConfig.from_knobs(knobs)) == flags


def test_unknown_format_lists_those_there_are(finished_study, cli):
    done = cli("export", "tiny", "--format", "toml", "--state", finished_study.state)
    assert done.returncode == 2
    assert "'toml'" in done.stderr and "args, json, yaml" in done.stderr


def test_study_without_a_completed_trial_has_nothing_to_export(make_study):
    with pytest.raises(InputError, match="'tiny' has no completed trial"):
        export(make_study(), "yaml")
