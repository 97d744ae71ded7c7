"""Placeholders in a command line."""

import pytest

from tuner.errors import InputError
from tuner.spec.command import Command

VALUES = {"w": 0.03, "loss": "focal", "gamma": 2.0, "layers": 3, "seed": 7, "output": "/a folder/x"}


def words(text, **changes):
    return Command(text).words({**VALUES, **changes})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train --w {w} --layers {layers}", ["train", "--w", "0.03", "--layers", "3"]),
        ("train --out {output}", ["train", "--out", "/a folder/x"]),
        ("train --name=run-{seed}.{layers}", ["train", "--name=run-7.3"]),
        ("train {loss:--focal if focal}", ["train", "--focal"]),
        ("train {loss:--ce if cross_entropy}", ["train"]),
        ("train {loss:--ce if cross_entropy}{loss:--focal if focal}", ["train", "--focal"]),
        ("train {loss:--focal --gamma {gamma} if focal} x", ["train", "--focal", "--gamma", "2.0", "x"]),
        ("train {loss:--text 'two words' if focal}", ["train", "--text", "two words"]),
        ("bash -c 'train --w {w} && echo {{done}}'", ["bash", "-c", "train --w 0.03 && echo {done}"]),
        ("train ''", ["train", ""]),
        ("sh -c 'cd x && W=1 python ~/s.py {w} | tee $LOG'", ["sh", "-c", "cd x && W=1 python ~/s.py 0.03 | tee $LOG"]),
        ("train 'a=${{b}}' 'x|y' 'c d;'", ["train", "a=${b}", "x|y", "c d;"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1e-05, "1e-05"),
        (0.1 + 0.2, "0.30000000000000004"),
        (3, "3"),
        (2.0, "2.0"),
        (-1e-05, "-0.00001"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_given_in_full(value, shown):
    assert words("train {w}", w=value) == ["train", shown]
    assert float(shown) == value


def test_a_value_is_one_word_and_no_shell_sees_it():
    assert words("train {loss}", loss="a b; rm -rf $HOME '\"") == ["train", "a b; rm -rf $HOME '\""]
    assert words("train {gamma:{loss} if 2.0}", loss="a b") == ["train", "a b"]


def test_names_in_order_each_once():
    assert Command("{w} {loss:--gamma {gamma} --w {w} if focal} {seed}").names() == ["w", "loss", "gamma", "seed"]


def test_where_a_placeholder_stands():
    placed = Command("{w} {loss:--gamma {gamma} if focal}").placed()
    assert [(p.name, p.value, inside) for p, inside in placed] == [
        ("w", None, {}),
        ("loss", "focal", {}),
        ("gamma", None, {"loss": "focal"}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "CUDA_VISIBLE_DEVICES=0 python s.py --w {w}",
            "script: {environment: {CUDA_VISIBLE_DEVICES: '0'}} and command",
        ),
        ("cd src && python s.py", "write script: {directory: src}"),
        ("python s.py | tee log.txt", "so that '|' would be an argument; put it all into sh -c"),
        ("python s.py > log.txt 2>&1", "so that '>' would be an argument"),
        ("python s.py --w {w}; echo", "put it all into sh -c"),
        ("python ~/s.py", "so that ~ is no folder"),
        ("python s.py --out=~/x", "so that ~ is no folder"),
        ("python s.py --w $W{w}", r"so that \$W stays as it is"),
        ("train {w", "a brace does not close"),
        ("train w}", "a brace closes that was not opened"),
        ("train {w:--flag}", r"expected {w:--flag if value}"),
        ("train {w: if 3}", r"expected {w:--flag if value}"),
        ("train {two words}", r"expected {knob} or {knob:--flag if value}; found {two words}"),
        ("train 'a", "No closing quotation"),
        ("  ", "expected a program"),
    ],
)
def test_what_cannot_be_read(text, said):
    with pytest.raises(InputError, match=said):
        Command(text)
