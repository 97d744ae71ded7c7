"""MELD_features_raw1.pkl, as MMGCN and its successors read it, and MELD_features_raw.pkl of DialogueRNN.

A tuple or list of ten: utterance ids, speakers (one-hot), labels, text, audio, visual, sentences, each a dict from
dialogue to a list over its utterances, then the dialogues of train and of test, and one thing more (labels of
sentiment; or the dialogues are given as train, validation, test). The older file has nine: no visual, and the
sentiments last. The validation dialogues are MELD's own, 1039 to 1152, where train holds them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from trainer.data import _dialogues
from trainer.data._dialogues import Dialogue, check_ids, in_order, is_ids
from trainer.data._raw import Raw
from trainer.data.dataset import TEST, TRAIN, VALIDATION

FORM = (
    "a tuple of 10: ids, speakers, labels, text, audio, visual and sentences, each a dict by dialogue, train, test, "
    "one more (or of 9, without visual)"
)
OWN_VALIDATION = range(1039, 1153)


def matches(found: object) -> bool:
    """Whether a pickle's content is in this format."""
    if not isinstance(found, (tuple, list)) or len(found) not in (9, 10):
        return False
    dicts = len(found) - 3
    return (
        all(isinstance(part, dict) for part in found[:dicts])
        and all(is_ids(part) for part in found[dicts : dicts + 2])
        and (len(found) == 10 or isinstance(found[-1], dict))
    )


def read(path: str) -> Raw:
    """Views `text`, `audio` and, in the file of ten, `visual`; the split as given."""
    return _dialogues.read(path, "meld", matches, FORM, _raw)


def _raw(found: Any) -> Raw:
    _, speakers, labels, text, audio, *visual = found[: len(found) - 4]
    views = {"text": text, "audio": audio} | ({"visual": visual[0]} if visual else {})
    parts = _parts(found[-3], found[-2], found[-1], labels)
    names = ("train", "validation", "test")
    check_ids(dict(zip(names, parts, strict=True)), labels)
    dialogues = [
        Dialogue(
            name, {view: of.get(name, ()) for view, of in views.items()}, labels[name], speakers.get(name, ()), part
        )
        for part, ids in zip((TRAIN, VALIDATION, TEST), parts, strict=True)
        for name in in_order(ids)
    ]
    raw = _dialogues.rows(dialogues)
    return dataclasses.replace(
        raw, label_names=_dialogues.MELD if raw.y.max() < len(_dialogues.MELD) else None, validation=0.1
    )


def _parts(train: Any, second: Any, last: Any, known: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """The dialogues of train, validation and test."""
    train, second = list(train), list(second)
    if is_ids(last) and len(last) and set(last) <= set(known):
        last = list(last)
        if set(last) <= set(train):
            return [name for name in train if name not in set(last)], last, second
        if not set(last) & {*train, *second}:
            return (train, last, second) if set(last) <= set(OWN_VALIDATION) else (train, second, last)
    own = [name for name in train if name in OWN_VALIDATION]
    own = own if len(own) < len(train) else []
    return [name for name in train if name not in own], own, second
