"""Decides, remembers, shows: studies over loss knobs on top of Optuna and MLflow."""

__version__ = "0.1.0"
