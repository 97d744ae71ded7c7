"""Workers that wait for work: what is queued gets done, once, whoever queued it."""

import time

import optuna
import pytest
from rich.console import Console

from tuner.errors import InputError
from tuner.launch import local
from tuner.run import service
from tuner.run.options import StartOptions
from tuner.run.start import run
from tuner.storage import opening
from tuner.study.study import open_study
from tuner.study.summary import summarise
from tuner.system import interrupt
from tuner.system.interrupt import Interrupted
from tuner.system.place import Place
from tuner.validation import blocks
from tuner.validation.options import ValidateOptions
from tuner.validation.run import validate
from tuner.worker.loop import FAILURES_IN_A_ROW


@pytest.fixture
def detached(make_study):
    """A queued study that nobody waits for."""

    def make(name="tiny", **changes):
        study = make_study(name, **changes)
        study.optuna.set_user_attr("detached", True)
        return study

    return make


@pytest.fixture
def stop_when(monkeypatch):
    """`serve` rests for a moment only and is asked to leave as soon as something is true."""

    def install(condition, looks=200):
        count = 0

        def rest(seconds):
            nonlocal count
            count += 1
            if condition() or count > looks:
                interrupt.STOP.set()
            interrupt.leave_if_asked()

        monkeypatch.setattr(service, "rest", rest)

    yield install
    interrupt.STOP.clear()


def serve(place):
    said = []
    with pytest.raises(Interrupted):
        service.serve(place, device="cpu", say=said.append)
    return said


def states(study):
    return [t.state.name for t in open_study(study.place, study.name).optuna.get_trials(deepcopy=False)]


def test_takes_what_is_queued_and_writes_the_comparison(detached, scripted, stop_when):
    scripted(lambda config, epoch: 0.5 + epoch / 100)
    study = detached(search={"trials": 3, "pruner": "none"})
    stop_when(lambda: True)
    said = serve(study.place)
    assert states(study) == ["COMPLETE"] * 3
    attrs = open_study(study.place, "tiny").optuna.user_attrs
    assert attrs["finished_at"] == 3 and "reference" in attrs
    assert said[0].startswith("waiting for work in sqlite:///")
    assert "tiny is complete: the comparison is in MLflow and in `tuner status tiny`" in said
    assert said[-1] == "nothing waits in tiny; this worker finished 3"


def test_the_oldest_study_comes_first_then_the_next(detached, scripted, stop_when):
    scripted(lambda config, epoch: 0.5)
    first = detached("zebra", search={"trials": 1})
    second = detached("ant", search={"trials": 1}, place=first.place)
    stop_when(lambda: True)
    said = [line for line in serve(first.place) if line.startswith("nothing waits")]
    assert [line.split()[3] for line in said] == ["zebra;", "ant;"]
    assert states(first) == states(second) == ["COMPLETE"]


def test_takes_work_that_comes_later(detached, scripted, stop_when):
    scripted(lambda config, epoch: 0.5)
    first = detached(search={"trials": 1})
    made = []

    def later():
        if not made:
            made.append(detached("later", search={"trials": 2}, place=first.place))
        return states(made[0]) == ["COMPLETE"] * 2

    stop_when(later)
    serve(first.place)
    assert states(made[0]) == ["COMPLETE"] * 2


def test_a_study_that_cannot_be_worked_on_here_is_left_to_others(detached, scripted, stop_when, tiny):
    """Its data is on another machine, say: the worker says so and goes on with the next."""
    scripted(lambda config, epoch: 0.5)
    broken = detached("broken", search={"trials": 1})
    good = detached("good", search={"trials": 1}, place=broken.place)
    spec = broken.optuna.user_attrs["spec"]
    spec["data"]["path"] = str(tiny.parent / "not_here.npz")
    broken.optuna.set_user_attr("spec", spec)
    stop_when(lambda: True)
    said = serve(broken.place)
    assert states(good) == ["COMPLETE"] and states(broken) == ["WAITING"]
    (complaint,) = [line for line in said if "broken cannot" in line]
    assert "cannot be worked on here" in complaint and "not_here.npz" in complaint


def test_failing_trials_do_not_end_the_service(detached, scripted, stop_when):
    def play(config, epoch):
        raise ValueError("postgresql://me:s3cret@host/db is not reached")

    scripted(play)
    broken = detached("broken", search={"trials": 4, "pruner": "none"})
    stop_when(lambda: True)
    said = serve(broken.place)
    assert states(broken) == ["FAIL"] * FAILURES_IN_A_ROW + ["WAITING"]
    assert any("broken cannot be worked on here" in line for line in said)
    assert not any("s3cret" in line for line in said)
    result = broken.optuna.get_trials()[0].user_attrs["result"]
    assert "s3cret" not in str(result) and "***" in result["traceback"]


def test_validations_are_work_too(tiny, make_place, stop_when, monkeypatch):
    place = make_place()
    monkeypatch.setattr(blocks, "run_block", lambda *args, **kwargs: _record())
    call = {"baseline": "baseline", "candidate": "basic", "seeds": 6, "epochs": 1}
    call |= {"study": str(tiny), "detach": True}
    queued = validate(place, ValidateOptions(**call), say=lambda text: None)
    assert {k: queued[k] for k in ("state", "seeds", "queued", "done")} == {
        "state": "waiting",
        "seeds": 6,
        "queued": 6,
        "done": 0,
    }
    assert validate(place, ValidateOptions(**call), say=lambda text: None) == queued, (
        "asking again queues nothing twice"
    )
    stop_when(lambda: True)
    serve(place)
    verdict = validate(place, ValidateOptions(**call), say=lambda text: None)
    assert [c["verdict"] for c in verdict["comparisons"]]


def _record():
    one = {
        "state": "complete",
        "best_epoch": 1,
        "test": {f"test/{name}": 0.5 for name in ("weighted_f1", "macro_f1", "accuracy")},
        "minority_f1": 0.5,
        "gradient_cv": 0.5,
        "gradient_sd": 0.5,
        "explosion_share": 0.0,
        "gate_saturation": 0.1,
        "effective_weight": 0.05,
    }
    one["curves"] = {name: [0.5] for name in blocks.CURVES}
    return {name: dict(one) for name in ("baseline", "basic", "null")}


def test_a_finished_or_attached_study_is_no_work(detached, make_study, scripted, stop_when):
    scripted(lambda config, epoch: 0.5)
    done = detached("done", search={"trials": 1})
    attached = make_study("attached", place=done.place, search={"trials": 1})
    opened = opening.open_storage(done.place.storage)
    for name in ("done", "attached"):
        service.join(done.place, name, device="cpu", say=lambda text: None)
    assert service.next_queued(opened, set()) is None
    # Whoever watches the attached study writes its comparison: this worker must not.
    assert "finished_at" not in open_study(attached.place, "attached").optuna.user_attrs
    assert "finished_at" in open_study(done.place, "done").optuna.user_attrs


def test_what_another_worker_is_finishing_is_left_to_it(detached, scripted):
    scripted(lambda config, epoch: 0.5)
    study = detached(search={"trials": 1})
    study.optuna.set_user_attr(service.FINISHING, time.time())
    service.join(study.place, "tiny", device="cpu", say=lambda text: None)
    opened = opening.open_storage(study.place.storage)
    assert "finished_at" not in open_study(study.place, "tiny").optuna.user_attrs
    assert service.next_queued(opened, set()) is None
    study.optuna.set_user_attr(service.FINISHING, time.time() - service.PATIENCE - 1)  # it died
    assert service.next_queued(opened, set()) == "tiny"
    service.join(study.place, "tiny", device="cpu", say=lambda text: None)
    assert "finished_at" in open_study(study.place, "tiny").optuna.user_attrs


def test_other_programs_studies_are_left_alone(make_place, stop_when):
    place = make_place()
    opened = opening.open_storage(place.storage)
    other = optuna.create_study(study_name="other", storage=opened)
    other.enqueue_trial({})
    half = optuna.create_study(study_name="half", storage=opened)  # being made by another process
    half.enqueue_trial({})
    assert service.next_queued(opened, set()) is None


def test_detached_start_queues_and_returns(cli, tiny, tmp_path):
    state = tmp_path / "state"
    done = cli("start", tiny, "--detach", "--trials", 3, "--state", state)
    assert done.returncode == 0, done.stderr
    assert "tiny: 3 trials wait for workers" in done.stdout
    assert f"tuner worker --state {state}" in done.stdout
    study = open_study(Place.at(state), "tiny")
    assert summarise(study)["state"] == "waiting" and study.record.detached
    with pytest.raises(InputError, match="--detach starts no workers"):
        run(study.place, StartOptions(study=str(tiny), workers=2, detach=True), console=Console())


def test_a_start_that_waits_takes_a_queued_study_over(detached, scripted, monkeypatch):
    scripted(lambda config, epoch: 0.5)
    study = detached(search={"trials": 2})

    def start(name, place, count, device):
        service.join(place, name, device="cpu", say=lambda text: None)
        assert "finished_at" not in open_study(place, name).optuna.user_attrs, "its worker must not write the end"
        return []

    monkeypatch.setattr(local, "start", start)
    summary = run(study.place, StartOptions(name="tiny", device="cpu", quiet=True), console=Console())
    assert summary["state"] == "complete"
    attrs = open_study(study.place, "tiny").optuna.user_attrs
    assert attrs["detached"] is False and attrs["finished_at"] == 2


def test_sign_of_life(tmp_path, monkeypatch):
    alive = tmp_path / "alive"
    monkeypatch.setenv(interrupt.ALIVE, str(alive))
    interrupt.leave_if_asked()
    assert alive.exists()
    monkeypatch.setenv(interrupt.ALIVE, str(tmp_path / "no" / "folder"))
    interrupt.leave_if_asked()


def test_a_signal_between_two_studies_is_not_forgotten():
    """The inner block must not clear what arrived before it began."""
    with interrupt.signals():
        interrupt.STOP.set()
        with pytest.raises(Interrupted), interrupt.signals():
            interrupt.leave_if_asked()
    with interrupt.signals():
        assert not interrupt.STOP.is_set()


def test_a_named_worker_says_what_is_wrong(make_place):
    with pytest.raises(InputError, match="unknown study"):
        service.join(make_place(), "nope", device="cpu", say=lambda text: None)
