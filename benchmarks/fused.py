"""Members fused into one model against one by one: speed by size, the limit of the machine, and what the rest is.

    python -m benchmarks.fused [--sizes D:H:B ...] [--members K ...] [--steps N] [--device cuda]

One by one is the best sequential set-up that we know: one thread, fused AdamW, data as tensors. All sizes of a row are
timed in turns, step by step, in seconds of this thread, so that other processes count as little as possible; on a GPU
in seconds until the device has done it. The reference for FLOP/s is the fastest of a few large matrix products on the
same thread, timed in the same run. FLOP are those of the model's matrix products, forwards once and backwards twice
(for the first layers once: the input needs no gradient). The profile is torch's, of the largest population of the first
size.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from trainer.calibrate import clock_of
from trainer.config import LossConfig, ModelConfig, TrainingConfig
from trainer.data import Dataset
from trainer.population import Population
from trainer.tensors import Batch, TensorData, to_tensors

SMALL = ("--sizes", "52:16:16", "--members", "2", "--steps", "3")
SIZES = ("52:64:16", "100:64:32", "300:64:32", "100:64:256", "1380:64:32", "300:256:32")
KINDS = (
    {},
    {"reconstruction_loss": "smooth_l1", "weighting": "ema_inverse"},
    {"focal_gamma": 2.0},
    {"reconstruction_loss": "smooth_l1", "weighting": "warmup"},
)


def data_of(width: int, batch: int, device: str) -> TensorData:
    """Random rows in three views, D wide in all, enough for twenty batches."""
    rng = np.random.default_rng(0)
    n = 20 * batch
    split = np.zeros(n + 2 * batch, dtype=np.int64)
    split[n : n + batch], split[n + batch :] = 1, 2
    labels = np.arange(len(split)) % 7
    x = rng.normal(size=(len(split), width)).astype(np.float32)
    views = dict(zip(("a", "b", "c"), np.array_split(x, 3, axis=1), strict=True))
    names = tuple(f"class {i}" for i in range(7))
    rows = Dataset("random", views, labels, split.astype(np.int8), None, None, names, "", True)
    return to_tensors(rows, ModelConfig(), device)


def gemm_peak(device: torch.device) -> float:
    """FLOP/s of the fastest of a few large products on this thread, or on the GPU."""
    best, clock = 0.0, clock_of(device)
    for size in (512, 1024, 1536) if device.type == "cpu" else (2048, 4096, 8192):
        a, b = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
        for _ in range(4):
            began = clock()
            torch.mm(a, b)
            best = max(best, 2 * size**3 / (clock() - began))
    return best


def flop(data: TensorData, model: ModelConfig, rows: int) -> int:
    """FLOP of the matrix products of one step of one member on so many rows."""
    total, h, p = sum(data.widths), model.hidden, model.view_width
    first = total * 3 * h + sum(data.widths) * p
    inner = 2 * h * h + 2 * h * 3 * h + h * 2 * h + 2 * h * total
    inner += len(data.widths) * (p * 3 * p + p * h) + h * total + 2 * h * h + h * data.n_classes
    return 2 * rows * (2 * first + 3 * inner)


def seconds_a_step(populations: dict[int, Population], steps: int) -> dict[int, float]:
    """Median seconds of a step, by members."""
    batches, clock = populations[1].batches(), clock_of(populations[1].data.device)
    found: dict[int, list[float]] = {k: [] for k in populations}
    for i in range(steps + 2):
        for k, population in populations.items():
            batch = _batch(batches[i % len(batches)], k)
            began = clock()
            population.step(batch)
            found[k].append(clock() - began)
    return {k: median(times[2:]) for k, times in found.items()}


def _batch(one: dict[int, Batch], members: int) -> dict[int, Batch]:
    """The batch of one member as that of all."""
    return dict.fromkeys(range(members), one[0])


def spent(run: Callable[[], object], rows: int = 9) -> str:
    """What takes the time, by operation: share of the CPU time."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        run()
    events = sorted(profiled.key_averages(), key=lambda e: -e.self_cpu_time_total)
    whole = sum(e.self_cpu_time_total for e in events)
    lines = [f"  {e.key:40} {e.self_cpu_time_total / whole:6.1%} {e.count:6} calls" for e in events[:rows]]
    return "\n".join(lines)


def measure(size: str, members: Sequence[int], steps: int, device: str, *, profiled: bool) -> None:
    """Print the rows of one size."""
    width, hidden, batch = (int(part) for part in size.split(":"))
    data, model = data_of(width, batch, device), ModelConfig(hidden=hidden)
    training = TrainingConfig(batch_size=batch)
    populations = {
        k: Population(
            [LossConfig.from_knobs(dict(KINDS[i % len(KINDS)])) for i in range(k)],
            data,
            model,
            training,
            seed=0,
            fused=k > 1,
        )
        for k in (1, *members)
    }
    peak, found = gemm_peak(data.device), seconds_a_step(populations, steps)
    for k, seconds in found.items():
        reached = flop(data, model, batch) * k / seconds
        print(
            f"{width:5} {hidden:5} {batch:6} {k:8} {1000 * seconds / k:14.3f} {found[1] * k / seconds:8.2f} "
            f"{reached / 1e9:9.1f} {reached / peak:8.1%}",
            flush=True,
        )
    if profiled:
        for k in (1, members[-1]):
            one = populations[1].batches()[0]
            print(f"\nwhat {k} {'member' if k == 1 else 'members'} of {size} spend their steps on:")
            print(spent(lambda k=k, one=one: [populations[k].step(_batch(one, k)) for _ in range(5)]))  # type: ignore[misc]
        print()


def main() -> None:
    """Print a row for each size and number of members."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="features:hidden:batch")
    parser.add_argument("--members", nargs="+", type=int, default=[4, 8, 16, 32])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    what = "one thread's" if options.device == "cpu" else "the device's"
    print(f"{what} GEMM peak: {gemm_peak(torch.device(options.device)) / 1e9:.1f} GFLOP/s")
    print("    D     H  batch  members  ms/step/member    ratio   GFLOP/s  of peak")
    for i, size in enumerate(options.sizes):
        measure(size, options.members, options.steps, options.device, profiled=i == 0)


if __name__ == "__main__":
    main()
