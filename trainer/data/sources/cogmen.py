"""data_iemocap.pkl, data_iemocap_4.pkl and the like, as COGMEN, JOYFUL and CORECT write them.

A dict `train`, `dev`, `test`, each a list with one thing a dialogue: a Sample (COGMEN, JOYFUL) with `vid`, `speaker`,
`label`, `text`, `audio`, `visual`, `sentence` and `sbert_sentence_embeddings`, which is the text view; or a dict
(CORECT) with `speakers` and `labels`, where `text` holds those embeddings.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import _dialogues, _unpickle
from trainer.data._dialogues import Dialogue
from trainer.data._raw import Raw
from trainer.data.dataset import TEST, TRAIN, VALIDATION
from trainer.data.sources import iemocap
from trainer.errors import InputError

FORM = "a dict train, dev, test of lists of Samples, or of dicts with labels, speakers, text, audio, visual"
PARTS = {"train": TRAIN, "dev": VALIDATION, "test": TEST}
VIEWS = {"text": ("sbert_sentence_embeddings", "text"), "audio": ("audio",), "visual": ("visual",)}
"""Each view and the names under which it is looked for; the first that there is counts."""


def matches(found: object) -> bool:
    """Whether a pickle's content is in this format."""
    if not isinstance(found, dict) or set(found) != set(PARTS):
        return False
    if not all(isinstance(part, (list, tuple)) for part in found.values()):
        return False
    return all(_unpickle.is_sample(s) or isinstance(s, dict) for part in found.values() for s in part)


def read(path: str) -> Raw:
    """Views `text`, `audio`, `visual`, as many as there are; train, validation (`dev`) and test as given."""
    return _dialogues.read(path, "cogmen", matches, FORM, _raw)


def _raw(found: Any) -> Raw:
    samples = [(part, s if isinstance(s, dict) else vars(s)) for name, part in PARTS.items() for s in found[name]]
    dialogues = [_dialogue(i, sample, part) for i, (part, sample) in enumerate(samples)]
    for dialogue in dialogues:
        if dialogue.views.keys() != dialogues[0].views.keys():
            raise InputError(
                f"dialogue {dialogue.id!r} has the views {', '.join(dialogue.views)}, the first one "
                f"{', '.join(dialogues[0].views)}; expected the same in all"
            )
    raw = _dialogues.rows(dialogues)
    return dataclasses.replace(raw, label_names=_names([d.id for d in dialogues], raw.y))


def _dialogue(place: int, sample: dict[str, Any], part: int) -> Dialogue:
    name = sample.get("vid", place)

    def one(*keys: str) -> Any:
        there = next((key for key in keys if key in sample), None)
        if there is None:
            raise InputError(f"dialogue {name!r}: expected {keys[0]}, found only {', '.join(map(str, sample))}")
        return sample[there]

    labels = one("label", "labels")
    views = {view: one(*keys) for view, keys in VIEWS.items() if any(key in sample for key in keys)}
    return Dialogue(name, views, labels, one("speaker", "speakers"), part)


def _names(ids: list[object], y: NDArray[Any]) -> tuple[str, ...] | None:
    """MELD numbers its dialogues, IEMOCAP calls them Ses...; of others the codes are all that is known."""
    if all(isinstance(name, (int, np.integer)) for name in ids) and len(np.unique(y)) == len(_dialogues.MELD):
        return _dialogues.MELD
    return iemocap.label_names(ids, y) if not str(ids[0]).startswith("diag_") else None
