"""A sweep's folder and its parent run: the list of jobs and the record, here and in the store."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from locexp.errors import UserError, first_line
from locexp.records.provenance import flattened, provenance
from locexp.records.record import RunRecord
from locexp.records.sweep_list import LIST, SweepCommand, SweepLink, SweepList
from locexp.sweep.plan import Plan, SweepJob
from locexp.sweep.stored import StoredSweep
from locexp.system.process import process_tags
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.tracking.session import Session

logger = logging.getLogger(__name__)


class Parent:
    """The run that holds a sweep.

    Args:
        plan: of which the first stage is known.
        sweep_id, directory: of the sweep.
        command: that began it, as it is stored for a resume.
        stored: what an earlier command left of this sweep.
    """

    def __init__(
        self,
        plan: Plan,
        sweep_id: str,
        directory: Path,
        *,
        command: SweepCommand,
        stored: StoredSweep | None,
    ) -> None:
        self._plan, self._stored = plan, stored
        self._command = command
        self.sweep_id, self.directory = sweep_id, directory
        self.location = location_of(plan.base.tracking)
        self._session: Session | None = None
        self.record = self._new_record()

    def _new_record(self) -> RunRecord:
        plan = self._plan
        varied = dict.fromkeys(key for job in plan.jobs for key in job.varied)
        tags = provenance(plan.base, self._command.overrides) | {
            "kind": "sweep",
            "sweep_id": self.sweep_id,
            "varied": ",".join(varied),
            "default_hash": plan.default_hash or "",
            "directory": str(self.directory),
        }
        del tags["config_hash"], tags["seed"]
        shown = sorted(key.rpartition(".")[2] for key in varied if key != "seed" or len(varied) == 1)
        return RunRecord(
            name=str(plan.base.name or f"sweep {', '.join(shown) or 'of one'}"),
            parameters={key: value for key, value in flattened(plan.base).items() if key not in {*varied, "seed"}},
            tags=tags,
            start_time=self._stored.parent.start_time if self._stored else time.time(),
            tracking_uri=self.location.uri,
            artifact_root=self.location.artifact_root,
            experiment=self.location.experiment,
            run_id=self._stored.parent.run_id if self._stored else None,
        )

    @property
    def is_open(self) -> bool:
        """Whether the store has the run, so that it must be closed."""
        return self._session is not None and bool(self._session.run_id)

    def link(self, job: SweepJob) -> SweepLink:
        """Return what ties a job to this sweep."""
        return SweepLink(
            sweep_id=self.sweep_id,
            parent_run_id=str(self.record.run_id),
            index=job.index,
            name=job.name,
            varied=job.varied,
            role=job.role,
            conductor=process_tags(),
        )

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
            self._session.start(self.record, active=False)
        except Exception as error:
            if self._stored is None:
                (self.directory / LIST).unlink()  # nothing has begun
            if isinstance(error, UserError):
                raise
            raise UserError(
                f"tracking.uri={self.location.uri}: cannot be opened ({first_line(error, 200)})."
            ) from error
        self.record.write(self.directory)
        self.list_jobs()

    def list_jobs(self) -> None:
        """Write the jobs that the plan knows now to the list, here and in the store."""
        assert self._session is not None
        self._write_list()
        try:
            self._session.log_file(self.directory / LIST, str(LIST.parent))
        except Exception as error:  # the server was lost: the files hold everything
            logger.warning("the list of jobs is not in the store yet (%s)", first_line(error, 200))

    def _write_list(self) -> None:
        SweepList(
            **vars(self._command),
            jobs=[job.stored() for job in self._plan.jobs],
            stage_results=self._plan.past_results,
            sweep_id=self.sweep_id,
            parent_run_id=self.record.run_id,
            conductor=process_tags(),
        ).write(self.directory)

    def close(self, status: str, metrics: dict[str, float]) -> None:
        """Close the record and the run; ``record.logged`` says whether the store has it."""
        from locexp.tracking.tracker import log_directory

        record = self.record
        record.status, record.end_time, record.metrics, record.logged = status, time.time(), metrics, False
        self.directory.mkdir(parents=True, exist_ok=True)
        record.write(self.directory)
        try:
            check(self.location)
            if self._session is not None and self.is_open:
                self._session.finish(record, self.directory, None)
            else:  # stopped while it was being opened
                log_directory(self.location, self.directory, record, None)
            record.logged = True
        except Exception as error:
            logger.info("the parent run was not closed", exc_info=error)
        record.write(self.directory)
