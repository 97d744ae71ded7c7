"""What a script says, read while it is written."""

import json
import math

import pytest

from tuner.worker.script.lines import Tail
from tuner.worker.script.metrics import CsvRows, JsonLines, Log

JOYFUL = {
    "epoch": r"^\[Epoch (\d+)\]",
    "loss": r"\[Loss: (\S+)\]",
    "dev_f1": r"^\[Dev set\] \[f1 (\S+)\]",
    "test_f1": r"^\[Test set\] \[f1 (\S+)\]",
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "log.txt"


def append(file, text):
    with file.open("a") as out:
        out.write(text)


def test_tail_gives_whole_lines_once(file):
    tail = Tail(file)
    assert tail.lines() == []
    append(file, "one\ntw")
    assert tail.lines() == ["one"] and tail.lines() == []
    append(file, "o\r 10%\r 20%\n\nthree")
    assert tail.lines() == ["two", " 10%", " 20%"]
    assert tail.lines(final=True) == ["three"] and tail.lines(final=True) == []


def test_tail_starts_over_where_the_file_was_written_anew_and_reads_any_bytes(file):
    tail = Tail(file)
    append(file, "a long first line\n")
    tail.lines()
    file.write_bytes(b"\xff new\n")
    assert tail.lines() == ["\ufffd new"]


def said(log, *lines):
    """Epoch and metrics of each line that says something."""
    return [(e.epoch, e.metrics) for line in lines if (e := log.read(line))]


def test_log_in_the_style_of_joyful(file):
    log = Log(file, JOYFUL, "dev_f1")
    append(file, "loading\n[Epoch 3] [Loss: 1.25] [Train F1: 0.5]\n[Dev set] [Loss: 0.9] [f1 0.7123]\n")
    found = [(e.epoch, e.metrics) for e in log.events()]
    assert found == [(3, {"loss": 1.25}), (None, {"loss": 0.9})], "the pattern says what it matches"
    append(file, "[Dev set] [f1 0.7123]\n[Test set] [f1 nan]")
    assert [e.metrics for e in log.events()] == [{"dev_f1": 0.7123}]
    (event,) = log.events(final=True)
    assert event.epoch is None and math.isnan(event.metrics["test_f1"])


def test_log_takes_json_only_with_an_epoch_or_the_objective(file):
    log = Log(file, {}, "dev_f1")
    lines = ('{"lr": 0.1, "layers": 2}', '{"epoch": 1, "loss": 2}', '{"dev_f1": 0.5, "note": "x"}', "{broken", '["a"]')
    assert said(log, *lines) == [(1, {"loss": 2.0}), (None, {"dev_f1": 0.5})]


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        ('epochs:  25%|##   | 1/4 [00:00<00:00, 6.6it/s]{"epoch": 1, "val/f1": 0.5}', {"val/f1": 0.5}),
        ('11/30/2026 11:31:45 INFO train: {"epoch": 1, "val": {"f1": 0.5}} done', {"val/f1": 0.5}),
        ('{"epoch": "1", "val/f1": "0.5"}', {"val/f1": 0.5}),
        ("{'epoch': 1.0, 'val/f1': 0.5, 'loss': nan}", {"val/f1": 0.5, "loss": math.nan}),
        ("{'epoch': 1, 'val/f1': tensor(0.5, device='cuda:0'), 'note': None}", {"val/f1": 0.5}),
        ("{'epoch': 1, 'val/f1': np.float64(0.5), 'who': 'a }'}", {"val/f1": 0.5}),
        ('\x1b[1m\x1b[32m{"epoch": 1, \x1b[0m"val/f1": 0.5}', {"val/f1": 0.5}),
        ('{"config": {"lr": 1}} {"epoch": 1, "val/f1": 0.5}', {"val/f1": 0.5}),
        ('[rank0]: {"epoch": 1, "val/f1": 0.5}', {"val/f1": 0.5}),
    ],
)
def test_an_object_anywhere_in_a_line(file, line, metrics):
    ((epoch, found),) = said(Log(file, {}, "val/f1"), line)
    assert epoch == 1 and found == pytest.approx(metrics, nan_ok=True)


def test_who_writes_the_objective_with_dots_means_what_is_nested(file):
    assert said(Log(file, {}, "val.f1"), '{"val": {"f1": 0.5}}') == [(None, {"val.f1": 0.5})]


def test_of_several_processes_only_the_first_counts(file):
    log = Log(file, {"f1": r"f1 (\S+)"}, "f1")
    assert said(log, "[rank1]: f1 0.1", "[default1]:f1 0.1", "[default0]:f1 0.7") == [(None, {"f1": 0.7})]


@pytest.mark.parametrize(
    ("text", "value"),
    [("55.00%", 55.0), ("\x1b[36m0.5500\x1b[0m", 0.55), ("0.55,", 0.55), ("(0.55)", 0.55), ("tensor(0.55,", 0.55)],
)
def test_numbers_as_patterns_find_them(file, text, value):
    log = Log(file, {"epoch": r"^\[Epoch (\d+)\]", "f1": r"f1 (\S+)"}, "f1")
    assert said(log, f"[Epoch 2] val f1 {text}") == [(2, {"f1": value})]
    assert log.matches == {"epoch": 1, "f1": 1}


def test_log_counts_what_was_no_number_and_goes_on(file):
    log = Log(file, {"dev_f1": r"f1 (\S+)", "epoch": r"epoch (\S+)"}, "dev_f1")
    assert said(log, "f1 high", "epoch nan f1 0.5") == [(None, {"dev_f1": 0.5})]
    assert (log.unread.count, log.unread.last) == (2, "epoch is nan, which is no number to count by")


HOSTILE = (
    '{"a":' * 50_000,
    "{" * 5_000,
    "{'a': " + "(" * 5_000,
    '{"epoch": 1e999, "f1": 1' + "0" * 5_000 + "}",
    '{"epoch": ' + "9" * 400 + ', "f1": 0.5}',
    "{'f1': __import__('os').system('x')}",
    "f1 \x00\x1b[",
)


@pytest.mark.parametrize("line", HOSTILE)
def test_no_line_ends_a_trial(file, line):
    said(Log(file, {"f1": r"f1 (\S+)"}, "f1"), line)


def test_csv_rows_once_each_though_the_file_is_written_anew(tmp_path):
    file = tmp_path / "metrics.csv"
    rows = CsvRows(file)

    def new(final=False):
        return [(e.epoch, e.metrics) for e in rows.events(final)]

    assert new() == []
    file.write_text("epoch,f1,note\n0,0.5,a\n1,0.6")
    assert new() == [(0, {"f1": 0.5})]
    file.write_text("epoch,f1,note\n0,0.5,a\n1,0.6,b\n2,,c\n")
    assert new() == [(1, {"f1": 0.6})]
    file.write_text("epoch,f1,note,late\n0,0.5,a,\n1,0.6,b,\n2,,c,\n3,0.7,d,1")
    assert new() == []
    assert new(final=True) == [(3, {"f1": 0.7, "late": 1.0})]


@pytest.mark.parametrize("text", ["epoch;f1\n1;0,5\n", "epoch\tf1\n1\t0.5\n", "\ufeffepoch, f1 \n1, 50e-2\n"])
def test_tables_of_any_language(tmp_path, text):
    file = tmp_path / "metrics.csv"
    file.write_text(text, encoding="utf-8")
    assert [(e.epoch, e.metrics) for e in CsvRows(file).events(final=True)] == [(1, {"f1": 0.5})]


def test_a_broken_table_is_counted_and_read_as_far_as_it_goes(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text("epoch,f1\n1,0.5\n2," + "9" * 200_000 + "\n")
    rows = CsvRows(file)
    assert [e.epoch for e in rows.events(final=True)] == [1] and rows.unread.count == 1


def test_json_lines(file):
    lines = JsonLines(file)
    append(file, '{"epoch": 1, "f1": 0.5}\nnoise\n{"f1": 0.6}')
    assert [(e.epoch, e.metrics) for e in lines.events()] == [(1, {"f1": 0.5})]
    assert [(e.epoch, e.metrics) for e in lines.events(final=True)] == [(None, {"f1": 0.6})]
    assert lines.unread.count == 1 and "noise" in lines.unread.last


def test_steps_and_folds_are_said_beside_the_metrics(file):
    (event,) = (Log(file, {}, "f1").read(json.dumps({"step": 200, "fold": 2, "f1": 0.5})),)
    assert (event.epoch, event.step, event.fold) == (None, 200, "2")
    event = Log(file, {"step": r"step (\d+)", "f1": r"f1 (\S+)", "fold": r"fold (\w+)"}, "f1").read(
        "fold a step 200 f1 1"
    )
    assert (event.epoch, event.fold, event.metrics) == (200, "a", {"f1": 1.0})
