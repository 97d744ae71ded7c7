"""What a script says, read while it is written."""

import math

import pytest

from tuner.worker.script.metrics import CsvRows, Epochs, JsonLines, Log, Tail, json_event

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


def test_log_in_the_style_of_joyful(file):
    log = Log(file, JOYFUL, "dev_f1")
    append(file, "loading\n[Epoch 3] [Loss: 1.25] [Train F1: 0.5]\n[Dev set] [Loss: 0.9] [f1 0.7123]\n")
    assert list(log.events()) == [(3, {"loss": 1.25}), (None, {"loss": 0.9})], "the pattern says what it matches"
    append(file, "[Dev set] [f1 0.7123]\n[Test set] [f1 nan]")
    assert list(log.events()) == [(None, {"dev_f1": 0.7123})]
    ((epoch, metrics),) = log.events(final=True)
    assert epoch is None and math.isnan(metrics["test_f1"])


def test_log_takes_json_only_with_an_epoch_or_the_objective(file):
    log = Log(file, {}, "dev_f1")
    append(file, '{"lr": 0.1, "layers": 2}\n{"epoch": 1, "loss": 2}\n{"dev_f1": 0.5, "note": "x"}\n{broken\n["a"]\n')
    assert list(log.events()) == [(1, {"loss": 2.0}), (None, {"dev_f1": 0.5})]


def test_log_remembers_what_was_no_number(file):
    log = Log(file, {"dev_f1": r"f1 (\S+)"}, "dev_f1")
    append(file, "f1 high\n")
    assert list(log.events()) == []
    assert log.unreadable == "the pattern of dev_f1 found 'high', which is no number"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('{"epoch": 2, "f1": 0.5, "best": true, "name": "x", "list": [1]}', (2, {"f1": 0.5})),
        ('{"epoch": 2}', None),
        ("{}", None),
        ("[1]", None),
        ("epoch 2", None),
        ('{"f1": 1', None),
    ],
)
def test_json_event(line, event):
    assert json_event(line) == event


def test_json_reads_what_is_not_finite():
    epoch, metrics = json_event('{"epoch": NaN, "f1": NaN, "loss": Infinity}')
    assert epoch is None and math.isnan(metrics["f1"]) and math.isinf(metrics["loss"])


def test_csv_rows_once_each_though_the_file_is_written_anew(tmp_path):
    file = tmp_path / "metrics.csv"
    rows = CsvRows(file)
    assert list(rows.events()) == []
    file.write_text("epoch,f1,note\n0,0.5,a\n1,0.6")
    assert list(rows.events()) == [(0, {"f1": 0.5})]
    file.write_text("epoch,f1,note\n0,0.5,a\n1,0.6,b\n2,,c\n")
    assert list(rows.events()) == [(1, {"f1": 0.6})]
    file.write_text("epoch,f1,note,late\n0,0.5,a,\n1,0.6,b,\n2,,c,\n3,0.7,d,1")
    assert list(rows.events()) == []
    assert list(rows.events(final=True)) == [(3, {"f1": 0.7, "late": 1.0})]


def test_json_lines(file):
    lines = JsonLines(file)
    append(file, '{"epoch": 1, "f1": 0.5}\nnoise\n{"f1": 0.6}')
    assert list(lines.events()) == [(1, {"f1": 0.5})]
    assert list(lines.events(final=True)) == [(None, {"f1": 0.6})]


def told(*events, final=True):
    epochs = Epochs("f1")
    for event in events:
        epochs.add(event)
    return epochs, list(epochs.due(final))


def test_lines_without_an_epoch_belong_to_the_last_one_said():
    _, due = told(
        (1, {"loss": 2.0}), (None, {"f1": 0.5}), (None, {"test": 0.4}), (2, {"loss": 1.0}), (None, {"f1": 0.6})
    )
    assert due == [(1, {"loss": 2.0, "f1": 0.5, "test": 0.4}), (2, {"loss": 1.0, "f1": 0.6})]


def test_counting_from_zero_is_shifted():
    _, due = told((0, {"f1": 0.5}), (1, {"f1": 0.6}))
    assert due == [(1, {"f1": 0.5}), (2, {"f1": 0.6})]


def test_a_script_that_never_says_the_epoch():
    _, due = told((None, {"loss": 2}), (None, {"f1": 0.5}), (None, {"loss": 1}), (None, {"f1": 0.6}))
    assert due == [(1, {"loss": 2, "f1": 0.5}), (2, {"loss": 1, "f1": 0.6})]


def test_a_script_that_says_the_epoch_at_its_end():
    _, due = told((None, {"f1": 0.5}), (1, {}), (None, {"f1": 0.6}), (2, {}))
    assert due == [(1, {"f1": 0.5}), (2, {"f1": 0.6})]


def test_what_an_epoch_has_it_keeps():
    _, due = told((1, {"f1": 0.5}), (1, {"f1": 0.9, "loss": 1.0}))
    assert due == [(1, {"f1": 0.5, "loss": 1.0})]


def test_an_epoch_is_due_with_the_objective_and_again_with_what_comes_later():
    epochs, due = told((1, {"loss": 2.0}), final=False)
    assert due == []
    epochs.add((None, {"f1": 0.5}))
    assert list(epochs.due()) == [(1, {"loss": 2.0, "f1": 0.5})]
    epochs.add((None, {"test": 0.4}))
    assert list(epochs.due()) == [(1, {"test": 0.4})] and list(epochs.due()) == []


def test_an_epoch_without_the_objective_is_due_when_it_is_over():
    epochs, due = told((1, {"loss": 2.0}), (2, {"loss": 1.0}), final=False)
    assert due == [(1, {"loss": 2.0})]
    assert list(epochs.due(final=True)) == [(2, {"loss": 1.0})]
    assert epochs.curves() == {"loss": [2.0, 1.0]}


def test_curves_have_gaps_where_nothing_was_said():
    epochs, _ = told((1, {"loss": 2.0}), (3, {"f1": 0.5}))
    curves = epochs.curves()
    assert curves["loss"][0] == 2.0 and math.isnan(curves["loss"][2]) and len(curves["f1"]) == 3
