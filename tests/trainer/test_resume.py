"""A training that was cut short goes on bit for bit, alone or in other company."""

import io
import math

import numpy as np
import pytest
import torch

from trainer.config import LossConfig, TrainingConfig
from trainer.errors import InputError
from trainer.resume import epoch_metrics
from trainer.train import train

CONFIGS = [
    LossConfig(),
    LossConfig(weighting="uncertainty", encoder_loss_weight=0.3),
    LossConfig(classification_loss="focal", focal_gamma=2.0, weighting="warmup", warmup_epochs=3),
]
LONG = TrainingConfig(epochs=7, batch_size=24, conflict_every=2, early_stopping=5)


class Cut(Exception):
    """What ends a training in these tests."""


def to_file_and_back(states):
    file = io.BytesIO()
    torch.save(states, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.fixture(params=[False, True], ids=["one by one", "fused"])
def whole(tensors, small, request):
    """Trains to the end, stopping member 1 after epoch 3; `cut` ends it after that epoch and returns the states."""

    def run(cut=0, resume=(), configs=CONFIGS, stop=1):
        kept, reported = [], []

        def save(states):
            if cut and reported[-1][0].epoch == cut:
                kept.extend(to_file_and_back(states()))
                raise Cut

        def report(reports):
            reported.append(reports)
            return [stop] if reports[0].epoch == 3 else []

        options = {"seed": 3, "report": report, "save": save, "resume": resume, "fused": request.param}
        if cut:
            with pytest.raises(Cut):
                train(configs, tensors(), small, LONG, **options)
            return kept
        results = train(configs, tensors(), small, LONG, **options)
        return results, [r[0].epoch for r in reported]

    return run


def same(a, b):
    assert (a.state, a.reason, a.best_epoch) == (b.state, b.reason, b.best_epoch)
    np.testing.assert_equal(a.best_value, b.best_value)
    assert a.curves.keys() == b.curves.keys()
    for name in a.curves:
        if name != "samples_per_second":
            np.testing.assert_array_equal(a.curves[name], b.curves[name], err_msg=name)
    assert a.test == b.test
    assert {n: v for n, v in a.measures.items() if "per_second" not in n} == {
        n: v for n, v in b.measures.items() if "per_second" not in n
    }
    assert a.model.keys() == b.model.keys() and all(torch.equal(a.model[n], b.model[n]) for n in a.model)
    np.testing.assert_array_equal(a.norms, b.norms)


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_resumed_equals_uninterrupted(whole, cut):
    """Cut before, at and after the epoch at which a member is stopped."""
    straight, _ = whole()
    torch.manual_seed(99)
    resumed, epochs = whole(resume=whole(cut))
    assert epochs == list(range(cut + 1, 8))
    for a, b in zip(straight, resumed, strict=True):
        same(a, b)
    assert [r.state for r in resumed] == ["complete", "stopped", "complete"]


def test_members_go_on_apart(whole):
    straight, _ = whole()
    states = whole(cut=4)
    for i in (0, 2):
        (alone,), _ = whole(resume=states[i : i + 1], configs=CONFIGS[i : i + 1], stop=9)
        same(straight[i], alone)


def test_a_member_that_had_ended_trains_no_more(whole):
    (stopped,), epochs = whole(resume=whole(cut=4)[1:2], configs=CONFIGS[1:2])
    assert epochs == [] and stopped.state == "stopped" and stopped.epochs == 3


def test_curves_give_back_what_an_epoch_measured(whole):
    states = whole(cut=4)
    (_, _, last), _ = whole()
    for epoch in range(1, 5):
        metrics = epoch_metrics(states[2], epoch)
        for name, curve in last.curves.items():
            if name != "samples_per_second" and not math.isnan(curve[epoch - 1]):
                assert metrics[name] == curve[epoch - 1]
    assert epoch_metrics(states[2], 5) == {}


def test_too_few_states_are_refused(whole):
    late = whole(cut=4)
    with pytest.raises(InputError, match="expected the states of 3 members; found 2"):
        whole(resume=late[:2])


def test_states_of_different_epochs_go_on_where_they_can_be_mixed(whole):
    early, late = whole(cut=2), whole(cut=4)
    straight, _ = whole()
    resumed, _ = whole(resume=[early[0], late[1], late[2]])
    for a, b in zip(straight, resumed, strict=True):
        same(a, b)


@pytest.mark.parametrize("fused", [False, True])
def test_states_of_different_epochs_go_on_where_batches_differ(tensors, small, fused):
    data, kept = tensors(dialogue=np.arange(120) // 5), []
    options = {"seed": 3, "fused": fused, "save": lambda states: kept.append(to_file_and_back(states()))}
    straight = train(CONFIGS[:2], data, small, LONG, **options)
    resumed = train(CONFIGS[:2], data, small, LONG, **options, resume=[kept[0][0], kept[2][1]])
    for a, b in zip(straight, resumed, strict=True):
        same(a, b)


def test_what_happens_between_steps_can_end_the_training(tensors, small):
    steps = []

    def between():
        steps.append(1)
        if len(steps) == 5:
            raise Cut

    with pytest.raises(Cut):
        train(CONFIGS[:1], tensors(), small, LONG, seed=0, between=between)
    assert len(steps) == 5
