"""`tuner worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.cli._verb import Verb
from tuner.cli.options import Device, Population, Project, Quiet, State, Storage, Tracking, open_place
from tuner.system import output
from tuner.system.place import STATE


def worker(
    name: Annotated[
        str | None, typer.Argument(help="The study to join; without one, whatever is queued, for ever.")
    ] = None,
    state: State = STATE,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    project: Project = None,
    device: Device = None,
    population: Population = None,
    quiet: Quiet = False,
) -> None:
    """Work on a study from anywhere that reaches its storage; ends when every trial has ended.

    Without a name it waits for work: it takes whatever `tuner start` and `tuner validate` have queued, until it is
    told to leave.
    """
    from tuner.run import service
    from tuner.study.population import parse
    from tuner.system import device as devices

    resolved = devices.resolve(device)
    place = open_place(state, storage, tracking_uri, project)
    say = (lambda text: None) if quiet else output.say
    if name is None:
        service.serve(place, device=resolved, say=say, population=parse(population))
    else:
        count = service.join(place, name, device=resolved, say=say, population=parse(population))
        say(f"every trial of {name} has ended; this worker finished {count}")


VERBS = (Verb("worker", worker, order=120, examples=("tuner worker quickstart --state /shared/mlruns",)),)
