"""Scalars of TensorBoard's event files, read without TensorBoard.

An event file is a series of records: length (8 bytes), its checksum (4), an `Event` in protobuf, its checksum (4). Of
the messages (tensorflow/core/util/event.proto, framework/summary.proto, framework/tensor.proto) only what holds a
scalar is read: the step, and each value's tag with `simple_value`, or with a tensor of one number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tuner.worker.script.metrics import Event, Unread, event_of

LARGEST_RECORD = 64 * 2**20
"""Bytes of a record beyond which a file is no event file."""
MOST_FILES = 200
_FLOAT, _DOUBLE, _INT32, _INT64 = 1, 2, 3, 9


class EventFiles:
    """All event files below a folder, while they are written."""

    def __init__(self, folder: Path, objective: str = "") -> None:
        self.folder, self.objective = folder, objective
        self.unread = Unread()
        self._at: dict[Path, int] = dict.fromkeys(folder.rglob("*tfevents*"), -1)
        """bytes read of each file; -1 for one that is none, or that an earlier attempt at the run has left"""

    def events(self, final: bool = False) -> Iterator[Event]:
        """What the new records say: the scalars of one step together."""
        for file in sorted(self.folder.rglob("*tfevents*"))[:MOST_FILES]:
            step, values = None, dict[str, float]()
            for at, numbers in self._records(file):
                if step is not None and (at != step or values.keys() & numbers.keys()):
                    yield from self._event(step, values)
                    values = {}
                step = at
                values |= numbers
            if step is not None:
                yield from self._event(step, values)

    def _event(self, step: int, values: dict[str, float]) -> Iterator[Event]:
        """A scalar `epoch`, as Lightning logs it, says the epoch; else the step counts."""
        event = event_of(values, self.objective, self.unread)
        if event is not None and event.metrics:
            yield event if event.epoch is not None else event._replace(step=float(step))

    def _records(self, file: Path) -> Iterator[tuple[int, dict[str, float]]]:
        at = self._at.get(file, 0)
        if at < 0:
            return
        try:
            with file.open("rb") as opened:
                opened.seek(at)
                while len(head := opened.read(12)) == 12:
                    (length,) = struct.unpack("<Q", head[:8])
                    if length > LARGEST_RECORD:
                        self.unread.add(f"{file.name} is no event file")
                        self._at[file] = -1
                        return
                    record = opened.read(length + 4)
                    if len(record) < length + 4:
                        return  # it is being written
                    self._at[file] = at = at + 16 + length
                    try:
                        found = scalars(record[:length])
                    except (ValueError, struct.error, IndexError):
                        self.unread.add(f"{file.name} has a record that is no event")
                        continue
                    if found[1]:
                        yield found
        except OSError:
            return


def scalars(record: bytes) -> tuple[int, dict[str, float]]:
    """Step and scalars by tag of one `Event`. Raises ValueError where it is none."""
    step, values = 0, dict[str, float]()
    for field, _, value in _fields(record):
        if field == 2 and isinstance(value, int):
            step = value - 2**64 if value >= 2**63 else value
        elif field == 5 and isinstance(value, bytes):
            for inner, _, one in _fields(value):
                if inner == 1 and isinstance(one, bytes):
                    tag, number = _scalar(one)
                    if tag and number is not None:
                        values[tag] = number
    return step, values


def _scalar(value: bytes) -> tuple[str, float | None]:
    tag, number = "", None
    for field, _, found in _fields(value):
        if field == 1 and isinstance(found, bytes):
            tag = found.decode(errors="replace")
        elif field == 2 and isinstance(found, float):
            number = found
        elif field == 8 and isinstance(found, bytes):
            number = _tensor(found)
    return tag, number


def _tensor(value: bytes) -> float | None:
    """The only number of a TensorProto; None for a tensor of another kind or size."""
    kind, content, numbers = 0, b"", list[float]()
    for field, wire, found in _fields(value):
        if field == 1 and isinstance(found, int):
            kind = found
        elif field == 4 and isinstance(found, bytes):
            content = found
        elif field in (5, 6) and isinstance(found, float):
            numbers.append(found)
        elif field in (5, 6) and isinstance(found, bytes) and wire == 2:
            size = 4 if field == 5 else 8
            numbers += struct.unpack(f"<{len(found) // size}{'f' if size == 4 else 'd'}", found)
        elif field in (7, 10) and isinstance(found, int):
            numbers.append(float(found))
    layout = {_FLOAT: "<f", _DOUBLE: "<d", _INT32: "<i", _INT64: "<q"}.get(kind)
    if layout and len(content) == struct.calcsize(layout):
        numbers.append(float(struct.unpack(layout, content)[0]))
    return numbers[0] if len(numbers) == 1 else None


def _fields(data: bytes) -> Iterator[tuple[int, int, int | float | bytes]]:
    """Number, wire type and value of each field of a protobuf message; 32 and 64 bits as floats."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield field, wire, value
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield field, wire, struct.unpack("<d" if wire == 1 else "<f", data[at : at + size])[0]
            at += size
        elif wire == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("a field is longer than its message")
            yield field, wire, data[at : at + length]
            at += length
        else:
            raise ValueError(f"unknown wire type {wire}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is too long")
