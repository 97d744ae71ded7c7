"""The best config in the forms that training code takes."""

import json
from pathlib import Path

import pytest

from trainer.config import LossConfig
from tuner.errors import InputError
from tuner.report.export import as_args, export
from tuner.spec import file as study_file
from tuner.spec import yaml
from tuner.spec.command import Command
from tuner.study.study import open_study
from tuner.system.place import Place


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
    study = open_study(Place.at(finished_study.state), "tiny")
    best = LossConfig.from_knobs(finished_study.summary["best"]["params"])
    assert done.stdout == as_args(study.spec, best) + "\n"
    assert done.stdout.startswith("--encoder_loss_weight ")
    assert "# study: tiny\n" in done.stderr  # where they came from, out of the way of $(tuner export ...)


def test_args_in_a_file_have_their_provenance_beside_them(finished_study, cli, tmp_path):
    done = cli(
        "export", "tiny", "--format", "args", "--output", tmp_path / "best.args", "--state", finished_study.state
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "best.args").read_text().startswith("--encoder_loss_weight ")
    provenance = yaml.read(tmp_path / "best.args.provenance.yaml", "provenance").data
    study = open_study(Place.at(finished_study.state), "tiny")
    assert provenance["data_fingerprint"] == study.optuna.user_attrs["data_fingerprint"]
    assert provenance["trial"] == finished_study.summary["best"]["number"]


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
    assert as_args(spec(), LossConfig.from_knobs(knobs)) == flags


def spec(**fields):
    return study_file.parse({"knobs": {"encoder_loss_weight": {"low": 0.001, "high": 10.0, "log": True}}} | fields)


MAPPING = {
    "encoder_loss_weight": "--lambda={value}",
    "gate_reg_weight": "",
    "reconstruction_loss": {"mse": "", "l1": "--norm 1", "*": "--norm {value} --robust"},
    "focal_gamma": {0: "--loss ce", 2.0: "--loss focal"},
    "classification_loss": {"*": ""},
    "warmup_epochs": "--warm",
    "weighting": {"fixed": "", "warmup": ""},
}


@pytest.mark.parametrize(
    ("knobs", "flags"),
    [
        ({}, "--lambda=0.05 --loss ce"),
        ({"reconstruction_loss": "l1"}, "--lambda=0.05 --norm 1 --loss ce"),
        ({"reconstruction_loss": "log_cosh"}, "--lambda=0.05 --norm log_cosh --robust --loss ce"),
        ({"focal_gamma": 2}, "--lambda=0.05 --loss focal"),
        ({"warmup_epochs": 3}, "--lambda=0.05 --loss ce --warm 3"),
    ],
)
def test_the_study_file_says_what_the_flags_are(tmp_path, knobs, flags):
    (tmp_path / "own.yaml").write_text(
        yaml.dump({"knobs": {"encoder_loss_weight": {"low": 0.01, "high": 0.1}}, "export": {"args": MAPPING}})
    )
    assert as_args(study_file.load(str(tmp_path / "own.yaml")), LossConfig.from_knobs(knobs)) == flags


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"focal_gamma": 1.5}, "export.args.focal_gamma has no flag for 1.5; it has: 0, 2.0"),
        ({"weighting": "dwa"}, "export.args.weighting has no flag for dwa; it has: fixed, warmup"),
        (
            {"class_weights": "balanced"},
            "export.args has no flag for class_weights = balanced: add one (`class_weights",
        ),
        ({"reconstruction_loss": "smooth_l1", "smooth_l1_beta": 0.5}, "no flag for smooth_l1_beta = 0.5"),
    ],
)
def test_what_the_flags_cannot_express_is_refused(knobs, words):
    with pytest.raises(InputError) as error:
        as_args(spec(export={"args": MAPPING}), LossConfig.from_knobs(knobs))
    assert words in str(error.value)


def test_a_searched_knob_needs_a_flag_even_at_its_default():
    with pytest.raises(InputError, match="no flag for encoder_loss_weight = 0.05"):
        as_args(spec(export={"args": {"gate_reg_weight": "--gate"}}), LossConfig())


def test_flags_of_an_unknown_knob_are_refused_when_the_file_is_read():
    with pytest.raises(InputError, match="export.args: unknown knob 'encoder_los_weight'. Did you mean encoder_loss"):
        spec(export={"args": {"encoder_los_weight": "--x"}})


def test_flags_of_a_script_are_those_of_its_command():
    joyful = study_file.load(str(Path(__file__).parents[3] / "examples" / "joyful_style.yaml"))
    shown = {name: as_args(joyful, config) for name, config in joyful.named().items()}
    assert shown["baseline"] == "--encoder_loss_weight 0.05 --gate_reg_weight 0.01"
    assert shown["basic"] == "--encoder_loss_weight 0.03 --use_smooth_l1 --gate_reg_weight 0.01"


def test_words_of_a_command_that_depend_on_knobs():
    command = Command(
        "{python} t.py --seed {seed} --w={a} -x {b} at {c} {d:--s --t {a} --in {output} if on} -o run-{seed}"
    )
    assert command.flags({"a": 1.5, "b": "x y", "c": 2, "d": "on"}) == [
        "--w=1.5", "-x", "x y", "2", "--s", "--t", "1.5", "--in", "{output}",
    ]  # fmt: skip
    assert command.flags({"a": 1.5, "b": "", "c": 2, "d": "off"}) == ["--w=1.5", "-x", "", "2"]


def test_knobs_of_another_model_have_flags_of_their_names(tmp_path):
    own = spec(model="my_model.py:MyModel", knobs={"similarity_weight": {"low": 0.1, "high": 1.0}})
    config = own.vocabulary.config({"similarity_weight": 0.25})
    assert as_args(own, config).startswith("--similarity_weight 0.25 --classification_loss cross_entropy")


def test_unknown_format_lists_those_there_are(finished_study, cli):
    done = cli("export", "tiny", "--format", "toml", "--state", finished_study.state)
    assert done.returncode == 2
    assert "'toml'" in done.stderr and "args, config, html, hydra, json, latex, python, yaml" in done.stderr


def test_study_without_a_completed_trial_has_nothing_to_export(make_study):
    with pytest.raises(InputError, match="'tiny' has no completed trial"):
        export(make_study(), "yaml")
