"""MELD's CSVs: what becomes of a transcript, what is fitted on what, and what is refused."""

import numpy as np
import pytest

from trainer.data import load, source_of
from trainer.data.sources import meld_csv
from trainer.errors import InputError

COLUMNS, EMOTIONS = meld_csv.COLUMNS, meld_csv.EMOTIONS


@pytest.fixture
def rows(csvs):
    return csvs.rows


@pytest.fixture
def write(csvs):
    return csvs.write


@pytest.fixture
def parts(csvs):
    return csvs.parts()


def test_a_folder_and_any_of_its_files_are_the_same(tmp_path, parts, write):
    folder = write(tmp_path, parts)
    data = load("meld_csv", folder)
    assert list(data.views) == ["text", "style", "timing", "speaker"] and data.name == tmp_path.name
    assert [len(data.rows(part)) for part in (0, 1, 2)] == [len(lines) for lines in parts.values()]
    assert len(np.unique(data.dialogue)) == 21 and data.fixed_split  # dialogue 0 of train is not dialogue 0 of dev
    assert set(data.label_names) == {*EMOTIONS}
    for path in (folder, *(f"{folder}/{name}_sent_emo.csv" for name in parts)):
        assert source_of(path) == "meld_csv"
        assert load("meld_csv", path).fingerprint == data.fingerprint


def test_rows_of_a_dialogue_come_in_order(tmp_path, parts, write):
    first = load("meld_csv", write(tmp_path, parts))
    second = load("meld_csv", write(tmp_path, {name: lines[::-1] for name, lines in parts.items()}))
    for name, view in first.views.items():
        np.testing.assert_allclose(view, second.views[name], atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_nothing_is_fitted_on_validation_and_test(tmp_path, parts, rows, write):
    first = load("meld_csv", write(tmp_path, parts))
    others = [line | {"Utterance": "zebra! xylophone?", "Speaker": "Zoe"} for line in rows(9, 200)]
    second = load("meld_csv", write(tmp_path, {**parts, "dev": others, "test": others}))
    train = first.rows(0)
    for name, view in first.views.items():
        np.testing.assert_array_equal(view[train], second.views[name][train], err_msg=name)
    assert first.fingerprint != second.fingerprint


def test_a_speaker_unknown_to_train_is_one_of_the_others(tmp_path, parts, write):
    parts["test"][0]["Speaker"] = "Zoe"
    speakers = load("meld_csv", write(tmp_path, parts)).views["speaker"]
    assert speakers.shape[1] == 4 and np.all(speakers.sum(axis=1) == 1)
    assert np.flatnonzero(speakers[:, 3]).tolist() == [len(parts["train"]) + len(parts["dev"])]


def test_timing_by_hand():
    make = lambda place, text, speaker, start, end: meld_csv.Row(0, 0, place, text, speaker, 0, start, end)  # noqa: E731
    found = meld_csv.timing([make(0, "Oh NO!", "Ross", 10, 12), make(1, "Nooo...", "Ross", 13.5, 13.5)])
    log = np.log
    np.testing.assert_allclose(
        found,
        [
            [log(2), log(3), log(7), log(1), 0, 1, 0, 0, 3 / 4, 0, 0, log(2), 0, 0, 0, 0, 0],
            [log(0.1), log(2), log(8), log(10), 1.5, 0, 1, log(2), 1 / 4, 1, 1, 0, 0, log(2), 0, 0, log(4)],
        ],
    )


def test_older_copies_are_not_in_utf_8(tmp_path, parts, write):
    parts["train"][0]["Utterance"] = "It’s great…"
    new = load("meld_csv", write(tmp_path, parts))
    old = load("meld_csv", write(tmp_path, parts, encoding="cp1252"))
    np.testing.assert_array_equal(old.views["style"], new.views["style"])


def test_the_last_files_are_remembered_but_not_beyond_a_change(tmp_path, parts, write):
    first = load("meld_csv", write(tmp_path, parts))
    parts["dev"][0]["Utterance"] = "Hello?"
    assert load("meld_csv", write(tmp_path, parts)).fingerprint != first.fingerprint


def with_line(parts, **changes):
    return {**parts, "dev": [parts["dev"][0] | changes, *parts["dev"][1:]]}


BAD = {
    "time": ({"StartTime": "soon"}, ["dev_sent_emo.csv, line 2", "such as 00:20:57,256", "'soon'"]),
    "emotion": ({"Emotion": "joi"}, ["line 2", "'joi'", "Did you mean joy?"]),
    "number": ({"Dialogue_ID": "first"}, ["line 2", "'first'"]),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_line(tmp_path, parts, name, write):
    change, words = BAD[name]
    with pytest.raises(InputError) as error:
        load("meld_csv", write(tmp_path, with_line(parts, **change)))
    for word in words:
        assert word in str(error.value)


def test_missing_file_column_or_rest(tmp_path, parts, write):
    folder = write(tmp_path, {name: parts[name] for name in ("train", "test")})
    with pytest.raises(InputError, match=r"found train_sent_emo.csv, test_sent_emo.csv \(No such file"):
        load("meld_csv", folder)
    write(tmp_path, {"dev": []})
    with pytest.raises(InputError, match="dev_sent_emo.csv: expected utterances"):
        load("meld_csv", folder)
    write(tmp_path, {"dev": parts["dev"]}, columns=COLUMNS[:-1])
    with pytest.raises(InputError, match="EndTime missing, found Utterance, Speaker"):
        load("meld_csv", folder)
    whole = (tmp_path / "train_sent_emo.csv").read_bytes()
    write(tmp_path, {"dev": parts["dev"]})
    (tmp_path / "train_sent_emo.csv").write_bytes(whole[: len(whole) // 2 - 40])
    with pytest.raises(InputError, match=r"train_sent_emo.csv, line \d+: "):
        load("meld_csv", folder)


def test_folder_without_the_files(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(
        InputError, match=r"found a directory without MELD's \{train,dev,test\}_sent_emo.csv; .* notes.txt"
    ):
        source_of(str(tmp_path))
