"""The study of good weights in ``benchmarks/``: what it makes of curves that are known."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
AXIS = (0.1, 1e4)


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("transfer_fit")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("transfer_report")


def curve(value: Callable[[float], float], keep: int = 10, seeds: int = 2) -> list[dict[str, Any]]:
    """A race over 25 ratios, of which the best ``keep`` reach the end; ``value`` is of log10 of the weight."""
    places = np.linspace(-1, 4, 25)
    order = sorted(places, key=lambda place: -value(place))[:keep]
    return [
        {
            "weight": 10**place,
            "rung": value(place),
            "ends": [{"seed": seed, "test": value(place)} for seed in range(seeds)] if place in order else [],
        }
        for place in places
    ]


def test_the_range_of_a_parabola_is_where_it_lies_within_the_margin(fit: ModuleType) -> None:
    fitted = fit.response(curve(lambda place: 0.9 - 0.04 * (place - 2) ** 2), AXIS, 25)
    assert fitted.best == pytest.approx(2, abs=1e-6)
    assert fitted.value == pytest.approx(0.9, abs=1e-6)
    assert fitted.span() == pytest.approx((1.5, 2.5), abs=0.01)
    assert fitted.loss_at(1.5) == pytest.approx(0.01, abs=1e-6)
    assert fitted.loss_at(-1) == pytest.approx(0.186, abs=0.001)  # by the tangent, beyond what was trained to the end
    assert fitted.loss_at(-40) == pytest.approx(0.9, abs=1e-6)


def test_noise_widens_the_range(fit: ModuleType) -> None:
    rows = curve(lambda place: 0.9 - 0.04 * (place - 2) ** 2, keep=25)
    for number, row in enumerate(rows):
        for end in row["ends"]:
            end["test"] += 0.1 * (-1) ** number
    fitted = fit.response(rows, AXIS, 25)
    (low, high), (lower, upper) = fitted.span(), fitted.span(strict=True)
    assert low < lower < fitted.best < upper < high


def test_a_best_at_the_end_of_the_axis_leaves_the_range_open(fit: ModuleType) -> None:
    fitted = fit.response(curve(lambda place: 0.5 + 0.1 * place), AXIS, 25)
    low, high = fitted.span()
    assert fitted.best == pytest.approx(4)
    assert low == pytest.approx(3.9, abs=0.01)
    assert high == math.inf
    assert fitted.loss_at(7) == pytest.approx(0, abs=1e-6)


def test_where_the_next_weight_was_dropped_the_range_ends_half_a_step_beyond(fit: ModuleType) -> None:
    fitted = fit.response(curve(lambda place: 0.9 - 0.001 * (place - 2) ** 2, keep=5), AXIS, 25)
    step = 5 / 24
    assert fitted.span() == pytest.approx((fitted.first - step / 2, fitted.last + step / 2))


def test_a_flat_curve_and_one_near_nothing_tell_nothing(fit: ModuleType) -> None:
    noise = iter(np.random.default_rng(1).normal(0, 0.01, 10_000))
    flat = curve(lambda place: 0.5, keep=25)
    for row in flat:
        for end in row["ends"]:
            end["test"] += next(noise)
    assert "noise" in fit.why_silent(flat, fit.response(flat, AXIS, 25))
    none = curve(lambda place: 0.02 - 0.001 * place**2)
    assert fit.why_silent(none, fit.response(none, AXIS, 25)) == "at best 0.020"
    peaked = curve(lambda place: 0.9 - 0.04 * (place - 2) ** 2)
    assert fit.why_silent(peaked, fit.response(peaked, AXIS, 25)) == ""


def record(group: str, best: float, probe: float, images: int = 1000) -> dict[str, Any]:
    """A case whose best weight is 10**best, and whose probe says 10**probe, whatever it looks at."""
    look = {f"classification_{kind}": 10**probe for kind in ("norm", "loss")} | {"bbox_norm": 1.0, "bbox_loss": 1.0}
    return {
        "name": f"{group}: mse, {images} x 5",
        "group": group,
        "loss": "mse",
        "family": "squared",
        "images": images,
        "epochs": 5,
        "axis": AXIS,
        "points": 25,
        "seconds": 60,
        "chosen": 10**best,
        "probes": [{"seed": seed, "init": look, "after": look} for seed in range(3)],
        "curve": curve(lambda place: 0.9 - 0.04 * (place - best) ** 2),
    }


def judged(report: ModuleType, records: Sequence[dict[str, Any]], name: str) -> Any:
    cases = [report.found(one) for one in records]
    return report.judge(cases, report.predictors()[name][1], cases)


def test_a_constant_comes_from_other_worlds_alone(report: ModuleType) -> None:
    """The probe is off by .9 decades in all worlds but the one with many cases, which must not count for itself."""
    odd = [record("digits, a", 2.0, 2.0, images) for images in (500, 1000, 4000)]
    records = [*odd, record("digits, b", 1.5, 0.6), record("fashion, a", 2.5, 1.6)]
    raw = judged(report, records, "gradient norms, before training")
    assert (raw.cases, raw.hits) == (5, pytest.approx(3 / 5))
    fitted = judged(report, records, "gradient norms, before training ")
    assert fitted.hits == pytest.approx(2 / 5)  # the other two are told a constant of .45, which is near enough
    rule = judged(report, records, report.RULE)
    assert (rule.cases, rule.distance) == (5, pytest.approx(0, abs=1e-6))


def test_the_smallest_and_the_largest_of_a_world_are_a_pair(report: ModuleType) -> None:
    records = [record("digits, a", best, 1, images) for best, images in ((1, 500), (2, 4000), (1.5, 1000))]
    ((small, large),) = report.pairs([report.found(one) for one in [*records, record("digits, b", 1, 1)]])
    assert (small.record["images"], large.record["images"]) == (500, 4000)


def test_the_tables_of_the_page_are_those_of_the_report(report: ModuleType) -> None:
    lines = (BENCHMARKS / "transfer.jsonl").read_text(encoding="utf-8").splitlines()
    text = report.report([json.loads(line) for line in lines])
    page = (BENCHMARKS.parent / "docs" / "transfer.md").read_text(encoding="utf-8")
    assert f"{len(lines)} races" in page
    assert [row for row in text.splitlines() if row.startswith("|") and row not in page] == []
