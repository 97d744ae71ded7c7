"""Addresses that servers listen on."""

from __future__ import annotations

import ipaddress
import socket

from tuner.errors import InputError

HOST = "127.0.0.1"


def is_local(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_port(host: str, port: int) -> None:
    """Raise InputError where nothing can listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise InputError(f"port {port} on {host} cannot be used ({error.strerror}); try --port {port + 1}") from None
