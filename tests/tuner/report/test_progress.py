"""What a person sees in a terminal: calm at any width, clean after resizing, plain in logs."""

import io
import re

import pytest
from optuna.trial import TrialState, create_trial
from rich.console import Console
from rich.text import Text
from synthetic import MIXED, make

from tuner.report import progress
from tuner.report.terminal import Region
from tuner.storage.record import reason
from tuner.validation import progress as validation
from tuner.validation.pace import Pace


def terminal(width=80, height=24):
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)


def sent(console):
    found = console.file.getvalue()
    console.file.seek(0)
    console.file.truncate()
    return found


def test_region_replaces_what_it_drew():
    console = terminal()
    with Region(console) as region:
        assert "\x1b[?25l" in sent(console)
        region.draw([Text("one"), Text("two")])
        assert sent(console) == "one\ntwo\n"
        region.draw([Text("three")], lasting=[Text("stays")])
        assert sent(console) == "\x1b[2A\r\x1b[Jstays\nthree\n"
    assert sent(console) == "\x1b[1A\r\x1b[J\x1b[?25h"


def test_region_counts_lines_as_a_narrower_terminal_breaks_them():
    """Two lines of 70 cells are four at 40 columns; they are erased as four and drawn as two."""
    console = terminal(80)
    with Region(console) as region:
        region.draw([Text("x" * 70), Text("y" * 70)])
        sent(console)
        console.width = 40
        region.draw([Text("x" * 70), Text("y" * 70)])
        codes, *lines = sent(console).rstrip("\n").replace("\x1b[J", "\x1b[J\n").split("\n")
        assert codes == "\x1b[4A\r\x1b[J"
        assert lines == ["x" * 38 + "…", "y" * 38 + "…"]


def test_region_never_fills_the_screen():
    console = terminal(80, height=5)
    with Region(console) as region:
        sent(console)
        region.draw([Text(str(i)) for i in range(30)])
        assert sent(console).count("\n") == 4


def test_region_cleans_up_after_an_error():
    console = terminal()

    def broken():
        with Region(console) as region:
            region.draw([Text("one")])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert sent(console).endswith("\x1b[1A\r\x1b[J\x1b[?25h")


def running(study, count):
    """The study's trials, and so many that are being trained."""
    trials = study.optuna.get_trials()
    for _ in range(count):
        values = {e: 0.1 * e for e in range(1, 6)}
        trial = create_trial(state=TrialState.COMPLETE, value=0.5, intermediate_values=values)
        trial.state, trial.values, trial.number = TrialState.RUNNING, None, len(trials)
        trial.user_attrs = {"config": {"encoder_loss_weight": 0.03, "reconstruction_loss": "smooth_l1"}}
        trials.append(trial)
    return trials


@pytest.mark.parametrize("width", [40, 80, 200])
def test_panel_tells_the_same_at_any_width(tmp_path, width):
    study = make(tmp_path, MIXED)
    study.optuna.set_user_attr("n_trials", 40)
    lines = progress.panel(study, running(study, 2), (6, 60.0), width, 24)
    first, best, *others = [line.plain for line in lines]
    assert "24/40 trials, 7 pruned" in first
    assert "about 3 min left" in first
    assert first.count("━") >= 8
    assert best.startswith("best ") and "0.82" in best
    assert len(others) == 2 and all("w=0.03 smooth_l1" in line and "5/10" in line for line in others)
    if width >= 80:
        assert all(len(line.plain) < width for line in lines)


def test_panel_says_which_of_the_baseline_s_seeds_is_trained(tmp_path):
    """Its curve is whole by then; the words fit into 80 columns."""
    study = make(tmp_path, MIXED)
    study.optuna.set_user_attr("n_trials", 40)
    trials = running(study, 1)
    trials[-1].user_attrs |= {"plan": "baseline", "replicates": {"1": [0.5, 10]}}
    trials[-1].intermediate_values = dict.fromkeys(range(1, 11), 0.1)
    line = progress.panel(study, trials, (0, 0.0), 80, 24)[-1].plain
    assert line.endswith(f"#{trials[-1].number} (baseline), other seeds: 2 of {study.spec.search.replicates}")
    assert len(line) < 80


def test_panel_of_many_workers_fits_the_screen(tmp_path):
    study = make(tmp_path, MIXED)
    study.optuna.set_user_attr("n_trials", 400)
    lines = progress.panel(study, running(study, 64), (0, 0.0), 80, 24)
    assert len(lines) < 24
    assert lines[-1].plain == "and 44 more trials"


def test_plain_log_has_no_codes_and_every_trial_once(tmp_path):
    study = make(tmp_path, MIXED, reason="diverged at epoch 2: loss")
    study.optuna.set_user_attr("n_trials", 24)
    everything = study.optuna.get_trials()
    shown = iter([[], everything[:10], everything, everything])
    study.optuna.get_trials = lambda **_: next(shown)
    console = Console(file=io.StringIO(), width=80)
    steps = iter([True, False, True, False, False])
    progress.watch(study, lambda: next(steps, False), console)
    lines = console.file.getvalue().splitlines()
    assert "\x1b" not in console.file.getvalue()
    assert sorted(int(re.search(r"#(\d+)", line).group(1)) for line in lines) == list(range(len(lines)))
    assert all(reason(t) in lines[t.number] for t in everything[:10] if reason(t))


def test_watch_ends_when_no_trial_is_left(tmp_path):
    study = make(tmp_path, MIXED)
    study.optuna.set_user_attr("n_trials", len(MIXED))
    assert not progress.unfinished(study)()
    study.optuna.set_user_attr("n_trials", len(MIXED) + 1)
    study.optuna.enqueue_trial({})
    assert progress.unfinished(study)()


@pytest.mark.parametrize(
    ("ended", "seconds", "words"),
    [(2, 9, "estimating"), (3, 9, "about 30 s"), (3, 60, "about 3 min"), (3, 3600, "about 3.3 h")],
)
def test_time_left(ended, seconds, words):
    assert progress.time_left(10, ended, seconds).startswith(words)


def block(state, number, share):
    trial = create_trial(state=TrialState.COMPLETE, value=1.0, intermediate_values={3: share} if share else {})
    trial.state, trial.number = state, number
    return trial


def test_panel_of_a_validation():
    blocks = [block(TrialState.COMPLETE, 0, 1.0), block(TrialState.RUNNING, 1, 0.5), block(TrialState.WAITING, 2, 0)]
    lines = [line.plain for line in validation.panel(blocks, 3, "about 60 s left", 80, 24)]
    assert "1/3 seeds, about 60 s left" in lines[0]
    assert lines[1].startswith("  seed 2 ") and lines[1].endswith("50%")
    assert len(lines) == 2
    assert "estimating" in validation.panel(blocks, 3, "", 80, 24)[0].plain


def test_pace_of_a_validation():
    """Two workers go on with a block of which half was trained before, and train a block anew; then four are left."""
    times = iter([0.0, 30.0, 90.0, 600.0])
    pace = Pace(lambda: next(times))

    def left(resumed, fresh):
        blocks = [block(TrialState.RUNNING, 0, resumed), block(TrialState.RUNNING, 1, fresh)]
        return pace.left([*blocks, *(block(TrialState.WAITING, i, 0) for i in range(2, 6))], 6)

    assert left(0.5, 0) == ""
    assert left(0.55, 0.05) == ""  # too early
    assert left(0.65, 0.15) == "about 26 min left"  # 0.3 blocks in 90 s, 5.2 to go
    assert left(1.0, 0.5) == "about 45 min left"  # one block in 600 s, 4.5 to go
