"""MELD's public CSVs: train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv in one folder.

The views are made here, from the transcript and its times; whatever is fitted is fitted on the training rows alone.

text     words, word pairs and punctuation: TF-IDF, then 128 directions of an SVD
style    runs of 2 to 4 characters within words: TF-IDF, then 64 directions of an SVD
timing   length, speed, pauses, place in the dialogue, punctuation
speaker  one-hot: the twelve who speak most in train, and all others
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data._raw import Raw
from trainer.data.dataset import TEST, TRAIN, VALIDATION
from trainer.errors import InputError, unknown

PARTS = {"train": TRAIN, "dev": VALIDATION, "test": TEST}
PATTERN = "{train,dev,test}_sent_emo.csv"
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "StartTime", "EndTime")
EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
TERMS = "MELD (Multimodal EmotionLines Dataset) is published under GPL-3.0: https://github.com/declare-lab/MELD"
RECIPE = 1
"""Counts up when the views are made otherwise, so that a study notices."""
SPEAKERS = 12
MARKS = ("!", "?", "...", "-", ",", ".")
STRAIGHT = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "...", "\u2014": "-", "\u2013": "-"}
)


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance; times in seconds."""

    part: int
    dialogue: int
    place: int
    text: str
    speaker: str
    emotion: int
    start: float
    end: float


def files(folder: Path) -> list[Path]:
    """MELD's files in a folder, as many as there are."""
    return [path for name in PARTS if (path := folder / f"{name}_sent_emo.csv").is_file()]


def is_header(start: bytes) -> bool:
    """Whether a file that starts so is one of MELD's."""
    columns = start.split(b"\n")[0].decode("utf-8", "replace").lstrip("\ufeff").strip().replace('"', "").split(",")
    return {"Utterance", "Emotion", "Dialogue_ID"} <= set(columns)


def read(path: str) -> Raw:
    """The views above, with speakers and dialogues, from the folder that `path` is or lies in.

    Raises InputError, with file and line, where a file is missing or holds something else.
    """
    folder = Path(path).expanduser()
    folder = folder if folder.is_dir() else folder.parent
    contents = []
    for name in PARTS:
        file = folder / f"{name}_sent_emo.csv"
        try:
            contents.append((file, file.read_bytes()))
        except OSError as error:
            there = ", ".join(found.name for found in files(folder)) or "none of them"
            raise InputError(f"data {path}: expected {PATTERN} in {folder}, found {there} ({error.strerror})") from None
    return _made(tuple(contents))


@lru_cache(maxsize=1)  # comparisons over seeds read the same files again and again
def _made(contents: tuple[tuple[Path, bytes], ...]) -> Raw:
    digest = hashlib.sha256(f"meld_csv {RECIPE}".encode())
    rows: list[Row] = []
    for (file, content), part in zip(contents, PARTS.values(), strict=True):
        digest.update(content)
        rows += _rows(file, part, content)
    rows.sort(key=lambda row: (row.part, row.dialogue, row.place))
    parts = np.array([row.part for row in rows])
    ids = np.array([row.dialogue for row in rows])
    return Raw(
        contents[0][0].parent.resolve().name,
        _views(rows, parts == TRAIN),
        np.array([row.emotion for row in rows]),
        split=parts,
        dialogue=np.unique(np.stack([parts, ids], axis=1), axis=0, return_inverse=True)[1].ravel(),
        speaker=np.unique([row.speaker for row in rows], return_inverse=True)[1],
        label_names=EMOTIONS,
        terms=TERMS,
        identity=digest.hexdigest(),
    )


def _rows(file: Path, part: int, content: bytes) -> list[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # what older copies are in
    lines = csv.DictReader(io.StringIO(text, newline=""))
    missing = [column for column in COLUMNS if column not in (lines.fieldnames or ())]
    if missing:
        raise InputError(
            f"data file {file}: expected the columns {', '.join(COLUMNS)}; {', '.join(missing)} missing, found "
            f"{', '.join(lines.fieldnames or ()) or 'an empty file'}"
        )
    found = []
    for line in lines:
        try:
            found.append(_row(part, line))
        except (InputError, csv.Error, ValueError, AttributeError, TypeError) as error:
            raise InputError(f"data file {file}, line {lines.line_num}: {error}") from None
    if not found:
        raise InputError(f"data file {file}: expected utterances, found the header alone")
    return found


def _row(part: int, line: dict[str, str]) -> Row:
    if None in line.values():
        raise InputError(f"expected {len(COLUMNS)} or more columns, found fewer: the file is cut or damaged")
    emotion = line["Emotion"].strip().lower()
    if emotion not in EMOTIONS:
        raise InputError(unknown("emotion", emotion, EMOTIONS))
    start, end = seconds(line["StartTime"]), seconds(line["EndTime"])
    text = line["Utterance"].translate(STRAIGHT).replace("\x92", "'").strip()
    speaker = line["Speaker"].strip()
    return Row(
        part, int(line["Dialogue_ID"]), int(line["Utterance_ID"]), text, speaker, EMOTIONS.index(emotion), start, end
    )


def seconds(time: str) -> float:
    """`00:20:57,256` in seconds."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:[.,]\d*)?)", time.strip())
    if match is None:
        raise InputError(f"expected a time such as 00:20:57,256; found {time!r}")
    hours, minutes, rest = match.groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(rest.replace(",", "."))


def _views(rows: list[Row], train: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    from threadpoolctl import threadpool_limits

    text = [row.text for row in rows]
    # One thread: the last digits of a sum depend on how it is shared out, and every process must find the same.
    with threadpool_limits(1):
        return {
            "text": _directions(text, train, 128, token_pattern=r"[a-z']+|[!?.,-]+", ngram_range=(1, 2), min_df=2),
            "style": _directions(text, train, 64, analyzer="char_wb", ngram_range=(2, 4), min_df=3),
            "timing": timing(rows),
            "speaker": _speakers(rows, train),
        }


def _directions(text: list[str], train: NDArray[np.bool_], count: int, **tokens: Any) -> NDArray[Any]:
    """(n, count) or fewer columns: latent semantic analysis, fitted on the training rows."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, **tokens)
    try:
        known = words.fit_transform([line for line, of_train in zip(text, train, strict=True) if of_train])
    except ValueError:
        raise InputError("train: expected text in which words repeat, found none") from None
    directions = TruncatedSVD(min(count, known.shape[1] - 1, known.shape[0] - 1), random_state=0).fit(known)
    return np.asarray(directions.transform(words.transform(text)))


def timing(rows: list[Row]) -> NDArray[np.float64]:
    """(n, 17): how long and how fast, the pause before, the place in the dialogue, punctuation; see the comments."""
    found = []
    for i, row in enumerate(rows):
        before = rows[i - 1] if i and (rows[i - 1].part, rows[i - 1].dialogue) == (row.part, row.dialogue) else None
        words = row.text.split()
        # A few rows of MELD last minutes or end before they begin: times are cut to what speech can be.
        length = min(max(row.end - row.start, 0.1), 30.0)
        pause = min(max(row.start - before.end, -5.0), 30.0) if before else 0.0
        letters = [c for c in row.text if c.isalpha()]
        found.append(
            [
                np.log(length),
                np.log1p(len(words)),
                np.log1p(len(row.text)),
                np.log(max(len(words), 1) / length),
                pause,
                float(before is None),
                float(before is not None and before.speaker == row.speaker),
                np.log1p(row.place),
                sum(c.isupper() for c in letters) / max(len(letters), 1),
                float(len(words) == 1),
                float(bool(re.search(r"(.)\1\1", row.text.replace("...", "")))),  # Nooo
                *(np.log1p(row.text.count(mark)) for mark in MARKS),
            ]
        )
    return np.array(found)


def _speakers(rows: list[Row], train: NDArray[np.bool_]) -> NDArray[np.float64]:
    counts = Counter(row.speaker for row, of_train in zip(rows, train, strict=True) if of_train)
    names = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SPEAKERS]]
    place = [names.index(row.speaker) if row.speaker in names else len(names) for row in rows]
    return np.eye(len(names) + 1)[place]
