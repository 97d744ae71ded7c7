"""IEMOCAP_features.pkl, as DialogueRNN, MMGCN and their successors read it; IEMOCAP-4 and MOSEI come so too.

A tuple of nine: utterance ids, speakers, labels, text, audio, visual, sentences, each a dict from dialogue to a list
over its utterances, then the dialogues of train and of test. There is no validation part: a tenth of train is cut off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import _dialogues
from trainer.data._dialogues import Dialogue, check_ids, in_order, is_ids
from trainer.data._raw import Raw
from trainer.data.dataset import TEST, TRAIN

FORM = "a tuple of 9: ids, speakers, labels, text, audio, visual and sentences, each a dict by dialogue, train, test"
VALIDATION = 0.1
"""Share of the training dialogues that becomes validation, as these code bases do."""


def matches(found: object) -> bool:
    """Whether a pickle's content is in this format."""
    return (
        isinstance(found, (tuple, list))
        and len(found) == 9
        and all(isinstance(part, dict) for part in found[:7])
        and all(is_ids(part) for part in found[7:])
    )


def read(path: str) -> Raw:
    """Views `text`, `audio`, `visual`; train and test as given."""
    return _dialogues.read(path, "iemocap", matches, FORM, _raw)


def _raw(found: Any) -> Raw:
    _, speakers, labels, text, audio, visual, _, train, test = found
    check_ids({"train": train, "test": test}, labels)
    dialogues = [
        Dialogue(
            name,
            {"text": text.get(name, ()), "audio": audio.get(name, ()), "visual": visual.get(name, ())},
            labels[name],
            speakers.get(name, ()),
            part,
        )
        for part, ids in ((TRAIN, train), (TEST, test))
        for name in in_order(ids)
    ]
    raw = _dialogues.rows(dialogues)
    return dataclasses.replace(raw, label_names=label_names(labels, raw.y), validation=VALIDATION)


def label_names(ids: Iterable[object], y: NDArray[Any]) -> tuple[str, ...] | None:
    """IEMOCAP's names (IEMOCAP-4 has the first four) where the dialogues are IEMOCAP's; None where that is not sure."""
    # MOSEI comes in the same format with two classes.
    ours = any(str(name).startswith("Ses") for name in ids) or len(np.unique(y)) > 2
    return _dialogues.IEMOCAP if ours and y.max() < len(_dialogues.IEMOCAP) else None
