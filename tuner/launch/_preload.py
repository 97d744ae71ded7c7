"""Loaded once by the fork server: everything that a worker needs and that takes long to import."""

import tuner.cli.worker
import tuner.validation.blocks
import tuner.worker  # noqa: F401
from tuner.tracking import preload

preload()
