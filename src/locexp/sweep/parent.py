"""A sweep's folder and its parent run: the list of jobs and the record, here and in the store."""

from __future__ import annotations

import contextlib
import logging
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from locexp.configuration.overrides import key_of
from locexp.errors import UserError, first_line
from locexp.records.provenance import flattened, provenance
from locexp.records.record import RunRecord
from locexp.records.sweep_list import LIST, SweepList
from locexp.sweep.jobs import StagedJobs
from locexp.sweep.stored import StoredSweep
from locexp.system.process import process_tags
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.tracking.presenting import Presented
    from locexp.tracking.session import Session

logger = logging.getLogger(__name__)

DEFAULT_FOLDER = re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f]{6}")


class Parent:
    """The run that holds a sweep.

    Args:
        staged, command, stored: see :class:`~locexp.sweep.conduct.Conductor`.

    Attributes:
        directory: of the sweep, absolute.
        tracking: where it is tracked, as configured.
        location: of the store.
        record: of the run.
    """

    def __init__(self, staged: StagedJobs, command: SweepList, stored: StoredSweep | None) -> None:
        self._staged, self._is_new = staged, stored is None
        folder = command.config_dir
        self._list = replace(command, config_dir=folder and str(Path(folder).absolute()))
        self.tracking: DictConfig = staged.base.tracking
        self.location = location_of(self.tracking)
        self.directory = (stored.directory if stored and stored.directory.is_dir() else staged.directory).absolute()
        self.sweep_id = stored.sweep_id if stored else _new_id(self.directory, command.overrides)
        self._session: Session | None = None
        self.record = self._new_record(stored)

    def _new_record(self, stored: StoredSweep | None) -> RunRecord:
        staged = self._staged
        varied = dict.fromkeys(key for job in staged.jobs for key in job.varied)
        tags = provenance(staged.base, self._list.overrides) | {
            "kind": "sweep",
            "sweep_id": self.sweep_id,
            "varied": ",".join(varied),
            "default_hash": staged.default_hash or "",
            "directory": str(self.directory),
        }
        del tags["config_hash"], tags["seed"]
        shown = sorted(key.rpartition(".")[2] for key in varied if key != "seed" or len(varied) == 1)
        return RunRecord(
            name=str(staged.base.name or f"sweep {', '.join(shown) or 'of one'}"),
            parameters={key: value for key, value in flattened(staged.base).items() if key not in {*varied, "seed"}},
            tags=tags,
            start_time=stored.parent.start_time if stored else time.time(),
            tracking_uri=self.location.uri,
            artifact_root=self.location.artifact_root,
            experiment=self.location.experiment,
            run_id=stored.parent.run_id if stored else None,
        )

    @property
    def is_open(self) -> bool:
        """Whether the store has the run, so that it must be closed."""
        return self._session is not None and bool(self._session.run_id)

    def open(self) -> None:
        """Make the folder, the list and the run, in this order.

        Raises:
            UserError: the store cannot be opened.
        """
        from locexp.tracking.session import Session

        (self.directory / LIST).parent.mkdir(parents=True, exist_ok=True)
        self._write_list()
        try:
            self._session = Session(self.location)
            self._session.start(self.record)
        except Exception as error:
            if self._is_new:
                (self.directory / LIST).unlink()  # nothing has begun
            if isinstance(error, UserError):
                raise
            raise UserError(
                f"tracking.uri={self.location.uri}: cannot be opened ({first_line(error, 200)})."
            ) from error
        self.record.write(self.directory)
        self.list_jobs()

    def list_jobs(self) -> None:
        """Write the jobs that are known now to the list, here and in the store."""
        assert self._session is not None
        self._write_list()
        try:
            self._session.log_file(self.directory, LIST)
        except Exception as error:  # the server was lost, or what keeps artifacts, whose client raises what it likes
            logger.warning("the list of jobs is not in the store yet (%s)", first_line(error, 200))
            logger.info("the files hold everything", exc_info=error)

    def amend(self, record: RunRecord, directory: Path) -> None:
        """Write the record of a run of the sweep that has ended anew, here and in the store; raises OSError."""
        record.write(directory)
        if not record.logged:
            return  # it will be logged whole
        assert self._session is not None
        try:
            self._session.amend(record, directory)
        except Exception as error:  # as in list_jobs
            logger.warning("%s: its tags are not in the store yet (%s)", record.name, first_line(error, 200))
            logger.info("the files hold everything", exc_info=error)
            record.logged = False
            record.write(directory)

    def _write_list(self) -> None:
        replace(
            self._list,
            jobs=[job.stored() for job in self._staged.jobs],
            stage_results=self._staged.past_results,
            stages=self._staged.course.stages,
            sweep_id=self.sweep_id,
            parent_run_id=self.record.run_id,
            conductor=process_tags(),
        ).write(self.directory)

    def close(self, status: str, metrics: dict[str, float]) -> None:
        """Close the record and the run; ``record.logged`` says whether the store has it."""
        from locexp.tracking.tracker import log_directory

        record = self.record
        record.status, record.end_time, record.metrics, record.logged = status, time.time(), metrics, False
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            record.write(self.directory)
            check(self.location)
            if self._session is not None and self.is_open:
                self._session.finish(record, self.directory, None)
            else:  # stopped while it was being opened
                log_directory(self.location, self.directory, record, None)
            record.logged = True
        except Exception as error:  # as in list_jobs
            logger.info("the parent run was not closed", exc_info=error)
        with contextlib.suppress(OSError):  # a full disk: the record that is there says how it ended, at least
            record.write(self.directory)

    def presented(self) -> Presented:
        """Return which saved views the store has of the sweep, which has been compared or could not be."""
        from locexp.tracking.store import presented_sweep

        return presented_sweep(self.location, self.record)


def _new_id(directory: Path, overrides: Sequence[str]) -> str:
    """Return an id for a new sweep: date, time and six random digits; those of its folder, unless the command names it:
    a given name may be anything, and may have been there before.
    """
    own = f"{directory.parent.name}-{directory.name}"
    is_given = any(key_of(override) == "hydra.sweep.dir" for override in overrides)
    if DEFAULT_FOLDER.fullmatch(own) and not is_given:
        return own
    return f"{time.strftime('%Y-%m-%d-%H-%M-%S')}-{uuid.uuid4().hex[:6]}"
