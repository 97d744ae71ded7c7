"""Calibration picks what it measured as fastest, and one by one where the gain is within the noise."""

import dataclasses

import pytest

from trainer import calibrate
from trainer.calibrate import Choice, choose
from trainer.config import ModelConfig, TrainingConfig
from trainer.own_config import OwnModel


@pytest.mark.parametrize(("gain", "found"), [
    (3.304, Choice(8, True, 3.3)),
    (1.11, Choice(8, True, 1.11)),
    (1.09, Choice(1, False, 1.09)),
    (0.5, Choice(1, False, 0.5)),
])  # fmt: skip
def test_fused_only_where_that_is_clearly_faster(gain, found):
    assert choose(8, gain) == found


@pytest.mark.parametrize(("most", "size"), [(99, 8), (8, 8), (5, 5)])
def test_the_number_depends_on_no_clock(tensors, small, short, monkeypatch, most, size):
    """A clock that counts the members of whatever runs: fused takes one unit for all of them, alone one each."""
    monkeypatch.setattr(calibrate, "_time", lambda run, clock: 1.0)
    assert calibrate.calibrate(tensors(), small, short, most=most) == Choice(size, True, float(size))


def test_it_runs_for_real(tensors, small, short):
    found = calibrate.calibrate(tensors(), small, dataclasses.replace(short, epochs=1), most=2)
    assert found.size in (1, 2) and found.fused == (found.size == 2) and found.gain > 0


def test_nothing_is_measured_where_one_trial_is_trained_at_a_time(tensors, small):
    assert calibrate.calibrate(tensors(), small, TrainingConfig(), most=1) == Choice()
    assert Choice().gain is None


def test_only_the_built_in_model_has_a_batched_form():
    assert calibrate.can_fuse(ModelConfig())
    assert not calibrate.can_fuse(OwnModel(file="model.py:Model"))
    assert not calibrate.can_fuse(None)
