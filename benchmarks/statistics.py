"""Simulations behind the verdict: its false alarms, its intervals, its power, and what looking and pairing cost.

    python -m benchmarks.statistics [--samples N] [--only TABLE] [--recorded STATE ...]

--recorded reads validations that have been run, from their state folders, and shows what pairing saved in them, in
place of the simulations.

Every figure is of the functions of tuner/validation/statistics/, except for the bootstraps that it does not use, which
are computed here for comparison. Runs in under three minutes on one free core.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from optuna.trial import TrialState
from scipy import special

from tuner.report.luck import luck_bound, luckiest_lead
from tuner.storage import opening
from tuner.system.place import Place
from tuner.validation import statistics as paired
from tuner.validation.blocks import open_validation, records
from tuner.validation.plan import Plan
from tuner.validation.recommendation import NULL
from tuner.validation.verdict import Records, context_of, primary

SMALL = ("--samples", "60")
ROWS = 277
"""Test rows of the stepped metric: one row more or less is the smallest difference."""
SEEDS = (5, 8, 10, 15, 20, 30)
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

SYMMETRIC: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy tails (t3)": lambda rng, shape: rng.standard_t(3, shape),
    "difference of lognormals": lambda rng, shape: rng.lognormal(0, 1, shape) - rng.lognormal(0, 1, shape),
    "steps": lambda rng, shape: np.round(rng.normal(0, 1, shape)) / ROWS,
    "steps, mostly ties": lambda rng, shape: np.round(rng.normal(0, 0.5, shape)) / ROWS,
}
"""What two runs that differ only in their random streams can give: symmetric about 0."""
SKEWED: dict[str, Draw] = {
    "mild skew": lambda rng, shape: rng.lognormal(0, 0.5, shape) - math.exp(0.125),
    "strong skew": lambda rng, shape: rng.lognormal(0, 1, shape) - math.exp(0.5),
}
"""Mean 0, yet not symmetric: an effect that differs much between seeds. Not an A/A comparison."""


def false_alarms(rng: np.random.Generator, samples: int) -> None:
    """How often a comparison without a difference ends in better or worse; no margin, which is the hardest case."""
    print("\nA/A: verdict better or worse with no true difference and margin 0, % (asked: at most 5)")
    _head("n", SEEDS)
    for name, draw in {**SYMMETRIC, **SKEWED}.items():
        shares = []
        for n in SEEDS:
            found = [_verdict(values, 0.0, rng) for values in draw(rng, (samples, n))]
            shares.append(100 * np.mean([one in ("better", "worse") for one in found]))
        _row(name + (" (not A/A)" if name in SKEWED else ""), shares)


def coverage(rng: np.random.Generator, samples: int) -> None:
    """How often a 95% interval holds the true mean."""
    print("\nCoverage of the 95% interval, % (asked: 93..97): t, which is used / BCa / studentized bootstrap")
    seeds = (*SEEDS, 60)
    _head("n", seeds, 18)
    for name, draw in {**SYMMETRIC, **SKEWED}.items():
        cells = []
        for n in seeds:
            values = draw(rng, (samples, n))
            ends = [paired.confidence_interval(one)[:2] for one in values]
            shares = [np.mean([lo <= 1e-12 and hi >= -1e-12 for lo, hi in ends])]
            shares += [np.mean(held) for held in _bootstraps(values[: max(600, samples // 3)], rng)]
            cells.append("/".join(f"{100 * share:.1f}" for share in shares))
        print(f"{name:30}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


def power(rng: np.random.Generator, samples: int) -> None:
    """Power found against power foretold, for a difference and for equivalence."""
    print("\nPower, %, at the effect that smallest_effect gives for power 80 (normal), and error of the wrong sign")
    seeds = (8, 10, 12, 15, 20, 30)
    _head("n", seeds)
    for claims in (1, 5):
        right, wrong = [], []
        for n in seeds:
            unit = np.resize((-1.0, 1.0), n)
            effect = paired.smallest_effect(unit / unit.std(ddof=1), claims=claims)
            assert effect is not None
            found = [_verdict(one, 0.0, rng, claims) for one in rng.standard_normal((samples // 2, n)) + effect]
            right.append(100 * np.mean([one == "better" for one in found]))
            wrong.append(100 * np.mean([one == "worse" for one in found]))
        _row(f"better, claims = {claims}", right)
        _row(f"worse, claims = {claims}", wrong)
    print("\nPower, %, with the seeds that seeds_needed gives for power 80 (normal, deviation 1)")
    print(f"{'true mean, margin':30}{'seeds':>10}{'clear':>10}{'better':>10}{'equivalent':>12}")
    for mean, margin in ((0.5, 0.0), (0.8, 0.2), (1.0, 0.3), (0.0, 0.5), (0.2, 0.8), (0.0, 1.0), (0.3, 0.3)):
        needed = paired.seeds_needed(_with(mean, 1.0, 10), margin)
        assert needed is not None
        found = [_verdict(one, margin, rng) for one in rng.standard_normal((samples // 4, needed)) + mean]
        better, same = (np.mean([one == word for one in found]) for word in ("better", "equivalent"))
        clear = np.mean([one != "inconclusive" for one in found])
        print(
            f"{f'{mean}, {margin}':30}{needed:10}{100 * clear:10.1f}{100 * better:10.1f}{100 * same:12.1f}", flush=True
        )


def looking(rng: np.random.Generator, samples: int) -> None:
    """Error of deciding after every block, and what it costs in blocks."""
    print("\nDeciding after each block from 8 on, no true difference, margin 0: ever better or worse, %")
    print(f"{'':30}{'to 60':>10}{'to 200':>10}{'t each time, to 60':>22}")
    for name, draw in {**SYMMETRIC, **SKEWED}.items():
        values = draw(rng, (samples, 200))
        errs = np.array([_excludes(*paired.confidence_sequence(one)) for one in values])
        naive = _naive(values[:, :60])
        print(
            f"{name + (' (not A/A)' if name in SKEWED else ''):30}{100 * errs[:, :60].any(1).mean():10.1f}"
            f"{100 * errs.any(1).mean():10.1f}{100 * naive.mean():22.1f}",
            flush=True,
        )
    print("\nBlocks until decided (normal, deviation 1, at most 200): median, 90% of samples; pairs of a fixed design")
    for mean, margin in ((0.5, 0.2), (1.0, 0.2), (1.5, 0.2), (0.0, 0.5), (0.0, 1.0)):
        stops = []
        for one in rng.standard_normal((samples // 2, 200)) + mean:
            lo, hi = paired.confidence_sequence(one)
            clear = (lo > 0) | (hi < 0) | ((lo >= -margin) & (hi <= margin))
            stops.append(int(clear.argmax()) + 1 if clear.any() else 200)
        fixed = paired.seeds_needed(_with(mean, 1.0, 10), margin)
        print(f"mean {mean}, margin {margin:.1f}: {np.median(stops):6.0f} {np.quantile(stops, 0.9):6.0f}; {fixed}")


def luck(rng: np.random.Generator, samples: int) -> None:
    """How often the best of 60 runs that differ by seed alone is beyond the bound, and how far it leads."""
    trials, seeds = 60, (3, 5, 10, 30)
    print(f"\nBest of {trials} runs that differ by seed alone, from n values of the baseline; deviations of one run")
    print("beyond the bound, % (asked: at most 5); mean lead; mean of the lead that is told")
    _head("n", seeds, 20)
    noises: dict[str, Draw] = {"normal": SYMMETRIC["normal"], "heavy tails (t4)": lambda r, s: r.standard_t(4, s)}
    for name, draw in noises.items():
        cells = []
        for n in seeds:
            values, best = draw(rng, (4 * samples, n)), draw(rng, (4 * samples, trials)).max(1)
            leads, spread = best - values.mean(1), values.std(1, ddof=1)
            beyond = 100 * (leads > luck_bound(trials, n) * spread).mean()
            one = math.sqrt(2) if "t4" in name else 1.0
            cells.append(
                f"{beyond:.1f} / {leads.mean() / one:.2f} / {luckiest_lead(trials, n) * spread.mean() / one:.2f}"
            )
        print(f"{name:30}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def many_claims(rng: np.random.Generator, samples: int) -> None:
    """How often at least one of many claims is supported, or refuted, that should not be: each alone, and by Holm."""
    count, n, spread = 47, 10, 0.1
    print(f"\n{count} claims of 10 .. 15% over {n} seeds, wrong at least once, %: by intervals alone / after Holm")
    print(f"{'log ratio within a pair':30}{'no claim true, supported':>30}{'all just true, refuted':>30}")
    for name, draw in {**SYMMETRIC, **SKEWED}.items():
        if name.startswith("steps"):
            continue  # steps of a test row are far finer than these
        cells = []
        for truth, wrong in ((0.0, "supported"), (math.log(1.1), "refuted")):
            alone, together = [], []
            for logs in truth + spread * draw(rng, (max(200, samples // 8), count, n)):
                changes = [paired.relative_change(np.ones(n), np.exp(row)) for row in logs]
                ps = [paired.claim_p(c.percent or 0.0, 10, 15, c.p_at)[wrong == "refuted"] for c in changes]
                for found, given in ((alone, [0.0] * count), (together, paired.holm(ps))):
                    key = "p_for" if wrong == "supported" else "p_against"
                    verdicts = [
                        paired.claim_verdict(c.lo, c.hi, 10, 15, **{key: p})
                        for c, p in zip(changes, given, strict=True)
                    ]
                    found.append(wrong in verdicts)
            cells.append(f"{100 * np.mean(alone):.1f} / {100 * np.mean(together):.1f}")
        print(f"{name:30}" + "".join(f"{cell:>30}" for cell in cells), flush=True)


def pairing(rng: np.random.Generator, samples: int) -> None:
    """Pairs, and runs an arm without pairing, for the same mean width of the 95% interval."""
    print("\nSeeds for a 95% interval of half-width 0.5 deviations of one run, by correlation within the pair")
    print(f"{'correlation':30}{'paired':>10}{'unpaired':>10}{'share':>10}{'1 - corr.':>10}")
    for correlation in (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9):
        counts = [
            next(n for n in range(3, 200) if _half_width(rng, n, correlation, kind, samples // 4) <= 0.5)
            for kind in (True, False)
        ]
        share = counts[0] / counts[1]
        print(f"{correlation:<30}{counts[0]:10}{counts[1]:10}{share:10.2f}{1 - correlation:10.2f}", flush=True)


def recorded(states: list[Path]) -> None:
    """The same on real runs: each arm of the validations in these state folders against its baseline."""
    print("\nRecorded validations: deviations of one run and of the paired difference, and seeds for the same interval")
    print(f"{'validation, arm':44}{'seeds':>7}{'run':>9}{'paired':>9}{'corr.':>8}{'share':>8}{'unpaired for 10':>17}")
    for state in states:
        for name, plan, runs in _validations(Place.at(state)):
            values = primary(plan, runs, context_of(plan, runs))
            base = next(iter(plan.arms))
            for arm in (*plan.candidates, NULL):
                print(f"{f'{name}, {arm}':44}" + saved(values[base], values[arm]), flush=True)


def saved(baseline: np.ndarray, candidate: np.ndarray, pairs: int = 10) -> str:
    """A row: what pairing saved between two arms, values (n,) paired.

    share: pairs over unpaired seeds an arm for the same standard error, var(c - b) / (var(b) + var(c)). Then the
    unpaired seeds that `pairs` pairs are worth by the pooled t interval, where their fewer degrees of freedom count.
    """
    run = math.sqrt((baseline.var(ddof=1) + candidate.var(ddof=1)) / 2)
    deviation = (candidate - baseline).std(ddof=1)
    if run == 0 or deviation == 0:
        return f"{len(baseline):7}{run:9.4f}{deviation:9.4f}{'':>8}{'':>8}{'':>17}"
    half = special.stdtrit(pairs - 1, 0.975) * deviation / math.sqrt(pairs)
    unpaired = next(
        (n for n in range(2, 10_000) if special.stdtrit(2 * n - 2, 0.975) * run * math.sqrt(2 / n) <= half), 10_000
    )
    with np.errstate(invalid="ignore", divide="ignore"):  # an arm that never varies
        correlation = np.corrcoef(baseline, candidate)[0, 1]
    share = deviation**2 / (2 * run**2)
    return f"{len(baseline):7}{run:9.4f}{deviation:9.4f}{correlation:8.2f}{share:8.2f}{unpaired:17}"


def _validations(place: Place) -> Iterator[tuple[str, Plan, Records]]:
    for name in opening.study_names(opening.open_storage(place.storage)):
        found = open_validation(place, name)
        if found is not None and any(t.state == TrialState.COMPLETE for t in opening.trials(found.optuna)):
            yield name, found.plan, records(found)


def _verdict(values: np.ndarray, margin: float, rng: np.random.Generator, claims: int = 1) -> paired.Verdict:
    """The verdict on differences, as `compare` reaches it (with Holm's first step)."""
    lo, hi, _ = paired.confidence_interval(values)
    p = 1.0
    if lo > 0 or hi < 0:  # else p cannot matter
        p = min(1.0, claims * paired.sign_flip_p(values, rng))
    return paired.verdict(lo, hi, margin=margin, direction="maximize", n=len(values), p=p)


def _with(mean: float, deviation: float, n: int) -> np.ndarray:
    """Differences with exactly this mean and deviation."""
    unit = np.resize((-1.0, 1.0), n)
    return unit / unit.std(ddof=1) * deviation + mean


def _bootstraps(values: np.ndarray, rng: np.random.Generator, resamples: int = 1000) -> list[np.ndarray]:
    """Whether the BCa and the studentized interval hold 0, for samples (s, n); all-equal samples hold what they are."""
    held: list[list[bool]] = [[], []]
    n = values.shape[1]
    for one in values:
        centre, deviation = one.mean(), one.std(ddof=1)
        if np.ptp(one) == 0:
            held[0].append(centre == 0)
            held[1].append(centre == 0)
            continue
        again = one[rng.integers(0, n, (resamples, n))]
        means, spreads = again.mean(1), again.std(1, ddof=1)
        below = ((means < centre - 1e-12).mean() + (means <= centre + 1e-12).mean()) / 2
        bias = special.ndtri(below)
        skew = ((one - centre) ** 3).sum() / (6 * ((one - centre) ** 2).sum() ** 1.5)
        ends = [bias + z for z in (-1.959964, 1.959964)]
        lo, hi = np.quantile(means, [special.ndtr(bias + end / (1 - skew * end)) for end in ends])
        held[0].append(lo <= 1e-12 and hi >= -1e-12)
        fine = spreads > 1e-12
        low, high = np.quantile((means - centre)[fine] / spreads[fine], (0.025, 0.975))
        held[1].append(centre - high * deviation <= 1e-12 and centre - low * deviation >= -1e-12)
    return [np.array(one) for one in held]


def _excludes(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    return (lo > 1e-12) | (hi < -1e-12)


def _naive(values: np.ndarray) -> np.ndarray:
    """Whether a t interval taken after each block from 8 on ever excludes 0."""
    n = np.arange(1, values.shape[1] + 1)[7:]
    means = values.cumsum(1)[:, 7:] / n
    squares = np.maximum((values**2).cumsum(1)[:, 7:] - n * means**2, 0)
    return (np.abs(means) > special.stdtrit(n - 1, 0.975) * np.sqrt(squares / (n - 1) / n) + 1e-12).any(1)


def _half_width(rng: np.random.Generator, n: int, correlation: float, by_pair: bool, samples: int) -> float:
    """Mean half-width of the interval from n pairs, or from n runs of each arm (pooled t)."""
    shared = rng.standard_normal((samples, n)) * math.sqrt(correlation)
    own = math.sqrt(1 - correlation)
    a, b = (shared + own * rng.standard_normal((samples, n)) for _ in range(2))
    if by_pair:
        return float(special.stdtrit(n - 1, 0.975) * ((b - a).std(1, ddof=1)).mean() / math.sqrt(n))
    spread = np.sqrt(a.var(1, ddof=1) + b.var(1, ddof=1))
    return float(special.stdtrit(2 * n - 2, 0.975) * spread.mean() / math.sqrt(n))


def _head(what: str, columns: tuple[int, ...], width: int = 10) -> None:
    print(f"{what:30}" + "".join(f"{column:{width}}" for column in columns))


def _row(name: str, cells: list) -> None:
    print(f"{name:30}" + "".join(f"{cell:10.1f}" for cell in cells), flush=True)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--samples", type=int, default=4000, help="samples a cell; the Monte Carlo error is 0.35% at 4000"
    )
    parser.add_argument("--recorded", type=Path, nargs="+", metavar="STATE", help="state folders of validations")
    parts = {part.__name__: part for part in (false_alarms, coverage, power, many_claims, looking, luck, pairing)}
    parser.add_argument("--only", choices=parts, action="append", help="this table (again for more); default all")
    options = parser.parse_args()
    if options.recorded:
        recorded(options.recorded)
        return
    samples = options.samples
    for name in options.only or parts:
        parts[name](np.random.default_rng(0), samples)


if __name__ == "__main__":
    main()
