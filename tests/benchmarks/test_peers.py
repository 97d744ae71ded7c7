"""The comparison compares equal work: same knobs, same first trials, same loss; and what it measures is there."""

import json
import sqlite3
import subprocess
import sys

import numpy as np
import optuna
import pytest
import torch

from benchmarks.peers import compare, ourselves
from benchmarks.peers.plain import Loss, Training
from benchmarks.peers.work import FIRST, Work, suggest
from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.data import load
from trainer.member import Member
from trainer.tensors import epoch_batches, to_tensors
from tuner.spec import file as study_file
from tuner.storage import opening

WORK = Work("htad", None, trials=4, epochs=3, seed=0, processes=1)
SPEC = study_file.load("quickstart")


def test_peers_search_the_knobs_of_the_study_file():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    asked = {}
    for _ in range(30):
        trial = study.ask()
        suggest(trial)
        asked |= trial.distributions
        knobs = trial.params
        assert ("focal_gamma" in knobs) == (knobs["classification_loss"] == "focal")
        assert ("warmup_epochs" in knobs) == (knobs["weighting"] == "warmup")
    whole = {name: SPEC.vocabulary.knobs[name].kind == "int" for name in SPEC.knobs}
    assert asked == {name: opening.distribution(rng, whole=whole[name]) for name, rng in SPEC.knobs.items()}


def test_peers_begin_with_the_baseline_and_the_plans():
    assert list(FIRST) == [SPEC.searched(config) for config in SPEC.named().values()]


def test_our_own_study_file_is_quickstart_on_that_work(tmp_path):
    (tmp_path / "peers.yaml").write_text(ourselves.study(WORK))
    spec = study_file.load(str(tmp_path / "peers.yaml"))
    assert (spec.knobs, spec.named(), spec.model) == (SPEC.knobs, SPEC.named(), SPEC.model)
    assert (spec.training.epochs, spec.search.trials, spec.search.replicates, spec.seed) == (3, 4, 0, 0)
    # The peers take model and training settings from the defaults.
    assert spec.model == ModelConfig() and spec.training == TrainingConfig(epochs=3)


CONFIGS = [
    *FIRST,
    {**FIRST[1], "weighting": "warmup", "warmup_epochs": 2},
    {**FIRST[0], "classification_loss": "focal", "focal_gamma": 0.7},
]


@pytest.mark.parametrize("knobs", CONFIGS)
def test_the_loss_written_out_is_ours(knobs):
    data = to_tensors(load("htad", seed=0), ModelConfig())
    batches = epoch_batches(data, 64, 0, 1)[:5]
    member = Member(LossConfig.from_knobs(knobs), data, ModelConfig(), TrainingConfig(), 0, len(batches))
    member.model.eval()  # without dropout, so that both see the same output
    member.weighting.train()
    plain = Loss(knobs)
    for i, batch in enumerate(batches):
        x, labels = data.x[batch.rows], data.labels[batch.rows]
        out = member.model(x, batch.lengths)
        terms = member.terms(out, x, labels)
        terms["reconstruction"] = terms.pop("reconstruction_global") + terms.pop("reconstruction_inter")
        total, _ = member.weighting(terms, i / len(batches))
        torch.testing.assert_close(plain(out, x, labels, i / len(batches)), total, rtol=1e-6, atol=1e-7)


def test_plain_training_learns_and_takes_as_many_steps_as_ours():
    data = to_tensors(load("htad", seed=0), ModelConfig())
    training = Training(FIRST[0], data, WORK)
    first, second = training.epoch(), training.epoch()
    assert second["train_loss"] < first["train_loss"]
    assert second["val_weighted_f1"] > 0.3
    assert len(training.train_loader) == len(epoch_batches(data, 16, 0, 1)) == training.steps


def test_plain_training_keeps_dialogues_together():
    rng = np.random.default_rng(0)
    n = 120
    from trainer.data._raw import Raw, build

    views = {"a": rng.normal(size=(n, 4)).astype(np.float32), "b": rng.normal(size=(n, 3)).astype(np.float32)}
    raw = Raw("dialogues", views, np.arange(n) % 3, dialogue=np.repeat(np.arange(20), 6))
    data = to_tensors(build(raw, seed=0, labels=1.0), ModelConfig())
    training = Training(FIRST[0], data, WORK)
    assert data.context == "gru"
    for x, labels, lengths in training.train_loader:
        assert len(x) == len(labels) == lengths.sum()
        assert set(lengths.tolist()) == {6}
    assert np.isfinite(training.epoch()["val_cross_entropy"])


def result(contender, seed, best, seconds=10.0):
    work = {"trials": 2, "epochs": 5, "processes": 1, "seed": seed}
    used = {"seconds": seconds, "cpu_seconds": 5.0, "peak_mib": 100.0}
    return {"contender": contender, "work": work, "epochs": 10, "trials": 2, "best_over_time": best, **used}


def test_time_to_quality_is_to_what_the_slowest_of_the_round_reaches():
    results = [
        result("optuna", 0, [(4.0, 0.5), (8.0, 0.8)]),
        result("ours", 0, [(1.0, 0.4), (2.0, 0.85), (5.0, 0.9)], seconds=5.0),
    ]
    found = compare.rows(results)
    assert (found["optuna"]["s to quality"], found["ours"]["s to quality"]) == (8.0, 2.0)
    assert found["ours"]["epochs/s"] == 2 * found["optuna"]["epochs/s"] == 2.0
    text = compare.table("htad", results)
    assert "ourselves" in text and "(0.25)" in text  # 2 s of 8


def test_curve_is_read_from_the_tracking_database(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE runs (run_uuid, lifecycle_stage)")
        database.execute("CREATE TABLE metrics (key, value, timestamp, run_uuid, step)")
        database.executemany("INSERT INTO runs VALUES (?, ?)", [("a", "active"), ("b", "active"), ("c", "deleted")])
        points = [("a", 0.5, 11_000, 1), ("a", 0.4, 12_000, 2), ("b", 0.7, 13_000, 1), ("c", 0.9, 13_500, 1)]
        points.append(("a", 0.99, 14_000, 0))  # a summary, not an epoch
        database.executemany(
            "INSERT INTO metrics VALUES ('val/weighted_f1', ?, ?, ?, ?)", [(v, t, r, s) for r, v, t, s in points]
        )
        database.execute("INSERT INTO metrics VALUES ('val/accuracy', 1.0, 12000, 'a', 1)")
    found = compare.curve(tmp_path, 10.0)
    assert found == {"epochs": 3, "trials": 2, "best_over_time": [(1.0, 0.5), (3.0, 0.7)]}


METER = """
import json, subprocess, sys
from dataclasses import asdict
from pathlib import Path
from benchmarks.peers import meter
burn = "while __import__('time').process_time() < 0.4: pass"
shell = f"'{sys.executable}' -c \\"{burn}\\" &"  # the shell leaves at once; its output is open until the orphan is done
orphan = f"import subprocess; subprocess.run({shell!r}, shell=True, stdout=subprocess.PIPE)"
print(json.dumps(asdict(meter.measure([sys.executable, "-c", orphan], Path(sys.argv[1])))))
try:
    meter.measure([sys.executable, "-c", "print('why'); raise SystemExit(3)"], Path(sys.argv[1]))
except subprocess.CalledProcessError as error:
    print(error.output.strip())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_meter_counts_what_a_command_leaves_to_others(tmp_path):
    """In a process of its own: the meter ends whatever is left below its process."""
    done = subprocess.run(
        [sys.executable, "-c", METER, str(tmp_path / "log")], capture_output=True, text=True, check=True, timeout=60
    )
    used, output = done.stdout.splitlines()
    used = json.loads(used)
    assert used["cpu_seconds"] >= 0.4
    assert output == "why"
