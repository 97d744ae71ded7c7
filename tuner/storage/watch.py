"""Signs of life: a thread renews the leases of this worker's trials and watches those of others.

Whether another worker lives is judged by whether its number changes, over one's own monotonic clock: no clock is
compared with another machine's. Whoever was asleep or cut off itself starts watching anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from tuner.storage import lease as leases
from tuner.storage.lease import abandoned, break_lock, describe, lease_of, mark, owner_of, take_over
from tuner.storage.opening import trials
from tuner.storage.record.trial import BEAT
from tuner.system.interrupt import leave_if_asked, rest
from tuner.system.waiting import find, impatient

POLL = 0.5
"""Seconds between two looks into the queue where nothing waits; more where a look is expensive."""


class Keeper:
    """Renews the leases of this process and watches those of others, in a thread; a context manager."""

    def __init__(self, study: optuna.Study, lease: float | None = None) -> None:
        self.study, self.lease = study, lease or leases.seconds()
        self.watch = Watch()
        self.lost: set[int] = set()
        """ids of trials that another worker has taken over"""
        self._held: dict[int, str] = {}
        self._sure: dict[int, float] = {}
        """when each trial was last known to be held, by a clock that goes on while this machine sleeps"""
        self._blocked: dict[tuple[Any, ...], float] = {}
        self._beats = 0
        self._next_look = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def hold(self, trial: Trial) -> None:
        """Renew the lease of a claimed trial from now on."""
        with self._lock:
            self.lost.discard(trial._trial_id)
            self._held[trial._trial_id] = owner_of(trial)
            self._sure[trial._trial_id] = awake()

    def release(self, trial: Trial) -> None:
        """Renew it no longer."""
        with self._lock:
            self._held.pop(trial._trial_id, None)
            self._sure.pop(trial._trial_id, None)

    def still(self, trial: Trial) -> bool | None:
        """Whether a trial is this worker's to write about: asks the storage where half a lease has passed without news.

        A process that slept, or a machine, finds that another worker has its trial before it writes anything. None
        where the storage cannot be asked: then nothing should be written that cannot be taken back.
        """
        if trial._trial_id in self.lost or trial._trial_id not in self._held:
            return False
        if awake() - self._sure.get(trial._trial_id, 0.0) < self.lease / 2:
            return True
        try:
            with impatient():
                return self.holds(trial)
        except Exception as error:
            if find(error) is None:
                raise
            return None

    def holds(self, trial: Trial) -> bool:
        """Whether a trial is still this worker's; asks the storage."""
        if trial._trial_id in self.lost:
            return False
        now = awake()
        if not leases.holds(self.study, trial._trial_id, self._held[trial._trial_id]):
            self.lost.add(trial._trial_id)
        else:
            self._sure[trial._trial_id] = now
        return trial._trial_id not in self.lost

    def expired(self) -> list[FrozenTrial]:
        """Running trials of others whose worker has shown no sign of life for as long as its lease lasts."""
        with self._lock:
            return [t for t in self.watch.expired(self.lease) if t._trial_id not in self._held]

    def next(
        self,
        claim: Callable[[], list[Trial]],
        say: Callable[[str], None],
        *,
        stay: bool = True,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> list[Trial]:
        """What `claim` finds; where nothing waits, later, as long as other workers train, in case one of them stops.

        meanwhile: called once before waiting. Empty when every trial has ended or, where told not to stay, when nothing
        waits. Raises Interrupted when a signal asks this process to leave.
        """
        told = False
        while True:
            leave_if_asked()
            began = time.monotonic()
            for trial in self.recover():
                say(f"trial {trial.number}: {describe(owner_of(trial))} is gone; it goes back into the queue")
            if found := claim():
                return found
            running = trials(self.study, [TrialState.RUNNING])
            if not running or not stay:
                return []
            pause = max(POLL, 30 * (time.monotonic() - began))
            if not told:
                say(f"{len(running)} trials are with other workers; waiting in case one of them stops")
                meanwhile()
            told = True
            rest(pause)

    def recover(self) -> list[FrozenTrial]:
        """Put dead workers' trials back into the queue; returns them as they were."""
        gone = {t._trial_id: t for t in trials(self.study, [TrialState.RUNNING]) if abandoned(t)}
        gone |= {t._trial_id: t for t in self.expired()}
        taken = []
        for trial in gone.values():
            if take_over(self.study, trial):
                taken.append(trial)
                continue
            # Another process is at it. One that died just then is waited for as long as for any other.
            since = self._blocked.setdefault((trial._trial_id, *mark(trial)), time.monotonic())
            if time.monotonic() - since > self.lease:
                break_lock(self.study, trial)
        return taken

    def _run(self) -> None:
        while not self._stop.wait(self.lease / 4):
            with impatient():
                try:
                    self.renew()
                    self.look()
                except Exception as error:
                    # Whatever it is, the worker itself runs into it too and deals with it. While the storage
                    # is away others cannot renew their leases either, so what was seen of them says nothing.
                    with self._lock:
                        self.watch.forget()
                    if find(error) is None:
                        print(f"lease not renewed: {error}", flush=True)
        remove = getattr(getattr(self.study._storage, "_backend", None), "remove_session", None)
        if remove is not None:
            remove()  # the connection of this thread

    def renew(self) -> None:
        """Show a sign of life for each trial held, and notice those that another worker has."""
        with self._lock:
            held = dict(self._held)
        self._beats += 1
        for trial_id, owner in held.items():
            now = awake()
            if not leases.holds(self.study, trial_id, owner):
                with self._lock:
                    if self._held.get(trial_id) == owner:
                        self.lost.add(trial_id)
                continue
            with suppress(UpdateFinishedTrialError):
                self.study._storage.set_trial_user_attr(trial_id, BEAT, self._beats)
                with self._lock:
                    if self._held.get(trial_id) == owner:
                        self._sure[trial_id] = now

    def look(self) -> None:
        """See which running trials show signs of life. Many workers look less often: one look reads all trials."""
        began = time.monotonic()
        if began < self._next_look:
            return
        running = trials(self.study, [TrialState.RUNNING])
        # A slow storage is spared, but not so that a dead worker is noticed many leases later.
        spared = min(100 * (time.monotonic() - began), self.lease)
        pause = max(self.lease / 4 * max(1.0, len(running) / 16), spared)
        with self._lock:
            self.watch.saw(running, time.monotonic(), pause + self.lease / 4)
        self._next_look = began + pause


def awake() -> float:
    """Seconds on a clock that goes on while a process or the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


class Watch:
    """What was seen of running trials, and since when it has not changed."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[Any, float]] = {}
        self._trials: dict[int, FrozenTrial] = {}
        self._looked = 0.0

    def saw(self, running: list[FrozenTrial], now: float, longest: float) -> None:
        """Note the running trials of this moment; a look that comes later than `longest` starts anew."""
        if now - self._looked > 2 * longest:
            self.forget()
        self._looked = now
        self._trials = {t._trial_id: t for t in running}
        since = self._since
        self._since = {
            i: since[i] if i in since and since[i][0] == mark(t) else (mark(t), now) for i, t in self._trials.items()
        }

    def forget(self) -> None:
        """Start anew."""
        self._since, self._trials = {}, {}

    def expired(self, lease: float) -> list[FrozenTrial]:
        """Trials without a change for as long as their own lease; `lease` for those that name none."""
        return [
            t for i, t in self._trials.items() if self._looked - self._since[i][1] >= (lease_of(owner_of(t)) or lease)
        ]
