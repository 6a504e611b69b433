"""Which settings of a sweep keep everything: those that its answer is about, whatever metric it is asked by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locexp.analysis.chosen import best_run
from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.results import sort_runs
from locexp.evaluation.metrics import METRICS
from locexp.records.record import RunRecord
from locexp.records.sweep_list import setting_name, varied_of


@dataclass(frozen=True)
class Needed:
    """What the answer of a sweep needs.

    Attributes:
        settings: by config hash, why: ``the default``.
        best: the runs of these that are the best of their setting by some metric, by :func:`identity`.
    """

    settings: dict[str, str]
    best: frozenset[str]


def needed_by(runs: Sequence[RunRecord], default_hash: str | None) -> Needed:
    """Return what keeps everything: for each metric that a comparison can choose by the chosen setting and the best
    fixed weights; the front, the default setting, and the tasks trained alone.

    No comparison reads the tables of predictions of the others.

    Args:
        runs: of a sweep, finished or not.
        default_hash: the config hash of what the command runs without a sweep.

    Raises:
        UserError: no run has finished, or one lacks a metric.
    """
    settings = sort_runs(runs)
    found: dict[str, list[str]] = {}
    best = set()
    for metric in METRICS:
        comparison = compare_settings(settings, default_hash=default_hash, metric=metric, read=lambda *_: None)
        for index, why in _needed(comparison):
            reasons = found.setdefault(settings[index].config_hash, [])
            reasons += [why] if why not in reasons else []
        best |= {identity(best_run(setting, metric)) for setting in settings if setting.runs}
    return Needed({config_hash: ", ".join(reasons) for config_hash, reasons in found.items()}, frozenset(best))


def identity(run: RunRecord) -> str:
    """Return what tells a run from others: its id in MLflow, or the name of its folder."""
    return run.run_id or (run.directory.name if run.directory is not None else run.name)


def _needed(comparison: SweepComparison) -> list[tuple[int, str]]:
    needed = [(comparison.chosen, f"chosen by {comparison.metric}")]
    needed += [(index, "on the front") for index in comparison.front.best]
    needed += [] if comparison.default is None else [(comparison.default, "the default")]
    needed += [(index, "one task alone") for index, one in enumerate(comparison.settings) if one.single_task]
    if comparison.methods is not None:
        needed.append((comparison.methods.best_fixed, "the best fixed weights"))
    return needed


def label_of(run: RunRecord) -> str:
    """Return what varies of a run's setting, in short."""
    return setting_name(varied_of(run.tags))
