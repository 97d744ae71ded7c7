"""Members that one worker trains side by side, as they come and go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from trainer.result import Result
from trainer.resume import State
from trainer.train import Newcomer
from tuner.worker.trial import Member, Replicate, Running, Together, come_along

if TYPE_CHECKING:
    from tuner.worker.worker import Worker

PAUSE = 5.0
"""Seconds between two looks into an empty queue of a worker whose places are not all taken."""


class Group:
    """What happens between the epochs of a training: who ends, who comes, what is saved."""

    def __init__(self, worker: Worker, attempt: Together) -> None:
        self.worker, self.attempt = worker, attempt
        self.members: list[Member] = []
        """by their position in the training"""
        self.over: set[int] = set()
        """positions of those whose training is over"""
        self.saved: dict[int, int] = {}
        """the epoch of each member's checkpoint, by position"""
        self.later: list[Running] = []
        """whose replicates are trained once those that ended with it have been told"""
        self.not_before = 0.0
        """when to look into the queue again after it was empty, on a monotonic clock"""

    def train(self, first: Sequence[Running]) -> None:
        """Train these and whoever takes the places of those that end."""
        for r in first:
            self.admit(r)
        worker = self.worker
        judge = partial(worker.judge, self.members)
        fused = worker.chosen.fused
        results = worker.train(list(self.members), judge, self.save, self.ended, self.more, fused=fused)
        for i, result in enumerate(results):
            if i not in self.over:
                self.ended(i, result)
        self.repeat()

    def admit(self, r: Running) -> list[Member]:
        """Take a trial in, with its replicates where these can be in the same model; returns the new members."""
        new: list[Member] = [r, *r.replicates] if self.worker.mixes else [r]
        self.members.extend(new)
        return new

    def ended(self, i: int, result: Result) -> None:
        """Tell what became of a member, of a trial once its replicates have ended too."""
        self.over.add(i)
        member = self.members[i]
        if isinstance(member, Replicate):
            self.worker.end_replicate(member, result)
            r = member.of
        else:
            r, r.result = member, result
        if r.result is None or (self.worker.mixes and r.replicates):
            return
        if r.replicates:
            self.later.append(r)
        else:
            self.finish(r, r.result)

    def finish(self, r: Running, result: Result) -> None:
        """Tell what became of a trial."""
        with self.worker.unless_lost(r):
            self.attempt.states += self.worker.finish(r, result)
        self.attempt.finished.add(r.trial._trial_id)
        self.worker.keeper.release(r.trial)

    def repeat(self) -> None:
        """Train the replicates that have waited."""
        for r in self.later:
            assert r.result is not None
            self.finish(r, r.result)
        self.later.clear()

    def more(self) -> list[Newcomer]:
        """Trials from the queue for the free places, if it is time for them."""
        self.repeat()
        worker = self.worker
        # A replicate takes no place: how many trials are under way decides what the sampler has seen.
        free = worker.chosen.size - sum(isinstance(m, Running) and m.result is None for m in self.members)
        if not self.enough(free) or time.monotonic() < self.not_before:
            return []
        found = worker.claim(free)
        if len(found) < free:
            self.not_before = time.monotonic() + PAUSE
        new: list[Member] = []
        for trial in found:
            self.attempt.trials.append(trial)
            self.attempt.running.append(worker.start(trial))
            new += self.admit(self.attempt.running[-1])
        return [Newcomer(m.config, m.seed, m.found.states[0] if m.found else None) for m in new]

    def enough(self, free: int) -> bool:
        """Whether so many free places are reason enough to begin with new trials.

        One is, where it joins the model of the others. Where it would train by itself until it has come as far as
        they, half of the places are: fewer would be slow, and those that wait are what time has been spent on.
        """
        if not self.worker.chosen.fused:
            return False
        return free > 0 if self.worker.mixes else 2 * free >= self.worker.chosen.size

    def save(self, states: Sequence[State]) -> None:
        """Write where each member stands, of those that have come further."""
        for i, (member, state) in enumerate(zip(self.members, states, strict=True)):
            if self.saved.get(i) == state["epoch"] and i not in self.over:
                continue  # it waits for others
            self.saved[i] = state["epoch"]
            if isinstance(member, Replicate) and i not in self.over:
                member.save(state)
            elif isinstance(member, Running) and member.trial._trial_id not in self.attempt.finished:
                member.checkpoint.write([state], member.times)
        for r in {m.of for m in self.members if isinstance(m, Replicate) and m in m.of.replicates}:
            come_along(r)
