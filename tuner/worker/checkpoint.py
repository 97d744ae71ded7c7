"""Where unfinished trials stand, on disk: written atomically, checked when read, the previous one kept.

One file a training: `checkpoints/<study>/<trial>[-<part>].pt` in the state folder. It is a line with a SHA-256 of what
follows, then what `torch.save` writes; it is read with `weights_only=True`, so that no file can run code.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from trainer.resume import State
from tuner.system.interrupt import STOP, leave_if_asked, orphaned
from tuner.system.names import inside

MAGIC = b"tuner checkpoint 1 "
EVERY = 10.0
"""Seconds of training between two checkpoints, at least."""
SHARE = 0.01
"""Writing checkpoints may take this share of the time; where one is expensive they come less often."""


def folder(state: Path, study: str) -> Path:
    """Where a study's checkpoints lie. No name leads out of the state folder."""
    return inside(state / "checkpoints", study)


def identity(**facts: Any) -> str:
    """What must be equal for a checkpoint to be of use, as one short text: settings, data, seed, versions."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Found:
    """What a checkpoint holds."""

    states: list[dict[str, Any]]
    """one `trainer.resume.State` a member"""
    times: list[int]
    """when each epoch ended, in milliseconds since 1970"""

    @property
    def epoch(self) -> int:
        """The epoch it was written after."""
        return max(int(state["epoch"]) for state in self.states)


@dataclass(slots=True)
class Checkpoint:
    """The checkpoint of one training."""

    path: Path
    identity: str
    say: Callable[[str], None] = print

    @property
    def previous(self) -> Path:
        """The one before, in case this one is damaged."""
        return self.path.with_suffix(".previous.pt")

    def write(self, states: Sequence[Mapping[str, Any]], times: Sequence[int] = ()) -> None:
        """Replace the checkpoint; whatever happens under way, a whole one is there. Raises OSError."""
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "states": list(states), "times": list(times)}, buffer)
        data = buffer.getbuffer()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(f".{uuid.uuid4().hex[:8]}.tmp")
        try:
            with fresh.open("xb") as file:
                file.write(MAGIC + hashlib.sha256(data).hexdigest().encode() + b"\n")
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                self.path.replace(self.previous)
            fresh.replace(self.path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        _sync(self.path.parent)

    def read(self) -> Found | None:
        """The newest whole checkpoint, or None. A damaged or foreign one is named and passed over."""
        for path in (self.path, self.previous):
            try:
                found = _read(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                self.say(f"checkpoint {path} is damaged ({error}); going on from what was there before")
                path.unlink(missing_ok=True)  # or it would take the place of the whole one before it
                continue
            if found.get("identity") == self.identity:
                return Found(found["states"], found["times"])
            self.say(f"checkpoint {path} is of another training (settings, data or versions differ); not used")
        return None

    def remove(self) -> None:
        """Remove it, once the trial has ended."""
        for path in (self.path, self.previous):
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    """The content of a file; ValueError where it is not what was written."""
    with path.open("rb") as file:
        head = file.readline(len(MAGIC) + 65)
        data = file.read()
    if not head.startswith(MAGIC):
        raise ValueError("not a checkpoint")
    if hashlib.sha256(data).hexdigest().encode() != head[len(MAGIC) :].strip():
        raise ValueError("its checksum differs")
    try:
        found: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises what it likes
        raise ValueError(str(error).splitlines()[0]) from None
    return found


def _sync(directory: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def tidy(where: Path, kept: Iterable[str]) -> None:
    """Remove what trials that have ended left behind: all but the files of the trials in `kept`, by number."""
    numbers = set(kept)
    for path in where.glob("*.*"):
        if path.name.partition(".")[0].partition("-")[0] not in numbers:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        where.rmdir()


@dataclass(slots=True)
class Cadence:
    """When it is time for the next checkpoint."""

    clock: Callable[[], float] = time.monotonic
    last: float = field(init=False)
    cost: float = 0.0
    told: bool = False

    def __post_init__(self) -> None:
        self.last = self.clock()

    def due(self) -> bool:
        """Whether enough time has passed for a checkpoint to cost no more than its share."""
        return self.clock() - self.last >= max(EVERY, self.cost / SHARE)

    def write(self, write: Callable[[], None], say: Callable[[str], None]) -> None:
        """Write one and note what it cost. Where there is no room the training goes on without, and says so once."""
        began = self.clock()
        try:
            write()
            self.told = False
        except OSError as error:
            if not self.told:
                reason = "no room on the disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
                say(f"no checkpoint written: {reason}; the training goes on")
            self.told = True
        self.last = self.clock()
        self.cost = self.last - began


class Saving:
    """What `trainer.train` calls after each epoch: a checkpoint where it is due, or where this process has to leave."""

    def __init__(self, write: Callable[[list[State]], None], say: Callable[[str], None]) -> None:
        self.write, self.say = write, say
        self.cadence = Cadence()

    def __call__(self, states: Callable[[], list[State]]) -> None:
        """Write where it is time to. Raises Interrupted, after writing, where a signal asks for it."""
        if STOP.is_set() or orphaned() or self.cadence.due():
            self.cadence.write(lambda: self.write(states()), self.say)
        leave_if_asked()
