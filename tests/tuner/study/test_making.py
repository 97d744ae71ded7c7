"""A study, or a validation, whose maker is killed at any of its writes: whoever comes next makes it whole."""

import os
import signal
import subprocess
import sys
import time

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from tuner.errors import InputError
from tuner.run.options import StartOptions
from tuner.run.start import make_or_resume
from tuner.spec import file as study_file
from tuner.storage import lease, opening
from tuner.storage.patient import Patient
from tuner.study import making
from tuner.study.study import exists, open_study
from tuner.study.study import whole as is_whole
from tuner.validation import arms, blocks
from tuner.validation.options import ValidateOptions
from tuner.validation.run import register

WRITES = {
    Patient: ("create_new_study", "set_study_user_attr", "set_study_system_attr", "create_new_trial"),
    SqlAlchemyStore: ("create_experiment", "create_run", "log_batch", "set_experiment_tag"),
}
DEAD = f"{lease.host()}:{2**22 + 1}:1"


def start(place, file, name, **options):
    return make_or_resume(place, StartOptions(study=str(file), name=name, **options))


class Killed(BaseException):
    """What no `except Exception` holds; and once dead, a process writes nothing more."""


@pytest.fixture
def killed_at(monkeypatch):
    """killed_at(n, call): run it in a process that dies before its n-th write, or after it; whether it died."""

    def run(n: int, call, *, after: bool) -> bool:
        count = 0

        def counted(original):
            def write(*args, **kwargs):
                nonlocal count
                count += 1
                if count > n or (count == n and not after):
                    raise Killed
                result = original(*args, **kwargs)
                if count == n:
                    raise Killed
                return result

            return write

        with monkeypatch.context() as patch:
            patch.setattr(lease, "worker_id", lambda: DEAD)
            patch.setattr(Patient, "delete_study", counted(Patient.delete_study))
            for kind, names in WRITES.items():
                for name in names:
                    patch.setattr(kind, name, counted(getattr(kind, name)))
            try:
                call()
            except Killed:
                return True
        return False

    return run


def whole(place, name, n):
    study = open_study(place, name)
    waiting = opening.trials(study.optuna)
    runs = study.tracker().client.search_runs([study.runs.experiment_id])
    assert [run.info.run_id for run in runs] == [study.runs.run_id]
    assert len(waiting) == n and [t.user_attrs.get("plan") for t in waiting].count("baseline") == 1
    tags = study.tracker().client.get_experiment(study.runs.experiment_id).tags
    assert any(tag.startswith("mlflow.sharedViewState") for tag in tags)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_study_killed_at_each_of_its_writes_is_made_by_the_next(make_place, tiny, killed_at, monkeypatch, after):
    monkeypatch.setattr(making, "UNNAMED", 0.0)  # else ten seconds for a maker that has said nothing yet
    deaths = 0
    place = make_place()
    for n in range(1, 100):
        name = f"study {n}"
        died = killed_at(n, lambda name=name: start(place, tiny, name, trials=2), after=after)
        start(place, tiny, name, trials=2)
        whole(place, name, 2)
        deaths += died
        if not died:
            break
    assert deaths > 12
    assert not [s for s in opening.open_storage(place.storage).get_all_studies() if "spec" not in s.user_attrs]


def test_a_validation_killed_at_each_of_its_writes_is_made_by_the_next(make_place, tiny, killed_at, monkeypatch):
    monkeypatch.setattr(making, "UNNAMED", 0.0)
    place, deaths = make_place(), 0
    for n in range(1, 100):
        options = ValidateOptions(study=str(tiny), baseline="baseline", candidate="full", seeds=8, epochs=3 + n)
        plan = arms.make_plan(place, options)

        def make(plan=plan):
            return blocks.create_or_resume(place, "v", plan, "f", lambda name: register(place, name, plan, "f"))

        died = killed_at(n, make, after=bool(n % 2))
        made = make()
        runs = made.runs
        from tuner.tracking.client import Tracker

        there = Tracker(place.tracking, place.state).client.search_runs([runs.experiment_id])
        assert [run.info.run_id for run in there] == [runs.run_id]
        deaths += died
        if not died:
            break
    assert deaths > 6


def test_a_maker_that_lives_is_waited_for_and_a_strange_study_left_alone(make_place, tiny, monkeypatch):
    place = make_place()
    opened = opening.open_storage(place.storage)
    strange = opening.optuna.create_study(study_name="strange", storage=opened)
    strange.add_trial(opening.optuna.trial.create_trial(value=1.0))
    assert exists(place, "strange")
    with pytest.raises(InputError, match="was not made by this tuner"):
        start(place, tiny, "strange")
    assert len(opening.trials(opening.load_study(opened, "strange"))) == 1
    made = making.take(opened, "mine", "MINIMIZE")
    monkeypatch.setattr(making, "rest", lambda seconds: made.set_user_attr("spec", {}))
    assert making.settled(opened, "mine", is_whole) is not None


def test_kill_9_while_a_study_is_made(make_place, tiny, cli_environment):
    place = make_place()
    command = [sys.executable, "-m", "tuner", "start", str(tiny), "--detach", "--state", str(place.state)]
    for moment in range(3):
        name = f"killed {moment}"
        process = subprocess.Popen([*command, "--name", name], env=cli_environment(), stdout=subprocess.DEVNULL)
        opened = opening.open_storage(place.storage)
        while process.poll() is None and name not in opening.study_names(opened):
            time.sleep(0.01)
        time.sleep(0.05 * moment)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert start(place, tiny, name).n_trials == study_file.load(str(tiny)).search.trials
        whole(place, name, 6)


def test_who_lost_the_name_says_so(make_place):
    place = make_place()
    opened = opening.open_storage(place.storage)
    with pytest.raises(making.RunError, match="was taken over by another process"):
        making.make(opened, "n", "MINIMIZE", lambda study: making.clear(opened, "n") or study.set_user_attr("a", 1))
