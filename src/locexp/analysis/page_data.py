"""What the script of a report draws from: settings, their runs, the front, the tests and the learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.curves import PANELS, Curve, Curves
from locexp.analysis.decision import PairedTest
from locexp.analysis.exports import finite
from locexp.analysis.methods import FIXED
from locexp.analysis.race import Race
from locexp.analysis.results import TASKS, TITLES, SettingRuns
from locexp.analysis.sentences import probability
from locexp.analysis.statistics import Interval
from locexp.analysis.tables import marks_of, standing, verdict
from locexp.evaluation.metrics import METRICS, sign_of

MOST_EPOCHS, MOST_POINTS = 60, 6000
"""Learning curves of more epochs, or more of all settings together, are thinned out."""
DIGITS, CURVE_DIGITS = 6, 4
"""Numbers are rounded to so many digits: they become places on a screen."""


def page_data(comparison: SweepComparison, curves: Curves) -> dict[str, Any]:
    """Return plain values for JSON; numbers that are not finite are null.

    Returns:
        ``axes``: titles of the two metrics of the front. ``settings``: see :func:`_setting`, in the comparison's order.
        ``front``: indices of the settings whose means none dominates, ascending in the first metric. ``baseline``: mean
        IoU of a constant box. ``ratios``: the least and the greatest ratio of the weights. ``panels``: metrics
        that have a learning curve, with their titles. ``race``: see :func:`_race`, or null.
    """
    settings = comparison.settings
    drawn = {*comparison.candidates, *(comparison.race.lines if comparison.race is not None else ())}
    ratios = [ratio for index in drawn if (ratio := _ratio(settings[index])) is not None]
    return {
        "axes": [f"{TITLES[name]} (test)" for name in TASKS],
        "metric": TITLES[comparison.metric],
        "settings": [_setting(comparison, index, curves) for index in range(len(settings))],
        "front": sorted(comparison.front.best, key=lambda index: settings[index].test[TASKS[0]].mean),
        "knee": comparison.front.knee,
        "chosen": comparison.chosen,
        "default": comparison.default,
        "baseline": _rounded(settings[comparison.chosen].baseline),
        "ratios": [min(ratios), max(ratios)] if len(set(ratios)) > 1 else None,
        "panels": list(PANELS.items()),
        "race": None if comparison.race is None else _race(comparison, comparison.race),
    }


def _race(comparison: SweepComparison, race: Race) -> dict[str, Any]:
    """Return the race.

    Returns:
        ``epochs``: of the whole budget. ``lines``: of each setting its index, epochs, the metric on validation in them,
        and when and why it was not pursued.
    """
    most = min(MOST_EPOCHS, max(2, MOST_POINTS // len(comparison.settings)))
    lines = [
        {"setting": index, "epochs": epochs, "values": values, "reason": line.reason}
        for index, line in race.lines.items()
        for epochs, values in [_thinned(line.means, most)]
    ]
    return {"epochs": race.epochs, "lines": lines}


def _thinned(means: np.ndarray, most: int) -> tuple[list[int], list[float | None]]:
    """Return at most so many epochs, the first and the last among them, and the values in them."""
    shown = np.unique(np.linspace(0, len(means) - 1, min(len(means), most)).round().astype(int))
    return (shown + 1).tolist(), [_rounded(value, CURVE_DIGITS) for value in means[shown].tolist()]


def _setting(comparison: SweepComparison, index: int, curves: Curves) -> dict[str, Any]:
    """Return a setting.

    Returns:
        ``means``: mean and half the width of the interval of each metric of the front, or null without a finished run.
        ``runs``: of each seed, the seed and its two metrics. ``numbers``: titles and values of all metrics on test.
        ``tests``: see :func:`_test`. ``curves``: by metric, see :func:`_curve`.
    """
    setting = comparison.settings[index]
    has_runs = bool(setting.runs)
    most = min(MOST_EPOCHS, max(2, MOST_POINTS // len(comparison.settings)))
    return {
        "label": setting.label,
        "marks": marks_of(comparison, index),
        "alone": setting.single_task,
        "compared": index in comparison.candidates,
        "ratio": _ratio(setting),
        "means": [_interval(setting.test[name]) for name in TASKS] if has_runs else None,
        "runs": [
            [seed, *(_rounded(run.metrics[f"test/{name}"]) for name in TASKS)]
            for seed, run in sorted(setting.runs.items())
        ],
        "failed": setting.failures,
        "numbers": [[TITLES[name], f"{setting.test[name]:.4f}"] for name in METRICS] if has_runs else [],
        "verdict": verdict(comparison, index),
        "reason": setting.not_pursued,
        "standing": standing(comparison, index),
        "tests": _tests(comparison, index),
        "curves": {name: _curve(curve, most) for name, curve in curves.get(index, {}).items()},
    }


def _ratio(setting: SettingRuns) -> float | None:
    """Return the ratio of fixed weights, where both tasks have one; a weighting method's changes in training."""
    return _rounded(setting.ratio) if setting.method == FIXED and 0 < setting.ratio < math.inf else None


def _tests(comparison: SweepComparison, index: int) -> list[list[str]]:
    """Return the tests of a setting against others, as they are read."""
    labels = [setting.label for setting in comparison.settings]
    decision, methods, sign = comparison.decision, comparison.methods, sign_of(comparison.metric)
    families: list[tuple[str, Sequence[PairedTest]]] = [
        ("the default setting", decision.against_default),
        ("the chosen setting", decision.against_chosen),
    ]
    if methods is not None:
        families.append((f"the best fixed weights ({labels[methods.best_fixed]})", methods.against_fixed))
        families.append(("its own mean weights, frozen (replay)", methods.against_replay))
    return [_test(name, test, sign) for name, tests in families for test in tests if test.setting == index]


def _test(against: str, test: PairedTest, sign: float) -> list[str]:
    """Return a test: against what, the difference with its interval, pairs, p, the corrected p, the verdict."""
    difference = Interval(sign * test.difference.mean, test.difference.half_width, test.difference.n)
    measured = f"{difference:+.4f}" if difference.n else "no common seed"
    p_values = [probability(p) if math.isfinite(p) else "" for p in (test.p, test.corrected)]
    return [against, measured, str(difference.n), *p_values, test.verdict]


def _curve(curve: Curve, most: int) -> list[list[float | None]]:
    """Return epochs, the first and the last among them, means, lowest and highest seed."""
    epochs, means = _thinned(curve.mean, most)
    return [[*epochs], means, *(_thinned(values, most)[1] for values in (curve.low, curve.high))]


def _interval(interval: Interval) -> list[float | None]:
    return [_rounded(interval.mean), _rounded(interval.half_width)]


def _rounded(value: float, digits: int = DIGITS) -> float | None:
    return finite(float(f"{value:.{digits}g}"))
