"""Running a sweep: the parent run, the jobs stage by stage, and the end, however it comes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from locexp.errors import RunFailedError, Terminated, UserError, first_line
from locexp.record import RunRecord
from locexp.run.link import LIST, link_words, quoted
from locexp.run.provenance import flattened, provenance
from locexp.run.screen import Screen
from locexp.sweep.ending import End, compare, conclude
from locexp.sweep.launching import LaunchPlan, end_workers, launch_plan
from locexp.sweep.plan import Key, Plan, SweepJob
from locexp.sweep.progress import Progress, read_record
from locexp.sweep.stored import StoredSweep, close_dead, mend, validation
from locexp.tracking.location import location_of

if TYPE_CHECKING:
    from locexp.tracking.session import Session

logger = logging.getLogger(__name__)

_planned: list[Conductor] = []


def planned() -> Conductor:
    """Return what the command has planned; the sweeper, which Hydra makes, asks for it."""
    return _planned[-1]


class Conductor:
    """Runs the jobs of a plan with one of Hydra's launchers.

    Args:
        plan: of which the first stage is known.
        words, multirun, config_dir: of the command, as they are stored for a resume.
        screen: where the sweep is shown.
        stored: what an earlier command left of this sweep.
    """

    def __init__(
        self,
        plan: Plan,
        words: Sequence[str],
        *,
        multirun: bool,
        config_dir: str | None,
        screen: Screen,
        stored: StoredSweep | None = None,
    ) -> None:
        self.plan, self.stored, self._screen = plan, stored, screen
        self._words, self._multirun, self._config_dir = list(words), multirun, config_dir
        self.location = location_of(plan.base.tracking)
        self.directory = (stored.directory if stored and stored.directory.is_dir() else plan.directory).absolute()
        self.sweep_id = stored.sweep_id if stored else self.directory.parent.name + "-" + self.directory.name
        self._results: dict[Key, dict[str, float] | None] = {}
        self._done: dict[Key, str] = {}
        if stored:
            self._take(stored)
        self._failures: list[tuple[SweepJob, Path, str]] = []
        self._unlogged = 0
        self._session: Session | None = None
        _planned[:] = [self]

    @property
    def fixed_directory(self) -> str:
        """The override by which Hydra writes to this sweep's folder."""
        return f"hydra.sweep.dir={quoted(str(self.directory))}"

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have not finished."""
        return [job for job in jobs if job.key not in self._done]

    def conduct(self, launcher: Launcher, config: DictConfig) -> None:
        """Run what is missing.

        Raises:
            RunFailedError: a job failed, or results did not reach the store.
            KeyboardInterrupt, Terminated: the sweep was stopped; it can be resumed.
        """
        how = launch_plan(config.hydra.launcher)
        status = "FAILED"
        self._open()
        try:
            self._introduce(how)
            self._run_stages(launcher, how)
            status = "FAILED" if self._failures else "FINISHED"
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        finally:
            end_workers()
            self._close(status)
        if self._failures:
            raise RunFailedError(f"{len(self._failures)} of {len(self.plan.jobs)} jobs did not finish")
        if self._unlogged:
            raise RunFailedError(f"not all results reached the tracking store {self.location.uri}")

    def _take(self, stored: StoredSweep) -> None:
        for key, run in stored.finished.items():
            self._done[key] = run.run_id
            self._results[key] = validation(run.metrics)

    def _open(self) -> None:
        """Make the folder, the list and the parent run, in this order; mend what an earlier command left."""
        from locexp.tracking.reading import Reader
        from locexp.tracking.session import Session

        (self.directory / LIST).parent.mkdir(parents=True, exist_ok=True)
        base = self.plan.base
        tags = provenance(base, self._words) | {
            "kind": "sweep",
            "sweep_id": self.sweep_id,
            "varied": ",".join(dict.fromkeys(key for job in self.plan.jobs for key in job.varied)),
            "default_hash": self.plan.default_hash or "",
            "directory": str(self.directory),
        }
        del tags["config_hash"], tags["seed"]
        varied = set(tags["varied"].split(","))
        parameters = {key: value for key, value in flattened(base).items() if key not in varied | {"seed"}}
        self._record = RunRecord(
            name=str(base.name or f"sweep {', '.join(key.rpartition('.')[2] for key in sorted(varied)) or 'of one'}"),
            parameters=parameters,
            tags=tags,
            start_time=self.stored.parent.start_time if self.stored else time.time(),
            tracking_uri=self.location.uri,
            artifact_root=self.location.artifact_root,
            experiment=self.location.experiment,
            run_id=self.stored.parent.run_id if self.stored else None,
        )
        self._write_list()
        try:
            self._session = Session(self.location)
            self._session.start(self._record, active=False)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"tracking.uri={self.location.uri}: cannot be opened ({first_line(error, 200)})."
            ) from error
        self._record.run_id, self._record.experiment_id = self._session.run_id, self._session.experiment_id
        self._record.write(self.directory)
        self._write_list()
        self._log_list()
        if self.stored:
            for line in mend(Reader(self.location), self.stored):
                self._screen.line(f"note     {line}")
            self._take(self.stored)

    def _write_list(self) -> None:
        content = {
            "sweep_id": self.sweep_id,
            "parent_run_id": self._record.run_id,
            "words": self._words,
            "multirun": self._multirun,
            "config_dir": self._config_dir,
            "jobs": [job.stored() for job in self.plan.jobs],
        }
        path = self.directory / LIST
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=1) + "\n")
        partial.replace(path)

    def _log_list(self) -> None:
        assert self._session is not None
        try:
            self._session.log_file(self.directory / LIST, str(LIST.parent))
        except Exception as error:  # the server was lost: the files hold everything
            logger.warning("the list of jobs is not in the store yet (%s)", first_line(error, 200))

    def _introduce(self, how: LaunchPlan) -> None:
        jobs = self.plan.jobs
        missing = len(self.missing(jobs))
        later = ", more stages follow from their results" if self.plan.more else ""
        self._screen.line(f"sweep    {self.sweep_id}: {len(jobs)} jobs{later}")
        if self.stored:
            self._screen.line(f"resumed  {len(jobs) - missing} have finished before, {missing} are missing")
        if how.note and missing:
            self._screen.line(f"note     {how.note}")

    def _run_stages(self, launcher: Launcher, how: LaunchPlan) -> None:
        jobs = self.plan.jobs
        progress = Progress(self._screen, len(jobs), len(jobs) - len(self.missing(jobs)))
        while jobs:
            if self.stored:
                self.stored.check(self.plan.jobs)
            going_on = self._launch(launcher, how, self.missing(jobs), progress)
            if not going_on:
                self._screen.line("note     sweep.on_error=stop: the jobs that are left were not started")
                return
            jobs = self.plan.next_stage(self._results)
            if jobs:
                self._write_list()
                self._log_list()
                progress.add(len(jobs), len(jobs) - len(self.missing(jobs)))
                self._screen.line(f"stage    {jobs[0].stage + 1}: {len(jobs)} more jobs")

    def _launch(self, launcher: Launcher, how: LaunchPlan, jobs: list[SweepJob], progress: Progress) -> bool:
        """Run jobs; returns whether the sweep is to go on."""
        waiting = list(jobs)
        while waiting:
            batch, waiting = waiting[: how.batch], waiting[how.batch :] if how.batch else []
            places = [(job, self._place(job)) for job in batch]
            progress.watch(places)
            problem: Exception | None = None
            try:
                launcher.launch([self._words_of(job, place, how) for job, place in places], batch[0].index)
            except Exception as error:  # a worker was killed, or the launcher itself failed
                logger.info("the launcher failed", exc_info=True)
                problem = error
            finally:
                close_dead([place for _, place in places])
                progress.end()
            unstarted = [job for job, place in places if not self._settle(job, place)]
            if unstarted and len(unstarted) == len(batch):
                reason = first_line(problem) if problem else "no reason known"
                for job, place in places:
                    self._failures.append((job, place, f"the launcher did not start it: {reason}"))
            else:
                waiting = unstarted + waiting  # the launcher gave up on them when another job was killed
            if self._failures and self.plan.base.sweep.on_error == "stop":
                return not waiting
        return True

    def _place(self, job: SweepJob) -> Path:
        """Return the folder for the next attempt at a job: ``3``, or ``3-2`` for a second one."""
        place, attempt = self.directory / str(job.index), 1
        while place.exists():
            attempt += 1
            place = self.directory / f"{job.index}-{attempt}"
        return place

    def _words_of(self, job: SweepJob, place: Path, how: LaunchPlan) -> list[str]:
        # Hydra adds its own words of the command to each job by itself; twice, a +hydra.… is refused.
        own = [word for word in job.words if not word.lstrip("+~").startswith(("hydra.", "hydra/"))]
        words = [*own, *link_words(job.index, self.directory / LIST), f"hydra.sweep.subdir={quoted(place.name)}"]
        if how.threads is not None and job.cfg.trainer.threads == "auto":
            words.append(f"trainer.threads={how.threads}")
        return words

    def _settle(self, job: SweepJob, place: Path) -> bool:
        """Take the outcome of a job that was launched; returns whether it had started at all."""
        record = read_record(place)
        if record is None:
            log = place / "train.log"
            if log.is_file() and log.stat().st_size:
                self._fail(job, place, "ended before it left a record; see its train.log")
                return True
            return False
        if record.status == "FINISHED":
            self._done[job.key] = record.run_id or ""
            self._results[job.key] = validation(record.metrics)
            self._unlogged += not record.logged
        else:
            self._fail(job, place, f"{record.status}: {record.error}")
        return True

    def _fail(self, job: SweepJob, place: Path, reason: str) -> None:
        self._failures.append((job, place, reason))
        self._results[job.key] = None

    def _close(self, status: str) -> None:
        record = self._record
        record.status, record.end_time = status, time.time()
        record.metrics = {"sweep/jobs": float(len(self.plan.jobs)), "sweep/finished": float(len(self._done))}
        record.metrics["sweep/failed"] = float(len(self._failures))
        if status != "KILLED" and self._done:
            compare(self.location, self.sweep_id, self._screen)
        try:
            assert self._session is not None
            self._session.finish(record, self.directory, None)
            record.logged = True
        except Exception as error:
            record.logged = False
            self._unlogged += 1
            logger.info("the parent run was not closed", exc_info=error)
        record.write(self.directory)
        conclude(self._screen, self.location, record, self.directory, self._words, self._ends(), bool(self._unlogged))

    def _ends(self) -> list[End]:
        failed = {job.index: (place, reason) for job, place, reason in self._failures}
        ends = []
        for job in self.plan.jobs:
            place, reason = failed.get(job.index, (None, None))
            ends.append(End(job.name, job.seed, self._done.get(job.key), place, reason))
        return ends
