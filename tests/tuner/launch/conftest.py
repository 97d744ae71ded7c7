"""Studies that other machines could join: on PostgreSQL, under a URL with a password."""

import pytest
from rich.console import Console

from tuner.run.options import StartOptions
from tuner.run.start import run
from tuner.study.study import open_study
from tuner.system.place import Place

PASSWORD = "s3cret-w0rd"


@pytest.fixture
def shared(postgres, tmp_path):
    """A place on a database server; the server takes any password."""

    def url():
        return postgres.database().replace("postgres:@", f"postgres:{PASSWORD}@")

    place = Place.at(tmp_path / "the state", url(), url())
    assert PASSWORD in place.storage and PASSWORD in place.tracking
    return place


@pytest.fixture
def queued(tiny):
    """Queues a study of the tiny data at a place, for whoever works there."""

    def queue(place, name="tiny", trials=3, epochs=2):
        run(
            place,
            StartOptions(study=str(tiny), name=name, trials=trials, epochs=epochs, detach=True, quiet=True),
            console=Console(quiet=True),
        )
        return open_study(place, name)

    return queue
