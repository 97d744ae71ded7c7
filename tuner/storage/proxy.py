"""Optuna's gRPC proxy: thousands of workers over a few connections to the database."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from tuner.errors import InputError
from tuner.system.masking import masked

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
    from tuner.storage.patient import PatientProxy

    host, port = address(url)
    require_grpc()
    with without_warning():
        opening = PatientProxy(host=host, port=port)
    try:
        opening.wait_server_ready(timeout=PATIENCE)
    except ConnectionError:
        raise InputError(
            f"storage {url} does not answer; start the proxy where the database is reached: tuner proxy"
        ) from None
    return opening


def require_grpc() -> None:
    """Raises InputError where the packages that gRPC needs are missing."""
    try:
        for package in ("grpc", "google.protobuf"):
            import_module(package)
    except ImportError as error:
        raise InputError(
            f"grpc:// needs a package that is not installed ({error.name}): pip install 'loss-weight-tuner[proxy]'"
        ) from None


@contextmanager
def without_warning() -> Iterator[None]:
    """Optuna calls its proxy experimental, in name."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        # "Experimental" in name since Optuna 4.2; it is what its maintainers advise for many workers.
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
