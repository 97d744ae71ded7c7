"""Trains by running a script: the same as `trainer.train.train` to whoever calls it."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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
from tuner.spec.template import render
from tuner.worker.script.epochs import DENSE, Epochs
from tuner.worker.script.lines import Tail
from tuner.worker.script.metrics import CsvRows, JsonLines, Log, Source
from tuner.worker.script.place import anchored, environment, prepare
from tuner.worker.script.process import Process, ended
from tuner.worker.script.reason import cause
from tuner.worker.script.tensorboard import EventFiles
from tuner.worker.script.traces import Traces

POLL = 0.05
"""Seconds between two looks at what the script says."""
DESCENDANTS = 2.0
"""Seconds between two looks at which processes the script has started."""
SILENCE = 120.0
"""Seconds without a single metric after which that is said, once."""
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
    say: Callable[[str], None] = lambda text: None,
) -> list[Result]:
    """Run the script once a config, one after the other; one Result each, in the order of `configs`.

    folders: one a config, for its log and what the script writes; kept. `report` gets the reports of one config at a
    time, as soon as an epoch has the objective, and again for what the script says of that epoch later. `between` is
    called while waiting and may raise, which stops the script. `say` hears what a person should know meanwhile.

    Raises UserCodeError where the script fails.
    """
    runs = zip(configs, folders, strict=True)
    return [
        Run(i, config, spec, folder, device, _seed(seed, noise)).to_its_end(report, between, say)
        for i, (config, folder) in enumerate(runs)
    ]


def _seed(seed: int, noise: int) -> int:
    """One that every library takes. Noise is another seed: a script has but one."""
    return (seed + 500_000_003 * noise) % 2**31


class Run:
    """One run of the script."""

    def __init__(self, member: int, config: Config, spec: Spec, folder: Path, device: str, seed: int) -> None:
        assert spec.command is not None
        self.member, self.spec, self.folder = member, spec, folder
        self.objective: Objective = spec.goal
        self.log = folder / "log.txt"
        self.result = Result(config, log=self.log)
        folder.mkdir(parents=True, exist_ok=True)
        values: Mapping[str, Any] = {
            **config.knobs(),
            "seed": seed,
            "epochs": spec.training.epochs,
            "output": str(folder),
            "python": sys.executable,
            "knobs": str(folder / "knobs.json"),
        }
        (folder / "knobs.json").write_text(json.dumps(config.knobs()), encoding="utf-8")
        if spec.script.config:
            template = Path(spec.script.config)
            made = folder / f"config{template.suffix}"
            made.write_text(render(template, config.knobs(), values), encoding="utf-8")
            values = {**values, "config": str(made)}
        told = folder / "report.jsonl"
        self.directory = prepare(spec, folder)
        self.words = Command(spec.command).words(values)
        if self.directory.is_relative_to(folder) and not spec.script.isolate:
            self.words = anchored(self.words, spec.script.base)
        self.env = environment(spec, device, told, values)
        metric = self.objective.metric
        self.epochs = Epochs(self.objective)
        self.output = Log(self.log, spec.script.metrics, metric)
        self.told = JsonLines(told, metric)
        self.sources: list[Source] = [self.output, self.told]
        self.answered = 0
        files = [told, told.with_suffix(".answer")]
        if spec.script.metrics_file:
            file = Path(spec.script.metrics_file.replace("{output}", str(folder)))
            kind = CsvRows if file.suffix in (".csv", ".tsv") else JsonLines
            self.sources.append(kind(file, metric))
            files.append(file)
        if spec.script.tensorboard:
            self.sources.append(EventFiles(Path(spec.script.tensorboard.replace("{output}", str(folder))), metric))
        for file in files:
            # Of an earlier attempt at this run: it would be read as this one's.
            file.unlink(missing_ok=True)

    def to_its_end(
        self, report: Receiver, between: Callable[[], Any], say: Callable[[str], None] = lambda text: None
    ) -> Result:
        """Run it, and tell what became of it. Raises UserCodeError where the script fails."""
        traces = Traces(self.spec.script.base, self.folder) if self.directory == self.spec.script.base else None
        process = Process(self.words, self.directory, self.env, self.log)
        started = looked = time.monotonic()
        limit, heard = self.spec.script.time_limit, False
        try:
            while True:
                code = process.wait(POLL)
                stops = self._look(report, final=code is not None)
                self._answer(stops)
                if stops:
                    if self.spec.function:
                        process.wait(self.spec.script.grace)
                    return self._told(traces)
                if code is not None:
                    return self._complete(code, traces)
                between()
                now = time.monotonic()
                if limit and now - started > limit:
                    raise self._failure(f"the script was stopped at the time limit of {limit:g} s")
                if now - looked > DESCENDANTS:
                    looked = now
                    process.look()
                if not heard and now - started > SILENCE:
                    heard = True
                    if not self.epochs.last():
                        say(f"after {SILENCE / 60:g} min {self._nothing()}; see {self.log}, or: tuner try")
        finally:
            process.stop(self.spec.script.grace)

    def _look(self, report: Receiver, final: bool) -> bool:
        """Take in what the script has said since and pass it on; whether the run is to end here."""
        for source in self.sources:
            for event in source.events(final):
                self.epochs.add(event, id(source))
        for epoch, metrics in self.epochs.due(final):
            value = metrics.get(self.objective.metric, 0.0)
            diverged = None if math.isfinite(value) else f"{self.objective.metric} is {value}"
            self._keep()
            stop = report([EpochReport(self.member, epoch, metrics, diverged)])
            if diverged:
                self.result.state, self.result.reason = "diverged", f"epoch {epoch}: {diverged}"
            elif self.member in stop:
                self.result.state, self.result.reason = "stopped", f"epoch {epoch}"
            if self.result.state != "complete":
                return True
        return False

    def _answer(self, stops: bool) -> None:
        """Tell a script how many of its reports have been judged, and whether it is to stop."""
        if self.told.taken > self.answered or stops:
            self.answered = self.told.taken
            path = self.told.tail.path.with_suffix(".answer")
            path.with_suffix(".new").write_text(f"{self.answered} {int(stops)}")
            path.with_suffix(".new").replace(path)

    def _keep(self) -> None:
        self.result.curves = self.epochs.curves()
        self.result.last = self.epochs.last()
        self.result.best_epoch, self.result.best_value = self.epochs.best()

    def _told(self, traces: Traces | None) -> Result:
        """The result, with what a reader should know of the run."""
        notes = self.epochs.notes()
        for source in self.sources:
            if source.unread.count:
                notes.append(f"what could not be read was skipped, the last: {source.unread.last}")
        self.result.notes = notes
        self.result.wrote = traces.written() if traces else []
        return self.result

    def _complete(self, code: int, traces: Traces | None) -> Result:
        result = self.result
        if code != 0:
            raise self._failure(f"the script ended with {ended(code)}")
        if not result.best_epoch:
            raise self._failure(f"the script ended without reporting {self.objective.metric}: {self._heard()}")
        result.test = self.epochs.test()
        if self.epochs.last() <= DENSE:
            result.measures = measures(
                result.curves, result.norms, self.objective, clip_norm=math.inf, budget=self.spec.training.epochs
            )
        return self._told(traces)

    def _heard(self) -> str:
        """What was reported instead."""
        names = self.epochs.names()
        return f"it reported {', '.join(names)}" if names else self._nothing()

    def _nothing(self) -> str:
        """Why there is no metric."""
        unread = next((source.unread for source in self.sources if source.unread.count), None)
        if unread:
            return unread.last
        wanted = "no pattern under script.metrics matched" if self.spec.script.metrics else "no line of it was JSON"
        return f"nothing that it said was a metric ({wanted})"

    def _failure(self, what: str) -> UserCodeError:
        """With the end of the log; the reason stands in the last line."""
        lines = Tail(self.log).lines(final=True)
        why = cause(lines) if "reporting" not in what else ""
        after = f" after epoch {self.epochs.last()}" if self.epochs.last() else ""
        error = UserCodeError("\n".join([*lines[-TAIL:], f"{what}{after}{f' ({why})' if why else ''}"]))
        error.log = self.log
        return error
