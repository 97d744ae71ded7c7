"""Reads a script: its options, its loss, what it logs, and what would mislead a study. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from trainer import registry
from tuner.adopt import config_file, fixed, logs, loss, seeds, selection, shaping, source, styles, unused, writes
from tuner.adopt.flow import Flow
from tuner.adopt.model import Finding, Option, Reading, Term
from tuner.adopt.roots import summed
from tuner.adopt.scopes import Index
from tuner.adopt.source import Program

WEIGHT_LIKE = re.compile(
    r"(^|[_.-])(weights?|lambda\w*|lamb\w*|coeff?s?|coefficient|beta|alpha|gamma|w)($|[_.\d-])|_(reg|loss)$|^lam\d*$|^kl_?w",
    re.I,
)
NO_WEIGHT = re.compile(
    r"weight_?decay|adam|momentum|betas|optim|lr|learning_rate|ema|label|path|file|dir|pretrained|init", re.I
)
EPOCHS = re.compile(r"^(n_?|num_?|max_?|nb_?|train_?|num_train_)?epochs?(_num)?$|^(trainer\.)?max_epochs$", re.I)
Role = Literal["weight", "shape", "name", "training"]


def read(script: Path, arguments: Sequence[str] = ()) -> Reading:
    """All that the code says. Raises InputError, in one sentence, for what is no script that can be read."""
    program = source.read(script)
    options, used = options_of(program)
    config = config_file.read(program, options, arguments)
    if config is None:
        return understand(program, options, used)
    name, file, keys = config
    taken = {option.name for option in options}
    reading = understand(program, [*options, *(k for k in keys if k.name not in taken)], [*used, "a config file"])
    return replace(reading, config=(name, file))


def options_of(program: Program) -> tuple[list[Option], list[str]]:
    """The options of every style, each knob's name once, and the styles that gave some."""
    found: dict[str, Option] = {}
    used: list[str] = []
    names = sorted(registry.names(styles.__name__), key=lambda name: (name == "environment", name != "argparse", name))
    for name in names:
        for option in registry.load(styles.__name__, name, "style").read(program):
            if option.name in found and found[option.name].key != option.key:
                option = _renamed(option)
            if option.name not in found:
                found[option.name] = option
                used += [name] if name not in used else []
    return list(found.values()), used


def _renamed(option: Option) -> Option:
    return replace(option, name=re.sub(r"\W", "_", option.key) + "_")


def understand(program: Program, options: Sequence[Option], used: Sequence[str]) -> Reading:
    """What the options do."""
    index = Index(program)
    flow = Flow(index, options)
    terms = loss.terms(flow)
    flags = [o for o in options if not o.config]
    seed, epochs, output = seeds.option(flags), _epochs(flags), writes.option(flags)
    special = {o.name for o in (seed, epochs, output) if o is not None}
    inert = [f for f in unused.findings(flow, flags) if not set(f.options) & special]
    silent = {name for f in inert for name in f.options}
    free = [o for o in options if o.name not in special | silent]
    roles = _roles(terms, free)
    for name in shaping.scheduled(flow):
        if roles.get(name) == "name":
            del roles[name]
    proven = set(roles.values()) & {"weight", "shape"}
    others = [] if proven else [o for o in shaping.others(free) if o.name not in roles]
    roles |= dict.fromkeys((o.name for o in others), "training")
    found: list[Finding] = [
        *([shaping.finding(*summed(flow), others)] if others else []),
        *fixed.findings(terms, used),
        *inert,
        *loss.findings(terms),
        *seeds.findings(flow, seed),
        *selection.findings(flow),
        *writes.findings(flow),
    ]
    return Reading(
        options=tuple(options),
        terms=terms,
        findings=tuple(found),
        logged=logs.read(index),
        styles=tuple(used),
        files=tuple(module.label for module in program.modules),
        constants=tuple(fixed.constants(program)),
        roles=roles,
        seed=seed.name if seed else None,
        epochs=epochs.name if epochs else None,
        output=output.name if output else None,
        resumed=writes.resumed(flow),
        looks_up=writes.looks_up(flow),
        event_files=writes.event_files(flow, output),
    )


def _epochs(options: Sequence[Option]) -> Option | None:
    return next((o for o in options if EPOCHS.match(o.key) or EPOCHS.match(o.key.rpartition(".")[2])), None)


def _roles(terms: Sequence[Term], options: Sequence[Option]) -> dict[str, Role]:
    """How each option that acts on the loss is known to."""
    roles: dict[str, Role] = {}
    weighing = {name for term in terms for name in term.weights}
    shaping = {name for term in terms for name in term.shapes}
    for option in options:
        if option.name in weighing and option.kind in ("float", "int"):
            roles[option.name] = "weight"
        elif option.name in shaping and _shapes(option):
            roles[option.name] = "shape"
        elif WEIGHT_LIKE.search(option.key) and not NO_WEIGHT.search(option.key) and option.kind == "float":
            roles[option.name] = "name"
    return roles


def _shapes(option: Option) -> bool:
    """Whether an option that changes a term can be searched: a number, a switch or a choice."""
    if option.stuck:
        return False
    general = re.search(
        r"device|cuda|gpu|batch|workers|debug|verbose|dataset|path|file|dir|log_|hidden|dim|layers", option.key, re.I
    )
    return not general and (option.kind in ("float", "switch") or bool(option.choices))
