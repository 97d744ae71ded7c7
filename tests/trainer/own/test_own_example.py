"""The worked example: three terms, trained for real."""

from pathlib import Path

from trainer.config import TrainingConfig
from trainer.data import load
from trainer.own_config import OwnModel, vocabulary
from trainer.tensors import to_tensors
from trainer.train import train

FILE = Path(__file__).parents[3] / "examples" / "misa.py"
WEIGHTS = {"similarity_weight": 1.0, "difference_weight": 0.3, "reconstruction_weight": 1.0}


def test_misa_learns_and_its_weights_matter():
    model = OwnModel(file=f"{FILE}:Misa", arguments={"hidden": 16})
    words = vocabulary(WEIGHTS)
    configs = [words.config(WEIGHTS), words.config(dict.fromkeys(WEIGHTS, 0.0))]
    data = to_tensors(load("htad", seed=0), model)
    own, without = train(configs, data, model, TrainingConfig(epochs=6), seed=0)
    for term in ("similarity", "difference", "reconstruction"):
        assert own.curves[f"loss/{term}"][-1] < without.curves[f"loss/{term}"][-1]
    assert own.curves["val/weighted_f1"][-1] > 0.5
    assert own.test["test/weighted_f1"] > 0.5
