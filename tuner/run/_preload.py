"""Loaded once by the fork server: everything that a worker needs and that takes long to import."""

import gc

import tuner.run.service
import tuner.validation.blocks
import tuner.worker.worker  # noqa: F401
from tuner.tracking.client import preload

preload()
# What is loaded lives as long as the process: no collection need look at it, in no worker and not at the end.
gc.freeze()
