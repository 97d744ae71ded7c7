"""Names from outside are shown as they are: no markup, no emoji codes, no codes that a terminal obeys."""

import io

import pytest
from rich.table import Table
from rich.text import Text

from trainer.text import printable
from tuner.errors import InputError
from tuner.spec.file import parse
from tuner.system.output import Terminal, shortened
from tuner.tracking.client import LONGEST_NAME, metric_name

ODD = ["[mse]", "gate[/2]", "[relu]", "[/]", ":smile:", "[bold red]", "[link=http://x]a[/link]", "\\[a]"]


def shown(what) -> str:
    stream = io.StringIO()
    Terminal(file=stream, width=100).print(what)
    return stream.getvalue()


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_shown_as_it_is(name):
    table = Table(name)
    table.add_row(name)
    assert shown(name).strip() == name
    assert shown(Text.assemble((name, "bold"), " x")).strip() == f"{name} x"
    assert shown(table).count(name) == 2


def test_what_a_terminal_would_obey_is_spelt():
    hostile = "a\x1b]0;title\x07b\x9bc\u202ed\udc80e"
    table = Table("x")
    table.add_row(hostile)
    for what in (hostile, Text(hostile), table):
        text = shown(what)
        assert "\x1b]" not in text and "\x9b" not in text and "\u202e" not in text and "\udc80" not in text
    assert "\\x1b]0;title" in shown(hostile)
    assert printable("naïve 中文 é\u0301") == "naïve 中文 é\u0301"
    assert printable("a\nb\tc") == "a\\nb\\tc" and printable("a\nb", keep="\n") == "a\nb"


def test_a_terminal_still_draws_what_is_ours():
    stream = io.StringIO()
    Terminal(file=stream, width=40, force_terminal=True, color_system="standard").print("x", style="red")
    assert stream.getvalue() == "\x1b[31mx\x1b[0m\n"


def test_long_messages_are_cut_in_the_middle():
    text = shortened("begin" + "x" * 5_000_000 + "end")
    assert len(text.encode()) < 2048 and text.startswith("begin") and text.endswith("end")
    assert shortened("short") == "short"


def spec(**changes):
    given = {"command": "{python} s.py {w}", "objective": "val/f1", "direction": "maximize"}
    given |= {"knobs": {"w": {"low": 0, "high": 1}}, "baseline": {"w": 0.5}, "plans": {}}
    return parse(given | changes)


def test_names_in_a_study_file_can_be_shown():
    assert list(spec(plans={"[mse]": {"w": 0.2}, "gate[/2]": {"w": 0.3}}).plans) == ["[mse]", "gate[/2]"]
    for wrong in ("a\x1b[2Jb", "x" * 101, "", "a\u202eb", "a\nb"):
        with pytest.raises(InputError, match="plans: a name has 1 to 100 characters"):
            spec(plans={wrong: {"w": 0.2}})
    with pytest.raises(InputError, match="knobs.w: a name"):
        spec(knobs={"w": {"choices": ["a", "b\x07"]}}, baseline={"w": "a"})


def test_metric_names_stay_within_what_mlflow_takes():
    long = [metric_name("val_f1/" + "x" * 300 + end) for end in "ab"]
    assert len(set(long)) == 2 and max(map(len, long)) == LONGEST_NAME
    assert metric_name("val_f1/walk") == "val_f1/walk"
