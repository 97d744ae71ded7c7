"""Trains. Imports torch where it must; knows nothing of Optuna or MLflow."""
