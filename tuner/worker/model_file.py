"""The best model as files that can be loaded again: safetensors for the numbers, JSON for what made them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as packed

from trainer.config import ModelConfig
from trainer.models.gated_fusion import GatedFusion
from trainer.result import Result
from trainer.tensors import TensorData
from tuner.errors import InputError
from tuner.spec.model import Spec
from tuner.system import provenance
from tuner.tracking.client import Tracker

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def save(folder: Path, result: Result, spec: Spec, data: TensorData) -> None:
    """Write model.safetensors and config.json into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": tensor.cpu().contiguous() for name, tensor in result.model.items()}
    # Not by safetensors itself, whose error on a full disk is none of the system's.
    (folder / WEIGHTS).write_bytes(packed({**tensors, "mean": data.mean, "scale": data.scale}))
    config = {
        "widths": list(data.widths),
        "label_names": list(data.label_names),
        "context": data.context,
        "model": asdict(spec.model),
        "training": asdict(spec.training),
        "knobs": result.config.knobs(),
        "seed": spec.seed,
        "best_epoch": result.best_epoch,
        "objective": {spec.objective: result.best_value},
        "versions": provenance.versions(),
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def log(tracker: Tracker, run_id: str, result: Result, spec: Spec, data: TensorData) -> None:
    """Attach the model to a run, in the folder `model`."""
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), result, spec, data)
        tracker.artifact(run_id, Path(folder), "model")


class Predictor:
    """A trained model that takes raw features."""

    def __init__(self, folder: Path) -> None:
        try:
            config: dict[str, Any] = json.loads((folder / CONFIG).read_text())
            tensors = load_file(folder / WEIGHTS)
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"{folder} holds no saved model: {error}") from None
        self.label_names: list[str] = config["label_names"]
        self.mean, self.scale = tensors.pop("mean"), tensors.pop("scale")
        widths, n_classes = tuple(config["widths"]), len(self.label_names)
        self.model = GatedFusion(widths, n_classes, ModelConfig(**config["model"]), config["context"])
        self.model.load_state_dict({name.removeprefix("model."): t for name, t in tensors.items()})
        self.model.eval()

    @torch.no_grad()
    def probabilities(self, x: np.ndarray, lengths: list[int] | None = None) -> np.ndarray:
        """Class probabilities (n, C) of features (n, D), views side by side in the order of the data file.

        lengths: rows of each dialogue, in order, for a model with context; by default each row is one by itself.
        """
        rows = (torch.as_tensor(x, dtype=torch.float32) - self.mean) / self.scale
        sizes = torch.tensor(lengths if lengths is not None else [1] * len(rows))
        found: np.ndarray = torch.softmax(self.model(rows, sizes).logits, dim=1).numpy()
        return found
