"""For Lightning: `Trainer(callbacks=[TunerCallback()])`."""

from __future__ import annotations

import math
from typing import Any

import trainer as tuner_trainer

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback  # type: ignore[no-redef, import-not-found, assignment]


class TunerCallback(Callback):  # type: ignore[misc]
    """Reports what was logged up to the end of each validation, and ends the training where the tuner says so.

    The names are those of `self.log`, as in `trainer.callback_metrics`; epochs count from 0.
    """

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """As Lightning calls it; the run before the training that looks whether all works is no epoch."""
        if trainer.sanity_checking:
            return
        stop = False
        if trainer.is_global_zero:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name != "epoch"}
            known = {name: value for name, value in metrics.items() if not math.isnan(value) or "val" in name}
            stop = tuner_trainer.report(epoch=trainer.current_epoch, **known)
        # All processes stop together.
        if trainer.strategy.reduce_boolean_decision(stop, all=False):
            trainer.should_stop = True
