"""What happens after an epoch: report all, then judge all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from optuna.exceptions import UpdateFinishedTrialError

from trainer.metrics import EpochReport
from tuner.search.pruning import RungPruner
from tuner.storage import opening
from tuner.storage.watch import Keeper
from tuner.study.study import Study
from tuner.tracking.client import Tracker, finite
from tuner.worker.trial import Member, Replicate, Running


class Judging:
    """Notes what epochs measured and says which members stop."""

    def __init__(self, study: Study, tracker: Tracker, keeper: Keeper) -> None:
        self.study, self.tracker, self.keeper = study, tracker, keeper
        self.metric = study.spec.goal.metric
        self.pruner = study.optuna.pruner if isinstance(study.optuna.pruner, RungPruner) else None
        self.scripted = study.spec.command is not None

    def judge(self, members: Sequence[Member], reports: Sequence[EpochReport]) -> list[int]:
        """Report all, then judge all: returns the positions to stop.

        Who waits at a rung for others is judged again as they report there: it goes on if it still leads.
        """
        self._report(members, reports)
        standing = {report.member: report.epoch for report in reports}
        come = any(self._at_a_rung(members[report.member], report.epoch) for report in reports)
        for i, member in enumerate(members):
            if isinstance(member, Running) and member.result is None and self._at_a_rung(member, len(member.times)):
                standing.setdefault(i, len(member.times))
        fallen = self._fallen(members, standing) if come else set()
        return [i for i in standing if i in fallen or trial_of(members[i]).trial._trial_id in self.keeper.lost]

    def _report(self, members: Sequence[Member], reports: Sequence[EpochReport]) -> None:
        for report in reports:
            r = members[report.member]
            if isinstance(r, Replicate):
                continue
            when = r.ended(report.epoch)
            mine = self.keeper.still(r.trial)
            if mine is not False:
                with self.unless_lost(r):
                    self._note(r, report.epoch, report.metrics, when, sure=mine is True)
                    # A rung compares: it waits for the storage.
                    r.reports.write(wait=self._at_a_rung(r, report.epoch))

    def _fallen(self, members: Sequence[Member], standing: Mapping[int, int]) -> set[int]:
        """Positions of the trials at a rung that are not among the best there; standing: epoch by position."""
        if self.pruner is None:
            return set()
        peers = {t.number: t for t in opening.trials(self.study.optuna)}
        at_a_rung = {i: trial_of(members[i]) for i, epoch in standing.items() if self._at_a_rung(members[i], epoch)}
        return {
            i
            for i, r in at_a_rung.items()
            if not r.protected and self.pruner.stops(peers[r.trial.number], peers.values(), self.study.optuna.direction)
        }

    def _at_a_rung(self, member: Member, epoch: int) -> bool:
        """Whether a member is judged there: a script at its first report at or past a rung, a model at the rung."""
        if self.pruner is None:
            return False
        if not self.scripted or isinstance(member, Replicate):
            return epoch in self.pruner.rungs
        steps = member.reports.steps
        before = max((step for step in steps if step < epoch), default=0)
        return epoch in steps and self.pruner.passed(before, epoch) is not None

    def catch_up(self, r: Running) -> None:
        """Note what the worker before had trained and not written any more."""
        for epoch, metrics, when in r.restored():
            self._note(r, epoch, metrics, when)

    def _note(self, r: Running, epoch: int, metrics: Mapping[str, float], when: int, *, sure: bool = True) -> None:
        """Keep what an epoch measured for MLflow and for the storage; sure: the trial is known to be this worker's."""
        self.tracker.epoch(r.run_id, finite(metrics), epoch, when, write=sure)
        value = metrics.get(self.metric, math.nan)
        if math.isfinite(value):
            r.reports.add(epoch, value)

    @contextmanager
    def unless_lost(self, r: Running) -> Iterator[None]:
        """A trial that has ended was taken over: what cannot be written about it is not this worker's to write."""
        try:
            yield
        except UpdateFinishedTrialError:
            self.keeper.lost.add(r.trial._trial_id)


def trial_of(member: Member) -> Running:
    """The trial that a member belongs to."""
    return member.of if isinstance(member, Replicate) else member
