"""Fixtures for everything: one thread, fixed seeds, and small feature pickles."""

import csv
import itertools
import pickle
import sys
import types

import numpy as np
import pytest
import torch

WIDTHS = {"text": 5, "audio": 4, "visual": 3}


def utterances(names, classes, seed=0):
    """dialogue -> (labels, views, speakers), 3 to 6 utterances each; every class turns up all the time."""
    rng = np.random.default_rng(seed)
    found, at = {}, 0
    for i, name in enumerate(names):
        m = 3 + i % 4
        labels = [(at + j) % classes for j in range(m)]
        at += m
        views = {view: [rng.normal(size=width) + y for y in labels] for view, width in WIDTHS.items()}
        found[name] = (labels, views, [("M", "F")[(i + j) % 2] for j in range(m)])
    return found


def iemocap(n=20, classes=6, ids=list, test=5):
    """The tuple of nine; utterance ids and sentences are there as in the real file."""
    names = [f"Ses{1 + i % 5:02d}{'MF'[i % 2]}_impro{i:02d}" for i in range(n)]
    found = utterances(names, classes)
    return (
        {name: [f"{name}_{j}" for j in range(len(found[name][0]))] for name in names},
        {name: found[name][2] for name in names},
        {name: found[name][0] for name in names},
        *({name: found[name][1][view] for name in names} for view in ("text", "audio", "visual")),
        {name: ["Oh no."] * len(found[name][0]) for name in names},
        ids(names[:-test]),
        ids(names[-test:]),
    )


def meld(train=(*range(10), 1039, 1040, 1041), test=(1153, 1154, 1155), last=None):
    """The tuple of ten: dialogues by number, speakers one-hot of nine."""
    names = [*train, *test]
    found = utterances(names, 7)
    hot = {name: np.eye(9)[[j % 9 for j in range(len(found[name][0]))]] for name in names}
    return (
        {name: list(range(len(found[name][0]))) for name in names},
        hot,
        {name: found[name][0] for name in names},
        *({name: np.array(found[name][1][view]) for name in names} for view in ("text", "audio", "visual")),
        {name: ["Hm."] * len(found[name][0]) for name in names},
        list(train),
        list(test),
        {name: [0] * len(found[name][0]) for name in names} if last is None else last,
    )


def samples(make, classes=6):
    """The dict of train, dev, test; `make` gets the attributes of one Sample."""
    data = {}
    for seed, (part, count) in enumerate({"train": 12, "dev": 4, "test": 4}.items()):
        names = [f"Ses01F_{part}{i:02d}" for i in range(count)]
        found = utterances(names, classes, seed)
        data[part] = [
            make(
                vid=name,
                speaker=speakers,
                label=labels,
                text=[np.zeros(2)] * len(labels),
                audio=views["audio"],
                visual=views["visual"],
                sentence=["Oh no."] * len(labels),
                sbert_sentence_embeddings=np.array(views["text"], np.float32),
            )
            for name, (labels, views, speakers) in found.items()
        ]
    return data


def corect(**attributes):
    """What CORECT writes in place of a Sample."""
    text = attributes.pop("sbert_sentence_embeddings")
    return attributes | {
        "text": text,
        "speakers": attributes.pop("speaker"),
        "labels": attributes.pop("label"),
    }


@pytest.fixture(autouse=True)
def seeded_and_single_threaded():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)


MELD_COLUMNS = [
    *("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "StartTime", "EndTime"),
    "Sr No.",
    "Sentiment",
    "Season",
    "Episode",
]
MELD_LINES = {
    "neutral": "I was at the coffee house, you know.",
    "joy": "Oh my God! That is so great!",
    "anger": "Get out! Get out of my coffee house!",
    "sadness": "Oh... I am so sorry, you know...",
    "surprise": "What? Oh my God, what?!",
    "fear": "Oh no, no, help me!",
    "disgust": "Ew. That is so not great.",
}


def csv_rows(dialogues, start=0):
    found = []
    feelings = itertools.cycle(MELD_LINES)
    for i in range(dialogues):
        for j in range(4 + i % 3):
            emotion = next(feelings)
            found.append(
                {
                    "Sr No.": len(found) + 1,
                    "Utterance": f"{MELD_LINES[emotion]} {start + i}",
                    "Speaker": ("Ross", "Joey", "Mona")[(i + j) % 3],
                    "Emotion": emotion,
                    "Sentiment": "neutral",
                    "Dialogue_ID": start + i,
                    "Utterance_ID": j,
                    "Season": 1,
                    "Episode": 1,
                    "StartTime": f"00:{j:02d}:{i % 60:02d},500",
                    "EndTime": f"00:{j:02d}:{i % 60 + 2:02d},000",
                }
            )
    return found


def write_csvs(folder, parts, encoding="utf-8", columns=MELD_COLUMNS):
    for name, lines in parts.items():
        with (folder / f"{name}_sent_emo.csv").open("w", newline="", encoding=encoding) as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(lines)
    return str(folder)


@pytest.fixture(scope="session")
def csvs():
    """MELD's three CSVs: rows(dialogues), parts() of a small set, write(folder, parts)."""
    return types.SimpleNamespace(
        rows=csv_rows,
        write=write_csvs,
        parts=lambda: {"train": csv_rows(12), "dev": csv_rows(4), "test": csv_rows(5, 100)},
    )


@pytest.fixture(scope="session")
def pickles():
    """Builders of what small feature pickles hold, in the formats that code bases for emotion recognition read."""
    return types.SimpleNamespace(iemocap=iemocap, meld=meld, samples=samples, corect=corect)


@pytest.fixture
def sample_class(monkeypatch):
    """Makes the class `<package>.Sample.Sample`, as it is importable where such a file is written."""

    def make(package):
        module = types.ModuleType(f"{package}.Sample")
        module.Sample = type(
            "Sample", (), {"__module__": module.__name__, "__init__": lambda self, **given: vars(self).update(given)}
        )
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module.Sample

    return make


@pytest.fixture
def dump(tmp_path):
    """Writes a pickle and returns its path."""

    def write(thing, protocol=pickle.HIGHEST_PROTOCOL, name="features.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(thing, protocol=protocol))
        return str(tmp_path / name)

    return write
