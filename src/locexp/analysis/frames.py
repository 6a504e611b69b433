"""A sweep as pandas data frames, from its folder or from a tracking store."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from locexp.analysis.answer import answers
from locexp.analysis.compare import check_ended, listed_jobs
from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.exports import columns
from locexp.analysis.results import differences, mixed, sort_runs
from locexp.configuration.schema import BBOX, CLASSIFICATION
from locexp.errors import NotComparableError, UserError, listed, nearest
from locexp.evaluation.metrics import METRICS
from locexp.records.history import HISTORY, parse_history
from locexp.records.record import NOT_PURSUED, RunRecord, milliseconds
from locexp.records.store import Store
from locexp.records.sweep_list import setting_name, varied_of

ALWAYS = tuple(f"{part}/{name}" for part in ("test", "kept") for name in METRICS)
"""Metrics that are columns of :attr:`Sweep.runs` even where no run has them."""
OF_RUN = (
    *("test/", "kept/", "best/", "floor/", "skill/", "mean_weights/", "model/"),
    *("epochs", "time/total_seconds", "time/training_seconds"),
)
"""How the other metrics of a whole run begin; MLflow has those of its last epoch among them, too."""
PREDICTIONS = "tables/predictions.csv"
TEXT = ("file", "label", "predicted")
"""Columns of predictions that are text, even where all classes are numbers."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A sweep as tidy data frames; made by :func:`locexp.load_sweep`.

    Runs are those that there were when it was loaded. Each data frame is made when it is first asked for, and kept.
    The columns ``setting`` and ``seed`` tie the frames together. What the sweep varies, and both loss weights, have a
    column each by the names of their keys, such as ``loss.bbox_weight``: numbers where all values are.

    Attributes:
        sweep_id: which ``python -m locexp.compare`` takes, too.
        name: what it varies.
        status: RUNNING, FINISHED, FAILED or KILLED; a sweep that was killed with ``kill -9`` stays RUNNING.
        metric: by which a setting is chosen and tested.
        allow_mixed: whether runs of different data, budgets or code are compared.
    """

    sweep_id: str
    name: str
    status: str
    metric: str
    allow_mixed: bool
    _store: Store = field(repr=False)
    _parent: RunRecord = field(repr=False)
    _children: Sequence[RunRecord] = field(repr=False)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, finished or not, in the order of the sweep's list.

        Columns: ``setting`` (what varies, in short), ``seed``, ``role`` (``control``, ``final``, ``confirmation`` or
        empty), ``status`` (RUNNING, FINISHED, FAILED or KILLED), what varies, the metrics of the run
        (``test/accuracy``, ``kept/mean_iou`` (on validation, with the weights that were kept), …; NaN where the run
        has none),
        ``compared`` (whether it is one of the runs that :attr:`settings` sums up), ``not_pursued`` (when and why a race
        stopped pursuing it; else empty), ``start`` (UTC), ``seconds``, ``run_id`` (MLflow's, if it has one), ``folder``
        and ``config_hash`` (equal for the runs of one setting).
        """
        found = {name for run in self._children for name in run.metrics if name.startswith(OF_RUN)}
        names = [*ALWAYS, *sorted(found - {*ALWAYS})]
        compared = self._compared
        frame = self._keys(self._children)
        more = {
            **{name: [run.metrics.get(name, math.nan) for run in self._children] for name in names},
            "compared": [id(run) in compared for run in self._children],
            NOT_PURSUED: [run.tags.get(NOT_PURSUED, "") for run in self._children],
            "start": pd.to_datetime([milliseconds(run.start_time) for run in self._children], unit="ms", utc=True),
            "seconds": [run.end_time - run.start_time if run.end_time else math.nan for run in self._children],
            "run_id": [run.run_id for run in self._children],
            "folder": [folder_of(run) for run in self._children],
            "config_hash": [run.tags["config_hash"] for run in self._children],
        }
        return pd.concat([frame, pd.DataFrame(more, index=frame.index)], axis=1)

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row per epoch of each run, whether that has finished or not.

        Columns: ``setting``, ``seed``, ``role``, ``status`` and what varies, as in :attr:`runs`; ``epoch`` from 1; the
        metrics of the epoch (``train/loss``, ``val/mean_iou``, …; NaN where there is none); ``folder``.

        Raises:
            UserError: a file ``history.jsonl`` cannot be read.
        """
        tables = []
        for run in self._children:
            content = self._store.content(run, HISTORY)
            try:
                rows = parse_history(content or b"")
                tables.append(pd.DataFrame(rows).drop(columns="timestamp", errors="ignore"))
            except (ValueError, AttributeError, TypeError) as error:
                raise UserError(f"{run.name} ({folder_of(run)}): {HISTORY} cannot be read ({error}).") from None
        made = self._joined(self._children, tables)
        return made.assign(epoch=made["epoch"].astype("int64")) if "epoch" in made else made.assign(epoch=[])

    @cached_property
    def settings(self) -> pd.DataFrame:
        """One row per setting: the numbers of the comparison, to the digit.

        Columns: ``setting``, ``role``, what varies, ``n`` (runs that are summed up), ``chosen``, ``default`` (what the
        command would have run without the sweep), ``on_front`` (no other setting is better in both accuracy and
        mean IoU) and ``not_pursued`` (when and why a race stopped pursuing it; else empty); then those of
        ``comparison.csv``: ``verdict`` against the default, ``test/accuracy/mean``, ``test/accuracy/half_width`` (of
        the 95 % interval over seeds) and so on, ``against_default/p``, …; of a race ``race/epochs``, for which it was
        trained in it, and ``race/validation``, the metric in the best of them.

        Raises:
            NotComparableError: no run has finished, or the runs differ in more than their settings.
            UserError: the sweep is running, or a run lacks a metric.
        """
        comparison = self.comparison
        titles, *rows = columns(comparison)
        numbers = pd.DataFrame(rows, columns=titles).drop(columns=["setting", NOT_PURSUED], errors="ignore")
        for name in numbers.columns.difference(["config_hash"]):
            is_text = name.endswith("verdict")
            numbers[name] = numbers[name].fillna("") if is_text else pd.to_numeric(numbers[name])
        varied = self._varied([(setting.varied, setting.parameters) for setting in comparison.settings])
        places = range(len(comparison.settings))
        head = {
            "setting": [setting.label for setting in comparison.settings],
            "role": [setting.role for setting in comparison.settings],
            **varied,
            "n": [len(setting.runs) for setting in comparison.settings],
            "chosen": [index == comparison.chosen for index in places],
            "default": [index == comparison.default for index in places],
            "on_front": [index in comparison.front.best for index in places],
            NOT_PURSUED: [setting.not_pursued for setting in comparison.settings],
        }
        return pd.concat([pd.DataFrame(head), numbers], axis=1)

    @property
    def answers(self) -> list[str]:
        """The conclusions of the comparison, in sentences; raises what :attr:`settings` raises."""
        return answers(self.comparison)

    @cached_property
    def comparison(self) -> SweepComparison:
        """The comparison itself, of which :attr:`settings` are the numbers; raises what they raise."""
        try:
            check_ended(self._parent, self._children, presume_dead=True)
            settings = sort_runs(self._children, listed_jobs(self._store, self._parent))
            reasons = differences(settings)
            if reasons and not self.allow_mixed:
                raise NotComparableError(f"{mixed(reasons)} load_sweep(…, allow_mixed=True) compares them anyway.")
        except UserError as error:
            if str(error).startswith("sweep "):
                raise
            raise type(error)(f"sweep {self.sweep_id}: {error}") from None
        default_hash = self._parent.tags.get("default_hash")
        return compare_settings(settings, default_hash=default_hash, metric=self.metric, read=self._store.content)

    def predictions(self, setting: str | None = None, seed: int | None = None) -> pd.DataFrame:
        """Return what finished runs predict for the test images, one row per run and image.

        Columns: ``setting``, ``seed``, ``role``, ``status`` and what varies, as in :attr:`runs`; those of the run's
        ``predictions.csv``: ``index`` of the image in the test part, ``file`` (photos only), ``label`` and
        ``predicted`` (class names), ``confidence``, ``iou``, ``center_error_px``, and both boxes in pixels of the
        original image; ``folder``.

        Args:
            setting: a name in the column ``setting``; every one by default.
            seed: every one by default.

        Raises:
            UserError: there is no such setting or seed, or no such run has left a readable ``predictions.csv``.
        """
        finished = [run for run in self._children if run.status == "FINISHED"]
        labels = list(dict.fromkeys(label_of(run) for run in finished))
        seeds = sorted({int(run.tags["seed"]) for run in finished})
        if setting is not None and setting not in labels:
            hint = nearest(setting, labels) or f" Finished are: {listed(labels) or 'none'}."
            raise UserError(f"setting={setting}: no run of it has finished.{hint}")
        if seed is not None and seed not in seeds:
            raise UserError(f"seed={seed}: no run of it has finished. Finished are: {listed(seeds) or 'none'}.")
        runs = [
            run
            for run in finished
            if setting in (None, label_of(run)) and seed in (None, int(run.tags["seed"]))
        ]  # fmt: skip
        having = [(run, content) for run in runs if (content := self._store.content(run, PREDICTIONS)) is not None]
        if not having:
            raise UserError(f"sweep {self.sweep_id}: no such run has left {PREDICTIONS}, there or in the store.")
        tables = [_predictions(run, content) for run, content in having]
        return self._joined([run for run, _ in having], tables)

    @property
    def _compared(self) -> set[int]:
        """The runs that the comparison sums up, by identity; none where there is nothing to compare."""
        with contextlib.suppress(UserError):
            settings = sort_runs(self._children, listed_jobs(self._store, self._parent))
            return {id(run) for setting in settings for run in setting.runs.values()}
        return set()

    def _keys(self, runs: Sequence[RunRecord]) -> pd.DataFrame:
        """Return the columns that all frames of runs begin with, one row per run."""
        head = {
            "setting": [label_of(run) for run in runs],
            "seed": [int(run.tags["seed"]) for run in runs],
            "role": [run.tags.get("role", "") for run in runs],
            "status": [run.status for run in runs],
        }
        return pd.DataFrame(head | self._varied([(varied_of(run.tags), run.parameters) for run in runs]))

    def _varied(self, rows: Sequence[tuple[Mapping[str, str], Mapping[str, str]]]) -> dict[str, pd.Series]:
        """Return a column for each key that the sweep varies, and for the loss weights, from values and parameters."""
        varied = [key for run in self._children for key in varied_of(run.tags)]
        weights = (CLASSIFICATION, BBOX)
        found = {
            key: typed([one.get(key, parameters.get(key)) for one, parameters in rows])
            for key in dict.fromkeys([*weights, *varied])
        }
        return found | {key: found[key].astype(float) for key in weights if found[key].dtype.kind == "i"}

    def _joined(self, runs: Sequence[RunRecord], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Put a table for each run below one another, with the columns that say whose rows they are."""
        keys = self._keys(runs).assign(folder=[folder_of(run) for run in runs])
        rows = keys.loc[keys.index.repeat([len(table) for table in tables])].reset_index(drop=True)
        filled = [table for table in tables if len(table)]
        values = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(index=rows.index)
        return pd.concat([rows.drop(columns="folder"), values, rows[["folder"]]], axis=1)


def label_of(run: RunRecord) -> str:
    """Return the name of a run's setting."""
    return setting_name(varied_of(run.tags))


def folder_of(run: RunRecord) -> str:
    """Return where the files of a run are, or were when it was tracked."""
    return str(run.directory or run.tags.get("directory", ""))


def typed(values: Sequence[str | None]) -> pd.Series:
    """Return a column of values that were kept as text: numbers or truths where all of them are."""
    column = pd.Series(values, dtype=object)
    given = column.dropna()
    if len(given) == len(column) and set(given.str.lower()) <= {"true", "false"}:
        return column.str.lower() == "true"
    with contextlib.suppress(ValueError, TypeError):
        return pd.to_numeric(column)
    return column


def _predictions(run: RunRecord, content: bytes) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.BytesIO(content),
            dtype=dict.fromkeys(TEXT, str),
            keep_default_na=False,
            na_values=[""],
            float_precision="round_trip",
        )
    except ValueError as error:  # of pandas and of decoding, too
        raise UserError(f"{run.name} ({folder_of(run)}): {PREDICTIONS} cannot be read ({error}).") from None
