"""Checkpoints: atomic, checked, harmless, and no more of them than they are worth."""

import errno
import io
import os
import pickle

import pytest
import torch

from tuner.errors import InputError
from tuner.worker import checkpoint as checkpoints
from tuner.worker.checkpoint import MAGIC, Cadence, Checkpoint, folder, identity, tidy


@pytest.fixture
def said():
    return []


@pytest.fixture
def one(tmp_path, said):
    return Checkpoint(tmp_path / "study" / "3.pt", "same", said.append)


def state(epoch):
    return {"epoch": epoch, "result": {"curves": {"loss": torch.arange(epoch)}}, "training": {"x": torch.ones(2)}}


def test_comes_back_as_it_was(one, said):
    assert one.read() is None
    one.write([state(4)], [10, 20, 30, 40])
    found = one.read()
    assert found.epoch == 4 and found.times == [10, 20, 30, 40]
    assert torch.equal(found.states[0]["result"]["curves"]["loss"], torch.arange(4))
    assert said == []


def test_the_previous_one_is_kept_and_used_when_the_newest_is_damaged(one, said):
    for epoch in (1, 2, 3):
        one.write([state(epoch)], [])
    assert sorted(p.name for p in one.path.parent.iterdir()) == ["3.previous.pt", "3.pt"]
    data = bytearray(one.path.read_bytes())
    data[len(data) // 2] ^= 1
    one.path.write_bytes(data)
    assert one.read().epoch == 2
    assert len(said) == 1 and "3.pt is damaged (its checksum differs)" in said[0]
    one.write([state(3)], [])
    assert one.read().epoch == 3
    one.path.write_bytes(b"")
    assert one.read().epoch == 2, "a damaged one never takes the place of a whole one"


@pytest.mark.parametrize("cut", [0, 10, 90, 400])
def test_a_truncated_one_is_damaged(one, said, cut):
    one.write([state(1)], [])
    one.path.write_bytes(one.path.read_bytes()[:cut])
    assert one.read() is None
    assert "is damaged" in said[0]


def test_a_crash_while_writing_leaves_what_was_there(one, monkeypatch):
    one.write([state(1)], [])

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        one.write([state(2)], [])
    assert one.read().epoch == 1
    assert [p.name for p in one.path.parent.iterdir()] == ["3.pt"]


def test_one_of_another_training_is_named_and_not_used(one, said):
    one.write([state(1)], [])
    assert Checkpoint(one.path, "other", said.append).read() is None
    assert "is of another training" in said[0]


def test_identity_changes_with_every_fact():
    assert identity(a=1, b="x") == identity(b="x", a=1) != identity(a=2, b="x")


def test_no_code_runs_from_a_file(one, said, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "gotcha"),)

    payload = io.BytesIO()
    torch.save({"identity": "same", "states": [Evil()]}, payload)
    data = payload.getvalue()
    import hashlib

    one.path.parent.mkdir()
    for content in (data, pickle.dumps(Evil())):
        one.path.write_bytes(MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        assert one.read() is None
    assert not (tmp_path / "gotcha").exists()
    assert all("is damaged" in text for text in said)


def test_names_stay_in_the_state_folder(tmp_path):
    assert folder(tmp_path, "my study") == tmp_path / "checkpoints" / "my study"
    with pytest.raises(InputError):
        folder(tmp_path, "../elsewhere")


def test_what_ended_trials_left_behind_goes(tmp_path):
    where = tmp_path / "study"
    where.mkdir()
    for name in ("3.pt", "3.previous.pt", "3-1.pt", "3.abc.tmp", "30.pt", "4.pt", "4-2.previous.pt"):
        (where / name).touch()
    tidy(where, ["4"])
    assert sorted(p.name for p in where.iterdir()) == ["4-2.previous.pt", "4.pt"]
    tidy(where, [])
    assert not where.exists()
    tidy(where, [])


def test_as_often_as_time_allows():
    now, cost = 0.0, 0.01
    cadence = Cadence(clock=lambda: now)

    def write():
        nonlocal now
        now += cost

    due = []
    while now < 100:
        due.append(cadence.due())
        if due[-1]:
            cadence.write(write, print)
        now += 1
    assert sum(due) == 9, "every ten seconds"
    cost = 2.0
    cadence.write(write, print)
    began = now
    while not cadence.due():
        now += 1
    assert now - began >= 200, "an expensive one takes no more than its share of the time"


def test_without_room_the_training_goes_on_and_says_so_once():
    said, broken = [], True

    def write():
        if broken:
            raise OSError(errno.ENOSPC, "No space left on device")

    cadence = Cadence()
    for _ in range(3):
        cadence.write(write, said.append)
    assert said == ["no checkpoint written: no room on the disk; the training goes on"]
    broken = False
    cadence.write(write, said.append)
    broken = True
    cadence.write(write, said.append)
    assert len(said) == 2
