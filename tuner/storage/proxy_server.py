"""The server of Optuna's gRPC proxy: `tuner proxy`."""

from __future__ import annotations

from collections.abc import Callable

from tuner.errors import InputError
from tuner.storage.proxy import PREFIX, require_grpc, without_warning
from tuner.system.address import check_port
from tuner.system.interrupt import terminated_like_interrupted
from tuner.system.masking import masked


def serve(url: str, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the storage `url` until SIGTERM or Ctrl-C. Raises InputError for a storage or an address that cannot be."""
    from optuna.storages import run_grpc_proxy_server

    from tuner.storage import opening

    if url.startswith((PREFIX, "sqlite:")):
        why = (
            "that is a proxy itself" if url.startswith(PREFIX) else "SQLite cannot lock a trial for one of its threads"
        )
        raise InputError(
            f"the proxy needs a database server behind it ({why}): --storage postgresql+psycopg://...; "
            f"found {masked(url)}"
        )
    require_grpc()
    opened = opening.open_storage(url)
    check_port(host, port)  # gRPC itself would share a port that another of its servers has
    with terminated_like_interrupted(), without_warning():
        say(f"proxy for {masked(url)} at {PREFIX}{host}:{port}; Ctrl-C ends it")
        run_grpc_proxy_server(opened, host=host, port=port)
