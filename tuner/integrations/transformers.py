"""For transformers: `Trainer(callbacks=[TunerCallback()])`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

import trainer as tuner_trainer


class TunerCallback(TrainerCallback):  # type: ignore[misc]
    """Reports each evaluation under its own names (`eval_loss`, ...), and ends the training where the tuner says so."""

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """As transformers calls it; epochs are those of the trainer's state, half ones too."""
        metrics = kwargs.get("metrics") or {}
        numbers = {n: v for n, v in metrics.items() if n != "epoch" and isinstance(v, (int, float))}
        if state.is_world_process_zero and numbers and tuner_trainer.report(epoch=state.epoch or 0, **numbers):
            control.should_training_stop = True
        return control
