"""The list of jobs of a sweep: from the overrides of a command to composed, validated jobs, stage by stage."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from locexp.configuration.compose import Composer, Job, whole
from locexp.configuration.effects import check_used
from locexp.configuration.overrides import combinations, key_of
from locexp.errors import UserError, listed
from locexp.records.provenance import flattened
from locexp.records.sweep_list import BUDGET, CONFIRMATION, setting_name
from locexp.run.folder import check_folder
from locexp.sweep.plan import plan_errors, plan_of, start_plan, takes_cells
from locexp.sweep.setting import Cell, Setting, Stage

RunKey = tuple[str, int]
"""What names a run of a sweep: its config hash and its seed."""
StageResults = dict[str, dict[str, float] | None]
"""The results that a stage of a plan followed from, by the index of the job."""
AGREE = ("data.", "bbox.", *BUDGET)
"""Prefixes of keys that compared runs must share: data, boxes and budget."""
SAME_SCENES = ("bbox.fresh", "bbox.augment")
"""The keys of boxes that change what is trained on, but not what is evaluated."""


@dataclass(frozen=True)
class SweepJob(Job):
    """One run of a sweep.

    Attributes:
        index: its position in the list, from 0.
        stage: of the plan, from 0.
        varied: what the sweep varies, key by key, as text; with ``seed`` where there are several.
        role: see :class:`~locexp.sweep.setting.Setting`.
    """

    index: int
    stage: int
    varied: dict[str, str]
    role: str

    @property
    def key(self) -> RunKey:
        """What finds it among finished runs."""
        return self.config_hash, self.seed

    @property
    def name(self) -> str:
        """What varies, and the seed: ``bbox_weight=0.5 seed=1``."""
        return f"{setting_name(self.varied)} seed={self.seed}"

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it in the list on the parent run."""
        names = ("index", "stage", "name", "overrides", "config_hash", "seed", "varied", "role")
        return {name: getattr(self, name) for name in names}


PlacedJob = tuple[SweepJob, Path]
"""A job and the folder for this attempt at it."""


class StagedJobs:
    """The jobs of a command, known stage by stage.

    Args:
        composer: composes and validates.
        overrides: of the command.
        multirun: whether comma-separated values are a sweep.

    Attributes:
        base_job: what is varied; it says which launcher runs the jobs.
        is_sweep: whether it is several runs that belong together, not one.
        directory: of the run or the sweep.
        jobs: all that are known so far.
        default_hash: the config hash of what the command would run without a sweep, where that is a run at all.
        more: whether another stage may follow from the results of those so far.
        notes: what is given without an effect.
        past_results: for each stage but the first, the results that it followed from.
        stage_notes: what the plan says before the last stage.

    Raises:
        UserError: a configuration is wrong, a value is given twice, or what controls a sweep is swept itself.
    """

    def __init__(self, composer: Composer, overrides: Sequence[str], *, multirun: bool) -> None:
        self._composer = composer
        self._swept, cells = combinations(overrides)
        self.base_job = composer.compose(cells[0])
        sweep = self.base.sweep
        self.is_sweep = multirun or sweep._target_ is not None or sweep.seeds is not None
        if self._swept and not self.is_sweep:
            composer.compose(overrides)  # raises: several values are a sweep
        self.notes = check_used(overrides, is_sweep=self.is_sweep)
        self.directory = self.base_job.directory("sweep" if self.is_sweep else "run")
        absolute = self.directory.absolute()
        first = self.base_job.hydra(absolute / "0", index=0) if self.is_sweep else self.base_job.hydra(absolute)
        check_folder(whole(self.base, first).hydra)
        _check_swept(self._swept, cells)
        self.default_hash: str | None = None
        default = None
        fixed = tuple(override for override in overrides if key_of(override) not in self._swept)
        with contextlib.suppress(UserError):  # something may be required that the sweep gives
            default = composer.compose(fixed)
            self.default_hash = default.config_hash
        self._fixed = {key_of(override): override for override in overrides}
        self._seeds = self._all_seeds(cells)
        seedless = (tuple(override for override in cell if key_of(override) != "seed") for cell in cells)
        self._cells = list(dict.fromkeys(seedless))
        composed = [self._cell(cell) for cell in self._cells]
        self._takes_cells = takes_cells(plan_of(self.base))
        if self._takes_cells:
            self._cells = [tuple(override for override in fixed if key_of(override) != "seed")]
            varied = default.cfg if default is not None else composed[0].base
            self._plans = [start_plan(varied, composed, len(self._seeds))]
        else:
            self._plans = [start_plan(cell.base, [cell], len(self._seeds)) for cell in composed]
        self.more = False
        self.stage_notes: list[str] = []
        self._confirmed_from: int | None = None
        self._asked: list[list[list[SweepJob]]] = []
        self.jobs: list[SweepJob] = []
        self.past_results: list[StageResults] = []

    @property
    def base(self) -> DictConfig:
        """The configuration that is varied."""
        return self.base_job.cfg

    @property
    def typed(self) -> set[str]:
        """The keys of the command."""
        return set(self._fixed)

    @functools.cached_property
    def launcher(self) -> DictConfig:
        """The configuration of Hydra's launcher; what it refers to in the rest is found."""
        launcher = whole(self.base, self.base_job.hydra(self.directory.absolute())).hydra.launcher
        if not isinstance(launcher, DictConfig):
            raise UserError("hydra.launcher: expected the keys of a launcher; choose one with hydra/launcher=NAME.")
        return launcher

    def next_stage(self, results: Mapping[RunKey, dict[str, float] | None]) -> list[SweepJob]:
        """Return the jobs of the next stage that no earlier stage had; a plan that has ended gives none.

        Args:
            results: the validation metrics of the jobs so far, ``None`` for those that failed.

        Raises:
            UserError: the command fixes a key that the plan varies, or a job's configuration is wrong.
        """
        asked: dict[int, RunKey] = {}
        new: list[SweepJob] = []
        self.stage_notes = []
        while not new:
            asked |= {job.index: job.key for cell in self._asked for jobs in cell for job in jobs}
            new = self._ask(results)
            if not self.more:
                break  # a plan may also go on from what is known already
        if self.jobs and new:
            self.past_results.append({str(index): results.get(key) for index, key in sorted(asked.items())})
        self.jobs += new
        return new

    def _ask(self, results: Mapping[RunKey, dict[str, float] | None]) -> list[SweepJob]:
        """Return the jobs of the next stage that are not known yet."""
        stages = [self._stage(number, results) for number in range(len(self._cells))]
        self.more = any(stage.more for stage in stages)
        self.stage_notes += [note for stage in stages for note in stage.notes]
        settings = [stage.settings for stage in stages]
        after = max((job.seed for job in self.jobs), default=-1) + 1
        queue = []
        for cell, group in enumerate(settings):
            for position, setting in enumerate(group):
                seeds = self._seeds_of(setting, after)
                queue += [(round_, cell, position, seed) for round_, seed in enumerate(seeds)]
        self._asked = [[[] for _ in group] for group in settings]
        number = self.jobs[-1].stage + 1 if self.jobs else 0
        known = {job.key: job for job in self.jobs}
        for _, cell, position, seed in sorted(queue):  # seeds outermost: a sweep cut short holds whole comparisons
            job = self._job(len(known), number, self._cells[cell], settings[cell][position], seed)
            same = known.setdefault(job.key, job)
            if same is not job and self.base.sweep._target_ is None:
                swept = " ".join(override for override in self._cells[cell] if key_of(override) in self._swept)
                raise UserError(f"{swept}: is the same run as {same.name}; what is swept makes no difference.")
            self._asked[cell][position].append(same)
        return list(known.values())[len(self.jobs) :]

    def _seeds_of(self, setting: Setting, after: int) -> list[int]:
        """Return the seeds of a setting; fresh ones are from ``after`` on."""
        if not setting.fresh_seeds:
            return self._seeds
        if setting.role == CONFIRMATION:
            if self._confirmed_from is None:
                self._confirmed_from = after
            after = self._confirmed_from
        return list(range(after, after + setting.fresh_seeds))

    def incomparable_keys(self) -> list[str]:
        """Return, in words, what is swept though runs that differ in it are not compared."""
        if self.base.sweep.allow_mixed:
            return []
        settings = {job.config_hash: job.cfg for job in self.jobs}
        parts = [
            {key: value for key, value in flattened(cfg).items() if key.startswith(AGREE) and key not in SAME_SCENES}
            for cfg in settings.values()
        ]
        keys = {key for part in parts for key in part}
        differ = {key for key in keys if len({part.get(key) for part in parts}) > 1}
        # Of another class of boxes, or another source of data, the group says more than all of its keys.
        groups = {key.partition(".")[0] for key in differ if key.endswith("._target_")}
        named = {group if (group := key.partition(".")[0]) in groups else key for key in differ}
        if not named:
            return []
        return [
            f"{', '.join(sorted(named))}: runs that differ in this are trained, but not compared in the end, since "
            "more than a setting differs; sweep.allow_mixed=true compares them anyway"
        ]

    def take_stages(self, past_results: Sequence[StageResults]) -> None:
        """Take in the first stage and those that followed from these results, whatever the jobs would yield now.

        Raises:
            UserError: see :meth:`next_stage`.
        """
        self.next_stage({})
        for results in past_results:
            self.next_stage({job.key: results.get(str(job.index)) for job in self.jobs})

    def _stage(self, number: int, results: Mapping[RunKey, dict[str, float] | None]) -> Stage:
        plan = self._plans[number]
        with plan_errors(self.base), contextlib.suppress(StopIteration):
            if not self._asked:
                stage = next(plan)
            else:
                stage = plan.send([[results.get(job.key) for job in jobs] for jobs in self._asked[number]])
            if not isinstance(stage, Stage):
                raise TypeError(f"it yields a {type(stage).__name__}; expected locexp.sweep.setting.Stage")
            return stage
        return Stage([])

    def _job(self, index: int, stage: int, cell: tuple[str, ...], setting: Setting, seed: int) -> SweepJob:
        for key in setting.values:
            if key in self._fixed and not (self._takes_cells and key in self._swept):
                raise UserError(
                    f"{self._fixed[key]}: the sweep varies {key} itself; leave it out, or sweep it by hand with "
                    "--multirun and without a sweep."
                )
        overrides = (*cell, *(f"{key}={value}" for key, value in setting.values.items()), f"seed={seed}")
        job = self._composer.compose(overrides)
        varied = dict(override.split("=", 1) for override in cell if key_of(override) in self._swept)
        for key, value in setting.values.items():
            varied[key] = f"{value:g}" if isinstance(value, float) else str(value)
        for key in [key for key, value in varied.items() if re.search(r"\$\\?\{", value)]:
            varied[key] = str(OmegaConf.select(job.composition.cfg, key))
        varied |= setting.facts
        if len(self._seeds) > 1 or setting.fresh_seeds:
            varied |= {**job.composition.seed_values, "seed": str(seed)}
        return SweepJob(job.overrides, job.seed, job.composition, index, stage, varied, setting.role)

    def _cell(self, overrides: tuple[str, ...]) -> Cell:
        values = dict(override.split("=", 1) for override in overrides if key_of(override) in self._swept)
        return Cell(values, self._composer.compose(overrides).cfg)

    def _all_seeds(self, cells: Sequence[tuple[str, ...]]) -> list[int]:
        asked, fixed = self.base.sweep.seeds, self._fixed.get("seed")
        if "seed" in self._swept:
            if asked is not None:
                raise UserError(f"sweep.seeds={asked} and {fixed}: the seeds are given twice; leave one of them out.")
            return list(dict.fromkeys(self._composer.compose(cell).seed for cell in cells))
        if isinstance(asked, ListConfig):
            if fixed is not None:
                raise UserError(f"sweep.seeds={list(asked)} and {fixed}: the seeds are given twice; leave one out.")
            return [int(seed) for seed in asked]
        first = int(self.base.seed)
        return list(range(first, first + (asked or 1)))


def _check_swept(keys: Sequence[str], cells: Sequence[tuple[str, ...]]) -> None:
    """Refuse to sweep what controls the whole sweep, and values that are given twice."""
    for key in keys:
        if key.replace("/", ".").split(".")[0] in ("sweep", "hydra", "tracking", "name"):
            raise UserError(f"{key}: cannot be swept, since it says how the whole sweep is run.")
        if key == "trainer.threads":
            raise UserError(
                f"{key}: TensorFlow takes one value in a process, so it cannot be swept; give one command for each."
            )
    if len(set(cells)) < len(cells):
        twice = next(cell for cell in cells if cells.count(cell) > 1)
        raise UserError(
            f"{listed(override for override in twice if key_of(override) in keys)}: is given twice in the sweep."
        )
