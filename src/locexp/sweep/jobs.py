"""The list of jobs of a sweep: from the overrides of a command to composed, validated jobs, stage by stage."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from locexp.configuration.compose import Composer, Job, whole
from locexp.configuration.effects import check_used
from locexp.configuration.overrides import combinations, key_of
from locexp.errors import UserError
from locexp.records.sweep_list import setting_name
from locexp.run.folder import check_folder
from locexp.sweep.course import Course, check_pausable, farthest
from locexp.sweep.plan import plan_errors, plan_of, start_plan, takes_cells
from locexp.sweep.setting import Cell, Setting, Stage
from locexp.sweep.swept import check_swept, told_apart_by

RunKey = tuple[str, int]
"""What names a run of a sweep: its config hash and its seed."""
StageResults = dict[str, dict[str, float] | None]
"""The results that a stage of a plan followed from, by the index of the job."""


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
        course: how far each job is to train, and which are not pursued.
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
        check_swept(self._swept, cells)
        self.default_hash: str | None = None
        default = None
        self._varied = self._swept + ([] if sweep._target_ is not None else told_apart_by(overrides, self._swept))
        fixed = tuple(override for override in overrides if key_of(override) not in self._varied)
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
        self.course = Course()
        self.stage_notes: list[str] = []
        self._asked: list[list[list[SweepJob]]] = []
        self._had: list[list[tuple[Setting, list[SweepJob]]]] = [[] for _ in self._cells]
        self._fresh: dict[str, list[int]] = {}
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
        """Return the jobs that the next stage begins or continues; a plan that has ended gives none.

        Args:
            results: the validation metrics of the jobs so far, ``None`` for those that failed.

        Raises:
            UserError: the command fixes a key that the plan varies, or a job's configuration is wrong.
        """
        asked: dict[int, RunKey] = {}
        going: list[SweepJob] = []
        self.stage_notes = []
        while not going:
            asked |= {job.index: job.key for cell in self._asked for jobs in cell for job in jobs}
            going = self._ask(results)
            if not self.more:
                break  # a plan may also go on from what is known already
        if asked and going:
            self.past_results.append({str(index): results.get(key) for index, key in sorted(asked.items())})
        return going

    def _ask(self, results: Mapping[RunKey, dict[str, float] | None]) -> list[SweepJob]:
        """Take in the next stage; returns the jobs that it begins or continues."""
        stages = [self._stage(number, results) for number in range(len(self._cells))]
        self.more = any(stage.more for stage in stages)
        self.stage_notes += [note for stage in stages for note in stage.notes]
        settings = [stage.settings for stage in stages]
        queue = []
        for cell, group in enumerate(settings):
            for position, setting in enumerate(group):
                seeds = self._fresh_seeds(setting) if setting.fresh_seeds else self._seeds
                queue += [(round_, cell, position, seed) for round_, seed in enumerate(seeds)]
        self._asked = [[[] for _ in group] for group in settings]
        number, wanted = len(self.course.stages), dict[int, int | None]()
        known = {job.key: job for job in self.jobs}
        for _, cell, position, seed in sorted(queue):  # seeds outermost: a sweep cut short holds whole comparisons
            job = self._job(len(known), number, self._cells[cell], settings[cell][position], seed)
            same = known.setdefault(job.key, job)
            if same is not job and self.base.sweep._target_ is None:
                swept = " ".join(override for override in self._cells[cell] if key_of(override) in self._swept)
                raise UserError(f"{swept}: is the same run as {same.name}; what is swept makes no difference.")
            self._asked[cell][position].append(same)
            wanted[same.index] = farthest(wanted, same.index, self._until(stages[cell], same))
        with plan_errors(self.base):
            dropped = {index: why for cell, stage in enumerate(stages) for index, why in self._dropped(cell, stage)}
            going = self.course.begin(wanted, dropped)
        for cell, group in enumerate(settings):
            self._had[cell] += zip(group, self._asked[cell], strict=True)
        self.jobs = list(known.values())
        return [self.jobs[index] for index in going]

    def _fresh_seeds(self, setting: Setting) -> list[int]:
        """Return the fresh seeds of a setting: those that earlier ones of its role had, and as many more as it asks."""
        seeds = self._fresh.setdefault(setting.role, [])
        after = max((seed for seed in (*seeds, *(job.seed for job in self.jobs))), default=-1) + 1
        seeds += range(after, after + setting.fresh_seeds - len(seeds))
        return seeds[: setting.fresh_seeds]

    def _until(self, stage: Stage, job: SweepJob) -> int | None:
        """Return after how many epochs a stage has a job pause; raises :class:`UserError` where it cannot."""
        cfg = job.composition.cfg
        if stage.until is None or stage.until >= cfg.trainer.epochs:
            return None
        check_pausable(cfg)
        return stage.until

    def _dropped(self, cell: int, stage: Stage) -> Iterator[tuple[int, str]]:
        """Yield the jobs that a stage gives up, by their index, with the reason."""
        for dropped in stage.dropped:
            jobs = [job for setting, had in self._had[cell] if setting == dropped.setting for job in had]
            if not jobs:
                raise ValueError(f"it drops {dropped.setting}, which no earlier stage has")
            yield from ((job.index, dropped.reason) for job in jobs)

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
            if stage.until is not None and (type(stage.until) is not int or stage.until < 1):
                raise ValueError(f"it yields a stage with until={stage.until!r}; expected a whole number >= 1, or None")
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
        given = {key_of(override): override.partition("=")[2] for override in cell}
        varied = {key: given[key] for key in self._varied if key in given}
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
        job = self._composer.compose(overrides)
        return Cell(values, job.composition.cfg if self.base.sweep._target_ is None else job.cfg)

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
