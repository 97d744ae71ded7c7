"""A study as Python code and notebooks see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.api.where import console, place_of
from tuner.errors import InputError
from tuner.report import frames, note, plots
from tuner.report.document import Block, Items, Table, Text, fragment
from tuner.storage import opening
from tuner.storage.record import TrialRecord, titles
from tuner.storage.store import Store
from tuner.study.answer import answer_of, trial_of
from tuner.study.study import Study as OpenStudy
from tuner.study.study import open_study
from tuner.study.summary import best_trial, summarise
from tuner.system.place import Place

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Study:
    """A search for loss weights: its trials, its curves, its plots and its best config.

    `Study.start` runs one, `Study.open` looks at one that exists. In a notebook a study shows what it found so far.

    >>> from tuner import Study
    >>> study = Study.open("my_study")
    >>> study
    <Study my_study: complete, 6 trials>
    """

    def __init__(self, opened: OpenStudy) -> None:
        self._study = opened

    @classmethod
    def start(
        cls,
        study: str | Path | None = None,
        *,
        name: str | None = None,
        trials: int | None = None,
        epochs: int | None = None,
        workers: int | None = None,
        seed: int | None = None,
        data: str | Path | None = None,
        plans: Sequence[str | Path] = (),
        warm_start: str | None = None,
        device: str | None = None,
        detach: bool = False,
        state: str | Path | None = None,
        storage: str | None = None,
        tracking_uri: str | None = None,
        quiet: bool = False,
    ) -> Study:
        """Run a study to its end, as `tuner start` does; a study of that name that exists goes on where it stopped.

        study: a name in search_spaces/ or a path, by default quickstart. name: of the study, by default the file's.
        trials, epochs, seed, data: instead of the study file's. plans: config files to try. warm_start: an earlier
        study whose best configs are tried after the plans. detach: only queue it, for workers that wait.

        Raises InputError for wrong input, RunError where workers failed, KeyboardInterrupt with the trials back in the
        queue.

        >>> study = Study.start("my_study.yaml", trials=6, quiet=True)
        >>> len(study.trials)
        6
        """
        from tuner.run.options import StartOptions
        from tuner.run.start import run

        place = place_of(state, storage, tracking_uri)
        asked = StartOptions(
            study=None if study is None else str(study),
            name=name,
            trials=trials,
            epochs=epochs,
            workers=workers,
            seed=seed,
            data=None if data is None else str(data),
            plans=[str(plan) for plan in plans],
            warm_start=warm_start,
            device=device,
            detach=detach,
            quiet=quiet,
        )
        summary = run(place, asked, console=console())
        return cls._of(place, summary["name"])

    @classmethod
    def open(
        cls,
        name: str | None = None,
        *,
        state: str | Path | None = None,
        storage: str | None = None,
        tracking_uri: str | None = None,
    ) -> Study:
        """A study that exists, whether it runs or has ended; by default the one that was made last.

        Raises InputError where there is none of that name, with those there are.

        >>> Study.open().name
        'my_study'
        """
        from tuner.study.find import existing, latest

        store = Store.of(existing(place_of(state, storage, tracking_uri)))
        return cls._of(store, name or latest(store))

    @classmethod
    def _of(cls, where: Place | Store, name: str) -> Study:
        return cls(open_study(where, name))

    @property
    def name(self) -> str:
        """Its name in the storage."""
        return self._study.name

    def run(
        self,
        *,
        trials: int | None = None,
        workers: int | None = None,
        device: str | None = None,
        quiet: bool = False,
    ) -> Study:
        """Run what is left of it; trials: in all, more than it has searches on. Returns the study itself.

        >>> study = Study.open("my_study").run(trials=7, quiet=True)
        >>> study.status()["trials"]["waiting"]
        0
        """
        place = self._study.place
        Study.start(
            name=self.name,
            trials=trials,
            workers=workers,
            device=device,
            quiet=quiet,
            state=place.state,
            storage=place.storage,
            tracking_uri=place.tracking,
        )
        self._study = open_study(self._study.store, self.name)
        return self

    def status(self) -> dict[str, Any]:
        """How far it is and what it found, as `tuner status --json` prints it.

        >>> status = Study.open("my_study").status()
        >>> status["state"], status["metric"], status["direction"]
        ('complete', 'val/weighted_f1', 'maximize')
        """
        return summarise(self._study)

    @property
    def trials(self) -> pandas.DataFrame:
        """A row a trial that was asked for, by number: state, value of the objective, knobs, test scores, measures.

        Columns hold nothing where a trial has no such value (yet): a pruned one has no test score.

        >>> trials = Study.open("my_study").trials
        >>> print(*trials.loc[0, ["state", "name", "epochs", "encoder_loss_weight", "reconstruction_loss"]])
        complete baseline 4 0.05 mse
        """
        record = self._study.record
        found = opening.trials(self._study.optuna)
        there = [t for t in found if t.number < record.n_trials or t.state.name != "WAITING"]
        return frames.trials(sorted(there, key=lambda t: t.number), record.speeds)

    @property
    def best(self) -> pandas.Series:
        """The row of `trials` that is best; its `name` is the trial's number. InputError before one has completed.

        >>> best = Study.open("my_study").best
        >>> best["state"], bool(best["value"] == Study.open("my_study").trials["value"].max())
        ('complete', True)
        """
        found = best_trial(self._study)
        if found is None:
            raise InputError(f"study {self.name!r} has no completed trial yet")
        speeds = self._study.record.speeds
        # A frame of the one trial: what it does not have, warm-up epochs say, is no column.
        return frames.trials([found], speeds).astype(object).loc[found.number].dropna()

    @property
    def answer(self) -> dict[str, Any] | None:
        """The config that `export` hands out and the evidence for it, as `tuner status --json` has it.

        >>> answer = Study.open("my_study").answer
        >>> answer["verdict"], answer["metric"]
        ('no race', 'val/weighted_f1')
        """
        found = answer_of(self._study)
        return found.as_data() if found else None

    @property
    def comparison(self) -> pandas.DataFrame:
        """Best, baseline, plans and a logistic regression: objective, test score and epochs to 95%.

        >>> list(Study.open("my_study").comparison.index)
        ['best', 'baseline', 'basic', 'full', 'advanced', 'logistic regression']
        """
        return frames.comparison(self.status())

    @property
    def remarks(self) -> list[str]:
        """What one must know before believing the best value."""
        return note.remarks(self.status(), self._study.spec)

    def curves(self) -> pandas.DataFrame:
        """The kept curves of all trials: a row an epoch of a trial, a column a metric.

        >>> curves = Study.open("my_study").curves()
        >>> curves.index.names, len(curves.loc[0])
        (FrozenList(['trial', 'epoch']), 4)
        >>> f1 = curves["val/weighted_f1"].unstack("trial")  # epochs by trials, ready to plot
        """
        found = sorted(opening.trials(self._study.optuna), key=lambda t: t.number)
        return frames.curves(found, self._study.spec.goal.metric)

    def metrics(self, trial: int) -> pandas.DataFrame:
        """Every metric of every epoch of a trial, from MLflow: a row an epoch, a column a metric.

        Raises InputError for a trial that was not started, RunError where MLflow cannot be reached.

        >>> metrics = Study.open("my_study").metrics(0)
        >>> {"val/cross_entropy", "grad/norm_mean", "gate/temporal_mean"} <= set(metrics.columns)
        True
        """
        runs = {t.number: TrialRecord.of(t).run_id for t in opening.trials(self._study.optuna)}
        run_id = runs.get(int(trial))
        if run_id is None:
            raise InputError(f"study {self.name!r} has no trial {trial} that was started; there are {len(runs)} trials")
        return frames.history(self._study.tracker().history(run_id))

    def export(
        self,
        form: str = "yaml",
        output: str | Path | None = None,
        *,
        trial: int | None = None,
        best_seen: bool = False,
    ) -> str:
        """The answer as text: yaml, json, args, hydra, python, latex or html, its report; also into `output`.

        trial: that trial's config instead; best_seen: the one with the search's best value.

        >>> Study.open("my_study").export("args").split()[0]
        '--encoder_loss_weight'
        """
        from tuner.report.export import export
        from tuner.validation import said

        chosen = None if form == "html" else trial_of(self._study, trial, best_seen)
        text = export(self._study, form, said.of_trial(self._study, chosen) if chosen else None, chosen)
        if output is not None:
            Path(output).write_text(text, encoding="utf-8")
        return text

    def plot(self, name: str = "history") -> Plot:
        """One of the report's plots: history, importance, slices, parallel, convergence, response or pruned_at.

        A notebook shows it; `.figure` is matplotlib's, `.save(path)` writes it. Raises InputError for an unknown name
        and where the study has not enough trials for it yet.

        >>> Study.open("my_study").plot("convergence").save("convergence.png").name
        'convergence.png'
        """
        from tuner.report.plots._view import View

        figure = plots.draw(View.of(self._study), name)
        if figure is None:
            raise InputError(f"study {self.name!r} has not enough completed trials for the plot {name!r} yet")
        return Plot(figure)

    @property
    def report(self) -> Path:
        """The report of a study that has ended: a page of its own, ready to mail."""
        return self._study.report

    def __repr__(self) -> str:
        found = self.status()
        return f"<Study {self.name}: {found['state']}, {sum(found['trials'].values())} trials>"

    def _repr_html_(self) -> str:
        summary = self.status()
        counts = ", ".join(f"{count} {kind}" for kind, count in summary["trials"].items() if count)
        blocks: list[Block] = [Text(f"*{self.name}*: {summary['state']}; {counts}")]
        if summary["best"]:
            names = titles(opening.trials(self._study.optuna))
            blocks += [Text(note.lead(summary, names), "lead")]
            blocks += [Table(list(note.header(summary)), [list(row) for row in note.comparison(summary)])]
            blocks += [Items(note.remarks(summary, self._study.spec))]
        return fragment(blocks)


class Plot:
    """A figure that a notebook shows."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def save(self, path: str | Path) -> Path:
        """Write it; the ending decides the format: png, pdf, svg."""
        path = Path(path)
        self.figure.savefig(path, dpi=plots.DPI)
        return path

    def _repr_png_(self) -> bytes:
        return plots.png(self.figure)


def studies(
    *, state: str | Path | None = None, storage: str | None = None, tracking_uri: str | None = None
) -> pandas.DataFrame:
    """The studies there are, as `tuner list` shows them: state, trials that have ended, trials in all, metric, values.

    >>> from tuner import studies
    >>> studies().loc["my_study", "state"]
    'complete'
    """
    import pandas as pd

    place = place_of(state, storage, tracking_uri)
    rows = {}
    if place.made:
        store = Store.of(place)
        for name in store.names():
            try:
                s = summarise(open_study(store, name))
            except InputError:
                continue  # a study that some other program keeps in the same storage
            counts = s["trials"]
            rows[name] = {
                "state": s["state"],
                "ended": sum(counts[kind] for kind in ("complete", "pruned", "failed")),
                "trials": sum(counts.values()),
                "metric": s["metric"],
                **{who: (s[who] or {}).get("value") for who in ("best", "baseline")},
            }
    columns = ["state", "ended", "trials", "metric", "best", "baseline"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("study")
