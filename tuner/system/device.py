"""Which device a worker trains on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tuner.errors import InputError


def resolve(wanted: str | None) -> str:
    """`auto` is CUDA where there is one, else the CPU. Raises InputError for a device that is not there."""
    wanted = wanted or "auto"
    if wanted == "auto":
        return "cuda" if cuda_devices() else "cpu"
    kind = wanted.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise InputError(f"unknown device {wanted!r}: expected auto, cpu, cuda or cuda:N")
    if kind == "cuda":
        count = cuda_devices()
        index = wanted.partition(":")[2] or "0"
        if not index.isdigit() or int(index) >= count:
            raise InputError(f"device {wanted!r} is not there: found {count} CUDA devices; try --device cpu")
    return wanted


def cuda_devices() -> int:
    """CUDA devices that PyTorch can use. Where there is no NVIDIA driver at all, importing torch is spared."""
    if not any(Path(path).exists() for path in ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")):
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible(index: int, environment: Mapping[str, str] | None = None) -> str:
    """What CUDA_VISIBLE_DEVICES names the index-th of the GPUs that a process with this environment may use."""
    allowed = [
        part
        for part in (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES", "").split(",")
        if part
    ]
    return allowed[index % len(allowed)] if allowed else str(index)


def default_workers(device: str) -> int:
    """One process a GPU, or one single-threaded process a core."""
    if device == "cuda":
        return max(1, cuda_devices())
    return 1 if device.startswith("cuda") else cores()


def describe(device: str) -> str:
    """The device's name for a tag."""
    import platform

    import torch

    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({platform.machine()})"
