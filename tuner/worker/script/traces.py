"""What a script leaves in a folder that its trials share: files that a later trial may read as its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MOST_FILES, DEEPEST, MOST_NAMED = 2_000, 4, 20
OWN = ("optuna.db", "mlflow.db")
"""What tells a state folder of the tuner."""
LEFT_OUT = ("__pycache__", "node_modules", "site-packages", "wandb")


class Traces:
    """The files of a folder before a run, to tell afterwards which of them it has made or changed."""

    def __init__(self, folder: Path, own: Path) -> None:
        """own: the trial's folder, which is not looked at, nor is the tuner's state around it."""
        self.folder, self.own = folder.absolute(), own.absolute()
        self._before = dict(self._files())

    def written(self) -> list[str]:
        """Names of the files that were made or changed since, relative to the folder; the first MOST_NAMED."""
        found = [name for name, stamp in self._files() if self._before.get(name) != stamp]
        return sorted(found)[:MOST_NAMED]

    def _files(self) -> Iterator[tuple[str, tuple[int, int]]]:
        left = MOST_FILES
        waiting = [(self.folder, 0)]
        while waiting and left > 0:
            folder, depth = waiting.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            if any(entry.name in OWN for entry in entries):
                continue
            for entry in entries:
                if entry.name.startswith(".") or entry.name in LEFT_OUT:
                    continue
                path = Path(entry.path)
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if depth < DEEPEST and path != self.own:
                            waiting.append((path, depth + 1))
                    elif entry.is_file():
                        stat = entry.stat()
                        left -= 1
                        yield path.relative_to(self.folder).as_posix(), (stat.st_mtime_ns, stat.st_size)
                except OSError:
                    continue
