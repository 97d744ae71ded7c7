"""The best config in the form that training code takes."""

from __future__ import annotations

import json
from typing import Any

from trainer.config import LossConfig
from trainer.knobs import Config
from tuner import yaml
from tuner.errors import InputError, unknown
from tuner.study import Study
from tuner.summary import best_trial, config_of

FORMATS = ("yaml", "json", "args")


def export(study: Study, form: str = "yaml") -> str:
    """The best config as text. Raises InputError for an unknown format or a study with no completed trial."""
    if form not in FORMATS:
        raise InputError(unknown("format", form, FORMATS))
    best = best_trial(study)
    if best is None:
        raise InputError(f"study {study.name!r} has no completed trial to export yet; see: tuner status {study.name}")
    config = config_of(study.spec, best)
    if form == "args":
        return as_args(config) + "\n"
    flat: dict[str, Any] = {**config.knobs(), "provenance": provenance(study)}
    return yaml.dump(flat) if form == "yaml" else json.dumps(flat, indent=2) + "\n"


def provenance(study: Study) -> dict[str, Any]:
    """Where the best config came from."""
    best = best_trial(study)
    assert best is not None
    attrs = study.optuna.user_attrs
    return {
        "study": study.name,
        "trial": best.number,
        study.spec.objective: best.value,
        "test/weighted_f1": best.user_attrs["result"]["test"].get("test/weighted_f1"),
        "seed": study.spec.seed,
        **({"data": attrs["data"]["name"]} if attrs["data"] else {"command": study.spec.command}),
        "data_fingerprint": attrs["data_fingerprint"],
        "versions": attrs["versions"],
    }


def as_args(config: Config) -> str:
    """Command-line flags in the style of the recommendation's training script; switches only where they are on.

    `--encoder_loss_weight`, `--use_smooth_l1`, `--gate_reg_weight`, `--class_weight` and `--cl_loss_weight` are that
    script's own; the other knobs have flags of their own names and appear only where they differ from its behaviour.
    Knobs of another model or of a script all have flags of their own names.
    """
    if not isinstance(config, LossConfig):
        return " ".join(f"--{name} {_number(value)}" for name, value in config.knobs().items())
    flags: dict[str, Any] = {"encoder_loss_weight": config.encoder_loss_weight}
    if config.reconstruction_loss == "smooth_l1":
        flags["use_smooth_l1"] = True
        if config.smooth_l1_beta != 1.0:
            flags["smooth_l1_beta"] = config.smooth_l1_beta
    elif config.reconstruction_loss != "mse":
        flags["reconstruction_loss"] = config.reconstruction_loss
    flags["gate_reg_weight"] = config.gate_reg_weight
    if config.focal_gamma > 0:
        flags["focal_gamma"] = config.focal_gamma
    if config.class_weights == "balanced":
        flags["class_weight"] = True
    if config.contrastive_weight > 0:
        flags["cl_loss_weight"] = config.contrastive_weight
    if config.weighting != "fixed":
        flags["weighting"] = config.weighting
        flags |= {
            name: value
            for name, value in config.knobs().items()
            if name in ("warmup_epochs", "ema_momentum", "ema_range", "dwa_temperature")
        }
    return " ".join(f"--{name}" if value is True else f"--{name} {_number(value)}" for name, value in flags.items())


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
