"""What a person would check when something does not work: versions, device, data, disk, storage, MLflow, telemetry.

Each check looks and changes nothing, says what it found, and what to do about it where something is wrong.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from tuner.errors import InputError, RunError
from tuner.system.installation import DISTRIBUTION, rivals
from tuner.system.masking import masked
from tuner.system.place import Place

LITTLE_DISK, TOO_LITTLE_DISK = 2 * 2**30, 100 * 2**20
"""Free bytes below which to warn, and below which a study is sure to fail: a study of 60 trials takes some 50 MB."""
SLOW = 3.0
"""Seconds to open a database; it should take a fraction of one."""
NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "beegfs", "9p", "afs")
"""File systems on which SQLite's locks and shared memory are not to be trusted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    about: str
    level: Literal["ok", "warning", "broken"]
    text: str
    mend: str = ""


def examine(place: Place, device: str | None = None) -> list[Finding]:
    """All checks; one that breaks is a finding itself."""
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "python": _python,
        "packages": _packages,
        "names": _names,
        "device": lambda: _device(device),
        "training": _training,
        "state": lambda: _state(place),
        "storage": lambda: _storage(place),
        "mlflow": lambda: _mlflow(place),
        "telemetry": _telemetry,
    }
    found: list[Finding] = []
    for about, check in checks.items():
        try:
            found += check()
        except (InputError, RunError, OSError) as error:
            found.append(Finding(about, "broken", str(error).splitlines()[0], "see the message"))
        except Exception as error:  # a check must not keep the others from being made
            text = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            found.append(Finding(about, "broken", text, "install again: make install"))
    return found


def as_data(findings: list[Finding]) -> list[dict[str, Any]]:
    """Findings as plain data."""
    return [asdict(finding) for finding in findings]


def _python() -> Iterator[Finding]:
    yield Finding("python", "ok", f"Python {sys.version.split()[0]}, {sys.executable}")


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    names, wrong = [], []
    for line in _wanted():
        wanted = Requirement(line)
        try:
            there = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            wrong.append((wanted, "is not installed"))
            continue
        names.append(f"{wanted.name} {there}")
        if not wanted.specifier.contains(there, prereleases=True):
            wrong.append((wanted, f"{there} is installed"))
    for wanted, found in wrong:
        mend = f"{sys.executable} -m pip install '{wanted}'"
        yield Finding("packages", "broken", f"{wanted} is needed; {found}", mend)
    told = [n for n in names if n.split()[0] in ("torch", "optuna", "mlflow", "numpy", "scikit-learn")]
    if not wrong:
        yield Finding("packages", "ok", f"{len(names)} packages as required, among them {', '.join(told)}")


def _names() -> Iterator[Finding]:
    """PyPI has other packages `tuner` and `trainer`: whichever is installed last overwrites the others' files."""
    for package, others in rivals().items():
        mend = (
            f"{sys.executable} -m pip uninstall {' '.join(others)}; "
            f"{sys.executable} -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
        )
        text = f"files of `{package}` belong to {', '.join(others)} too, which overwrite or delete those of the tuner"
        yield Finding("names", "broken", text, mend)
    if not rivals():
        yield Finding("names", "ok", "no other package has files of the tuner's names")


def _wanted() -> list[str]:
    """Requirements of this program: as it was installed, or as its source tree has them."""
    try:
        return [line for line in metadata.requires("loss-weight-tuner") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        file = Path(__file__).parents[2] / "requirements.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line.strip() and not line.startswith("#")]


def _device(wanted: str | None) -> Iterator[Finding]:
    from tuner.system import device as devices

    resolved = devices.resolve(wanted)
    workers = devices.default_workers(resolved)
    text = f"{devices.describe(resolved)}, {devices.cores()} cores; `start` would use {workers} worker processes"
    yield Finding("device", "ok", text)
    if resolved == "cpu" and shutil.which("nvidia-smi") and devices.cuda_devices() == 0:
        mend = "install the CUDA build of PyTorch (https://pytorch.org/get-started/locally), or update the driver"
        yield Finding("device", "warning", "there is an NVIDIA driver, but PyTorch sees no GPU", mend)


def _training() -> Iterator[Finding]:
    """The embedded data, read, and one step of a small model."""
    import torch

    from trainer.data import load

    data = load("htad", None, seed=0)
    layer = torch.nn.Linear(4, 2)
    layer(torch.ones(3, 4)).sum().backward()
    yield Finding("training", "ok", f"embedded data {data.name} has {data.n} rows; PyTorch computes")


def _state(place: Place) -> Iterator[Finding]:
    folder = place.state
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding("state", "broken", f"{there} cannot be written", "choose another folder: --state DIR")
        return
    with tempfile.NamedTemporaryFile(dir=there) as probe:
        probe.write(b"x")
        probe.flush()
    free = shutil.disk_usage(there).free
    text = f"{folder}{'' if folder.exists() else ' (made at the first start)'}: {free / 2**30:.1f} GiB free"
    mend = "free some space, or choose another folder: --state DIR"
    level = _level(broken=free < TOO_LITTLE_DISK, warning=free < LITTLE_DISK)
    yield Finding("state", level, text, "" if level == "ok" else mend)
    kind = _file_system(there)
    if kind.startswith(NETWORK) and place.storage.startswith("sqlite"):
        text = f"{there} lies on a network file system ({kind}), where SQLite can break"
        yield Finding(
            "state", "warning", text, "keep --state on a local disk, or use --storage postgresql+psycopg://..."
        )


def _file_system(path: Path) -> str:
    """The type of the file system that holds a path; nothing where the system does not say."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    real = str(path.resolve())
    holding = [m for m in mounts if real == m[1] or real.startswith(m[1].rstrip("/") + "/")]
    return max(holding, key=lambda m: len(m[1]))[2] if holding else ""


def _storage(place: Place) -> Iterator[Finding]:
    from tuner.storage.opening import open_storage, study_names

    if not place.made:
        yield Finding("storage", "ok", f"{masked(place.storage)} (made at the first start)")
        return
    began = time.monotonic()
    count = len(study_names(open_storage(place.storage)))
    seconds = time.monotonic() - began
    text = f"{masked(place.storage)}: {count} studies and validations, read in {seconds:.2f} s"
    slow = seconds > SLOW
    mend = "many workers, or a far database: see docs/troubleshooting.md" if slow else ""
    yield Finding("storage", _level(warning=slow), text, mend)


def _mlflow(place: Place) -> Iterator[Finding]:
    from tuner.tracking.client import Tracker, preload

    if place.embeds_tracking and not (place.state / "mlflow.db").exists():
        yield Finding("mlflow", "ok", f"{place.tracking} (made at the first start)")
        return
    preload()
    began = time.monotonic()
    found = Tracker(place.tracking, place.state).client.search_experiments(max_results=100)
    text = f"{masked(place.tracking)}: {len(found)} experiments, read in {time.monotonic() - began:.1f} s"
    yield Finding("mlflow", "ok", text)


def _telemetry() -> Iterator[Finding]:
    """Nothing is sent anywhere: MLflow's client is off, and Ray's is told to be."""
    from tuner.tracking.client import sends_usage

    if sends_usage():
        mend = "export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true"
        yield Finding("telemetry", "broken", "MLflow would send usage data", mend)
    else:
        yield Finding("telemetry", "ok", "MLflow sends no usage data")


def _level(*, broken: bool = False, warning: bool = False) -> Literal["ok", "warning", "broken"]:
    return "broken" if broken else "warning" if warning else "ok"
