"""How often a comparison calls a setting as good as the best that is not, and one that is: by simulation.

Sweeps with a known plateau. Least favourable: one setting is best, and all others lose exactly the margin, so none of
these may be called as good. Power: a third of the settings are equal and best, the others lose three margins; the
share of the equal ones that is called as good. Beside locexp's test stand those that it might have used. Margins are
in standard deviations of a run's noise, for a counted metric in shares.

And ``compare.keep``: nine weights against one task alone, of which the first four lose nothing, and the others exactly
the margin; how often any of these is called free.

    nice -n 10 python benchmarks/plateaus.py
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the products are small

import numpy as np
from scipy import special, stats

from locexp.analysis.equality import standings_of
from locexp.analysis.free import loses_less

LEVEL = 0.05
IMAGES, BEST = 500, 0.95
"""Of a counted metric: test images, and the best setting's share of them."""
SPREADS = 10
"""Of settings with unequal spreads: the largest standard deviation over the least, in equal steps of the logarithm."""
Test = Callable[[np.ndarray, float], np.ndarray]
"""Takes float (settings, seeds) and the margin; returns which are called as good: bool (settings,)."""


def normal(random: np.random.Generator, truth: np.ndarray, seeds: int) -> np.ndarray:
    """Return runs (settings, seeds) with normal noise, of the run and of the seed."""
    return truth[:, None] + random.normal(size=(len(truth), seeds)) + random.normal(size=seeds)


def skewed(random: np.random.Generator, truth: np.ndarray, seeds: int) -> np.ndarray:
    """Likewise, with a long tail of bad runs: 1 minus an exponential, skewness -2."""
    return truth[:, None] + 1 - random.exponential(size=(len(truth), seeds)) + random.normal(size=seeds)


def unequal(random: np.random.Generator, truth: np.ndarray, seeds: int) -> np.ndarray:
    """Likewise with normal noise, of another standard deviation for each setting."""
    return truth[:, None] + _spreads(random, len(truth)) * random.normal(size=(len(truth), seeds))


def unequal_skewed(random: np.random.Generator, truth: np.ndarray, seeds: int) -> np.ndarray:
    """Likewise with a long tail of bad runs, and another standard deviation for each setting."""
    return truth[:, None] + _spreads(random, len(truth)) * (1 - random.exponential(size=(len(truth), seeds)))


def _spreads(random: np.random.Generator, settings: int) -> np.ndarray:
    return np.asarray(random.permutation(np.geomspace(SPREADS**-0.5, SPREADS**0.5, settings))[:, None])


def counted(random: np.random.Generator, truth: np.ndarray, seeds: int) -> np.ndarray:
    """Return shares of test images, binomial, with values that tie; ``truth`` is less than the best's by this much."""
    return random.binomial(IMAGES, np.broadcast_to(BEST + truth[:, None], (len(truth), seeds))) / IMAGES


def rare(random: np.random.Generator, truth: np.ndarray, seeds: int) -> np.ndarray:
    """Likewise, where the best setting is wrong on one image in two hundred."""
    return counted(random, truth + 0.995 - BEST, seeds)


def t_values(values: np.ndarray, margin: float) -> np.ndarray:
    """Return the paired t of each setting against each other, that it loses less than the margin; inf with itself."""
    gaps = values[:, None] - values[None]
    error = np.maximum(gaps.std(axis=2, ddof=1), 1e-12) / np.sqrt(values.shape[1])
    found = (gaps.mean(axis=2) + margin) / error
    np.fill_diagonal(found, np.inf)
    return np.asarray(found)


def uncorrected(values: np.ndarray, margin: float) -> np.ndarray:
    """Test each setting against every other at 5 %, uncorrected: an intersection-union test."""
    return np.asarray((t_values(values, margin) > special.stdtrit(values.shape[1] - 1, 1 - LEVEL)).all(axis=1))


def against_observed(values: np.ndarray, margin: float) -> np.ndarray:
    """Test each setting against the one that was observed to be best, at 5 %."""
    against = t_values(values, margin)[:, values.mean(axis=1).argmax()]
    return np.asarray(against > special.stdtrit(values.shape[1] - 1, 1 - LEVEL))


def bonferroni(values: np.ndarray, margin: float) -> np.ndarray:
    """Test each setting against every other by paired t, at 5 % over the number of others."""
    level = LEVEL / (len(values) - 1)
    return np.asarray((t_values(values, margin) > special.stdtrit(values.shape[1] - 1, 1 - level)).all(axis=1))


def pooled(values: np.ndarray, margin: float) -> np.ndarray:
    """Test each setting against every other with one standard error for all (Hsu 1984, Dunnett's critical value by
    Bonferroni's bound): it takes the settings to have equal spreads."""
    count, seeds = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1)[:, None] + values.mean()
    freedom = (count - 1) * (seeds - 1)
    error = np.sqrt((rest**2).sum() / freedom * 2 / seeds)
    gaps = values.mean(axis=1)[:, None] - values.mean(axis=1)[None]
    np.fill_diagonal(gaps, np.inf)
    return np.asarray(((gaps + margin) / error > special.stdtrit(freedom, 1 - LEVEL / (count - 1))).all(axis=1))


def signed_ranks(values: np.ndarray, margin: float) -> np.ndarray:
    """Test each setting against every other by signed ranks, one-sided, at 5 % over the number of others."""
    count, seeds = values.shape
    gaps = values[:, None] - values[None] + margin
    ranks = stats.rankdata(np.abs(gaps), axis=2)
    sums = np.where(gaps > 0, ranks, 0).sum(axis=2)
    sums[np.arange(count), np.arange(count)] = np.inf
    return np.asarray((sums >= least_sum(seeds, LEVEL / (count - 1))).all(axis=1))


def least_sum(seeds: int, level: float) -> float:
    """Return the least sum of positive ranks whose one-sided exact p is at most ``level``; inf if there is none."""
    ways = np.ones(1)
    for rank in range(1, seeds + 1):
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    tails = np.cumsum(ways[::-1])[::-1] / 2.0**seeds
    enough = np.flatnonzero(tails <= level)
    return float(enough[0]) if len(enough) else float("inf")


OWN = "max-t (locexp)"
TESTS: dict[str, Test] = {
    "uncorrected": uncorrected,
    "against the observed best": against_observed,
    "one spread for all": pooled,
    "signed ranks": signed_ranks,
    "Bonferroni, paired t": bonferroni,
}
"""The others."""
KINDS = {
    "normal": (normal, 3.0),
    "skewed": (skewed, 3.0),
    "counted": (counted, 0.03),
    "counted, 2 images": (rare, 2 / IMAGES),
    "unequal spreads": (unequal, 4.0),
    "unequal and skewed": (unequal_skewed, 4.0),
}
"""How runs are drawn, and the margin of the least favourable case, so large that only the best one is in the way."""


def rates(
    draw: Callable[[np.random.Generator, np.ndarray, int], np.ndarray],
    truth: np.ndarray,
    seeds: int,
    margin: float,
    sweeps: int,
) -> tuple[list[float], list[float], float]:
    """Return, by test, the share of sweeps with any false "as good" and the share of true ones found; and in how many
    sweeps locexp calls any of the best worse."""
    random = np.random.default_rng([len(truth), seeds, round(1000 * margin)])
    good = truth > truth.max() - margin * (1 - 1e-9)
    false, found, worse = np.zeros(len(TESTS) + 1), np.zeros(len(TESTS) + 1), 0
    for _ in range(sweeps):
        values = draw(random, truth, seeds)
        standings = standings_of(values, margin)
        own = np.array([standing.verdict == "as good" for standing in standings])
        for place, called in enumerate([*(test(values, margin) for test in TESTS.values()), own]):
            false[place] += called[~good].any()
            found[place] += called[good].mean()
        worse += any(one.p_worse <= LEVEL for one, value in zip(standings, truth, strict=True) if value == truth.max())
    return list(false / sweeps), list(found / sweeps), worse / sweeps


def kept(
    draw: Callable[[np.random.Generator, np.ndarray, int], np.ndarray], seeds: int, margin: float, sweeps: int
) -> list[float]:
    """Return the shares of sweeps in which any weight is called free that loses the margin: by the fixed sequence,
    and if the last of all that pass alone were taken; then how often all weights that lose nothing are found."""
    random = np.random.default_rng([seeds, round(1000 * margin)])
    truth = np.array([0.0] * 5 + [-margin] * 5)  # the first is the task alone
    counts = np.zeros(3)
    for _ in range(sweeps):
        alone, *weights = draw(random, truth, seeds)
        passed = np.array([loses_less(one - alone, margin) <= LEVEL for one in weights])
        first = len(passed) if passed.all() else int(passed.argmin())
        counts += first > 4, passed[4:].any(), first >= 4
    return list(counts / sweeps)


def head(*titles: str) -> None:
    """Print the head of a table."""
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")


def percents(shares: Sequence[float]) -> str:
    """Return the last cells of a row."""
    return " | ".join(f"{100 * share:.1f} %" for share in shares)


def false_as_good(sweeps: int) -> None:
    """Print how often any setting is falsely called as good."""
    print("Any setting falsely called as good as the best, all others losing exactly the margin:\n")
    head("metric", "settings", "seeds", *TESTS, OWN)
    for kind, (draw, margin) in KINDS.items():
        more = [(27, 6), (27, 12)] if kind in ("normal", "counted") else []
        for settings, seeds in [(9, 6), (9, 12), (9, 20), *more]:
            truth = np.r_[0.0, np.full(settings - 1, -margin)]
            false, _, _ = rates(draw, truth, seeds, margin, sweeps)
            print(f"| {kind} | {settings} | {seeds} | {percents(false)} |", flush=True)


def false_worse(sweeps: int) -> None:
    """Print how often any setting is falsely called worse."""
    print("Any setting called worse by locexp, all being equal:\n")
    head("metric", "6 seeds, 9 settings", "12 seeds", "20 seeds", "6 seeds, 27 settings")
    for kind, (draw, margin) in KINDS.items():
        shares = [
            rates(draw, np.zeros(settings), seeds, margin, sweeps)[2]
            for settings, seeds in ((9, 6), (9, 12), (9, 20), (27, 6))
        ]
        print(f"| {kind} | {percents(shares)} |", flush=True)


def power(sweeps: int) -> None:
    """Print how many settings of a plateau are found, in half as many sweeps."""
    print(f"Settings of a plateau that are called as good ({sweeps // 2} sweeps a row):\n")
    head("metric", "margin", "settings", "seeds", *TESTS, OWN)
    for kind, margins in (("normal", (1.0, 2.0, 3.0)), ("skewed", (1.0, 2.0, 3.0)), ("counted", (0.01, 0.02, 0.03))):
        for margin in margins:
            for settings, seeds in ((9, 6), (9, 12), (9, 20)):
                truth = np.r_[np.zeros(settings // 3), np.full(settings - settings // 3, -3 * margin)]
                _, found, _ = rates(KINDS[kind][0], truth, seeds, margin, sweeps // 2)
                print(f"| {kind} | {margin:g} | {settings} | {seeds} | {percents(found)} |", flush=True)


def false_free(sweeps: int) -> None:
    """Print how often any weight is falsely called free."""
    print("compare.keep: any weight falsely called free, nine weights of which five lose exactly the margin:\n")
    head(
        "metric", "margin", "seeds", "fixed sequence (locexp)", "the last that passes alone", "the four free ones found"
    )
    for kind, margins in (("normal", (1.0, 2.0)), ("skewed", (1.0, 2.0)), ("counted", (0.01, 0.02))):
        for margin in margins:
            for seeds in (6, 12, 20):
                found = kept(KINDS[kind][0], seeds, margin, sweeps)
                print(f"| {kind} | {margin:g} | {seeds} | {percents(found)} |", flush=True)


TABLES = {"as_good": false_as_good, "worse": false_worse, "power": power, "free": false_free}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", default=[*TABLES], help=f"of {', '.join(TABLES)}; all")
    parser.add_argument("--sweeps", type=int, default=2000, help="simulated sweeps a row (%(default)s)")
    given = parser.parse_args()
    start = time.process_time()
    error = 100 * 1.96 * np.sqrt(LEVEL * (1 - LEVEL) / given.sweeps)
    print(f"{given.sweeps} sweeps a row; a true rate of 5 % is measured within ±{error:.1f} points\n")
    for name in given.tables:
        TABLES[name](given.sweeps)
        print()
    print(f"{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    main()
