"""`start --plan FILE`: a config file becomes a plan of a new study, or of one that exists."""

import pytest

from trainer.config import LossConfig
from tuner.errors import InputError
from tuner.report.export import export
from tuner.run.options import StartOptions
from tuner.run.start import make_or_resume
from tuner.spec import file as study_file
from tuner.storage import opening
from tuner.storage.record import config_of
from tuner.study.make import create_study
from tuner.study.study import open_study
from tuner.study.summary import best_trial
from tuner.system.place import Place
from tuner.validation.arms import make_plan
from tuner.validation.options import ValidateOptions
from tuner.worker import worker

MINE = "encoder_loss_weight: 0.07\ncontrastive_weight: 0.1\nprovenance: {study: other, trial: 3}\n"
MINE_IS = LossConfig(encoder_loss_weight=0.07, contrastive_weight=0.1)


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    return str(tmp_path / "mine.yaml")


def queue(study):
    return [t.user_attrs.get("plan") for t in opening.trials(study.optuna)]


def run(study):
    worker.work(study, device="cpu", say=lambda text: None)
    return {t.user_attrs.get("plan"): config_of(study.spec, t) for t in opening.trials(study.optuna)}


def test_it_comes_right_after_the_baseline_and_is_that_config(make_place, tiny, mine, scripted):
    study = make_or_resume(make_place(), StartOptions(study=str(tiny), trials=3, plans=[mine]))
    assert queue(study) == ["baseline", "mine", "basic"]
    scripted(lambda config, epoch: 0.5)
    assert run(study)["mine"] == MINE_IS  # the contrastive term is not searched there: it rides along


def test_a_study_resumes_with_and_without_the_flag(make_place, tiny, mine):
    place = make_place()
    make_or_resume(place, StartOptions(study=str(tiny), plans=[mine]))
    for file, name, plans in (
        (str(tiny), None, [mine]),
        (str(tiny), None, []),
        (None, "tiny", [mine]),
        (None, "tiny", []),
    ):
        assert queue(make_or_resume(place, StartOptions(study=file, name=name, plans=plans))).count("mine") == 1
    with pytest.raises(InputError, match="training.epochs: 4 -> 7"):
        make_or_resume(place, StartOptions(study=str(tiny), epochs=7, plans=[mine]))


def test_a_finished_study_gets_one_trial_more(make_place, tiny, mine, scripted):
    place = make_place()
    scripted(lambda config, epoch: 0.5)
    study = make_or_resume(place, StartOptions(study=str(tiny), trials=4))
    run(study)
    again = make_or_resume(place, StartOptions(name="tiny", plans=[mine]))
    assert queue(again) == ["baseline", "basic", "full", "advanced", "mine"] and again.n_trials == 5
    assert run(again)["mine"] == MINE_IS
    assert make_or_resume(place, StartOptions(study=str(tiny))).n_trials == 5
    wider = make_or_resume(place, StartOptions(name="tiny", trials=8))
    assert queue(wider) == ["baseline", "basic", "full", "advanced", "mine", None, None, None]


def test_a_plan_that_the_study_has_changes_nothing(make_place, tiny, tmp_path):
    (tmp_path / "basic.yaml").write_text(
        "encoder_loss_weight: 0.03\nreconstruction_loss: smooth_l1\ngate_reg_weight: 0.01\n"
    )
    study = make_or_resume(make_place(), StartOptions(study=str(tiny), trials=4, plans=[str(tmp_path / "basic.yaml")]))
    assert queue(study) == ["baseline", "basic", "full", "advanced"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("basic.yaml", MINE, ["another configuration is called 'basic'", "baseline, basic", "rename the file"]),
        ("mine.yaml", "encoder_loss_weight: 0.9\n", ["plans.mine", "0.9 lies outside its search range (0.01 .. 0.1"]),
        ("mine.yaml", "encoder_loss_wight: 0.09\n", ["mine.yaml", "Did you mean encoder_loss_weight?"]),
        ("mine.json", "{", ["mine.json", "not valid YAML"]),
        ("mine.yaml", None, ["mine.yaml does not exist"]),
    ],
)
def test_a_wrong_file_is_one_message_and_leaves_no_study(make_place, tiny, tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    place = make_place()
    with pytest.raises(InputError) as error:
        make_or_resume(place, StartOptions(study=str(tiny), plans=[str(tmp_path / name)]))
    for word in words:
        assert word in str(error.value)
    assert opening.study_names(opening.open_storage(place.storage)) == []


def test_two_files_of_one_name(make_place, tiny, mine, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.yaml").write_text("encoder_loss_weight: 0.02\n")
    with pytest.raises(InputError, match="another configuration is called 'mine'"):
        make_or_resume(make_place(), StartOptions(study=str(tiny), plans=[mine, str(tmp_path / "other" / "mine.yaml")]))


def test_new_flags_for_the_export_are_taken_over_from_the_file(make_place, tiny, tmp_path):
    place = make_place()
    make_or_resume(place, StartOptions(study=str(tiny)))
    file = tiny.parent / "with_flags.yaml"
    file.write_text(tiny.read_text() + "export: {args: {encoder_loss_weight: --w}}\n")
    assert make_or_resume(place, StartOptions(study=str(file), name="tiny")).spec.export.args == {
        "encoder_loss_weight": "--w"
    }
    assert open_study(place, "tiny").spec.export.args == {"encoder_loss_weight": "--w"}


def test_from_export_to_a_trial_of_another_study(finished_study, cli, tmp_path):
    file, state = tmp_path / "best.json", tmp_path / "state"
    done = cli("export", "tiny", "--format", "json", "--output", file, "--state", finished_study.state)
    assert done.returncode == 0, done.stderr
    again = cli(
        "start", finished_study.file, "--plan", file, "--trials", 2, "--epochs", 1, "--workers", 1, "--state", state
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "plan_best" in again.stdout
    study = open_study(Place.at(state), "tiny")
    found = {t.user_attrs["plan"]: config_of(study.spec, t) for t in opening.trials(study.optuna)}
    assert found["plan_best"].knobs() == finished_study.summary["best"]["params"]


OWN = {
    "model": """\
import torch

class Mine(torch.nn.Module):
    def __init__(self, views, classes):
        super().__init__()
        self.linear = torch.nn.Linear(sum(views.values()), classes)

    def forward(self, batch):
        return self.linear(batch.x), {"favour": (self.linear.bias[0] - 9).square()}
""",
    "script": "import sys\nprint('f1', float(sys.argv[2]) / 2)\n",
}
STUDIES = {
    "model": """\
model: own.py:Mine
data: {path: tiny.npz}
training: {epochs: 2, batch_size: 16, learning_rate: 0.1}
objective: val/cross_entropy
search: {trials: 2, replicates: 0}
knobs:
  favour_weight: {low: 0.001, high: 10.0, log: true}
  weighting: {choices: [fixed, warmup]}
  warmup_epochs: {low: 1, high: 5}
baseline: {favour_weight: 10.0}
""",
    "script": """\
command: "{python} -I -S own.py --seed={seed} {size_weight} {loss:--delta {delta} if huber} {layers}"
script: {metrics: {f1: 'f1 (.+)'}}
objective: f1
direction: maximize
training: {epochs: 1}
search: {trials: 2, replicates: 0}
knobs:
  size_weight: {low: 0.001, high: 10.0, log: true}
  loss: {choices: [mse, huber]}
  delta: {low: 0.1, high: 2.0, when: {loss: huber}}
  layers: {low: 1, high: 3, kind: int}
baseline: {size_weight: 0.1, loss: mse, layers: 2}
""",
}
FOUND = {
    "model": "plans: {found: {favour_weight: 0.002, weighting: warmup, warmup_epochs: 3}}\n",
    "script": "plans: {found: {size_weight: 0.2, loss: huber, delta: 0.123456789, layers: 3}}\n",
}


@pytest.mark.parametrize("form", ["yaml", "json"])
@pytest.mark.parametrize("kind", OWN)
def test_what_a_study_of_ones_own_exports_is_a_plan_and_an_arm(make_place, tiny, tmp_path, kind, form):
    """The best of one study, with a knob that is there only beside a choice, comes back as the same configuration."""
    (tmp_path / "own.py").write_text(OWN[kind])
    (tmp_path / "tiny.npz").symlink_to(tiny.parent / "tiny.npz")
    (tmp_path / "own.yaml").write_text(STUDIES[kind] + FOUND[kind])
    (tmp_path / "later.yaml").write_text(STUDIES[kind] + "plans: {}\n")
    study = create_study(make_place(), "own", study_file.load(str(tmp_path / "own.yaml")))
    run(study)
    best = config_of(study.spec, best_trial(study))
    assert best == study.spec.named()["found"] != study.spec.named()["baseline"]
    file = tmp_path / f"taken.{form}"
    file.write_text(export(study, form))

    later = make_or_resume(study.place, StartOptions(study=str(tmp_path / "later.yaml"), plans=[str(file)]))
    assert queue(later) == ["baseline", "taken"]
    assert run(later)["taken"] == best
    asked = ValidateOptions(
        study=str(tmp_path / "later.yaml"), baseline="baseline", candidate=str(file), dose_response=False
    )
    plan = make_plan(study.place, asked)
    assert plan.arms["taken"] == best
