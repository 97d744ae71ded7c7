"""Ourselves against Optuna + PyTorch + MLflow and against Ray Tune: same data, model, knobs, epochs and trials.

    python -m benchmarks.peers [--data htad mosi meld] [--rounds N] [--trials N] [--epochs N] [--out DIR]

Each round runs every contender once, one after the other and each round in another order, on the same seed. Wall time
is that of the whole command, from an empty folder. Validation F1 over time is read from the MLflow database that every
contender writes: its points carry the epoch and the moment. Time to quality is the time until the best value so far
reaches the lowest final best among the contenders of that round. Each run is kept in --out; run again, the comparison
goes on where it was interrupted (--fresh starts over). MOSI and MELD are looked for under TUNER_SHARED, or ../shared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers import meter
from benchmarks.peers.work import METRIC, Work
from tuner.system.device import cores

CONTENDERS = {
    "optuna": ("Optuna + MLflow", ["benchmarks.peers.optuna_mlflow"]),
    "ray": ("Ray Tune, its callback", ["benchmarks.peers.ray_tune"]),
    "ray-setup": ("Ray Tune, setup_mlflow", ["benchmarks.peers.ray_tune", "--setup-mlflow"]),
    "ours": ("ourselves", ["benchmarks.peers.ourselves"]),
}
REFERENCE = "optuna"
TICKS = [digit * 10**power for power in range(5) for digit in (1, 2, 5)]
"""Seconds that the plot names."""
SIZES = {"htad": (60, 50), "mosi": (60, 50), "meld": (20, 20)}
"""Trials and epochs."""


def file_of(data: str) -> Path | None:
    """The file of a data set; None for the embedded one."""
    shared = Path(os.environ.get("TUNER_SHARED", Path(__file__).parents[3] / "shared"))
    return None if data == "htad" else shared / "data" / data / f"{data}_views.npz"


def run(contender: str, work: Work) -> dict[str, Any]:
    """Run one contender in an empty folder; what it used and its curve."""
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        state = Path(folder)
        work.write(state / "work.json")
        module, *flags = CONTENDERS[contender][1]
        command = [sys.executable, "-m", module, *flags, "--work", str(state / "work.json"), "--state", folder]
        load = os.getloadavg()[0]
        used = meter.measure(command, state / "log")
        return {
            "contender": contender,
            "work": asdict(work),
            "load_before": load,
            **asdict(used),
            **curve(state, used.began),
        }


def curve(state: Path, began: float) -> dict[str, Any]:
    """Epochs and trials that were logged, and the best validation value by the second at which it was reached."""
    query = (
        "SELECT m.timestamp, m.value, m.run_uuid FROM metrics m JOIN runs r ON r.run_uuid = m.run_uuid "
        "WHERE m.key IN (?, ?) AND m.step > 0 AND r.lifecycle_stage = 'active' ORDER BY m.timestamp"
    )
    with sqlite3.connect(state / "mlflow.db") as database:
        points = database.execute(query, (f"val_{METRIC}", f"val/{METRIC}")).fetchall()
    found: list[tuple[float, float]] = []
    for moment, value, _ in points:
        if not found or value > found[-1][1]:
            found.append((round(moment / 1000 - began, 2), value))
    return {"epochs": len(points), "trials": len({run for _, _, run in points}), "best_over_time": found}


def seconds_to(result: dict[str, Any], value: float) -> float:
    """Seconds until a run's best value reached `value`; infinite where it did not."""
    return next((moment for moment, best in result["best_over_time"] if best >= value), float("inf"))


def rows(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds of one data set, by contender."""
    measured: dict[str, list[dict[str, float]]] = {}
    for seed in sorted({r["work"]["seed"] for r in results}):
        of_round = [r for r in results if r["work"]["seed"] == seed]
        quality = min(r["best_over_time"][-1][1] for r in of_round)
        for r in of_round:
            asked = r["work"]["trials"] * r["work"]["epochs"]
            measured.setdefault(r["contender"], []).append(
                {
                    "seconds": r["seconds"],
                    "epochs": r["epochs"],
                    "epochs/s": r["epochs"] / r["seconds"],
                    "asked/s": asked / r["seconds"],
                    "s to quality": seconds_to(r, quality),
                    "best F1": r["best_over_time"][-1][1],
                    "CPU s": r["cpu_seconds"],
                    "peak MiB": r["peak_mib"],
                }
            )
    return {who: {name: median(m[name] for m in all_) for name in all_[0]} for who, all_ in measured.items()}


def table(data: str, results: Sequence[dict[str, Any]]) -> str:
    """The medians and, in brackets, their ratio to the reference's."""
    found = rows(results)
    first = results[0]["work"]
    rounds = len({r["work"]["seed"] for r in results})
    lines = [
        f"{data}: {first['trials']} trials of {first['epochs']} epochs, {first['processes']} processes, "
        f"medians of {rounds} rounds (in brackets: as a ratio to {CONTENDERS[REFERENCE][0]})"
    ]
    names = list(next(iter(found.values())))
    lines.append(f"{'':24}" + "".join(f"{name:>18}" for name in names))
    for who in (who for who in CONTENDERS if who in found):
        cells = []
        for name in names:
            value, reference = found[who][name], found.get(REFERENCE, {}).get(name)
            digits = 4 if name == "best F1" else 0 if name in ("epochs", "peak MiB") else 1
            ratio = f" ({value / reference:.2f})" if reference and who != REFERENCE and name != "best F1" else ""
            cells.append(f"{value:.{digits}f}{ratio}")
        lines.append(f"{CONTENDERS[who][0]:24}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)


def plot(results: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Best validation F1 over time: a panel a data set, a line a round."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colours = dict(zip(CONTENDERS, ("#D55E00", "#E69F00", "#999999", "#0072B2"), strict=True))
    figure, panels = pyplot.subplots(1, len(results), figsize=(5.2 * len(results), 3.8), squeeze=False)
    for panel, (data, runs) in zip(panels[0], results.items(), strict=True):
        for r in sorted(runs, key=lambda r: list(CONTENDERS).index(r["contender"])):
            moments, values = zip(*r["best_over_time"], (r["seconds"], r["best_over_time"][-1][1]), strict=True)
            who = r["contender"]
            panel.step(moments, values, where="post", color=colours[who], alpha=0.8, lw=1.4, label=CONTENDERS[who][0])
        panel.set(xscale="log", xlabel="seconds since the start of the command", title=data)
        ends = panel.get_xlim()
        shown = [t for t in TICKS if ends[0] <= t <= ends[1]]
        panel.set_xticks(shown, [f"{t:,}" for t in shown])
        panel.minorticks_off()
        top = max(r["best_over_time"][-1][1] for r in runs)
        panel.set_ylim(0.85 * top, 1.01 * top)
    panels[0][0].set_ylabel("best validation weighted F1 so far")
    handles = {label: handle for handle, label in zip(*panels[0][0].get_legend_handles_labels(), strict=True)}
    panels[0][0].legend(handles.values(), handles.keys(), fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(file, dpi=130)


def main() -> None:
    """Run what is missing, then print a table a data set and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, help="default: 60, on MELD 20")
    parser.add_argument("--epochs", type=int, help="default: 50, on MELD 20")
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--out", type=Path, default=Path("build/peers"), help="where each run, the table and plot go")
    parser.add_argument("--fresh", action="store_true", help="forget the runs that are there")
    options = parser.parse_args()
    if not Path("/proc").is_dir():
        sys.exit("this comparison reads CPU time and memory from /proc: Linux only")
    if options.fresh:
        shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True, exist_ok=True)
    contenders = [c for c in options.contenders if _there(c)]
    datasets = [data for data in options.data if _readable(data)]
    print(f"{cores()} cores, {platform.platform()}, load {os.getloadavg()[0]:.1f}", flush=True)
    for seed in range(options.rounds):
        for data in datasets:
            trials, epochs = (options.trials or SIZES[data][0]), (options.epochs or SIZES[data][1])
            path = file_of(data)
            source = "npz" if path else "htad"
            work = Work(source, str(path) if path else None, trials, epochs, seed, options.processes)
            for i in range(len(contenders)):
                _run_once(contenders[(seed + i) % len(contenders)], work, data, options.out)
    kept: dict[str, list[dict[str, Any]]] = {}
    for data in datasets:
        found = [json.loads(p.read_text()) for p in sorted(options.out.glob(f"{data}-*.json"))]
        kept[data] = [r for r in found if r["contender"] in contenders and r["work"]["seed"] < options.rounds]
    text = "\n\n".join(table(data, runs) for data, runs in kept.items())
    (options.out / "table.txt").write_text(text + "\n")
    print(f"\n{text}")
    plot(kept, options.out / "peers.png")
    print(f"\n{options.out}/table.txt, {options.out}/peers.png")


def _run_once(contender: str, work: Work, data: str, out: Path) -> None:
    file = out / f"{data}-{work.seed}-{contender}.json"
    if file.exists():
        if json.loads(file.read_text())["work"] != asdict(work):
            sys.exit(f"{file} is of other sizes; --fresh forgets it, another --out keeps it")
        return
    try:
        result = run(contender, work)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{CONTENDERS[contender][0]} failed on {data}:\n{error.output}")
    file.write_text(json.dumps(result))
    print(
        f"{data}, round {work.seed + 1}, {CONTENDERS[contender][0]}: {result['epochs']} epochs of {result['trials']} "
        f"trials in {result['seconds']:.0f} s, best {result['best_over_time'][-1][1]:.4f}",
        flush=True,
    )


def _there(contender: str) -> bool:
    if contender.startswith("ray") and importlib.util.find_spec("ray") is None:
        print(f"{CONTENDERS[contender][0]} left out: Ray is not installed (pip install -e '.[bench]')")
        return False
    return True


def _readable(data: str) -> bool:
    path = file_of(data)
    if path is not None and not path.is_file():
        print(f"{data} left out: {path} is not there; TUNER_SHARED says where the shared folder is")
        return False
    return True
