"""Dockerfile, compose.yaml and their pins: everything about them that shows without a Docker engine."""

import json
import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from tuner.cli import app
from tuner.launch import k8s

ROOT = Path(__file__).parents[1]
PINNED = r"[\w./-]+:\d+\.\d+(\.\d+)?[\w.-]*"
COMMANDS = typer.main.get_command(app).commands


def instructions():
    """(instruction, rest) of the Dockerfile, in order."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def last(name):
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def test_every_instruction_is_one():
    known = {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in instructions()} <= known
    for name, rest in instructions():
        if name == "RUN":
            assert subprocess.run(["sh", "-n"], input=rest, text=True, check=False).returncode == 0
        if name in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(rest))


def test_two_stages_on_one_pinned_base():
    first, argument = instructions()[0]
    assert first == "ARG" and re.fullmatch(f"PYTHON={PINNED}", argument)
    assert [rest for name, rest in instructions() if name == "FROM"] == ["${PYTHON} AS build", "${PYTHON}"]


def test_what_is_copied_is_there_and_nothing_else_reaches_the_builder():
    copied = [shlex.split(rest) for name, rest in instructions() if name == "COPY"]
    sources = {source for words in copied if not words[0].startswith("--from") for source in words[:-1]}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines and sources == {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / source).exists() for source in sources)


def test_runs_as_a_user_that_kubernetes_sees_is_not_root():
    made = next(rest for name, rest in instructions() if name == "RUN" and "useradd" in rest)
    assert last("USER") == str(k8s.USER) and f"--uid {k8s.USER} " in made and "--owner=tuner" in made
    assert any(f"TUNER_STATE={k8s.STATE}" in rest for name, rest in instructions() if name == "ENV")
    assert last("VOLUME") == k8s.STATE


@pytest.mark.parametrize(("age", "healthy"), [(0, True), (14 * 60, True), (16 * 60, False), (None, False)])
def test_health_is_a_sign_of_life(tmp_path, age, healthy):
    sign, command = tmp_path / "alive", last("HEALTHCHECK").partition("CMD ")[2]
    if age is not None:
        sign.touch()
        os.utime(sign, (time.time() - age, time.time() - age))
    env = {"PATH": os.environ["PATH"], "TUNER_ALIVE_FILE": str(sign)}
    done = subprocess.run(["sh", "-c", command], env=env, stderr=subprocess.DEVNULL, check=False)
    assert (done.returncode == 0) == healthy
    assert any("TUNER_ALIVE_FILE=" in rest for name, rest in instructions() if name == "ENV")


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in found.items()}


def test_every_requirement_has_a_pin_that_it_allows():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    needed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for one in needed:
        if one.name == "torch":  # by its own requirement, which no pin of a build for one device must contradict
            assert str(one.specifier).startswith("==") and "torch" not in pins()
        else:
            assert pins()[canonicalize_name(one.name)] in one.specifier, one


def test_the_extras_of_the_image_have_pins_too():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (line,) = [rest for name, rest in instructions() if name == "RUN" and "-r requirements.txt" in rest]
    installed = {
        Requirement(word).name for word in shlex.split(line.partition("-r requirements.txt")[2].split(" -c ")[0])
    }
    extras = [project["optional-dependencies"][extra] for extra in ("postgres", "proxy", "auth")]
    needed = [Requirement(text) for extra in extras for text in extra]
    assert installed == {one.name for one in needed}
    for one in needed:
        assert pins()[canonicalize_name(one.name)] in one.specifier, one
    assert "setuptools" in pins(), "no build isolation, so that it is pinned as well"


def test_code_is_a_layer_of_its_own_above_what_it_needs():
    copied = [rest for name, rest in instructions() if name == "COPY" and rest.startswith("--from")]
    assert copied == ["--from=build /opt/tuner /opt/tuner", "--from=build /opt/code /opt/tuner"]
    (line,) = [rest for name, rest in instructions() if name == "RUN" and "--prefix /opt/code" in rest]
    assert "--no-deps" in line.partition("--prefix")[0]


@pytest.fixture(scope="module")
def compose():
    return YAML(typ="safe").load((ROOT / "compose.yaml").read_text())


def test_services_and_their_order(compose):
    assert set(compose["services"]) == {"db", "mlflow", "worker"}
    for service, other in (("mlflow", "db"), ("worker", "mlflow")):
        assert compose["services"][service]["depends_on"] == {other: {"condition": "service_healthy"}}
        assert "healthcheck" in compose["services"][other]
    named = {volume.partition(":")[0] for one in compose["services"].values() for volume in one["volumes"]}
    assert set(compose["volumes"]) == {name for name in named if name.isalpha()}
    assert all((ROOT / path).exists() for path in named if path.startswith("./"))


def test_images_are_pinned(compose):
    assert all(re.fullmatch(PINNED, one["image"]) for one in compose["services"].values())
    assert compose["services"]["worker"]["image"] == k8s.SETTINGS["image"].default


@pytest.mark.parametrize("service", ["mlflow", "worker"])
def test_the_commands_are_ours(compose, service):
    verb, *words = compose["services"][service]["command"]
    COMMANDS[verb].make_context(verb, [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in words])


def test_no_password_stands_in_it(compose):
    """Each comes from .env, and without one Compose refuses."""
    for one in compose["services"].values():
        for key, value in one.get("environment", {}).items():
            if "PASSWORD" in key:
                assert re.fullmatch(r"\$\{\w+PASSWORD(:\?[^}]+)?\}", value)
            assert "://" not in value or ":${POSTGRES_PASSWORD}@" in value or "@" not in value
    text = (ROOT / "compose.yaml").read_text()
    assert all(f"${{{name}:?" in text for name in ("POSTGRES_PASSWORD", "MLFLOW_PASSWORD"))


def test_only_the_ui_is_published_and_only_here(compose):
    published = {name: one["ports"] for name, one in compose["services"].items() if "ports" in one}
    assert published == {"mlflow": ["127.0.0.1:5000:5000"]}


def test_both_databases_are_made(compose):
    services = compose["services"]
    urls = [services["mlflow"]["environment"][key] for key in ("TUNER_STORAGE", "TUNER_TRACKING_URI")]
    assert [url.rpartition("/")[2] for url in urls] == [services["db"]["environment"]["POSTGRES_DB"], "mlflow"]
    assert (ROOT / "docker" / "databases.sql").read_text() == "CREATE DATABASE mlflow;\n"
