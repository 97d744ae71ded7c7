import os
from pathlib import Path

import numpy as np
import pytest

from trainer.data import load, source_of

SHARED = Path(os.environ.get("TUNER_SHARED", Path(__file__).parents[4] / "shared")) / "data"


def real(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{path} is not there; TUNER_SHARED says where the shared folder is")
    return str(path)


def test_real_meld():
    data = load("npz", real("meld/meld_views.npz"), labels=0.1)
    widths = {name: view.shape[1] for name, view in data.views.items()}
    assert widths == {"text": 384, "lexical": 96, "prosody": 34}
    assert [len(data.rows(part)) for part in (0, 1, 2)] == [9989, 1109, 2610]
    assert data.fixed_split and data.n_classes == 7 and "neutral" in data.label_names
    assert np.mean(data.labels[data.rows(0)] >= 0) == pytest.approx(0.1, abs=0.001)
    assert np.all(data.labels[data.rows(2)] >= 0)


def test_real_meld_from_its_csvs():
    folder = str(Path(real("meld/train_sent_emo.csv")).parent)
    assert source_of(folder) == "meld_csv"
    data = load("meld_csv", folder)
    widths = {name: view.shape[1] for name, view in data.views.items()}
    assert widths == {"text": 128, "style": 64, "timing": 17, "speaker": 13}
    assert [len(data.rows(part)) for part in (0, 1, 2)] == [9989, 1109, 2610]
    assert len(np.unique(data.dialogue)) == 1432 and len(np.unique(data.speaker)) == 304
    theirs = load("npz", real("meld/meld_views.npz"))
    for part in (0, 1, 2):
        np.testing.assert_array_equal(
            np.array(data.label_names)[data.labels[data.rows(part)]],
            np.array(theirs.label_names)[theirs.labels[theirs.rows(part)]],
        )


def test_real_mosi_is_cut_by_video():
    data = load("npz", real("mosi/mosi_views.npz"), seed=3)
    assert data.n == 752 and data.width == 273 and data.label_names == ("negative", "positive")
    assert not data.fixed_split
    for video in np.unique(data.dialogue):
        assert len(set(data.split[data.dialogue == video])) == 1
    sizes = np.bincount(data.split) / data.n
    np.testing.assert_allclose(sizes, [0.6, 0.2, 0.2], atol=0.06)
