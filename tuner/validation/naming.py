"""What a name on the command line means: one configuration, whoever asks."""

from __future__ import annotations

from pathlib import Path

from trainer.knobs import Config
from tuner.errors import InputError, unknown
from tuner.spec.config_file import config_file
from tuner.spec.model import Spec
from tuner.storage import opening
from tuner.storage.record import TrialRecord, config_of
from tuner.storage.store import Store
from tuner.study.study import open_study
from tuner.system.place import Place
from tuner.validation import recommendation
from tuner.validation.recommendation import Recommendation

ORIGINAL = "original"
"""The document's own baseline; `original:NAME` is one of its plans or arms on top of it."""
DOCUMENT = "document"
"""Before a name of the recommendation that the study uses for something else."""
FILES = (".yaml", ".yml", ".json")


def names(spec: Spec, told: Recommendation, of_study: bool) -> dict[str, Config]:
    """Every configuration that has a name.

    of_study: a study or a study file was named, whose own baseline and plans come first. The recommendation's have
    their names where the study has none of that name; a name that is taken gets `document:` before it.
    """
    document = told.configs()
    own = spec.named() if of_study else {}
    found = {**own, **{name: config for name, config in document.items() if name not in own}}
    for name, config in document.items():
        if found[name] != config:
            found[_taken(name)] = config
    for name, config in told.on_original().configs().items():
        found[ORIGINAL if name == "baseline" else f"{ORIGINAL}:{name}"] = config
    return found


def arms(spec: Spec, told: Recommendation, of_study: bool) -> tuple[dict[str, Config], dict[str, str]]:
    """The recommendation's configurations under the names that `names` gives them, and those names by its own.

    The study's own baseline follows where it is another configuration.
    """
    there = names(spec, told, of_study)
    renamed = {n: n if there[n] == config else _taken(n) for n, config in told.configs().items()}
    found = {renamed[n]: config for n, config in told.configs().items()}
    if renamed["baseline"] != "baseline" and there["baseline"] not in found.values():
        found["baseline"] = there["baseline"]
    return found, renamed


def resolve(where: Place | Store, study: str | None, name: str, named: dict[str, Config], spec: Spec) -> Config:
    """An arm by name, `trial:N` of the study, or a config file. Raises InputError where there is none."""
    if name in named:
        return named[name]
    if name == "best":
        raise InputError("best needs the search that it is of: tuner validate STUDY ... best")
    if name.startswith("trial:"):
        if study is None:
            raise InputError(f"{name} needs the study that it is of: tuner validate STUDY ... {name}")
        number = name.removeprefix("trial:")
        opened = open_study(where, study)
        started = {str(t.number): t for t in opening.trials(opened.optuna) if TrialRecord.of(t).config is not None}
        if number not in started:
            raise InputError(f"study {study!r} has no trial {number!r} that was started; there are {len(started)}")
        return config_of(opened.spec, started[number])
    if name.endswith(FILES) or "/" in name:
        return config_file(Path(name), spec.vocabulary)
    raise InputError(f"{unknown('plan', name, list(named))} (or best or trial:N of a study, or a config file)")


def labels(baseline: str, candidate: str, named: dict[str, Config]) -> tuple[str, str]:
    """Names of two arms, as short as they can be without being the same, the null arm's, or that of another config.

    named: what the short names mean elsewhere; a file `basic.yaml` is not the plan `basic`.
    """
    short = tuple(Path(n).stem if n.endswith(FILES) else n for n in (baseline, candidate))
    taken = any(s != n and s in named for s, n in zip(short, (baseline, candidate), strict=True))
    clear = short[0] != short[1] and recommendation.NULL not in short and not taken
    return (short[0], short[1]) if clear else (baseline, candidate)


def _taken(name: str) -> str:
    return DOCUMENT if name == "baseline" else f"{DOCUMENT}:{name}"
