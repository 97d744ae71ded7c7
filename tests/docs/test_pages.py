"""What the pages say is so: commands and flags exist, examples run, links lead somewhere.

Marks of blocks: `run` executes a block, in a folder like a reader's, with small settings; `output` is what the Python
block before it prints; `fails COMMAND` is the beginning of the error that the command ends with. Blocks without a mark
are checked as far as that goes without running them.
"""

import ast
import importlib.util
import re
import sys
from pathlib import Path
from urllib.parse import unquote

import click
import markdown
import numpy as np
import pytest
import typer
from markdown import ROOT, Block

from trainer.convergence import measures, speed
from trainer.metrics import gradient_metrics
from trainer.objective import DIRECTIONS, Objective
from tuner.cli import app
from tuner.spec import file as study_file
from tuner.spec.model import Spec
from tuner.spec.yaml import read
from tuner.validation.measures import METRICS

GROUP = typer.main.get_command(app)
FILES = markdown.files()
each_file = pytest.mark.parametrize("file", FILES, ids=markdown.name)


def all_blocks(*languages: str) -> list[Block]:
    return [block for file in FILES for block in markdown.blocks(file, *languages)]


def options(command: click.Command) -> set[str]:
    return {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}


def check_verb(verb: str, words: list[str]) -> None:
    """That there is the verb, and that it has the flags among the words."""
    assert verb in GROUP.commands, f"there is no verb {verb!r}; there are {', '.join(GROUP.commands)}"
    words = words[: words.index("--")] if "--" in words else words  # what follows is a script's
    flags = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert flags <= options(GROUP.commands[verb]), f"tuner {verb} has no {flags - options(GROUP.commands[verb])}"


@each_file
def test_links_lead_somewhere(file):
    for link in markdown.links(file):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), f"{markdown.name(file)}: {link} leads nowhere"
        assert ROOT in (target, *target.parents), f"{markdown.name(file)}: {link} leaves the project"
        if anchor and target.suffix == ".md":
            assert anchor in markdown.anchors(target), f"{markdown.name(file)}: {link}: no such heading"


@each_file
def test_fences_are_closed(file):
    assert file.read_text(encoding="utf-8").count("\n```") == 2 * len(markdown.blocks(file))


@pytest.mark.parametrize("block", all_blocks("sh"), ids=str)
def test_shell_names_what_exists(block):
    for command in markdown.commands(block.text):
        words = command
        if Path(words[0]).name.startswith("python") and words[1:2] == ["-m"]:
            words = words[2:]
            if words[0] != "tuner":
                there = words[0].split(".")[0] not in ("tuner", "benchmarks") or importlib.util.find_spec(words[0])
                assert there, f"there is no module {words[0]}"
                continue
        if Path(words[0]).name == "tuner" and len(words) > 1:
            check_verb(words[1], words[2:])
            # Also what is missing and of the wrong kind; placeholders in capitals stand for words.
            with GROUP.make_context("tuner", [], resilient_parsing=True) as parent:
                GROUP.commands[words[1]].make_context(words[1], words[2:], parent=parent)
        elif words[0] == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            wanted = [word for word in words[1:] if "=" not in word]
            assert set(wanted) <= set(targets), f"make has no target {set(wanted) - set(targets)}"


@each_file
def test_inline_commands_exist(file):
    for code in markdown.inline(file):
        words = code.split()
        if words[0] != "tuner" or len(words) == 1:
            continue
        words = re.sub(r"[][|]", " ", " ".join(words[1:])).split()
        if not words[0].startswith("-"):
            check_verb(words[0], words[1:])


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_yaml_is_a_study_file_as_far_as_it_goes(block, tmp_path, folder):
    (tmp_path / "block.yaml").write_text(block.text)
    data = read(tmp_path / "block.yaml", "block").data
    if not set(data) <= set(Spec.model_fields):
        assert not set(data) & {"knobs", "training"}, "a study file with fields that do not exist"
        return
    path = folder / "block.yaml"
    knobs = "" if "knobs" in data else "knobs: {encoder_loss_weight: {low: 0.01, high: 0.1}}\n"
    path.write_text(block.text + knobs)
    study_file.load(str(path))
    path.unlink()


@pytest.mark.parametrize("block", [b for b in all_blocks("python") if b.mark != "run"], ids=str)
def test_python_is_python(block):
    ast.parse(block.text, str(block))


@pytest.mark.parametrize("block", [b for b in all_blocks("sh", "python") if b.mark == "run"], ids=str)
def test_marked_blocks_run(block, run):
    if block.language == "sh":
        run("bash", "-euo", "pipefail", "-c", block.text)
        return
    printed = run(sys.executable, "-W", "error", "-c", block.text)
    after = next((b for b in markdown.blocks(block.file) if b.line > block.line), None)
    if after and after.mark == "output":
        assert printed == after.text


def test_errors_are_worded_as_shown(refused):
    shown = [block for block in all_blocks("text") if block.mark.startswith("fails tuner ")]
    assert shown
    for block, (code, said) in zip(shown, refused([block.mark.split()[2:] for block in shown]), strict=True):
        assert (code, block.text.rstrip() in said.splitlines()[0]) == (2, True), f"{block}: {code} {said}"


def test_the_reference_of_study_files_is_the_schemas():
    from tuner.spec.manual import manual

    written = (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8")
    assert written == manual(), "write it anew: python -m tuner.spec.manual > docs/study-file.md"


def test_every_measure_is_explained():
    text = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
    names = {name.partition("/")[2] for name in DIRECTIONS} | set(METRICS)
    names |= {name.partition("/")[2] for name in gradient_metrics(np.ones(3), 1.0)}
    curves = {n: [2.0, 1.5, 1.0, 0.8, 0.7] * 4 for n in ("val/weighted_f1", "val/cross_entropy", "weighted/total")}
    curves |= {"gap/cross_entropy": [0.1] * 20, "grad/cosine": [0.5] * 20}
    found = measures(curves, np.ones(50), Objective(), clip_norm=1.0, budget=20)
    found |= speed(curves["val/weighted_f1"], 0.9, Objective(), 20)
    names |= {re.sub(r"_(early|middle|late)$", "", name.partition("/")[2]) for name in found}
    names |= set(re.findall(r'^        "(\w+)",$', (ROOT / "tuner/report/diagnosis.py").read_text(), re.MULTILINE))
    missing = sorted(name for name in names if not re.search(rf"\b{name}\b", text))
    assert not missing, f"docs/measures.md does not explain {', '.join(missing)}"


def test_the_chinese_readme_says_what_the_english_one_does():
    english, chinese = (ROOT / name for name in ("README.md", "README.zh-CN.md"))
    shells = [[markdown.commands(b.text) for b in markdown.blocks(file, "sh")] for file in (english, chinese)]
    assert shells[0] == shells[1]
    outputs = [[b.text for b in markdown.blocks(file, "")] for file in (english, chinese)]
    assert outputs[0] == outputs[1]
    assert len(markdown.anchors(english)) == len(markdown.anchors(chinese))
    targets = [sorted(set(markdown.links(file)) - {english.name, chinese.name}) for file in (english, chinese)]
    assert targets[0] == targets[1]


def test_marks_are_known():
    assert {block.mark.split(" ")[0] for block in all_blocks()} <= {"", "run", "output", "fails"}
