"""Ray Tune with ASHA, OptunaSearch (TPE) and MLflow.

Settings in their favour: one CPU and one thread a trial, actors reused, the data in the object store, a grace period of
a tenth of the epochs and a reduction factor of 3, no dashboard. MLflow by Ray's `MLflowLoggerCallback`, which writes
metric by metric from the driver; `--setup-mlflow` uses Ray's other integration instead, `setup_mlflow` with one
`log_metrics` an epoch from the trial's own process.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard files beside MLflow
    "OMP_NUM_THREADS": "1",
}

import optuna
import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback, setup_mlflow
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.peers.work import EXPERIMENT, FIRST, METRIC, Work, suggest
from trainer.tensors import TensorData


def train(config: dict[str, Any], data: TensorData, work: Work, tracking: str | None) -> None:
    """One trial; tracking: where it logs by itself, None where the callback does."""
    import torch

    from benchmarks.peers.plain import Training

    torch.set_num_threads(1)
    mlflow = None
    if tracking:
        mlflow = setup_mlflow(config, tracking_uri=tracking, experiment_name=EXPERIMENT)
    training, best = Training(config, data, work), 0.0
    try:
        for epoch in range(1, work.epochs + 1):
            metrics = training.epoch()
            best = max(best, metrics[f"val_{METRIC}"])
            if mlflow:
                mlflow.log_metrics(metrics, step=epoch)
            tune.report({**metrics, "best": best})
    finally:
        if mlflow:
            mlflow.end_run()


def space(trial: optuna.Trial) -> None:
    """The search space; OptunaSearch wants no return value and a function that can be pickled."""
    suggest(trial)


def main() -> None:
    """Run the work of `--work` with its state in `--state`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--setup-mlflow", action="store_true", help="log from the trials instead of by the callback")
    options = parser.parse_args()
    work = Work.read(options.work)

    import mlflow

    from benchmarks.peers.plain import read

    tracking = f"sqlite:///{options.state}/mlflow.db"
    mlflow.set_tracking_uri(tracking)
    mlflow.set_experiment(EXPERIMENT)
    ray.init(
        num_cpus=work.processes,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=200 * 2**20,
        log_to_driver=False,
    )
    callback = MLflowLoggerCallback(tracking_uri=tracking, experiment_name=EXPERIMENT)
    search = OptunaSearch(
        space,
        metric="best",
        mode="max",
        points_to_evaluate=list(FIRST[: work.trials]),
        sampler=optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True, seed=work.seed),
    )
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(
                train, data=read(work), work=work, tracking=tracking if options.setup_mlflow else None
            ),
            {"cpu": 1},
        ),
        tune_config=tune.TuneConfig(
            search_alg=search,
            scheduler=ASHAScheduler(
                metric="best", mode="max", max_t=work.epochs, grace_period=max(1, work.epochs // 10), reduction_factor=3
            ),
            num_samples=work.trials,
            max_concurrent_trials=work.processes,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(options.state / "ray"),
            callbacks=[] if options.setup_mlflow else [callback],
            verbose=0,
        ),
    )
    results = tuner.fit()
    ray.shutdown()
    if results.num_errors:
        raise SystemExit(f"{results.num_errors} trials failed: {results.errors[0]}")


if __name__ == "__main__":
    main()
