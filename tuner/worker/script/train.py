"""Trains by running a script: the same as `trainer.train.train` to whoever calls it."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainer.convergence import measures
from trainer.knobs import Config
from trainer.metrics import EpochReport
from trainer.objective import Objective
from trainer.result import Result
from trainer.train import Receiver
from tuner.errors import UserCodeError
from tuner.spec.command import Command
from tuner.spec.model import Spec
from tuner.system import device as devices
from tuner.worker.script.metrics import CsvRows, Epochs, JsonLines, Log
from tuner.worker.script.process import Process, ended

POLL = 0.05
"""Seconds between two looks at what the script says."""
REPORT = "TUNER_REPORT"
"""Tells a script's `trainer.report` which file to write to."""
TAIL = 20
"""Lines of the log in the message of a failure."""


def train(
    configs: Sequence[Config],
    spec: Spec,
    *,
    folders: Sequence[Path],
    device: str,
    seed: int,
    noise: int = 0,
    report: Receiver = lambda reports: (),
    between: Callable[[], Any] = lambda: None,
) -> list[Result]:
    """Run the script once a config, one after the other; one Result each, in the order of `configs`.

    folders: one a config, for its log and what the script writes; kept. `report` gets the reports of one config at a
    time, as soon as an epoch has the objective, and again for what the script says of that epoch later. `between` is
    called while waiting and may raise, which stops the script.

    Raises UserCodeError where the script fails.
    """
    runs = zip(configs, folders, strict=True)
    return [
        _Run(i, config, spec, folder, device, _seed(seed, noise)).to_its_end(report, between)
        for i, (config, folder) in enumerate(runs)
    ]


def _seed(seed: int, noise: int) -> int:
    """One that every library takes. Noise is another seed: a script has but one."""
    return (seed + 500_000_003 * noise) % 2**31


class _Run:
    """One run of the script."""

    def __init__(self, member: int, config: Config, spec: Spec, folder: Path, device: str, seed: int) -> None:
        assert spec.command is not None
        self.member, self.spec, self.folder = member, spec, folder
        self.objective: Objective = spec.goal
        self.log = folder / "log.txt"
        self.result = Result(config, log=self.log)
        folder.mkdir(parents=True, exist_ok=True)
        given = {"seed": seed, "epochs": spec.training.epochs, "output": str(folder), "python": sys.executable}
        self.words = Command(spec.command).words({**config.knobs(), **given})
        told = folder / "report.jsonl"
        self.env = environment(spec, device, told)
        self.epochs = Epochs(self.objective.metric)
        self.output = Log(self.log, spec.script.metrics, self.objective.metric)
        self.sources: list[Log | JsonLines | CsvRows] = [self.output, JsonLines(told)]
        files = [told]
        if spec.script.metrics_file:
            file = Path(spec.script.metrics_file.replace("{output}", str(folder)))
            self.sources.append(CsvRows(file) if file.suffix == ".csv" else JsonLines(file))
            files.append(file)
        for file in files:
            # Of an earlier attempt at this run: it would be read as this one's.
            file.unlink(missing_ok=True)

    def to_its_end(self, report: Receiver, between: Callable[[], Any]) -> Result:
        process = Process(self.words, Path(self.spec.script.directory), self.env, self.log)
        started = time.monotonic()
        limit = self.spec.script.time_limit
        try:
            while True:
                code = process.wait(POLL)
                if self._look(report, final=code is not None):
                    return self.result
                if code is not None:
                    return self._complete(code)
                between()
                if limit and time.monotonic() - started > limit:
                    raise self._failure(f"the script was stopped at the time limit of {limit:g} s")
        finally:
            process.stop(self.spec.script.grace)

    def _look(self, report: Receiver, final: bool) -> bool:
        """Take in what the script has said since and pass it on; whether the run is to end here."""
        for source in self.sources:
            for event in source.events(final):
                self.epochs.add(event)
        for epoch, metrics in self.epochs.due(final):
            value = metrics.get(self.objective.metric, 0.0)
            diverged = None if math.isfinite(value) else f"{self.objective.metric} is {value}"
            self._keep(epoch, metrics)
            stop = report([EpochReport(self.member, epoch, metrics, diverged)])
            if diverged:
                self.result.state, self.result.reason = "diverged", f"epoch {epoch}: {diverged}"
            elif self.member in stop:
                self.result.state, self.result.reason = "stopped", f"epoch {epoch}"
            if self.result.state != "complete":
                return True
        return False

    def _keep(self, epoch: int, metrics: dict[str, float]) -> None:
        result, value = self.result, metrics.get(self.objective.metric, math.nan)
        result.curves = self.epochs.curves()
        if math.isfinite(value) and (not result.best_epoch or self.objective.better(value, result.best_value)):
            result.best_epoch, result.best_value = epoch, value

    def _complete(self, code: int) -> Result:
        result = self.result
        if code != 0:
            raise self._failure(f"the script ended with {ended(code)}")
        if not result.best_epoch:
            raise self._failure(f"the script ended without reporting {self.objective.metric}: {self._heard()}")
        for name, curve in result.curves.items():
            if name.startswith("test"):
                known = [value for value in curve if math.isfinite(value)]
                at_best = curve[result.best_epoch - 1]
                if known:
                    result.test[name] = at_best if math.isfinite(at_best) else known[-1]
        result.measures = measures(
            result.curves, result.norms, self.objective, clip_norm=math.inf, budget=self.spec.training.epochs
        )
        return result

    def _heard(self) -> str:
        """What was reported instead."""
        names = dict.fromkeys(name for values in self.epochs.values.values() for name in values)
        if names:
            return f"it reported {', '.join(names)}"
        if self.output.unreadable:
            return self.output.unreadable
        wanted = "no pattern under script.metrics matched" if self.spec.script.metrics else "no line of it was JSON"
        return f"nothing that it said was a metric ({wanted})"

    def _failure(self, what: str) -> UserCodeError:
        """With the end of the log; the reason stands in the last line."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = [line for line in lines if line.strip()]
        last = f" ({said[-1].strip()[:200]})" if said and "reporting" not in what else ""
        after = f" after epoch {max(self.epochs.values)}" if self.epochs.values else ""
        error = UserCodeError("\n".join([*lines[-TAIL:], f"{what}{after}{last}"]))
        error.log = self.log
        return error


def environment(spec: Spec, device: str, told: Path) -> dict[str, str]:
    """What the script finds in its environment: this process's, without what may hold passwords."""
    kept = {k: v for k, v in os.environ.items() if k not in ("TUNER_STORAGE", "TUNER_TRACKING_URI")}
    kept |= {REPORT: str(told), "PYTHONUNBUFFERED": "1"}
    if device == "cpu":
        kept["CUDA_VISIBLE_DEVICES"] = ""
    elif device.startswith("cuda:"):
        kept["CUDA_VISIBLE_DEVICES"] = devices.visible(int(device.removeprefix("cuda:")), kept)
    return kept | spec.script.environment
