"""How often a comparison finds a difference that is not there, and how often one that is: by simulation.

Per run, a metric is setting + seed + run noise; validation and test of a run share nine tenths of its noise, as they
come from the same network. Null: all settings are equal in truth. The choice of the best on validation is part of
each simulated sweep. Two kinds of metric: continuous; and counted, an accuracy on 500 images with a spread of two
images, so that pairs tie and are equal, with one run missing, of the default setting or of another.

    nice -n 10 python benchmarks/false_positives.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from locexp.analysis.decision import decide, family
from locexp.analysis.methods import against_picked
from locexp.evaluation.choice import choose

SHARED = 0.9
"""Correlation of a run's noise on validation and on test."""
IMAGES, SPREAD = 500, 2
"""Of a counted metric: how many images, and the standard deviation of each part of the noise, in images."""
KINDS = ("continuous", "counted, a run missing")
DIFFERENT = ("better", "worse")


def simulated(
    random: np.random.Generator, settings: int, seeds: int, effect: float, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return validation and test (settings, seeds); setting 1 is better than 0 by ``effect`` times the sd of a pair."""
    noise = random.normal(size=(settings, seeds))
    own = random.normal(size=(2, settings, seeds))
    truth = np.zeros((settings, 1))
    truth[1] = effect * np.sqrt(2)
    common = random.normal(size=(1, seeds))
    made = np.array([truth + common + np.sqrt(SHARED) * noise + np.sqrt(1 - SHARED) * part for part in own])
    if kind != "continuous":
        made = np.minimum(np.rint(0.98 * IMAGES + SPREAD * made), IMAGES) / IMAGES
        made[:, random.integers(settings), random.integers(seeds)] = np.nan
    return made[0], made[1]


def rates(settings: int, seeds: int, effect: float, sweeps: int, seed: int, kind: str = KINDS[0]) -> Sequence[float]:
    """Return the shares of sweeps in which: any setting differs from the default, any from the chosen one, the chosen
    one is called better than the default, setting 1 is called better than the default."""
    random = np.random.default_rng(seed)
    counts = np.zeros(4)
    for _ in range(sweeps):
        decision = decide(*simulated(random, settings, seeds, effect, kind), default=0)
        counts[0] += any(c.verdict in DIFFERENT for c in decision.against_default)
        counts[1] += any(c.verdict in DIFFERENT for c in decision.against_chosen)
        counts[2] += any(c.setting == decision.chosen and c.verdict == "better" for c in decision.against_default)
        counts[3] += any(c.setting == 1 and c.verdict == "better" for c in decision.against_default)
    return list(counts / sweeps)


def rates_of_methods(methods: int, fixed: int, seeds: int, sweeps: int, seed: int) -> Sequence[float]:
    """Return the shares of sweeps in which: any method is called better than the picked fixed weights, any worse, and
    any would be called worse if only the methods were counted."""
    random = np.random.default_rng(seed)
    counts = np.zeros(3)
    for _ in range(sweeps):
        validation, test = simulated(random, fixed + methods, seeds, 0.0, KINDS[1])
        best = choose(validation, validation, range(fixed)).index
        others = range(fixed, fixed + methods)
        verdicts = [c.verdict for c in against_picked(test, best, others, fixed)]
        counts[0] += "better" in verdicts
        counts[1] += "worse" in verdicts
        counts[2] += any(c.verdict == "worse" for c in family(test, best, others, methods))
    return list(counts / sweeps)


def head(*titles: str) -> None:
    """Print the head of a table."""
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")


def percents(shares: Sequence[float], digits: int) -> str:
    """Return the last cells of a row."""
    return " | ".join(f"{100 * share:.{digits}f} %" for share in shares)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=1000, help="simulated sweeps a row (%(default)s)")
    sweeps = parser.parse_args().sweeps
    start = time.perf_counter()
    error = 1.96 * np.sqrt(0.05 * 0.95 / sweeps)
    print(f"{sweeps} sweeps a row; a true rate of 5 % is measured within ±{100 * error:.1f} points\n")
    head("metric", "settings", "seeds", "any differs from the default", "any from the chosen", "chosen called better")
    for kind in KINDS:
        for settings in (2, 5, 9, 16):
            for seeds in (6, 10, 15, 20):
                found = rates(settings, seeds, 0.0, sweeps, settings * 100 + seeds, kind)[:3]
                print(f"| {kind} | {settings} | {seeds} | {percents(found, 1)} |", flush=True)
    print("\nMethods that equal all fixed weights, against those that were picked (counted, a run missing):\n")
    head("methods", "fixed", "seeds", "any called better", "any called worse", "worse, were only methods counted")
    for methods, fixed in ((3, 5), (14, 8)):
        for seeds in (10, 15, 20):
            found = rates_of_methods(methods, fixed, seeds, sweeps, methods * 100 + seeds)
            print(f"| {methods} | {fixed} | {seeds} | {percents(found, 1)} |", flush=True)
    print(
        f"\nA real difference, in standard deviations of a paired difference, is found ({sweeps // 2} sweeps a row):\n"
    )
    head("metric", "settings", "seeds", "0.5", "1", "2")
    for kind in KINDS:
        for settings in (2, 9):
            for seeds in (6, 10, 15, 20):
                found = [
                    rates(settings, seeds, effect, sweeps // 2, settings * 100 + seeds, kind)[3]
                    for effect in (0.5, 1, 2)
                ]
                print(f"| {kind} | {settings} | {seeds} | {percents(found, 0)} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
