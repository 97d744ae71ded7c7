"""`--help`: fast, and with examples that work as they are typed; shell completion."""

import shlex
import subprocess
import sys

import pytest
import typer

from tuner.cli import VERBS, app
from tuner.cli.export import formats
from tuner.cli.options import study_files
from tuner.report.export import FORMATS
from tuner.spec import file as study_file

COMMANDS = typer.main.get_command(app)


def test_every_verb_has_a_line_of_help_and_an_example():
    assert set(COMMANDS.commands) == {verb.name for verb in VERBS}
    assert len({verb.name for verb in VERBS}) == len({verb.order for verb in VERBS}) == len(VERBS)
    for verb in VERBS:
        assert verb.examples, verb.name
        assert verb.run.__doc__ and COMMANDS.commands[verb.name].help


def test_the_order_of_the_help_is_the_order_of_the_work():
    order = [verb.name for verb in VERBS]
    assert order[:7] == ["start", "try", "status", "list", "validate", "race", "export"]
    assert order == list(COMMANDS.commands)


@pytest.mark.parametrize("example", [example for verb in VERBS for example in verb.examples])
def test_examples_parse(example):
    program, verb, *words = shlex.split(example)
    assert program == "tuner"
    # Unknown options and wrong types would raise.
    COMMANDS.commands[verb].make_context(verb, words)


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_help_shows_the_examples(verb, cli):
    examples = next(one.examples for one in VERBS if one.name == verb)
    done = cli(verb, "--help")
    assert done.returncode == 0
    for example in examples:
        assert f"Example: {example}" in done.stdout


def test_help_loads_no_heavy_library():
    code = "import sys, tuner.cli; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "optuna", "mlflow", "sklearn", "numpy", "pandas", "matplotlib", "pydantic"} & set(loaded)


def test_completion_knows_studies_and_formats():
    assert study_files("") == study_file.names()
    assert study_files("quick") == ["quickstart"]
    assert tuple(formats("")) == FORMATS
    assert formats("h") == ["hydra", "html"]


def test_completion_script_of_a_shell(cli):
    done = cli(env={"_TUNER_COMPLETE": "complete_bash", "COMP_WORDS": "tuner start quick", "COMP_CWORD": "2"})
    assert done.stdout.split() == ["quickstart"]
