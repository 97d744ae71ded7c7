"""Study files: what is shipped, what is refused and with which words, and what a spec says about its trials."""

import json
import os
import shutil
import textwrap

import pytest

from trainer.config import KNOBS, LossConfig
from tuner.errors import InputError
from tuner.spec import file as study_file
from tuner.spec import yaml
from tuner.spec.edit import differences, spec_dict, with_overrides

KNOB = "knobs:\n  encoder_loss_weight: {low: 0.01, high: 0.1}\n"


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "study.yaml"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return make


def parse(**fields):
    raw = {"knobs": {"encoder_loss_weight": {"low": 0.01, "high": 0.1, "log": True}}}
    return study_file.parse(raw | fields)


@pytest.mark.parametrize("name", study_file.names())
def test_shipped_studies_load_and_survive_their_own_dump(name):
    spec = study_file.load(name)
    assert spec.description
    assert study_file.parse(spec_dict(spec)) == spec
    assert list(spec.named()) == ["baseline", "basic", "full", "advanced"]
    for config in spec.named().values():
        assert spec.config(spec.searched(config), spec.overrides(config)) == config


def test_names_are_the_files_without_the_plans():
    assert {"quickstart", "loss_weights", "wide", "few_labels"} <= set(study_file.names())
    assert "recommendation" not in study_file.names()


def test_schema_file_is_in_sync():
    stored = (study_file.folder() / "schema.json").read_text()
    assert stored == json.dumps(study_file.schema(), indent=2) + "\n", (
        "write it anew: python -m tuner.spec.file > search_spaces/schema.json"
    )


def test_schema_knows_every_knob_and_no_other():
    knobs = study_file.schema()["properties"]["knobs"]
    assert set(knobs["properties"]) == set(KNOBS)
    assert knobs["additionalProperties"] == {"$ref": "#/$defs/Range"}  # of one's own model or script


def test_quickstart_is_the_documented_study():
    spec = study_file.load("quickstart")
    assert spec.search.trials >= 40
    assert spec.knobs["encoder_loss_weight"].low == 0.01
    assert spec.knobs["encoder_loss_weight"].high == 0.1
    assert spec.knobs["encoder_loss_weight"].log


def test_plans_are_the_documented_ones():
    named = study_file.load("quickstart").named()
    a = {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1", "gate_reg_weight": 0.01}
    assert named["baseline"] == LossConfig.from_knobs(
        {"encoder_loss_weight": 0.05, "reconstruction_loss": "mse", "gate_reg_weight": 0.01}
    )
    assert named["basic"] == LossConfig.from_knobs(a)
    assert named["full"] == LossConfig.from_knobs(a | {"weighting": "ema_inverse"})
    assert named["advanced"] == LossConfig.from_knobs(a | {"weighting": "ema_inverse", "focal_gamma": 2.0})


def test_a_plan_keeps_its_knobs_where_they_are_not_searched():
    """loss_weights does not search `weighting`; the plan `full` has ema_inverse all the same, and the others not."""
    spec = study_file.load("loss_weights")
    full = spec.named()["full"]
    overrides = spec.overrides(full)
    assert overrides["weighting"] == "ema_inverse"
    assert spec.config(spec.searched(full), overrides).weighting == "ema_inverse"
    baseline = spec.named()["baseline"]
    assert spec.overrides(baseline) == {}
    assert spec.config(spec.searched(baseline), {}).weighting == "fixed"


BAD = {
    "unknown knob": (
        "knobs:\n  gate_reg_weight: {low: 0, high: 1}\n  encoder_los_weight: {low: 0.01, high: 0.1}\n",
        3,
        ["'encoder_los_weight'", "Did you mean encoder_loss_weight?", "focal_gamma"],
    ),
    "range the wrong way round": ("knobs:\n  encoder_loss_weight: {low: 0.1, high: 0.01}\n", 2, ["0.1", "0.01", "low"]),
    "log with zero": (
        "knobs:\n  gate_reg_weight: {low: 0, high: 0.1, log: true}\n",
        2,
        ["gate_reg_weight", "above 0", "found 0"],
    ),
    "unknown loss": (
        "knobs:\n  reconstruction_loss: {choices: [mse, smooth_l2]}\n",
        2,
        ["'smooth_l2'", "smooth_l1", "log_cosh"],
    ),
    "unmeasured objective": (KNOB + "objective: val/weighted_f2\n", 3, ["val/weighted_f2", "val/weighted_f1"]),
    "weighted objective": (KNOB + "objective: weighted/total\n", 3, ["weighted loss", "reward small weights"]),
    "training loss as objective": (KNOB + "objective: val_loss\n", 3, ["weighted loss", "val/weighted_f1"]),
    "baseline outside": (KNOB + "baseline:\n  encoder_loss_weight: 0.5\n", 4, ["0.5", "outside", "0.01 .. 0.1"]),
    "plan outside": (
        KNOB + "plans:\n  mine: {encoder_loss_weight: 0.5}\n",
        4,
        ["plans.mine", "0.5", "0.01 .. 0.1"],
    ),
    "unknown knob in a plan": (KNOB + "plans:\n  mine: {gate: 0.5}\n", 4, ["plans.mine", "'gate'", "gate_reg_weight"]),
    "unknown knob in fixed": (KNOB + "fixed: {focal: 0.5}\n", 3, ["fixed", "'focal'", "focal_gamma"]),
    "unknown section": (KNOB + "traning: {epochs: 3}\n", 3, ["'traning'", "Did you mean training?"]),
    "unknown field in data": (KNOB + "data:\n  sorce: htad\n", 4, ["data", "'sorce'", "source"]),
    "unknown field in model": (KNOB + "model:\n  hiden: 3\n", 4, ["model", "'hiden'", "hidden"]),
    "unknown field in training": (KNOB + "training:\n  epoch: 3\n", 4, ["training", "'epoch'", "epochs"]),
    "unknown field in search": (KNOB + "search:\n  trails: 3\n", 4, ["search", "'trails'", "trials"]),
    "unknown field in a range": (
        "knobs:\n  encoder_loss_weight: {low: 0.01, hihg: 0.1}\n",
        2,
        ["encoder_loss_weight", "'hihg'", "high"],
    ),
    "word for a number": (KNOB + "training:\n  epochs: many\n", 4, ["training.epochs", "'many'"]),
    "number for a word": (KNOB + "data:\n  source: 3\n", 4, ["data.source", "3"]),
    "list for a section": (KNOB + "search: [1, 2]\n", 3, ["search"]),
    "no trials": (KNOB + "search: {trials: 0}\n", 3, ["search.trials", "0"]),
    "no epochs": (KNOB + "training: {epochs: 0}\n", 3, ["epochs", "at least 1", "0"]),
    "unknown sampler": (KNOB + "search: {sampler: cmaes}\n", 3, ["search.sampler", "tpe", "cmaes"]),
    "labels share": (KNOB + "data: {labels: 1.5}\n", 3, ["data.labels", "1.5"]),
    "negative seed": (KNOB + "seed: -1\n", 3, ["seed", "-1"]),
    "fixed and searched": (KNOB + "fixed: {encoder_loss_weight: 0.05}\n", 3, ["encoder_loss_weight", "searched"]),
    "selector fixed otherwise": (
        "knobs:\n  focal_gamma: {low: 1, high: 2}\nfixed: {classification_loss: cross_entropy}\n",
        2,
        ["focal_gamma", "classification_loss", "focal"],
    ),
    "selector without its choice": (
        "knobs:\n  focal_gamma: {low: 1, high: 2}\n  classification_loss: {choices: [cross_entropy]}\n",
        2,
        ["focal_gamma", "classification_loss"],
    ),
    "choices for a number": ("knobs:\n  gate_reg_weight: {choices: [a]}\n", 2, ["number", "low and high"]),
    "range for a word": ("knobs:\n  weighting: {low: 1, high: 2}\n", 2, ["choices", "ema_inverse"]),
    "choice twice": ("knobs:\n  weighting: {choices: [fixed, fixed]}\n", 2, ["weighting", "once"]),
    "outside what a knob may be": ("knobs:\n  focal_gamma: {low: -1, high: 2}\n", 2, ["focal_gamma", "-1"]),
    "half a range": ("knobs:\n  gate_reg_weight: {low: 1}\n", 2, ["gate_reg_weight", "low and high"]),
    "no knobs": ("description: x\nknobs: {}\n", 2, ["at least one knob", "encoder_loss_weight"]),
    "knobs missing": ("description: x\n", 1, ["knobs", "required"]),
    "not YAML": ("knobs:\n  a: [1, 2\nb: 3\n", 3, ["not valid YAML"]),
    "duplicate keys": (KNOB + "seed: 1\nseed: 2\n", 4, ["not valid YAML", "seed"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_study_file_is_one_message_with_its_line(write, case):
    text, line, parts = BAD[case]
    path = write(text)
    with pytest.raises(InputError) as caught:
        study_file.load(path)
    message = str(caught.value)
    assert f"{path}:{line}" in message, message
    assert len(message.splitlines()) == 1, message
    for part in parts:
        assert part in message, message
    assert "pydantic" not in message


def test_several_mistakes_are_all_named(write):
    with pytest.raises(InputError) as caught:
        study_file.load(write(KNOB + "training: {epochs: many}\nsearch: {trials: none}\n"))
    assert [line.split(": ")[0].rpartition(":")[2] for line in str(caught.value).splitlines()] == ["3", "4"]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "found nothing"),
        (b"# only a comment\n", "found nothing"),
        (b"- a\n- b\n", "found list"),
        (b"just words\n", "found str"),
        (b"description: \xff\xfe\n", "cannot be read"),
    ],
)
def test_file_that_is_no_mapping(tmp_path, content, part):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=part) as caught:
        study_file.load(str(path))
    assert str(path) in str(caught.value)


def test_missing_file_directory_and_unknown_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml does not exist"):
        study_file.load(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(InputError, match="cannot be read"):
        study_file.load(str(tmp_path) + "/")
    with pytest.raises(InputError, match=r"'quikstart'\. Did you mean quickstart\?"):
        study_file.load("quikstart")


def test_tags_run_nothing(write, tmp_path):
    witness = tmp_path / "witness"
    path = write(f"description: !!python/object/apply:os.system ['touch {witness}']\n{KNOB}")
    with pytest.raises(InputError):
        study_file.load(path)
    assert not witness.exists()


def test_exponent_without_a_dot_is_a_number(write):
    spec = study_file.load(write("knobs:\n  encoder_loss_weight: {low: 1e-3, high: 1e1, log: true}\nplans: {}\n"))
    assert spec.knobs["encoder_loss_weight"].low == 0.001
    assert spec.knobs["encoder_loss_weight"].high == 10.0


def test_data_path_is_relative_to_the_file(write, tmp_path):
    spec = study_file.load(write(KNOB + "data: {source: npz, path: sub/d.npz}\n"))
    assert spec.data.path == str(tmp_path / "sub" / "d.npz")


def test_exists_and_searched_follow_the_choices():
    spec = study_file.load("quickstart")
    assert spec.exists("focal_gamma", {"classification_loss": "focal"})
    assert not spec.exists("focal_gamma", {"classification_loss": "cross_entropy"})
    assert spec.exists("warmup_epochs", {"weighting": "warmup"})
    order = spec.order()
    assert order.index("classification_loss") < order.index("focal_gamma")
    assert order.index("weighting") < order.index("warmup_epochs")
    named = spec.named()
    assert "focal_gamma" in spec.searched(named["advanced"])
    assert "focal_gamma" not in spec.searched(named["basic"])
    assert "warmup_epochs" not in spec.searched(named["advanced"])


def test_a_conditional_knob_alone_implies_its_choice():
    spec = parse(knobs={"focal_gamma": {"low": 0.5, "high": 2.0}}, plans={})
    assert spec.exists("focal_gamma", {})
    config = spec.config({"focal_gamma": 1.5})
    assert (config.classification_loss, config.focal_gamma) == ("focal", 1.5)


def test_the_baseline_stays_itself_where_its_choice_is_not_the_implied_one():
    spec = parse(knobs={"focal_gamma": {"low": 0.5, "high": 2.0}}, plans={})
    baseline = spec.named()["baseline"]
    assert baseline.classification_loss == "cross_entropy"
    assert spec.config(spec.searched(baseline), spec.overrides(baseline)) == baseline


def test_fixed_knobs_are_part_of_every_trial():
    spec = parse(fixed={"reconstruction_loss": "l1", "contrastive_weight": 0.2}, plans={"mine": {"gate_reg_weight": 1}})
    config = spec.config({"encoder_loss_weight": 0.02})
    assert (config.reconstruction_loss, config.contrastive_weight) == ("l1", 0.2)
    assert spec.named()["mine"].contrastive_weight == 0.2
    assert spec.overrides(spec.named()["mine"]) == {"gate_reg_weight": 1.0}


def test_at_edge_measures_on_the_scale_that_is_searched():
    spec = study_file.load("quickstart")  # weight 0.01 .. 0.1 (log), gate 0 .. 0.05
    assert spec.at_edge({"encoder_loss_weight": 0.01, "gate_reg_weight": 0.05}) == [
        "encoder_loss_weight",
        "gate_reg_weight",
    ]
    assert spec.at_edge({"encoder_loss_weight": 0.0103}) == ["encoder_loss_weight"]
    assert spec.at_edge({"encoder_loss_weight": 0.011, "gate_reg_weight": 0.002, "weighting": "fixed"}) == []


def test_command_line_changes_are_checked_like_the_file(tiny):
    spec = parse()
    changed = with_overrides(spec, epochs=7, trials=9, seed=3, data=os.path.relpath(tiny.parent / "tiny.npz"))
    assert (changed.training.epochs, changed.search.trials, changed.seed) == (7, 9, 3)
    assert changed.data.source == "npz"
    assert changed.data.path is not None and changed.data.path.startswith("/")
    with pytest.raises(InputError, match="epochs"):
        with_overrides(spec, epochs=0)


def test_source_is_recognised_where_the_file_names_only_a_path(write, tmp_path, tiny):
    shutil.copy(tiny.parent / "tiny.npz", tmp_path / "features")
    spec = study_file.load(write(KNOB + "data: {path: features}\n"))
    assert (spec.data.source, spec.data.path) == ("npz", str(tmp_path / "features"))
    with pytest.raises(InputError, match=r"study.yaml:3: data file .*none: there is no such file"):
        study_file.load(write(KNOB + "data: {path: none}\n"))


def test_differences_name_the_fields_and_leave_out_the_number_of_trials():
    spec = parse()
    changed = with_overrides(spec, epochs=7, trials=9, seed=3)
    assert differences(spec, changed) == ["seed: 0 -> 3", f"training.epochs: {spec.training.epochs} -> 7"]
    wider = parse(knobs={"encoder_loss_weight": {"low": 0.01, "high": 0.2, "log": True}})
    assert differences(spec, wider) == ["knobs.encoder_loss_weight.high: 0.1 -> 0.2"]


def test_dump_reads_back(tmp_path):
    data = {"a": 0.001, "b": [1, 2], "c": {"d": "x: y", "e": None, "f": True}, "g": 1e-9}
    (tmp_path / "x.yaml").write_text(yaml.dump(data))
    assert yaml.read(tmp_path / "x.yaml", "file").data == data


@pytest.mark.parametrize("name", ["best", "baseline", "original", "null"])
def test_plans_cannot_take_a_name_with_a_meaning(write, name):
    with pytest.raises(InputError, match=rf"study.yaml:\d+: plans.{name}: this name is taken"):
        study_file.load(write(KNOB + f"plans:\n  '{name}': {{encoder_loss_weight: 0.02}}\n"))


@pytest.mark.parametrize("name", ["document", "original:basic", "trial:3", "mine.yaml"])
def test_plans_cannot_take_a_name_that_is_looked_up_elsewhere(write, name):
    with pytest.raises(InputError, match=rf"plans.{name}: this name is taken"):
        study_file.load(write(KNOB + f"plans:\n  '{name}': {{encoder_loss_weight: 0.02}}\n"))
