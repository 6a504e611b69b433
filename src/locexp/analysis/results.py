"""Finished runs sorted by setting, and the reasons why some must not be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from locexp.analysis.confirmation import planned
from locexp.analysis.statistics import Interval, mean_interval
from locexp.configuration.schema import BBOX, CLASSIFICATION, METHOD
from locexp.errors import NotComparableError, UserError, counted, listed
from locexp.evaluation.metrics import BESIDE, METRICS, skill
from locexp.records.record import NOT_PURSUED, PAUSED, RunRecord
from locexp.records.sweep_list import BUDGET, CONFIRMATION, FINAL, REPLAY, setting_name, varied_of
from locexp.system.commands import command

METRIC_OF_TASK = {"classification": "accuracy", "bbox": "mean_iou"}
"""The headline metric of each task, by its name in :attr:`SettingRuns.single_task`."""
TASKS = tuple(METRIC_OF_TASK.values())
"""The metrics of the front and of Δm."""
TITLES = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "loc_acc_50": "loc_acc_50",
    "loc_acc_75": "loc_acc_75",
    "center_error_px": "centre error, px",
    "macro_accuracy": "macro accuracy",
    "center_error_share": "centre error, share",
}
"""What the metrics are called in text for people."""
ReadFile = Callable[[RunRecord, str], bytes | None]
"""Returns a file of a run by its name in the run's folder; ``None`` where it has none."""
METRICS_COMPARED = (*(f"{part}/{name}" for part in ("test", "kept") for name in METRICS), "floor/mean_iou")
"""What a finished run must have."""
MUST_AGREE = {
    "data": ("tags", ("data_digest",)),
    "box strategy or scenes": ("tags", ("scenes_digest",)),
    "training budget": ("parameters", BUDGET),
    "code version": ("tags", ("locexp_version", "git_commit", "tensorflow_version", "keras_version")),
}
"""What runs must share to be compared, and where it is written."""


@dataclass
class SettingRuns:
    """The runs of one setting.

    Attributes:
        config_hash: names the setting.
        varied: what the sweep varies but the seed, key by key.
        role: see :data:`locexp.records.sweep_list.CONTROL`; the last one where stages gave it several.
        parameters: of one of its runs, finished or not; they differ in the seed alone.
        runs: the finished ones by seed; of a setting with the role ``final`` or ``confirmation``, these runs alone.
        earlier: finished runs that led to the choice of a setting with final ones, or confirmed ones, by seed.
        failures: jobs of this setting, likewise, that ended otherwise and have not finished since; neither those that
            were not pursued nor those that are paused.
        raced: in a race, its runs but those on fresh seeds, by seed, however far they got.
        not_pursued: when and why a race stopped pursuing it, in a sentence; empty where it did not, or confirmed it.
        paused: how many runs of it wait to be continued.
        place: in the order of the tests by which a race is confirmed, the chosen one has 0; ``None`` for all others.
        unended: planned confirmation runs that have not ended.
    """

    config_hash: str
    varied: dict[str, str]
    role: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    runs: dict[int, RunRecord] = field(default_factory=dict)
    earlier: dict[int, RunRecord] = field(default_factory=dict)
    failures: int = 0
    raced: dict[int, RunRecord] = field(default_factory=dict)
    not_pursued: str = ""
    paused: int = 0
    place: int | None = None
    unended: int = 0

    @property
    def label(self) -> str:
        """What varies, in short."""
        return setting_name(self.varied)

    def weight(self, key: str) -> float:
        """Return a loss weight; NaN where no run got far enough to record it."""
        return float(self.parameters.get(key, self.varied.get(key, math.nan)))

    @property
    def method(self) -> str:
        """The weighting method: the name of locexp's own, else the dotted path."""
        target = self.parameters.get("loss.weighting._target_", "")
        package, _, name = target.rpartition(".")
        return package.rpartition(".")[2] if target.startswith("locexp.losses.weighting.") else target or name

    @property
    def ratio(self) -> float:
        """bbox_weight / classification_weight; infinite where the box is trained alone."""
        classification, bbox = self.weight(CLASSIFICATION), self.weight(BBOX)
        return bbox / classification if classification else math.inf

    @property
    def single_task(self) -> str | None:
        """``classification`` or ``bbox`` where one task is trained alone."""
        if self.weight(BBOX) == 0:
            return "classification"
        return "bbox" if self.weight(CLASSIFICATION) == 0 else None

    @property
    def beside(self) -> tuple[tuple[str, str], ...]:
        """What varies besides how the losses are weighted."""
        weighting = (CLASSIFICATION, BBOX, METHOD, REPLAY)
        return tuple(sorted((key, value) for key, value in self.varied.items() if key not in weighting))

    def values(self, name: str, seeds: Sequence[int]) -> np.ndarray:
        """Return a metric of each seed, NaN where that run is missing: float (seeds,)."""
        return np.array([self.runs[seed].metrics[name] if seed in self.runs else math.nan for seed in seeds])

    def interval(self, name: str) -> Interval:
        """Return a metric over the seeds, with its 95 % interval."""
        return mean_interval([run.metrics[name] for run in self.runs.values()])

    @cached_property
    def test(self) -> dict[str, Interval]:
        """Each metric on test, over the seeds."""
        return {name: self.interval(f"test/{name}") for name in METRICS}

    @cached_property
    def test_beside(self) -> dict[str, Interval]:
        """Likewise what is shown beside these metrics; over no seed where a run lacks it."""
        names = {name: f"test/{name}" for name in BESIDE.values()}
        lacking = [name for name in names if any(names[name] not in run.metrics for run in self.runs.values())]
        return {name: mean_interval([]) if name in lacking else self.interval(key) for name, key in names.items()}

    @cached_property
    def validation(self) -> dict[str, Interval]:
        """Each metric on validation, over the seeds."""
        return {name: self.interval(f"kept/{name}") for name in METRICS}

    @cached_property
    def baseline(self) -> float:
        """Mean IoU of a constant box; not a number where no run has finished."""
        return self.interval("floor/mean_iou").mean

    @property
    def skill(self) -> float | None:
        """(mean IoU - baseline) / (1 - baseline); ``None`` where there is nothing to gain, or no finished run."""
        return skill(self.test["mean_iou"].mean, self.baseline) if self.runs else None


def sort_runs(children: Sequence[RunRecord], jobs: Sequence[Mapping[str, Any]] | None = None) -> list[SettingRuns]:
    """Sort the runs of a sweep by setting, in the order of its list; a setting without a finished run is one, too.

    Args:
        children: the runs.
        jobs: of the sweep's list, see :class:`~locexp.records.sweep_list.SweepList`, by which a race says what it will
            confirm; ``None`` where it cannot be read.

    Raises:
        UserError: no run has finished, or one lacks a metric.
    """
    ordered = in_order(children)
    is_race = any(PAUSED in run.tags or NOT_PURSUED in run.tags or _role(run) == CONFIRMATION for run in ordered)
    confirmed = planned(ordered, jobs)
    # Runs that led to the choice are not compared, unless no final run has finished, or none of what a race has chosen.
    finished = {(run.tags["config_hash"], _role(run)) for run in ordered if run.status == "FINISHED"}
    alone = {FINAL} if any(role == FINAL for _, role in finished) else set()
    alone |= {CONFIRMATION} if confirmed and (next(iter(confirmed)), CONFIRMATION) in finished else set()
    ordered = [run for run in ordered if _role(run) not in (FINAL, CONFIRMATION) or _role(run) in alone]
    again = {run.tags["config_hash"] for run in ordered if _role(run) in alone}
    settings: dict[str, SettingRuns] = {}
    unfinished: dict[str, set[int]] = {}
    for run in ordered:
        config_hash, seed = run.tags["config_hash"], int(run.tags["seed"])
        setting = settings.setdefault(config_hash, SettingRuns(config_hash, varied_of(run.tags)))
        setting.parameters = setting.parameters or run.parameters
        if is_race and _role(run) not in alone and (run.status == "FINISHED" or seed not in setting.raced):
            setting.raced[seed] = run
        if config_hash in again and _role(run) not in alone:
            if run.status == "FINISHED":
                setting.earlier.setdefault(seed, run)
            continue
        setting.role = _role(run)  # the list is in order of stages: the last one counts
        setting.not_pursued = setting.not_pursued or run.tags.get(NOT_PURSUED, "")
        if run.status == "FINISHED":
            setting.runs.setdefault(seed, run)
        elif NOT_PURSUED not in run.tags:
            unfinished.setdefault(config_hash, set()).add(seed)
    for setting in settings.values():
        setting.not_pursued = "" if setting.runs else setting.not_pursued
    for config_hash, seeds in unfinished.items():
        setting = settings[config_hash]
        left = seeds - setting.runs.keys()
        setting.paused = sum(is_paused(setting.raced.get(seed)) for seed in left)
        setting.failures = len(left) - setting.paused
    for config_hash, plan in confirmed.items():
        if CONFIRMATION in alone and config_hash in settings:
            settings[config_hash].place, settings[config_hash].unended = plan.place, plan.unended
    if not any(setting.runs for setting in settings.values()):
        raise NotComparableError("no run of this sweep has finished, so there is nothing to compare.")
    for setting in settings.values():
        for run in setting.runs.values():
            missing = [name for name in METRICS_COMPARED if name not in run.metrics]
            if missing:
                raise UserError(
                    f"run {run.name} ({run.run_id or run.directory}) lacks the metrics {listed(missing[:4])}"
                    f"{' and others' if len(missing) > 4 else ''}; delete the run, or log it again with "
                    f"{command('log', str(run.directory or run.tags.get('directory', 'FOLDER')))}"
                )
    return list(settings.values())


def in_order(children: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs of a sweep in the order of its list, further attempts after the first."""
    return sorted(children, key=lambda run: (int(run.tags.get("sweep_job", 0)), run.start_time))


def _role(run: RunRecord) -> str:
    return run.tags.get("role", "")


def is_paused(run: RunRecord | None) -> bool:
    """Whether a run that has not finished waits to be continued."""
    return run is not None and run.paused_after is not None and NOT_PURSUED not in run.tags


def differences(settings: Sequence[SettingRuns]) -> list[str]:
    """Return, in words, in what the runs of a sweep differ besides their settings, though it must be equal."""
    runs = [run for setting in settings for run in setting.runs.values()]
    reasons = []
    for what, (attribute, keys) in MUST_AGREE.items():
        for key in keys:
            values = Counter(getattr(run, attribute).get(key, "unknown") for run in runs)
            if len(values) > 1:
                shown = [f"{value[:16]} ({counted(count, 'run')})" for value, count in list(values.items())[:4]]
                reasons.append(f"{what}: {key} differs: {listed(shown)}")
    return reasons


def mixed(reasons: Sequence[str]) -> str:
    """Return why runs that differ in this are not compared."""
    return f"its runs must not be compared, since they differ in more than their settings: {'; '.join(reasons)}."


def notes_on(settings: Sequence[SettingRuns], allow_mixed: bool) -> list[str]:
    """Return what a reader of a comparison must know of its runs.

    Raises:
        NotComparableError: they differ in more than their settings, and ``allow_mixed`` is false.
    """
    reasons = differences(settings)
    if reasons and not allow_mixed:
        raise NotComparableError(f"{mixed(reasons)} compare.allow_mixed=true compares them anyway.")
    runs = [run for setting in settings for run in setting.runs.values()]
    notes = [f"Mixed, as compare.allow_mixed asks: {reason}" for reason in reasons]
    notes += _leaks(runs)
    empty = [one.label for one in settings if not (one.runs or one.not_pursued or one.paused)]
    if empty:
        notes.append(f"No run has finished of: {'; '.join(empty)}.")
    failed = sum(setting.failures for setting in settings)
    if failed:
        notes.append(f"Jobs that did not finish: {failed}; they are counted in the column failed, and in nothing else.")
    compared = [setting for setting in settings if setting.role in (FINAL, CONFIRMATION)] or settings
    counts = {len(setting.runs) for setting in compared if setting.runs}
    if len(counts) > 1:
        notes.append(f"The settings have from {min(counts)} to {max(counts)} seeds; tests pair those that both have.")
    return notes


def _leaks(runs: Sequence[RunRecord]) -> list[str]:
    """Say which images of the data are in two parts."""
    found = dict.fromkeys((run.tags["leaks"], run.parameters.get("data.leaks")) for run in runs if "leaks" in run.tags)
    dropped = "they were left out of the part that is trained on, or chosen with (data.leaks=drop)"
    kept = "results on them are better than on new images (data.leaks)"
    return [
        f"Images are in two parts of the data, the same or nearly so: {leaks}; {dropped if how == 'drop' else kept}."
        for leaks, how in found
    ]
