"""A training script of the user's own as a trial: any command that takes the knobs as flags and tells its metrics."""
