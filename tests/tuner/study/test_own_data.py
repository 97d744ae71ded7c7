"""From data as researchers have it to a finished study, in one command, for real."""

import json

import pytest

STUDY = """\
model: {hidden: 8, view_width: 4}
training: {epochs: 2}
search: {trials: 2, replicates: 0}
knobs:
  encoder_loss_weight: {low: 0.01, high: 0.1, log: true}
"""


@pytest.fixture
def run(cli, tmp_path):
    """`start` on some data, in its own study file's words or by flag; returns what `status --json` says."""
    (tmp_path / "mine.yaml").write_text(STUDY)

    def start(study, *flags):
        place = ("--state", tmp_path / "state")
        done = cli("start", study, *flags, "--workers", 1, *place)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, json.loads(cli("status", "--json", *place).stdout)

    return start


def test_a_pickle_of_joyful_by_flag(run, pickles, dump, sample_class, tmp_path):
    said, found = run(tmp_path / "mine.yaml", "--data", dump(pickles.samples(sample_class("joyful"))))
    assert "features (90 rows; text 5, audio 4, visual 3; 6 classes)" in said
    assert found["trials"]["complete"] == 2 and found["reference"]["test/weighted_f1"] > 0
    assert 0 <= found["best"]["test"]["test/weighted_f1"] <= 1


def test_the_public_csvs_named_in_the_study_file(run, csvs, tmp_path):
    folder = tmp_path / "meld"
    folder.mkdir()
    csvs.write(folder, csvs.parts())
    (tmp_path / "meld.yaml").write_text(STUDY + "data: {path: meld}\n")
    said, found = run(tmp_path / "meld.yaml")
    assert "style" in said and "speaker 4; 7 classes" in said and "GPL-3.0" in said
    assert found["trials"]["complete"] == 2
