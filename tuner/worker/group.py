"""Members that one worker trains side by side, as they come and go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from optuna.trial import Trial

from trainer.calibrate import Choice
from trainer.result import Result
from trainer.resume import State, final_state
from trainer.train import Newcomer
from tuner.storage.watch import Keeper
from tuner.worker.judging import Judging, trial_of
from tuner.worker.opening import Opening
from tuner.worker.outcome import Outcomes
from tuner.worker.training import Training
from tuner.worker.trial import Attempt, Member, Replicate, Running, come_along

PAUSE = 5.0
"""Seconds between two looks into an empty queue of a worker whose places are not all taken."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker of a search consists of; the trials pass through it from top to bottom."""

    opening: Opening
    training: Training
    judging: Judging
    outcomes: Outcomes
    keeper: Keeper
    chosen: Choice

    @property
    def mixes(self) -> bool:
        """Whether members of any epoch and seed can be one model."""
        return self.chosen.fused and self.training.data is not None and self.training.data.mixes


@dataclass(slots=True, eq=False)
class Group:
    """What happens between the epochs of one training: who ends, who comes, what is saved."""

    parts: Parts
    attempt: Attempt
    members: list[Member] = field(default_factory=list)
    """by their position in the training"""
    over: set[int] = field(default_factory=set)
    """positions of those whose training is over"""
    saved: dict[int, int] = field(default_factory=dict)
    """the epoch of each member's checkpoint, by position"""
    later: list[Running] = field(default_factory=list)
    """whose replicates are trained once those that ended with it have been told"""
    not_before: float = 0.0
    """when to look into the queue again after it was empty, on a monotonic clock"""

    def train(self, first: Sequence[Running]) -> None:
        """Train these and whoever takes the places of those that end."""
        for r in first:
            self.admit(r)
        judge = partial(self.parts.judging.judge, self.members)
        fused = self.parts.chosen.fused
        results = self.parts.training(list(self.members), judge, self.save, self.ended, self.more, fused=fused)
        for i, result in enumerate(results):
            if i not in self.over:
                self.ended(i, result)
        self.repeat()

    def admit(self, r: Running) -> list[Member]:
        """Take a trial in, with its replicates where these can be in the same model; returns the new members."""
        new: list[Member] = [r, *r.replicates] if self.parts.mixes else [r]
        self.members.extend(new)
        return new

    def save(self, states: Sequence[State]) -> None:
        """Write where each member stands, of those that have come further."""
        for i, (member, state) in enumerate(zip(self.members, states, strict=True)):
            if self.saved.get(i) == state["epoch"] and i not in self.over:
                continue  # it waits for others
            self.saved[i] = state["epoch"]
            finished = self.attempt.finished
            ended = i in self.over if isinstance(member, Replicate) else member.trial._trial_id in finished
            if ended or self.parts.keeper.still(trial_of(member).trial) is False:
                continue  # whoever has the trial now has its checkpoint too
            if isinstance(member, Replicate):
                member.save(state)
            else:
                member.checkpoint.write([state], member.times)
        for r in {m.of for m in self.members if isinstance(m, Replicate) and m in m.of.replicates}:
            if self.parts.keeper.still(r.trial):
                come_along(r)

    def ended(self, i: int, result: Result) -> None:
        """Tell what became of a member, of a trial once its replicates have ended too."""
        self.over.add(i)
        member = self.members[i]
        if isinstance(member, Replicate):
            self.end_replicate(member, result)
            r = member.of
        else:
            r, r.result = member, result
        if r.result is None or (self.parts.mixes and r.replicates):
            return
        if r.replicates:
            self.later.append(r)
        else:
            self.finish(r, r.result)

    def more(self) -> list[Newcomer]:
        """Trials from the queue for the free places, if it is time for them."""
        self.repeat()
        # A replicate takes no place: how many trials are under way decides what the sampler has seen.
        free = self.parts.chosen.size - sum(isinstance(m, Running) and m.result is None for m in self.members)
        if not self.enough(free) or time.monotonic() < self.not_before:
            return []
        claimed = self.parts.opening.claim(free)
        if len(claimed) < free:
            self.not_before = time.monotonic() + PAUSE
        self.attempt.trials += claimed
        new = [member for trial in claimed for member in self.admit(begin(self.parts, self.attempt, trial))]
        return [Newcomer(m.config, m.seed, m.found.states[0] if m.found else None) for m in new]

    def enough(self, free: int) -> bool:
        """Whether so many free places are reason enough to begin with new trials.

        One is, where it joins the model of the others. Where it would train by itself until it has come as far as
        they, half of the places are: fewer would be slow, and those that wait are what time has been spent on.
        """
        if not self.parts.chosen.fused:
            return False
        return free > 0 if self.parts.mixes else 2 * free >= self.parts.chosen.size

    def repeat(self) -> None:
        """Train the replicates that have waited, one after the other, and finish their trials."""
        for r in self.later:
            assert r.result is not None
            if self.parts.training.data is not None:
                r.checkpoint.write([final_state(r.result)], r.times)
            for replicate in list(r.replicates):
                (result,) = self.parts.training([replicate], save=partial(self.save_replicate, replicate))
                self.end_replicate(replicate, result)
            self.finish(r, r.result)
        self.later.clear()

    def save_replicate(self, replicate: Replicate, states: Sequence[State]) -> None:
        """Write where a replicate stands that is trained by itself."""
        if self.parts.keeper.still(replicate.of.trial) is not False:
            replicate.save(states[0])
            come_along(replicate.of)

    def end_replicate(self, replicate: Replicate, result: Result) -> None:
        """Keep what became of a replicate."""
        r = replicate.of
        r.replicates.remove(replicate)
        if self.parts.keeper.still(r.trial) is not False:
            with self.parts.judging.unless_lost(r):
                replicate.end(result)

    def finish(self, r: Running, result: Result) -> None:
        """Tell what became of a trial."""
        with self.parts.judging.unless_lost(r):
            self.attempt.states += self.parts.outcomes.finish(r, result)
        self.attempt.finished.add(r.trial._trial_id)
        self.parts.keeper.release(r.trial)


def begin(parts: Parts, attempt: Attempt, trial: Trial) -> Running:
    """Start a claimed trial, or go on with it."""
    r = parts.opening.start(trial)
    attempt.running.append(r)
    parts.judging.catch_up(r)
    if r.times:
        parts.outcomes.say(f"trial {trial.number} goes on after epoch {len(r.times)}")
    return r
