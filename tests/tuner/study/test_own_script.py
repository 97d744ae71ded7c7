"""A training script of one's own that knows nothing of the tuner: from `start` to flags and a verdict, for real."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = '''\
"""An autoencoder with a classifier on its code, in NumPy: what a weight of the reconstruction does to the scores."""
import argparse
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--encoder_loss_weight", type=float, default=0.05)
parser.add_argument("--use_smooth_l1", action="store_true")
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
rng = np.random.default_rng(args.seed)
data = np.load("features.npz")
x, y, split = data["x"], data["y"], data["split"]
encode = rng.normal(size=(x.shape[1], 4)) / 3
decode, classify = np.zeros((4, x.shape[1])), np.zeros((4, 3))
score = lambda part: np.mean((x @ encode @ classify).argmax(1)[split == part] == y[split == part])
for epoch in range(1, args.epochs + 1):
    order = rng.permutation(np.flatnonzero(split == 0))
    for rows in np.array_split(order, len(order) // 16):
        code = x[rows] @ encode
        p = np.exp(code @ classify - (code @ classify).max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        wrong = (p - np.eye(3)[y[rows]]) / len(rows)
        off = code @ decode - x[rows]
        off = args.encoder_loss_weight * (np.clip(off, -1, 1) if args.use_smooth_l1 else 2 * off) / off.size
        gradient = x[rows].T @ (wrong @ classify.T + off @ decode.T)
        classify -= 0.1 * code.T @ wrong
        decode -= 0.1 * code.T @ off
        encode -= 0.1 * gradient
    print(f"epoch {epoch}: reconstruction {np.mean((x @ encode @ decode - x) ** 2):.4f}, dev {score(1):.4f}")
print(f"test {score(2):.4f}")
'''
STUDY = """\
command: >-
  {python} train.py --encoder_loss_weight {encoder_loss_weight} {reconstruction_loss:--use_smooth_l1 if smooth_l1}
  --epochs {epochs} --seed {seed}
script:
  metrics: {epoch: '^epoch (\\d+)', val/mse: 'reconstruction ([^,]+)', val/accuracy: 'dev (\\S+)', test/accuracy: '^test (\\S+)'}
training: {epochs: 5}
objective: val/accuracy
search: {trials: 4, replicates: 1}
knobs:
  encoder_loss_weight: {low: 0.001, high: 30.0, log: true}
  reconstruction_loss: {choices: [mse, smooth_l1]}
baseline: {encoder_loss_weight: 0.05, reconstruction_loss: mse}
plans:
  heavy: {encoder_loss_weight: 20.0, reconstruction_loss: smooth_l1}
"""  # noqa: E501


@pytest.fixture
def folder(tmp_path):
    """The script, its data and its study file."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = 0.7 * rng.normal(size=(3, 8))[y] + rng.normal(size=(240, 8))
    np.savez(tmp_path / "features.npz", x=x, y=y, split=np.arange(240) // 3 % 5 % 3)
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "mine.yaml").write_text(STUDY)
    return tmp_path


def test_from_start_over_flags_to_a_verdict(folder, cli):
    file, place = folder / "mine.yaml", ("--state", folder / "state")

    def tuner(*words):
        done = cli(*words, *place)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    said = tuner("start", file, "--workers", 1)
    assert "runs a command of your own" in said and "encoder_loss_weight" in said
    status = json.loads(tuner("status", "mine", "--json"))
    assert status["trials"]["complete"] + status["trials"]["pruned"] == 4 and status["trials"]["failed"] == 0
    assert status["baseline"]["params"] == {"encoder_loss_weight": 0.05, "reconstruction_loss": "mse"}
    best = status["best"]

    # What `export` writes is what the script takes, and the same run comes out of it.
    flags = shlex.split(tuner("export", "mine", "--format", "args"))
    again = subprocess.run(
        [sys.executable, "train.py", *flags, "--seed", "0"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert f"dev {best['value']:.4f}" in again.stdout

    words = ("--baseline", "baseline", "--candidate", "heavy", "--seeds", 8, "--workers", 1, "--json")
    verdict = json.loads(tuner("validate", file, *words))
    (judged,) = (c for c in verdict["comparisons"] if c["candidate"] == "heavy")
    assert verdict["primary"] == judged["metric"] == "test/accuracy" and verdict["seeds"] == 8
    assert judged["verdict"] in ("better", "worse", "equivalent", "inconclusive")
    assert judged["ci"][0] <= judged["difference"] <= judged["ci"][1]
