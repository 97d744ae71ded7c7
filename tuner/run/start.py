"""Run a study to its end: make or resume it, start workers, watch them, finish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tuner.adopt.before import fixed_at_baseline, without_inert
from tuner.adopt.before import look as look_for_inert
from tuner.errors import InputError, RunError
from tuner.launch import _tryout as tryout
from tuner.launch import local
from tuner.launch._trouble import Waiting
from tuner.report import progress
from tuner.report.finish import finish, finished
from tuner.run.options import StartOptions
from tuner.spec import file as study_file
from tuner.spec.edit import differences, with_overrides
from tuner.spec.model import Spec
from tuner.storage import lease, opening
from tuner.storage.record import write_study
from tuner.storage.store import Store
from tuner.study import own_code, script_notes
from tuner.study.follow import follow
from tuner.study.make import create_study, fill_queue
from tuner.study.plan_files import add_plans, plan_files, plan_name
from tuner.study.population import SHARE, ask
from tuner.study.study import Study, exists, open_study
from tuner.study.summary import summarise
from tuner.study.warm_start import from_study
from tuner.system import device as devices
from tuner.system import provenance
from tuner.system.place import Place
from tuner.system.waiting import find
from tuner.validation.race import after_search


def run(place: Place, options: StartOptions, *, console: Console) -> dict[str, Any]:
    """Run a study to its end and return its summary. A study of that name that exists goes on where it stopped.

    Raises InputError for what the user got wrong, RunError where workers failed, KeyboardInterrupt on Ctrl-C.
    """
    options.check()
    if options.detach:
        return _queue(place, options)
    quiet = options.quiet
    device = devices.resolve(options.device)
    place.prepare()
    count = options.workers or devices.default_workers(device)
    store = Store.of(place)
    if not exists(store, options.label):
        # A study takes seconds to make, most of them for MLflow's database.
        local.warm(device)
    narrow = _narrowing(place, device, console, quiet) if options.try_knobs else _as_it_is
    opened = make_or_resume(store, options, lambda spec: _own_code(spec, console, quiet), narrow)
    processes: list[local.Process] = []
    try:
        ask(opened.optuna, options.population, opened.n_trials // (SHARE * count))
        if opened.record.detached:
            write_study(opened.optuna, detached=False)  # this process sees it to its end
        if not quiet:
            _introduce(opened, device, console)
            _warm_start(opened, console)
        # Also where other workers train what is left: should one of them stop, its trial is taken over.
        if _unfinished(opened):
            processes = local.start(opened.name, place, count, device)
            _train(opened, processes, console, quiet)
    finally:
        local.kill(processes)
    summary = summarise(opened)
    if summary["state"] == "running":
        if not quiet:
            console.print("other workers are still training; `tuner start` again when they are done")
        return summary
    if finished(opened) and not options.race:
        return summary
    after_search(opened, options.race, workers=count, device=device, say=_saying(console, quiet))
    if finished(opened):
        return summarise(opened)
    if not quiet:
        console.print("comparing with the baseline, drawing, writing the report", style="dim")
    return finish(opened)


def _saying(console: Console, quiet: bool) -> Callable[[str], None]:
    """What prints the lines of a race."""

    def say(text: str) -> None:
        if not quiet:
            console.print(text, markup=False, soft_wrap=not console.is_terminal)

    return say


def _queue(place: Place, options: StartOptions) -> dict[str, Any]:
    """Make the study, or add to it, for workers that wait for work."""
    queued = make_or_resume(place, options)
    write_study(queued.optuna, detached=True)
    ask(queued.optuna, options.population, queued.n_trials // (SHARE * devices.default_workers("cpu")))
    return summarise(queued)


def make_or_resume(
    where: Place | Store,
    options: StartOptions,
    look: Callable[[Spec], None] = lambda spec: None,
    narrow: Callable[[Spec], tuple[Spec, list[str]]] = lambda spec: (spec, []),
) -> Study:
    """The study of that name, made where there is none. Options that are left out keep what the study has.

    `look` gets the spec before anything is made or trained of it, and may raise;
    `narrow` answers with the spec that a new study has instead, and the knobs that it no longer searches.

    Raises InputError where the study file or an option differs from what the study was made with.
    """
    store = Store.of(where)
    if options.name is not None and options.study is None and exists(store, options.name):
        return _resume(store, None, options, look)
    spec = study_file.load(options.file)
    if exists(store, options.label):
        return _resume(store, spec, options, look)
    spec = with_overrides(spec, trials=options.trials, **options.changes)
    added = plan_files(spec, options.plans)
    spec = with_overrides(spec, plans=added)
    look(spec)
    spec, inert = narrow(spec)
    warm = from_study(store, options.warm_start, spec) if options.warm_start else ()
    return create_study(store, options.label, spec, warm, added=list(added), inert=inert)


def _resume(store: Store, file: Spec | None, options: StartOptions, look: Callable[[Spec], None]) -> Study:
    name, trials, plans, warm_start = options.label, options.trials, options.plans, options.warm_start
    opened = open_study(store, name)
    kept = opened.spec
    if file is not None:
        # What flags decided when the study was made is no difference of the file.
        flags = {*opened.record.added_plans, *map(plan_name, plans)}
        flagged = {plan: knobs for plan, knobs in (kept.plans or {}).items() if plan in flags}
        same: dict[str, Any] = {"epochs": kept.training.epochs, "seed": kept.seed, "plans": flagged}
        file = fixed_at_baseline(with_overrides(file, **same), opened.record.inert)
        if options.data is None:
            opened = follow(opened, file, data=kept.data.path is not None and not Path(kept.data.path).exists())
            kept = opened.spec
        if kept.data.source != file.data.source or kept.data.path != file.data.path:
            file = file.model_copy(update={"data": file.data.model_copy(update=_source(kept))})
    wanted = with_overrides(file or kept, **options.changes)
    if options.data is not None:
        opened = follow(opened, wanted)
        kept = opened.spec
    different = differences(kept, wanted)
    if different:
        raise InputError(
            f"study {name!r} exists and was made with other settings:\n  "
            + "\n  ".join(different)
            + "\nChoose another --name, or use the settings it was made with"
        )
    if warm_start and warm_start not in {one.origin.study for one in opened.record.warm_start}:
        raise InputError(f"study {name!r} exists and was made without --from {warm_start}; choose another --name")
    if trials is not None and trials != opened.n_trials:
        if trials < 1:
            raise InputError(f"--trials must be at least 1; found {trials}")
        write_study(opened.optuna, n_trials=trials)
    opened = add_plans(opened, plan_files(kept, plans), (file or kept).export)
    fill_queue(opened)
    if any(not t.state.is_finished() for t in opening.trials(opened.optuna)):
        look(kept)
        provenance.check(opened.record.versions, f"study {name!r}", lambda text: None)
    return opened


def _as_it_is(spec: Spec) -> tuple[Spec, list[str]]:
    return spec, []


def _narrowing(place: Place, device: str, console: Console, quiet: bool) -> Callable[[Spec], tuple[Spec, list[str]]]:
    """What takes knobs that do nothing out of a script's study, and says which."""

    def narrow(spec: Spec) -> tuple[Spec, list[str]]:
        if spec.command is None:
            return spec, []
        if not quiet:
            console.print("does each knob do anything? (a few short runs; --no-check skips them)", style="dim")
        found = look_for_inert(spec, place.state, device)
        narrower = without_inert(spec, found, lambda text: console.print(text, style="yellow", soft_wrap=True))
        return narrower, [name for name in spec.knobs if name not in narrower.knobs]

    return narrow


def _own_code(spec: Spec, console: Console, quiet: bool) -> None:
    """Say what of the user's own is going to run, then try it."""
    said = own_code.notice(spec)
    if said and not quiet:
        console.print(said, highlight=False, soft_wrap=not console.is_terminal)
    if not quiet and (warning := script_notes.named_like_a_loss(spec)):
        console.print(Text(warning, style="yellow"), soft_wrap=not console.is_terminal)
    tryout.check(spec)


def _source(spec: Spec) -> dict[str, Any]:
    return {"source": spec.data.source, "path": spec.data.path}


def _introduce(study: Study, device: str, console: Console) -> None:
    record = study.record
    for name in own_code.changed(record.code, study.spec):
        console.print(
            f"{name} has changed since the study was made: its earlier trials ran another version",
            style="yellow",
        )
    data = record.data
    if data is None:
        console.print(
            Text.assemble(
                (study.name, "bold"),
                f": {study.n_trials} trials of up to {study.spec.training.epochs} epochs, "
                f"{device}, state in {study.place.state}",
            ),
            soft_wrap=not console.is_terminal,
        )
        return
    console.print(
        Text.assemble(
            (study.name, "bold"),
            f": {study.n_trials} trials of up to {study.spec.training.epochs} epochs on "
            f"{data.name} ({data.rows} rows; {data.shown_views()}; {len(data.classes)} classes), {device}, "
            f"state in {study.place.state}",
        ),
        soft_wrap=not console.is_terminal,
    )
    for remark in data.remarks:
        console.print(remark, style="yellow", soft_wrap=not console.is_terminal)
    if data.terms:
        console.print(data.terms, style="dim", soft_wrap=not console.is_terminal)


def _warm_start(study: Study, console: Console) -> None:
    origins = [one.origin for one in study.record.warm_start]
    if origins:
        tried = ", ".join(f"#{origin.trial} ({origin.value:.4f})" for origin in origins)
        console.print(f"after the plans, the best of {origins[0].study}: {tried}", highlight=False, soft_wrap=True)


def _unfinished(study: Study) -> bool:
    """Whether a trial that was asked for has not ended."""
    asked = study.n_trials
    return any(
        t.state.name == "RUNNING" or (t.state.name == "WAITING" and t.number < asked)
        for t in opening.trials(study.optuna)
    )


def _train(study: Study, processes: list[local.Process], console: Console, quiet: bool) -> None:
    """Watch workers until all have left."""

    def stopping() -> None:
        if not quiet:
            console.print("stopping: running trials go back into the queue (Ctrl-C again to leave at once)")

    try:
        with local.supervised(processes, stopping):
            progress.watch(study, lambda: local.running(processes), console, quiet, Waiting(processes))
    except BaseException:
        try:
            lease.reclaim(study.optuna)
        except Exception as error:
            # A lock, say, that is not waited for: whoever starts again takes what a dead worker had anyway.
            if find(error) is None:
                raise
        raise
    lease.reclaim(study.optuna)
    failed = [p for p in processes if p.exit_code]
    if failed and _unfinished(study):
        raise RunError(f"{failed[0].last_words()} (worker log: {failed[0].log})")
    for p in failed:
        console.print(f"a worker stopped early: {p.last_words()} (log: {p.log})", style="yellow")
