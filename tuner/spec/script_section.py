"""The section `script` of a study file."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, model_validator

from tuner.errors import InputError
from tuner.spec.section import Section, Word

OUTPUT = "{output}"


class ScriptSection(Section):
    """How a command is run, and how it tells what it measures."""

    metrics: dict[str, str] = Field(default_factory=dict)
    """Metric to regular expression with one group, looked for in each line of the output; `epoch` is the epoch."""
    metrics_file: str | None = None
    """A file that the script writes, {output}/metrics.jsonl say: JSON lines, or .csv with a header."""
    tensorboard: str | None = None
    """A folder in which the script writes TensorBoard's event files, {output}/logs say; tags are metrics."""
    directory: str = "."
    """Where the command runs, relative to the study file; {output} for the trial's own folder."""
    config: str | None = None
    """A config file of the script (.yaml, .json, .toml), relative to the study file, from which each trial's is made:
    with the knobs where their dotted names point, or where {knob} stands. {config} in the command is its path."""
    isolate: bool | list[str] = False
    """Run each trial in a folder of its own in which the files of `directory` appear as links, so that another does not
    see what it writes; a list names files and folders that are not to appear, old checkpoints say."""
    environment: dict[str, Word] = Field(default_factory=dict)
    """Variables that the script gets beside those of the tuner; placeholders may stand in them."""
    time_limit: float | None = Field(default=None, gt=0)
    """Seconds after which a run is stopped and its trial fails; none by default."""
    grace: float = Field(default=10.0, ge=0, le=25)
    """Seconds between asking a script to stop (SIGTERM) and ending it (SIGKILL)."""

    @property
    def base(self) -> Path:
        """The folder to which what the command names is relative: where it runs, or would but for {output}."""
        return Path(self.directory.partition(OUTPUT)[0])

    def workplace(self, output: Path) -> Path:
        """Where it runs; output: the trial's own folder."""
        _, placed, below = self.directory.partition(OUTPUT)
        return output / below.lstrip("/") if placed else self.base

    @model_validator(mode="after")
    def _check(self) -> ScriptSection:
        if self.isolate and OUTPUT in self.directory:
            raise InputError("isolate: the files of `directory` appear in the trial's folder; found {output} there too")
        for name, pattern in self.metrics.items():
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise InputError(f"metrics.{name}: not a regular expression: {error}") from None
            if groups != 1:
                raise InputError(f"metrics.{name}: expected one group in {pattern!r}, the number; found {groups}")
        for field, path in (("metrics_file", self.metrics_file), ("tensorboard", self.tensorboard)):
            if path is not None and not (path + "/").startswith("{output}/"):
                raise InputError(
                    f"{field}: expected {{output}}/..., in the trial's own folder; found {path!r}, which trials that "
                    "run side by side would share"
                )
        return self
