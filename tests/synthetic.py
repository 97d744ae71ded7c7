"""Studies made up from values alone, for whatever draws or tells them: no training, no database."""

import optuna
from optuna.trial import TrialState, create_trial

from trainer.objective import Objective
from tuner.spec import file as study_file
from tuner.spec.edit import spec_dict
from tuner.storage import opening
from tuner.study.study import Study
from tuner.system.place import Place

EPOCHS = 10


def make(folder, values, *, objective="val/weighted_f1", knobs=None, params=None, plans=None, replicates=(), reason=""):
    """A study with one trial for each of `values`: a number completed, a tuple (epoch, value) pruned there.

    The first trials are the baseline and the plans; `params` (by trial) overrides what the others have.
    """
    raw = spec_dict(study_file.load("quickstart")) | {"objective": objective}
    raw["training"]["epochs"] = EPOCHS
    if knobs:
        raw["knobs"] = {name: rng for name, rng in raw["knobs"].items() if name in knobs}
    if plans is not None:
        raw["plans"] = plans
    spec = study_file.parse(raw)
    study = optuna.create_study(direction=Objective(objective).direction)
    named = list(spec.named().items())
    for i, value in enumerate(values):
        attrs = {"overrides": {}}
        if i < len(named):
            attrs = {"plan": named[i][0], "overrides": spec.overrides(named[i][1])}
            own = spec.searched(named[i][1])
        else:
            own = {"encoder_loss_weight": 0.01 * 10 ** ((i % 11) / 11), "gate_reg_weight": 0.05 * (i % 7) / 7}
            own |= {"reconstruction_loss": "mse", "classification_loss": "cross_entropy", "weighting": "fixed"}
            own |= {"classification_loss": "focal", "focal_gamma": 1.5} if i % 2 else {}
            own = {name: v for name, v in own.items() if name in spec.knobs} | (params[i] if params else {})
        epoch, value = value if isinstance(value, tuple) else (EPOCHS, value)
        done = epoch == EPOCHS
        curve = [value * (0.5 + 0.5 * e / epoch) for e in range(1, epoch + 1)]
        curves = {objective: curve, "val/cross_entropy": [2.0 - v for v in curve]}
        attrs["result"] = {"epochs": epoch, "reason": "" if done else reason, "curves": curves}
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if done else TrialState.PRUNED,
                value=value if done else None,
                params=own,
                distributions={name: opening.distribution(spec.knobs[name]) for name in own},
                intermediate_values=dict(enumerate(curve, 1)),
                user_attrs=attrs,
            )
        )
    if replicates:
        study.set_user_attr("replicates", {"values": list(replicates)})
    return Study("s", spec, Place.at(folder), study)


MIXED = [0.80, 0.82, 0.81, 0.79] + [0.7 + 0.005 * i if i % 3 else (2 + (i % 2), 0.4) for i in range(20)]
