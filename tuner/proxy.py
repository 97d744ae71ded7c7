"""Optuna's gRPC proxy: thousands of workers over a few connections to the database."""

from __future__ import annotations

import re
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING

from tuner.errors import InputError
from tuner.listen import check_port
from tuner.masking import masked

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

PREFIX = "grpc://"
PORT = 13000
PATIENCE = 30.0
"""Seconds that a worker waits for a proxy that does not answer yet."""
_ADDRESS = re.compile(r"grpc://(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?/?")


def address(url: str) -> tuple[str, int]:
    """Host and port of `grpc://host[:port]`. Raises InputError for anything else."""
    found = _ADDRESS.fullmatch(url)
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise InputError(f"expected grpc://HOST or grpc://HOST:PORT; found {masked(url)}")
    return found["host"], port


def connect(url: str) -> BaseStorage:
    """A client of the proxy at `grpc://host[:port]`. Raises InputError where nobody answers."""
    from tuner.patient_storage import PatientProxy

    host, port = address(url)
    _require_grpc()
    with _without_warning():
        storage = PatientProxy(host=host, port=port)
    try:
        storage.wait_server_ready(timeout=PATIENCE)
    except ConnectionError:
        raise InputError(
            f"storage {url} does not answer; start the proxy where the database is reached: tuner proxy"
        ) from None
    return storage


def serve(url: str, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the storage `url` until SIGTERM or Ctrl-C. Raises InputError for a storage or an address that cannot be."""
    from optuna.storages import run_grpc_proxy_server

    from tuner import storage

    if url.startswith((PREFIX, "sqlite:")):
        why = (
            "that is a proxy itself" if url.startswith(PREFIX) else "SQLite cannot lock a trial for one of its threads"
        )
        raise InputError(
            f"the proxy needs a database server behind it ({why}): --storage postgresql+psycopg://...; "
            f"found {masked(url)}"
        )
    _require_grpc()
    opened = storage.open_storage(url)
    check_port(host, port)  # gRPC itself would share a port that another of its servers has
    with _terminated_like_interrupted(), _without_warning():
        say(f"proxy for {masked(url)} at {PREFIX}{host}:{port}; Ctrl-C ends it")
        run_grpc_proxy_server(opened, host=host, port=port)


def _require_grpc() -> None:
    try:
        for package in ("grpc", "google.protobuf"):
            import_module(package)
    except ImportError as error:
        raise InputError(
            f"grpc:// needs a package that is not installed ({error.name}): pip install 'loss-weight-tuner[proxy]'"
        ) from None


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _without_warning() -> Iterator[None]:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        # "Experimental" in name since Optuna 4.2; it is what its maintainers advise for many workers.
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
