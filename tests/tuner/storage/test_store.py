"""A place is opened once: what starts, joins and looks at studies hands the open store on."""

import pytest
from rich.console import Console

from tuner.errors import InputError
from tuner.run.options import StartOptions
from tuner.run.start import make_or_resume, run
from tuner.storage import opening
from tuner.storage.store import Store
from tuner.study.find import latest
from tuner.study.study import exists, open_study


@pytest.fixture
def openings(monkeypatch):
    """The URLs of the storages that this process opened."""
    urls = []
    plain = opening.open_storage

    def open_storage(url):
        urls.append(url)
        return plain(url)

    monkeypatch.setattr(opening, "open_storage", open_storage)
    return urls


def test_a_queued_study_opens_its_storage_once(make_place, tiny, openings):
    place = make_place()
    run(place, StartOptions(study=str(tiny), trials=3, detach=True, quiet=True), console=Console(quiet=True))
    assert openings == [place.storage]
    openings.clear()
    run(place, StartOptions(name="tiny", trials=4, detach=True, quiet=True), console=Console(quiet=True))
    assert openings == [place.storage]


def test_an_open_store_is_handed_on(make_place, tiny, openings):
    store = Store.of(make_place())
    with pytest.raises(InputError, match="no study yet"):
        latest(store)
    study = make_or_resume(store, StartOptions(study=str(tiny), trials=3))
    assert Store.of(store) is store and study.store.storage is store.storage
    assert exists(store, "tiny") and latest(store) == "tiny" and store.names() == ["tiny"]
    assert open_study(study.store, "tiny").n_trials == 3
    assert len(openings) == 1
