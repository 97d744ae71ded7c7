"""Workers as tasks of an existing Ray cluster, one a GPU; the task of a node that fails starts again on another."""

from __future__ import annotations

import os
import runpy
import socket
import sys
from collections.abc import Callable
from typing import Any

from tuner.errors import InputError, RunError
from tuner.launch._base import CPUS, MEMORY, Setting, Workers, require
from tuner.system.interrupt import terminated_like_interrupted

SETTINGS = {
    "cpus": CPUS,
    "memory": MEMORY,
    "address": Setting("", "of the cluster; empty for RAY_ADDRESS, or the one that this machine is part of"),
}
PATIENCE = 30.0
"""Seconds for workers to leave by themselves."""


def launch(workers: Workers, say: Callable[[str], None]) -> None:
    """Run the workers to their end. Ctrl-C and SIGTERM let them hand their trials back first.

    Every node needs this version of the tuner.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Else it warns that it takes all GPUs away from tasks that ask for none.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    workers.check_shared()
    room = {"num_cpus": workers.cpus, "num_gpus": workers.gpus}
    if workers.memory:
        room["memory"] = workers.memory * 2**20
    ray = require("ray", "ray")
    workers.check_study()
    address = workers.settings["address"] or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        _knock(address)
        ray.init(address=address, logging_level="warning", log_to_driver=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Ray cluster at {address} ({str(error).splitlines()[0]}); "
            "start one (ray start --head), or give its address: --set address=HOST:6379"
        ) from None
    try:
        _run(ray, workers, room, say)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _run(ray: Any, workers: Workers, room: dict[str, int], say: Callable[[str], None]) -> None:
    count = workers.count or 1
    # One task a process: it has the URLs in its environment. A node's end is no fault of the task.
    task = ray.remote(max_calls=1, max_retries=-1, retry_exceptions=False, **room)(work)
    started = [
        task.options(name=f"tuner-{workers.slug}").remote(workers.arguments(), workers.environment())
        for _ in range(count)
    ]
    _say_room(ray, count, room, say)
    codes: list[int] = []
    waiting = list(started)
    try:
        with terminated_like_interrupted():
            while waiting:
                # One that ended well saw the end of the study: who still waits for a free place need not come.
                over = 0 in codes
                done, waiting = ray.wait(waiting, timeout=PATIENCE if over else None)
                codes += [_code(ray, ref) for ref in done]
                if over and not done:
                    break
    except KeyboardInterrupt:
        say("stopping: running trials go back into the queue")
        raise
    finally:
        _leave(ray, waiting)
    failed = [code for code in codes if code]
    if failed and 0 not in codes:
        kind = InputError if set(failed) == {2} else RunError
        raise kind(f"none of {count} workers saw the study's end; what they said is above")
    say(f"the study has ended; {len(codes) - len(failed)} of {count} workers saw it")


def work(arguments: list[str], environment: dict[str, str]) -> int:
    """What a task runs, in a process of its own: the verb `worker`; returns its exit code."""
    os.environ.update(environment)
    sys.argv = ["tuner", *arguments]
    try:
        runpy.run_module("tuner", run_name="__main__", alter_sys=True)
    except SystemExit as end:  # which Ray would take for a crash
        return int(end.code or 0)
    return 0


def _code(ray: Any, ref: Any) -> int:
    try:
        return int(ray.get(ref))
    except ray.exceptions.RayError as error:
        raise RunError(f"Ray could not run a worker: {str(error).strip().splitlines()[0]}") from None


def _say_room(ray: Any, count: int, room: dict[str, int], say: Callable[[str], None]) -> None:
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    there = ray.cluster_resources()
    fits = min(int(there.get(names[key], 0) // value) for key, value in room.items() if value)
    if fits < count:
        hint = "; --device cpu asks for none" if room["num_gpus"] and not there.get("GPU") else ""
        say(f"the cluster has room for {fits} of {count} workers now; the others wait for it{hint}")


def _leave(ray: Any, refs: list[Any]) -> None:
    """Ask workers to hand their trials back, and wait for it."""
    for ref in refs:
        ray.cancel(ref)
    if refs:
        ray.wait(refs, num_returns=len(refs), timeout=PATIENCE)
