"""Tracking beside a training: a session in a thread of its own, which a lost server never stops."""

from __future__ import annotations

import contextvars
import copy
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locexp.errors import RunFailedError, first_line
from locexp.records.history import read_history
from locexp.records.record import RunRecord
from locexp.system.process import importing
from locexp.tracking.location import Location, answers
from locexp.tracking.location import check as check_location

if TYPE_CHECKING:
    from locexp.tracking.session import Session

logger = logging.getLogger(__name__)

MOST_SAID = 200
"""Characters of a cause."""
PATIENCE_SECONDS = 10.0
"""How long the end of a run waits for its store before the user hears of it."""

_one_at_a_time = threading.Lock()
"""Runs that train side by side have a tracking thread each, but one database, which has one writer at a time."""


def cause_of(error: BaseException | None) -> str:
    """An error of a store in one line; on the way to a server: the request and its innermost cause."""
    request, failed, cause = first_line(error).partition(" failed with exception ")
    if not failed:
        return request[:MOST_SAID]
    # Either one sentence with what it was caused by in brackets, or a pair of which one is the sentence.
    _, wrapped, inner = cause.partition("(Caused by ")
    quoted = re.findall(r"""(["'])(.+?)\1(?=[,)])""", inner if wrapped else cause if cause.startswith("(") else "")
    sentence = quoted[-1][1] if quoted else cause
    return f"{request}: {sentence.rpartition(': ')[2]}"[:MOST_SAID]


class Tracker:
    """Logs a run as it goes. All of MLflow, its import too, happens in one thread, in order, beside the training.

    Args:
        location: of the store.
        directory: of the run.
        record: of the run; gets its ``run_id`` and ``experiment_id``. Until the end it is read here, not in the thread.
        must_open: the run is to end where the store cannot be opened, unless it is a server that has gone; a job of a
            sweep trains on, and is logged later.
    """

    def __init__(
        self,
        location: Location,
        directory: Path,
        record: RunRecord,
        *,
        must_open: bool = True,
    ) -> None:
        self._location, self._directory, self._record = location, directory, record
        self._session: Session | None = None
        self._must_open = must_open
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tracking")
        self._last_epoch = 0
        self._waiting: deque[dict[str, float]] = deque()
        self.error: Exception | None = None

    def start(self, *, sampling_seconds: int | None, earlier: Sequence[dict[str, float]] | None = None) -> None:
        """Begin to open the run in the store.

        Args:
            sampling_seconds: between samples of CPU and memory use; ``None`` takes none.
            earlier: the history of a run that is continued; what the store lacks of it is logged;
                ``None`` for a new one.
        """
        # Of a copy: the run goes on to change its record meanwhile.
        self._submit(self._start, copy.deepcopy(self._record), sampling_seconds, earlier)

    def check_opened(self) -> None:
        """Raise if the store could not even be opened: better known in the first seconds than in the last."""
        if self._must_open and self._session is None and self.error is not None:
            raise RunFailedError(f"tracking.uri={self._location.uri}: cannot be opened ({self.reason}).")

    def epoch(self, row: dict[str, float]) -> None:
        """Log a row of the history, together with those that wait already because the store is slow."""
        self._waiting.append(row)
        self._submit(self._log_waiting)

    @property
    def reason(self) -> str:
        """Why tracking stopped, in one line."""
        return cause_of(self.error)

    def wait(self, say: Callable[[str], None] = logger.info) -> None:
        """Wait until everything handed over so far is logged, or known not to be; ``say`` a line if it takes long."""
        handled = self._pool.submit(lambda: None)
        try:
            handled.result(PATIENCE_SECONDS)
        except TimeoutError:
            say(f"waiting for the tracking store {self._location.uri} …")
            handled.result()

    def finish(self, model: Any | None, say: Callable[[str], None] = logger.info) -> bool:
        """Log the end of the run; returns whether everything has reached the store.

        A store that was lost is tried once more, and gets the whole directory if it is back.
        """
        self._submit(self._finish, model)
        self.wait(say)
        if self.error is not None and answers(self._location):
            logger.info("the tracking store answers again: logging the whole run")
            self.error = None
            self._submit(lambda: log_directory(self._location, self._directory, self._record, model))
            self.wait(say)
        self._pool.shutdown()
        return self.error is None

    def _start(
        self, record: RunRecord, sampling_seconds: int | None, earlier: Sequence[dict[str, float]] | None
    ) -> None:
        if not self._must_open:  # better known at once: MLflow would try again and again
            check_location(self._location)
        with importing("mlflow"):
            from locexp.tracking.session import Session

        session = Session(self._location)
        if earlier is not None and record.run_id is None:
            record.run_id = session.left_behind(record)
        session.start(record, sampling_seconds=sampling_seconds)
        self._record.run_id, self._record.experiment_id = record.run_id, record.experiment_id
        self._session = session
        if earlier is not None:
            self._last_epoch = session.last_epoch()
        self._log_epochs(earlier or ())

    def _log_waiting(self) -> None:
        rows = []
        while self._waiting:
            rows.append(self._waiting.popleft())
        self._log_epochs(rows)

    def _log_epochs(self, rows: Sequence[dict[str, float]]) -> None:
        new = [row for row in rows if row["epoch"] > self._last_epoch]  # nothing twice
        if new:
            self._opened().log_epochs(new)
            self._last_epoch = int(new[-1]["epoch"])

    def _finish(self, model: Any | None) -> None:
        self._log_epochs(read_history(self._directory))  # Ctrl-C can fall between the file and the tracker
        self._opened().finish(self._record, self._directory, model)

    def _opened(self) -> Session:
        assert self._session is not None
        return self._session

    def _submit(self, call: Callable[..., None], *arguments: Any) -> Future[None]:
        context = contextvars.copy_context()  # what is logged there belongs to the run that it is done for
        return self._pool.submit(context.run, self._guarded, call, *arguments)

    def _guarded(self, call: Callable[..., None], *arguments: Any) -> None:
        if self.error is not None:
            return
        try:
            with _one_at_a_time:
                call(*arguments)
        except Exception as error:
            if self._session is None and self._must_open and self._location.is_server:
                self._must_open = answers(self._location)  # a server that has gone since it was asked costs no run
            self.error = error
            logger.info("tracking failed", exc_info=True)
            if self._session is not None or not self._must_open:
                logger.warning(
                    "tracking stopped (%s). The run goes on; its results are kept in %s",
                    self.reason,
                    self._directory,
                )
            if self._session is not None:
                self._session.abandon()


def log_directory(location: Location, directory: Path, record: RunRecord, model: Any | None) -> None:
    """Log a whole run from its directory: everything that logging it live would have logged but system metrics."""
    from locexp.tracking.session import Session

    history = read_history(directory)  # raises, where it is damaged, before the store has a run that stays RUNNING
    session = Session(location)
    if record.run_id is None:
        record.run_id = session.left_behind(record)
    try:
        session.start(record)
        record.write(directory)
        session.log_epochs(history)
        session.finish(record, directory, model)
    except BaseException:
        session.abandon()
        raise
