"""The run of a sweep to go on with: of the setting that a comparison chooses, the best one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from locexp.analysis.compare import listed_jobs
from locexp.analysis.comparison import candidates_of, signed, tie_break_of
from locexp.analysis.results import SettingRuns, sort_runs
from locexp.errors import UserError
from locexp.evaluation.choice import choose
from locexp.evaluation.metrics import METRICS, sign_of
from locexp.records.record import RunRecord
from locexp.records.store import Store


@dataclass(frozen=True)
class ChosenRun:
    """A run of the chosen setting.

    Attributes:
        run: the one with the best metric on validation.
        setting: its setting.
        metric: by which both were chosen.
    """

    run: RunRecord
    setting: SettingRuns
    metric: str


def chosen_run(store: Store, parent: RunRecord, metric: str) -> ChosenRun:
    """Return the run to use of a sweep: of the setting that ``python -m locexp.compare`` chooses, the best one.

    Args:
        store: which has the sweep.
        parent: of the sweep.
        metric: to choose by, on validation; one of :data:`~locexp.evaluation.metrics.METRICS`.

    Raises:
        UserError: no run has finished, or one lacks a metric.
    """
    assert metric in METRICS
    sweep_id = parent.tags["sweep_id"]
    try:
        settings = sort_runs(store.children(sweep_id), listed_jobs(store, parent))
    except UserError as error:
        raise type(error)(f"sweep {sweep_id}: {error}") from None
    seeds = sorted({seed for setting in settings for seed in setting.runs})
    metrics = (metric, tie_break_of(metric))
    values, second = (signed(settings, seeds, f"kept/{name}") for name in metrics)
    candidates = candidates_of(settings)
    is_confirmed = settings[candidates[0]].place is not None  # then the race has chosen
    setting = settings[candidates[0] if is_confirmed else choose(values, second, candidates).index]
    return ChosenRun(best_run(setting, metric), setting, metric)


def best_run(setting: SettingRuns, metric: str) -> RunRecord:
    """Return the run of a setting, which has some, with the best metric on validation."""
    metrics = (metric, tie_break_of(metric))

    def rank(seed: int) -> list[float]:
        found = [sign_of(name) * setting.runs[seed].metrics[f"kept/{name}"] for name in metrics]
        return [-math.inf if math.isnan(value) else value for value in found]

    return setting.runs[max(sorted(setting.runs), key=rank)]
