"""How often a comparison finds a difference that is not there, and how often one that is: by simulation.

Per run, a metric is setting + seed + run noise; validation and test of a run share nine tenths of its noise, as they
come from the same network. Null: all settings are equal in truth. The choice of the best on validation is part of
each simulated sweep.

    python benchmarks/false_positives.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from locexp.analysis.decision import decide

SHARED = 0.9
"""Correlation of a run's noise on validation and on test."""


def simulated(random: np.random.Generator, settings: int, seeds: int, effect: float) -> tuple[np.ndarray, np.ndarray]:
    """Return validation and test (settings, seeds); setting 1 is better than 0 by ``effect`` times the sd of a pair."""
    noise = random.normal(size=(settings, seeds))
    own = random.normal(size=(2, settings, seeds))
    truth = np.zeros((settings, 1))
    truth[1] = effect * np.sqrt(2)
    common = random.normal(size=(1, seeds))
    made = [truth + common + np.sqrt(SHARED) * noise + np.sqrt(1 - SHARED) * part for part in own]
    return made[0], made[1]


def rates(settings: int, seeds: int, effect: float, sweeps: int, seed: int) -> tuple[float, float, float, float]:
    """Return the shares of sweeps in which: any setting differs from the default, any from the chosen one, the chosen
    one is called better than the default, setting 1 is called better than the default."""
    random = np.random.default_rng(seed)
    counts = np.zeros(4)
    for _ in range(sweeps):
        decision = decide(*simulated(random, settings, seeds, effect), default=0)
        counts[0] += any(c.verdict in ("better", "worse") for c in decision.against_default)
        counts[1] += any(c.verdict in ("better", "worse") for c in decision.against_chosen)
        counts[2] += any(c.setting == decision.chosen and c.verdict == "better" for c in decision.against_default)
        counts[3] += any(c.setting == 1 and c.verdict == "better" for c in decision.against_default)
    return tuple(counts / sweeps)  # type: ignore[return-value]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=400, help="simulated sweeps a row (%(default)s)")
    sweeps = parser.parse_args().sweeps
    start = time.perf_counter()
    error = 1.96 * np.sqrt(0.05 * 0.95 / sweeps)
    print(f"{sweeps} sweeps a row; a true rate of 5 % is measured within ±{100 * error:.1f} points\n")
    print("| settings | seeds | any differs from the default | any differs from the chosen | chosen called better |")
    print("|---|---|---|---|---|")
    for settings in (2, 5, 9, 16):
        for seeds in (6, 10, 15, 20):
            first, second, third, _ = rates(settings, seeds, 0.0, sweeps, seed=settings * 100 + seeds)
            print(f"| {settings} | {seeds} | {100 * first:.1f} % | {100 * second:.1f} % | {100 * third:.1f} % |")
    print("\nA real difference, in standard deviations of a paired difference, is found:\n")
    print("| settings | seeds | 0.5 | 1 | 2 |")
    print("|---|---|---|---|---|")
    for settings in (2, 9, 16):
        for seeds in (6, 10, 15, 20):
            found = [
                rates(settings, seeds, effect, sweeps // 2, seed=settings * 100 + seeds)[3] for effect in (0.5, 1, 2)
            ]
            print(f"| {settings} | {seeds} | {' | '.join(f'{100 * share:.0f} %' for share in found)} |")
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
