"""Event files are read without TensorBoard, and nothing in one ends a trial."""

import struct

import numpy as np
import pytest

from tuner.worker.script.tensorboard import EventFiles, scalars


def varint(value):
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def field(number, wire, content):
    head = varint(number << 3 | wire)
    return head + (varint(len(content)) + content if wire == 2 else content)


def value(tag, number, kind="simple"):
    if kind == "simple":
        inside = field(2, 5, struct.pack("<f", number))
    elif kind == "content":
        inside = field(8, 2, field(1, 0, varint(1)) + field(4, 2, struct.pack("<f", number)))
    else:
        inside = field(8, 2, field(1, 0, varint(1)) + field(5, 2, struct.pack("<f", number)))
    return field(1, 2, field(1, 2, tag.encode()) + inside)


def record(step, *values):
    event = field(1, 1, struct.pack("<d", 1.0)) + field(2, 0, varint(step)) + field(5, 2, b"".join(values))
    return struct.pack("<Q", len(event)) + b"\0" * 4 + event + b"\0" * 4


@pytest.mark.parametrize("kind", ["simple", "content", "floats"])
def test_scalars_in_each_form(kind):
    event = record(7, value("val/f1", 0.5, kind))[12:-4]
    assert scalars(event) == (7, {"val/f1": 0.5})


def test_files_are_read_while_they_grow_and_the_scalars_of_a_step_go_together(tmp_path):
    events = EventFiles(tmp_path, "val/f1")
    assert list(events.events()) == []
    file = tmp_path / "version_0" / "events.out.tfevents.1.host"
    file.parent.mkdir()
    whole = record(10, value("loss", 2.0)) + record(10, value("val/f1", 0.5), value("epoch", 0.0))
    file.write_bytes(whole + record(20, value("val/f1", 0.75))[:-9])
    assert [(e.epoch, e.metrics) for e in events.events()] == [(0.0, {"loss": 2.0, "val/f1": 0.5})]
    file.write_bytes(whole + record(20, value("val/f1", 0.75)))
    assert [(e.epoch, e.step, e.metrics) for e in events.events()] == [(None, 20.0, {"val/f1": 0.75})]


def test_what_an_earlier_attempt_has_left_is_not_read(tmp_path):
    (tmp_path / "events.out.tfevents.1").write_bytes(record(1, value("f1", 0.5)))
    assert list(EventFiles(tmp_path, "f1").events(final=True)) == []


@pytest.mark.parametrize(
    "content",
    [b"\xff" * 40, struct.pack("<Q", 2**40) + b"x" * 40, struct.pack("<Q", 8) + b"\0" * 4 + b"\xff" * 12, b"short"],
)
def test_no_file_ends_a_trial(tmp_path, content):
    events = EventFiles(tmp_path, "f1")
    (tmp_path / "events.out.tfevents.1").write_bytes(content)
    assert list(events.events(final=True)) == []


def test_against_torch_and_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    events = EventFiles(tmp_path, "val/f1")
    with tensorboard.SummaryWriter(str(tmp_path)) as writer:
        for step in (1, 2):
            writer.add_scalar("val/f1", step / 4, step)
            writer.add_histogram("weights", np.arange(3.0), step)
    assert [(e.step, e.metrics) for e in events.events(final=True)] == [(1, {"val/f1": 0.25}), (2, {"val/f1": 0.5})]
