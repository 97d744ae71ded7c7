"""Feature pickles in the formats that researchers have on disk, from the file to a Dataset."""

import numpy as np
import pytest

from trainer.data import load, source_of
from trainer.data.dataset import TEST, TRAIN, VALIDATION
from trainer.errors import InputError

WIDTHS = {"text": 5, "audio": 4, "visual": 3}


def widths(data):
    return {name: view.shape[1] for name, view in data.views.items()}


def dialogues(data, part):
    return len(np.unique(data.dialogue[data.rows(part)]))


@pytest.mark.parametrize("ids", [list, set, np.array])
@pytest.mark.parametrize("protocol", [2, 4])
def test_iemocap(pickles, dump, ids, protocol):
    content = pickles.iemocap(n=40, test=10, ids=ids)
    path = dump(content, protocol)
    assert source_of(path) == "iemocap"
    data = load("iemocap", path)
    assert widths(data) == WIDTHS and data.name == "features"
    assert data.label_names == ("hap", "sad", "neu", "ang", "exc", "fru")
    assert (dialogues(data, TRAIN), dialogues(data, VALIDATION), dialogues(data, TEST)) == (27, 3, 10)
    assert data.fixed_split and data.n == sum(map(len, content[2].values()))


def test_rows_of_iemocap_are_those_of_the_file_in_order(pickles, dump):
    _, speakers, labels, text, *_, train, test = content = pickles.iemocap()
    data = load("iemocap", dump(content))
    order = [*sorted(train), *sorted(test)]
    np.testing.assert_allclose(data.views["text"], np.concatenate([text[name] for name in order]), rtol=1e-6)
    np.testing.assert_array_equal(data.labels, np.concatenate([labels[name] for name in order]))
    np.testing.assert_array_equal(data.speaker, np.concatenate([speakers[name] for name in order]) == "M")
    np.testing.assert_array_equal(data.dialogue, np.repeat(range(20), [len(labels[name]) for name in order]))
    assert set(data.split[data.dialogue < len(train)]) == {TRAIN, VALIDATION}


def test_a_set_of_ids_gives_the_same_data_as_a_list(pickles, dump):
    first = load("iemocap", dump(pickles.iemocap(ids=list), name="a.pkl"))
    second = load("iemocap", dump(pickles.iemocap(ids=set), name="b.pkl"))
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.split, second.split)


def test_iemocap_4_has_the_first_four_names(pickles, dump):
    assert load("iemocap", dump(pickles.iemocap(classes=4))).label_names == ("hap", "sad", "neu", "ang")


def test_mosei_in_the_same_format_is_not_called_happy_and_sad(pickles, dump):
    named = [
        {name.replace("Ses", "v"): value for name, value in part.items()} for part in pickles.iemocap(classes=2)[:7]
    ]
    ids = [[name.replace("Ses", "v") for name in part] for part in pickles.iemocap(classes=2)[7:]]
    assert load("iemocap", dump((*named, *ids))).label_names == ("0", "1")


def test_the_validation_part_of_iemocap_follows_from_the_seed(pickles, dump):
    path = dump(pickles.iemocap(n=40, test=10))
    splits = [load("iemocap", path, seed=seed).split for seed in (0, 0, 1)]
    np.testing.assert_array_equal(splits[0], splits[1])
    assert np.any(splits[0] != splits[2])
    np.testing.assert_array_equal(splits[0] == TEST, splits[2] == TEST)


@pytest.mark.parametrize("container", [tuple, list])
def test_meld(pickles, dump, container):
    path = dump(container(pickles.meld()))
    assert source_of(path) == "meld"
    data = load("meld", path)
    assert widths(data) == WIDTHS
    assert data.label_names == ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    assert (dialogues(data, TRAIN), dialogues(data, VALIDATION), dialogues(data, TEST)) == (10, 3, 3)
    assert len(np.unique(data.speaker)) == 6  # the longest dialogue has six utterances, each of another speaker


def test_meld_with_its_validation_dialogues_named(pickles, dump):
    train, dev, test = list(range(8)), [20, 21], [30, 31, 32]
    content = pickles.meld(train=(*train, *dev), test=test)
    for last_three in ((train, dev, test), (set(train), np.array(dev), set(test)), ([*train, *dev], test, dev)):
        data = load("meld", dump((*content[:7], *last_three)))
        assert [dialogues(data, part) for part in (TRAIN, VALIDATION, TEST)] == [8, 2, 3]


def test_meld_without_its_own_numbers_gets_a_validation_part(pickles, dump):
    data = load("meld", dump(pickles.meld(train=tuple(range(30)), test=(40, 41, 42))))
    assert [dialogues(data, part) for part in (TRAIN, VALIDATION, TEST)] == [27, 3, 3]


def test_older_meld_has_no_visual_and_its_sentiments_last(pickles, dump):
    ids, speakers, labels, text, audio, _, sentences, train, test, sentiments = pickles.meld()
    path = dump((ids, speakers, labels, text, audio, sentences, train, test, sentiments))
    assert source_of(path) == "meld"
    assert widths(load("meld", path)) == {"text": 5, "audio": 4}


@pytest.mark.parametrize("package", ["cogmen", "joyful"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_samples(pickles, dump, sample_class, package, protocol):
    content = pickles.samples(sample_class(package))
    path = dump(content, protocol)
    assert source_of(path) == "cogmen"
    data = load("cogmen", path)
    assert widths(data) == WIDTHS  # text is sbert_sentence_embeddings, not the two columns of `text`
    assert data.label_names == ("hap", "sad", "neu", "ang", "exc", "fru")
    assert [dialogues(data, part) for part in (TRAIN, VALIDATION, TEST)] == [12, 4, 4]
    np.testing.assert_array_equal(data.views["text"][:3], content["train"][0].sbert_sentence_embeddings)


def test_corect_holds_the_same_in_dicts(pickles, dump, sample_class):
    theirs = load("cogmen", dump(pickles.samples(sample_class("cogmen")), name="a.pkl"))
    path = dump(pickles.samples(pickles.corect), name="b.pkl")
    assert source_of(path) == "cogmen"
    assert load("cogmen", path).fingerprint == theirs.fingerprint


def test_tensors_in_samples(pickles, dump, sample_class):
    import torch

    content = pickles.samples(sample_class("cogmen"))
    plain = load("cogmen", dump(content, name="a.pkl"))
    for part in content.values():
        for sample in part:
            sample.audio = [torch.tensor(row) for row in sample.audio]
            sample.label = torch.tensor(sample.label)
            sample.sbert_sentence_embeddings = torch.tensor(sample.sbert_sentence_embeddings)
    assert load("cogmen", dump(content, name="b.pkl")).fingerprint == plain.fingerprint


def test_four_classes_and_mosei(pickles, dump, sample_class):
    kind = sample_class("cogmen")
    assert load("cogmen", dump(pickles.samples(kind, classes=4))).label_names == ("hap", "sad", "neu", "ang")
    mosei = pickles.samples(kind, classes=7)
    for part in mosei.values():
        for sample in part:
            sample.vid = f"diag_{sample.vid}"
    assert load("cogmen", dump(mosei)).label_names == tuple("0123456")


def changed(content, place, name, value):
    parts = list(content)
    parts[place] = {**parts[place], name: value}
    return tuple(parts)


def broken(pickles):
    good = pickles.iemocap()
    first = sorted(good[-2])[0]
    m = len(good[2][first])
    return {
        "labels longer than views": (changed(good, 2, first, [0] * (m + 1)), [first, f"{m + 1} rows", f"({m}, 5)"]),
        "a view missing": (changed(good, 4, first, []), [first, "audio", f"{m} rows", "(0,)"]),
        "rows of two widths": (
            changed(good, 3, first, [np.ones(5)] * (m - 1) + [np.ones(4)]),
            [first, "text", "same length", f"a list of {m}"],
        ),
        "dialogues of two widths": (changed(good, 5, first, [np.ones(2)] * m), ["visual", "2 columns", "found 3"]),
        "text in place of numbers": (changed(good, 3, first, ["Oh no."] * m), [first, "text", "numbers"]),
        "labels of several emotions": (changed(good, 2, first, np.ones((m, 6))), [first, "one label", f"({m}, 6)"]),
        "labels as words": (changed(good, 2, first, ["hap"] * m), [first, "labels", "numbers"]),
        "labels with fractions": (changed(good, 2, first, [0.5] * m), ["y", "integers", "0.5"]),
        "too few speakers": (changed(good, 1, first, ["M"]), [first, f"{m} speakers", "(1,)"]),
        "NaN": (changed(good, 4, first, [np.full(4, np.nan)] * m), ["view 'audio'", f"{4 * m} NaN"]),
        "dialogue in train and test": ((*good[:8], [*good[8], first]), [first, "train and in test"]),
        "dialogue without features": ((*good[:8], [*good[8], "Ses99"]), ["'Ses99'", "in test", "has no labels"]),
        "no dialogue": ((*good[:7], [], []), ["at least one dialogue"]),
    }


def test_wrong_iemocap_is_one_message_that_names_the_dialogue(pickles, dump, subtests):
    for name, (content, words) in broken(pickles).items():
        with subtests.test(name):
            with pytest.raises(InputError) as error:
                load("iemocap", dump(content))
            for word in [*words, "features"]:
                assert word in str(error.value)


def test_sample_without_an_attribute(pickles, dump, sample_class):
    content = pickles.samples(sample_class("joyful"))
    del content["dev"][1].speaker
    with pytest.raises(InputError, match=r"dialogue 'Ses01F_dev01': expected speaker, found only vid, label"):
        load("cogmen", dump(content))
    content = pickles.samples(sample_class("joyful"))
    del content["dev"][1].visual
    with pytest.raises(InputError, match="'Ses01F_dev01' has the views text, audio, the first one text, audio, visual"):
        load("cogmen", dump(content))


OTHERS = {
    "tuple of seven": (tuple({"a": [1]} for _ in range(7)), ["a tuple of 7: dict, dict"]),
    "tuple of twelve": (({"a": [1]},) * 9 + ([1], [2], [3]), ["a tuple of 12: dict", "list, list, list"]),
    "mosei of another code base": (
        {"train": {"vision": np.ones((2, 3, 4))}, "valid": {}, "test": {}},
        ["a dict of 3 with keys train, valid, test", "vision"],
    ),
    "data frame like": ({"x": np.ones((3, 2)), "y": [1]}, ["keys x, y", "an array of shape (3, 2)"]),
    "array": (np.ones((3, 2)), ["an array of shape (3, 2) and dtype float64"]),
    "list of numbers": ([1.0] * 100, ["a list of 100, the first one a float"]),
    "number": (3, ["found an int"]),
    "nothing": (None, ["found a NoneType"]),
    "empty": ([], ["an empty list"]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_dialect_says_what_was_found_and_what_is_known(dump, name):
    content, words = OTHERS[name]
    with pytest.raises(InputError) as error:
        source_of(dump(content))
    for word in [*words, "features.pkl", "iemocap: a tuple of 9", "meld: a tuple of 10", "cogmen: a dict"]:
        assert word in str(error.value)


def test_the_wrong_source_says_what_the_file_holds(pickles, dump):
    with pytest.raises(
        InputError, match="source 'cogmen': expected a dict train, dev, test .* found a tuple of 9: dict"
    ):
        load("cogmen", dump(pickles.iemocap()))


def test_pickle_that_would_run_code_is_refused_while_it_is_recognised(tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "bad.pkl").write_bytes(b"cposix\nsystem\n(S'touch %s'\ntR." % bytes(marker))
    with pytest.raises(InputError, match=r"bad.pkl: the pickle names posix.system, which is refused"):
        source_of(str(tmp_path / "bad.pkl"))
    assert not marker.exists()


UNREADABLE = {
    "gzip": (b"\x1f\x8b\x08\x00rest", "unpack it first"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "npy": (b"\x93NUMPY\x01", "single .npy"),
    "other csv": (b"id,label,x1,x2\n1,0,3,4\n", "begins with 'id,label,x1,x2'"),
    "text": (b"just text\n", "not a pickle"),
    "empty": (b"", "empty file"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_of_other_kinds(tmp_path, name):
    content, words = UNREADABLE[name]
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(InputError, match=f"data: .*{words}"):
        source_of(str(tmp_path / "data"))


def test_missing_file_lists_what_lies_beside(tmp_path):
    (tmp_path / "IEMOCAP_features.pkl").write_bytes(b"")
    with pytest.raises(InputError, match=r"no such file; .* has: IEMOCAP_features.pkl"):
        source_of(str(tmp_path / "IEMOCAP.pkl"))
    with pytest.raises(InputError, match="nor is there a directory"):
        source_of(str(tmp_path / "none" / "x.pkl"))
