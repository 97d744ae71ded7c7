"""Optuna, PyTorch and MLflow as their tutorials put them together.

One MLflow run a trial with `log_params` and one `log_metrics` an epoch, `trial.report` and `should_prune` once an
epoch, MedianPruner, TPE, both stores in SQLite. Settings in their favour: one single-threaded process a core, all of
which call `study.optimize` (`--threads` uses `n_jobs` threads of one process, which share Python's lock); no DataLoader
workers; fused AdamW; TPE with groups and constant liar; pruning starts after a tenth of the epochs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from pathlib import Path

from benchmarks.peers.work import EXPERIMENT, FIRST, METRIC, Work, suggest


def optimise(work: Work, state: Path, process: int, n_jobs: int = 1) -> None:
    """Run trials of the shared study until it has enough, as one of its processes."""
    import mlflow
    import optuna
    import torch

    from benchmarks.peers.plain import Training, read

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mlflow.set_tracking_uri(f"sqlite:///{state}/mlflow.db")
    mlflow.set_experiment(EXPERIMENT)
    data = read(work)
    study = optuna.load_study(
        study_name=EXPERIMENT,
        storage=f"sqlite:///{state}/optuna.db",
        sampler=optuna.samplers.TPESampler(
            multivariate=True, group=True, constant_liar=True, seed=1000 * work.seed + process
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=work.epochs // 10),
    )

    def objective(trial: optuna.Trial) -> float:
        knobs = suggest(trial)
        training, best = Training(knobs, data, work), 0.0
        with mlflow.start_run(run_name=f"trial-{trial.number}"):
            mlflow.log_params(knobs)
            for epoch in range(1, work.epochs + 1):
                metrics = training.epoch()
                mlflow.log_metrics(metrics, step=epoch)
                best = max(best, metrics[f"val_{METRIC}"])
                trial.report(metrics[f"val_{METRIC}"], epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned()
        return best

    # Each process stops once the study has its trials, so that none idles while another has many left.
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    enough = optuna.study.MaxTrialsCallback(work.trials, states=ended)
    study.optimize(objective, n_jobs=n_jobs, callbacks=[enough])


def main() -> None:
    """Run the work of `--work` with its state in `--state`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--threads", action="store_true", help="n_jobs threads in one process instead of processes")
    options = parser.parse_args()
    work = Work.read(options.work)
    # As read by torch and numpy when they load: one thread a process.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import mlflow
    import optuna

    mlflow.set_tracking_uri(f"sqlite:///{options.state}/mlflow.db")
    mlflow.set_experiment(EXPERIMENT)
    study = optuna.create_study(
        study_name=EXPERIMENT, storage=f"sqlite:///{options.state}/optuna.db", direction="maximize"
    )
    for knobs in FIRST[: work.trials]:
        study.enqueue_trial(knobs)
    if options.threads:
        optimise(work, options.state, 0, work.processes)
        return
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=optimise, args=(work, options.state, i)) for i in range(work.processes)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    if any(p.exitcode for p in processes):
        raise SystemExit("a process failed")


if __name__ == "__main__":
    main()
