"""A script without an option that weighs its loss is adopted too, and told what it lacks."""

from pathlib import Path

import pytest

from tuner.adopt.adopt import Adopted, adopt
from tuner.errors import InputError
from tuner.spec import file as study_file

HEAD = """
import argparse, os
import torch
import torch.nn.functional as F
"""
BODY = """
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.Adam(model.parameters(), lr={lr})
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma={gamma})
for epoch in range(3):
    out = model(torch.zeros(3, 2))
    mse = F.mse_loss(out, torch.ones(3, 2))
    kl = out.abs().mean()
    loss = {loss}
    loss.backward()
    print(f"epoch {{epoch}} val_f1 {{mse:.4f}}")
"""
OPTIONS = """
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--dropout", type=float, default=0.1)
parser.add_argument("--gamma", type=float, default=0.7)
parser.add_argument("--workers", type=int, default=2)
args = parser.parse_args()
print(args.dropout)
"""


def read(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Adopted:
    monkeypatch.chdir(folder)
    (folder / "fit.py").write_text(code)
    return adopt(Path("fit.py"), run=lambda command: False)


def of(adopted: Adopted, kind: str) -> list[str]:
    return [f.text for f in adopted.findings if f.kind == kind]


def test_what_shapes_training_is_searched_and_the_literal_weight_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = read(
        tmp_path, monkeypatch, HEAD + OPTIONS + BODY.format(lr="args.lr", gamma="args.gamma", loss="mse + 0.1 * kl")
    )
    knobs = study_file.load(str(done.file)).knobs
    assert {"lr", "gamma"} <= set(knobs) <= {"lr", "gamma", "dropout"}
    assert (knobs["lr"].low, knobs["lr"].high, knobs["lr"].log) == (1e-4, 1e-2, True)
    assert knobs["gamma"].high == 1.0, "a decay of the learning rate weighs no term, and ends at 1"
    assert "mse + 0.1 * kl" in of(done, "weightless")[0]
    (said,) = of(done, "fixed")
    assert said.startswith("0.1 weighs kl") and '--kl_weight", type=float, default=0.1' in said
    line = (tmp_path / "fit.py").read_text().split("\n").index("    loss = mse + 0.1 * kl") + 1
    assert [f.where for f in done.findings if f.kind == "fixed"] == [f"fit.py:{line}"]


def test_a_bare_number_is_searched_before_a_script_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (
        OPTIONS.replace("--lr", "--width")
        .replace("--dropout", "--batch")
        .replace("float, default=0.1", "int, default=32")
    )
    code = options.replace("--gamma", "--depth").replace("args.dropout", "args.width + args.batch + args.depth")
    done = read(tmp_path, monkeypatch, HEAD + code + BODY.format(lr="args.width", gamma="args.depth", loss="mse"))
    assert {"width", "depth"} <= set(study_file.load(str(done.file)).knobs)
    assert not of(done, "fixed")


def test_a_constant_that_weighs_a_term_is_refused_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = BODY.format(lr="1e-3", gamma="0.9", loss="mse + LAMBDA * kl")
    with pytest.raises(InputError, match=r"LAMBDA = 0.1 \(fit.py:5\) weighs kl") as refused:
        read(tmp_path, monkeypatch, HEAD + "LAMBDA = 0.1" + body)
    line = 'LAMBDA = float(os.environ.get("LAMBDA", 0.1))'
    assert line in str(refused.value)
    done = read(tmp_path, monkeypatch, HEAD + line + body)  # what it says works
    spec = study_file.load(str(done.file))
    assert done.plan.command == "env LAMBDA={LAMBDA} {python} fit.py"
    assert set(spec.knobs) == {"LAMBDA"} and spec.baseline["LAMBDA"] == 0.1


def test_a_number_of_a_formula_and_a_factor_of_the_whole_loss_are_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = "0.3 * (mse + -0.5 * kl)"
    done = read(tmp_path, monkeypatch, HEAD + OPTIONS + BODY.format(lr="args.lr", gamma="args.gamma", loss=loss))
    assert not of(done, "fixed")


SAVES = '\n    open("last.txt", "w").write(str(epoch))\n'


@pytest.mark.parametrize(
    ("code", "isolate"),
    [
        (SAVES, True),
        (SAVES + '\n    torch.save(model, "last.pt")\nmodel = torch.load("last.pt")\n', ["last.pt"]),
        (SAVES + '\ndata = "../data/iemocap.pkl"\n', False),
        ("", False),
    ],
)
def test_trials_get_folders_where_files_would_collide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, isolate: object
) -> None:
    body = BODY.format(lr="args.lr", gamma="args.gamma", loss="mse")
    done = read(tmp_path, monkeypatch, HEAD + OPTIONS + body + code)
    assert study_file.load(str(done.file)).script.isolate == isolate
    assert ("../data" in " ".join(done.plan.notes)) == ("../data" in code)


def test_event_files_are_read_where_the_script_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = OPTIONS.replace("args = ", 'parser.add_argument("--output_dir", default="out")\nargs = ')
    body = BODY.format(lr="args.lr", gamma="args.gamma", loss="mse").replace(
        'print(f"epoch {epoch} val_f1 {mse:.4f}")', "pass"
    )
    writer = """
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter(os.path.join(args.output_dir, "events"))
for step in range(3):
    writer.add_scalar("val/f1", 0.5, step)
"""
    done = read(tmp_path, monkeypatch, HEAD + options + body + writer)
    spec = study_file.load(str(done.file))
    assert spec.script.tensorboard == "{output}/events" and spec.objective == "val/f1"
    assert "--output_dir {output}" in done.plan.command


def test_keys_of_a_config_file_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf.yaml").write_text("loss: {beta: 0.05}\nname: run\n")
    head = HEAD + "import yaml\n" + 'parser = argparse.ArgumentParser()\nparser.add_argument("--config", default="")\n'
    head += "args = parser.parse_args()\nwith open(args.config) as f:\n    cfg = yaml.safe_load(f)\n"
    body = BODY.format(lr="1e-3", gamma="0.9", loss='mse + cfg["loss"]["beta"] * kl')
    (tmp_path / "fit.py").write_text(head + body)
    (tmp_path / "studies").mkdir()
    study = Path("studies/mine.yaml")
    done = adopt(Path("fit.py"), ["--config", "conf.yaml"], output=study, run=lambda command: False)
    spec = study_file.load(str(done.file))
    assert done.plan.command == "{python} fit.py --config {config}"
    assert spec.script.config is not None and spec.script.config.endswith("conf.yaml")
    assert set(spec.knobs) == {"loss.beta"} and spec.baseline["loss.beta"] == 0.05


def test_a_switch_that_cannot_be_turned_off_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = OPTIONS.replace(
        "args = ", 'parser.add_argument("--class_weight", action="store_true", default=True)\nargs = '
    )
    code = options + "print(args.class_weight)\n" + BODY.format(lr="args.lr", gamma="args.gamma", loss="mse")
    assert "class_weight" not in study_file.load(str(read(tmp_path, monkeypatch, HEAD + code).file)).knobs
