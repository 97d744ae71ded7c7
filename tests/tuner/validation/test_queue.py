"""The queue of blocks: n of them whoever fills it, tried again where one crashes, shared by several callers."""

import json
import subprocess
import sys
import threading

import optuna
import pytest
from optuna.trial import TrialState

from trainer.config import LossConfig
from tuner.errors import RunError
from tuner.spec import file as study_file
from tuner.storage import opening
from tuner.storage.record import Runs, ValidationRecord
from tuner.study import making
from tuner.validation import blocks, queue, running
from tuner.validation.blocks import create_or_resume, open_validation
from tuner.validation.plan import Plan
from tuner.validation.working import work

QUIET = {"device": "cpu", "say": lambda text: None}


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture
def plan(tiny):
    return Plan(study_file.load(str(tiny)), {"baseline": LossConfig()}, "final_performance", 0.01, [], 6)


@pytest.fixture
def validation(place, plan):
    return create_or_resume(place, "queue", plan, "fingerprint", lambda name: Runs("0", "none"))


@pytest.fixture
def play(monkeypatch):
    """`play(act)` replaces a block's training by act(block); returns the list of blocks that were begun."""

    def install(act=lambda block: None):
        begun = []

        def run_block(plan, block, device, tell=lambda step, share: None, part=None, choose=None, arms=()):
            begun.append(block)
            act(block)
            return {
                name: {"state": "complete", "test": {"test/weighted_f1": 0.1 * block}} for name in (*plan.arms, "null")
            }

        monkeypatch.setattr(blocks, "run_block", run_block)
        return begun

    return install


def states(validation):
    return [(t.user_attrs["block"], t.state.name) for t in opening.trials(validation.optuna)]


def scores(validation):
    return [r["test"]["test/weighted_f1"] for r in blocks.records(validation)["baseline"]]


def test_two_that_fill_at_the_same_moment_make_n_blocks(validation, play, monkeypatch):
    study = validation.optuna
    with monkeypatch.context() as patch:
        patch.setattr(queue, "by_block", lambda study: {})  # neither sees what the other adds
        queue.fill(study, 4)
        queue.fill(study, 4)
    assert states(validation) == [(b, "WAITING") for b in range(4)] * 2
    queue.fill(study, 4)
    assert len(opening.trials(study)) == 8
    begun = play()
    assert work(validation, **QUIET) == 4
    assert begun == [0, 1, 2, 3]
    assert states(validation) == [(b, "COMPLETE") for b in range(4)] + [(b, "FAIL") for b in range(4)]
    assert queue.crashes(study, 4) == {}  # what was one too many is no crash


def test_many_fill_and_work_at_once(validation, place, play):
    """Threads with storages of their own, all at once: each block is run once."""
    begun, ready = play(), threading.Barrier(4)

    def caller():
        mine = open_validation(place, validation.name)
        ready.wait()
        queue.fill(mine.optuna, 6)
        work(mine, **QUIET)

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == list(range(6))
    assert len(blocks.records(validation)["baseline"]) == 6


def test_the_seed_is_the_blocks_whichever_trial_it_is(validation, play):
    def act(block):
        if block == 1 and begun.count(1) == 1:
            raise MemoryError("not now")

    begun = play(act)
    queue.fill(validation.optuna, 4)
    said = []
    assert work(validation, device="cpu", say=said.append) == 4
    assert begun == [0, 1, 2, 3, 1]  # the others first: what was wrong may be over by then
    assert scores(validation) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert states(validation) == [(0, "COMPLETE"), (1, "FAIL"), (2, "COMPLETE"), (3, "COMPLETE"), (1, "COMPLETE")]
    assert "MemoryError: not now" in opening.trials(validation.optuna)[1].user_attrs["reason"]
    assert [text for text in said if "failed" in text] == [
        "block 1 failed: MemoryError: not now; it goes back into the queue"
    ]


def test_attempts_run_out_and_another_call_tries_again(validation, play):
    def act(block):
        if block == 2:
            raise ValueError("always")

    for call in (1, 2):
        begun = play(act)
        queue.fill(validation.optuna, 4)
        with pytest.raises(RunError, match=r"block 2 failed: ValueError: always \(3 attempts\)"):
            work(validation, **QUIET)
        assert begun.count(2) == queue.ATTEMPTS
        assert [state for block, state in states(validation) if block == 2] == ["FAIL"] * (3 * call)
        assert list(queue.crashes(validation.optuna, 4)) == [2]
    assert scores(validation) == pytest.approx([0.0, 0.1, 0.3])
    play()
    queue.fill(validation.optuna, 4)
    assert work(validation, **QUIET) == 1
    assert scores(validation) == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_worker_on_which_everything_crashes_leaves_and_loses_nothing(validation, play):
    def act(block):
        raise OSError("no space left on device")

    begun = play(act)
    queue.fill(validation.optuna, 6)
    with pytest.raises(RunError, match="3 blocks in a row failed; the last one: block 2 .*no space left"):
        work(validation, **QUIET)
    assert begun == [0, 1, 2]
    assert sorted(b for b, state in states(validation) if state == "WAITING") == list(range(6))


def test_a_caller_waits_for_blocks_of_others(validation, play):
    play()
    study = validation.optuna
    queue.fill(study, 2)
    taken = [queue.claim(study), queue.claim(study)]  # by this process, which lives
    said = []

    def say(text):
        said.append(text)
        if "waiting for them" in text:
            for trial in taken:
                trial.set_user_attr("arms", {"baseline": {}, "null": {}})
                study.tell(trial, 0.5)

    running.run(validation, 2, 1, "cpu", say, lambda blocks, seeds: None)
    assert said[1:] == ["other workers train 2 of 2 seeds; waiting for them"]
    assert [t.state for t in opening.trials(study)] == [TrialState.COMPLETE] * 2


def test_one_of_two_makers_makes_it(place, plan):
    """The second comes while the first writes the plan to MLflow; it waits and uses what was made."""
    found, writing = [], threading.Event()

    def slowly(name):
        writing.set()
        second.join(2)
        return Runs("1", "first")

    def come_second():
        writing.wait()
        second_made.append(create_or_resume(place, "race", plan, "fingerprint", lambda name: Runs("1", "second")))

    second_made, second = [], threading.Thread(target=come_second)
    second.start()
    found.append(create_or_resume(place, "race", plan, "fingerprint", slowly))
    second.join()
    assert [v.runs.run_id for v in (*found, *second_made)] == ["first"] * 2


def test_what_a_killed_maker_left_is_made_again(place, plan, monkeypatch):
    monkeypatch.setattr(making, "UNNAMED", 0.0)
    opened = opening.open_storage(place.storage)
    optuna.create_study(study_name=f"validate-half-{plan.fingerprint('fingerprint')}", storage=opened)
    made = create_or_resume(place, "half", plan, "fingerprint", lambda name: Runs("1", "new"))
    assert made.runs.run_id == "new"
    assert ValidationRecord.of(made.optuna).whole


def test_two_calls_at_once_share_the_work(tiny, place, cli_environment):
    """For real: the same result, each seed trained once."""
    command = [sys.executable, "-m", "tuner", "validate", str(tiny), "--baseline", "baseline", "--candidate", "basic"]
    command += ["--seeds", "6", "--epochs", "2", "--workers", "1", "--device", "cpu", "--json", "--state"]
    command.append(str(place.state))
    both = [
        subprocess.Popen(command, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    first, second = (json.loads(out) for out, _ in said)
    assert first == second and first["seeds"] == 6
    study = optuna.load_study(study_name=first["name"], storage=place.storage)
    done = [t.user_attrs["block"] for t in study.trials if t.state == TrialState.COMPLETE]
    assert sorted(done) == list(range(6))
