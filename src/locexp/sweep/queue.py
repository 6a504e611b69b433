"""The tasks of a sweep that lie in a scheduler's queue, which outlives the command that put them there.

The scheduler is asked what the sweep's folder cannot tell: whether a task that has left no results will still run, runs
somewhere, or has gone. Which task is which there, a file for each submission says.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from locexp.errors import counted, listed
from locexp.records.format import FORMAT, build, parse_object
from locexp.records.sweep_list import LIST
from locexp.sweep import slurm
from locexp.sweep.folder import POLL_SECONDS, JobEnd, index_of, read_record
from locexp.sweep.tasks import STOPPED, StoredTask
from locexp.system.files import write_whole

logger = logging.getLogger(__name__)

Note = Callable[[str], None]
SUBMISSIONS = LIST.with_name("submissions")
"""The folder in a sweep's folder that holds a file for each submission to a scheduler."""
ASKING_SECONDS = (2.0, 30.0)
"""Between two questions to a scheduler, which serves many: at first, and after a while."""
SETTLING_SECONDS = (15.0, 60.0)
"""How long a shared file system may take to show what another machine has written: the end of a run whose task has
gone, and the results of one that has ended well, which NFS may not show for as long as it keeps attributes."""


@dataclass(frozen=True)
class Submission:
    """Tasks that were handed to SLURM together.

    Attributes:
        folder: absolute; where submitit keeps its files of these tasks alone.
        tasks: their folders in that of the sweep; the place in this list is the number in SLURM's array.
    """

    folder: str
    tasks: list[str]

    @property
    def job_id(self) -> str | None:
        """SLURM's id, by which submitit names a folder; ``None`` until there is one."""
        try:
            names = [path.name for path in Path(self.folder).iterdir() if path.is_dir()]
        except OSError:
            return None
        return next((found[1] for name in names if (found := re.fullmatch(r"(\d+)(_\d+)?", name))), None)


class Place(NamedTuple):
    """Where the task of a job is: its submission, its number there, and after how many epochs its jobs pause."""

    submission: Submission
    number: int
    until: int | None


class Queue:
    """What a scheduler has of a sweep.

    Args:
        directory: of the sweep.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._submissions: list[Submission] = []
        self._place: dict[str, Place] = {}
        self._entries: dict[tuple[str, int], slurm.Entry] = {}
        self._unread: set[tuple[str, int]] = set()
        self._ends: dict[str, str] = {}
        for path in sorted((directory / SUBMISSIONS).glob("*.json"), key=lambda path: int(path.stem)):
            self._take(build(Submission, parse_object(path.read_bytes(), path), path))

    def _take(self, submission: Submission) -> None:
        self._submissions.append(submission)
        for number, name in enumerate(submission.tasks):
            task = StoredTask.read(self._directory / name)
            self._place |= dict.fromkeys(task.folders, Place(submission, number, task.until))

    def _forget(self, submission: Submission) -> None:
        kept = [one for one in self._submissions if one is not submission]
        self._submissions, self._place = [], {}
        for one in kept:
            self._take(one)

    def look(self) -> None:
        """Ask the scheduler what it has.

        Raises:
            NoAnswerError: it does not answer; what it said last is kept.
        """
        if not self._submissions:
            return
        known = {submission.folder for submission in self._submissions}
        # Before it is asked: what has just been submitted is not missing where the answer is older.
        submitted = {submission.folder for submission in self._submissions if submission.job_id is not None}
        entries = {(str(Path(entry.script).parent), entry.index): entry for entry in slurm.queue()}
        self._entries = {key: entry for key, entry in entries.items() if key[0] in known}
        self._unread = {key for key in self._unread if key[0] not in submitted and key not in self._entries}

    def entry(self, folder: Path) -> slurm.Entry | None:
        """Return what the scheduler said last of the task that a job's folder belongs to; ``None`` if it has it not."""
        key = self._key(folder)
        return self._entries.get(key) if key else None

    def holds(self, folder: Path) -> bool:
        """Whether the scheduler still has to do with a job: its task waits, is at work, or is being handed over."""
        key = self._key(folder)
        return key is not None and (key in self._entries or key in self._unread) and not self._has_left(folder)

    def held(self) -> dict[int, Path]:
        """Return the folders of the jobs that the scheduler still has to do with, by the indices of the jobs."""
        folders = [self._directory / name for name in self._place]
        return {index_of(folder): folder for folder in folders if self.holds(folder)}

    def has_had(self, folder: Path) -> bool:
        """Whether a job's attempt was handed to a scheduler, where it goes on in its folder when it is tried again."""
        return folder.name in self._place

    def open_folders(self) -> list[Path]:
        """Return the folders of all jobs the scheduler has ever had that have not ended by themselves."""
        return [folder for name in self._place if not self._has_left(folder := self._directory / name)]

    def described(self, folder: Path) -> str:
        """Return in words what the scheduler has of a job: ``queued in SLURM (12_3, Resources)``."""
        entry = self.entry(folder)
        if entry is None:
            return "handed to SLURM"
        if entry.state == "PENDING":
            return f"queued in SLURM ({entry.job_id}, {entry.reason})"
        return f"{entry.state.lower()} in SLURM ({entry.job_id})"

    def left(self, folder: Path) -> JobEnd:
        """Return the end of a job that is left to the scheduler."""
        return JobEnd(queued=self.described(folder))

    def end(self, folder: Path, end: JobEnd | None) -> JobEnd | None:
        """Return how a job ended by what the scheduler says, too.

        Args:
            folder: of the job.
            end: by its folder; ``None`` where its task has left nothing there.
        """
        if folder.name not in self._place or (end is not None and end.reason is None):
            return end
        record = read_record(folder)
        if record is not None and record.status != "KILLED":
            return end
        why = self.why(folder)
        if why is None and record is not None and end is not None:
            return replace(end, cut_off=False)
        place = self._place[folder.name]
        try:
            stopped = (self._directory / place.submission.tasks[place.number] / STOPPED).read_text(encoding="utf-8")
        except OSError:
            stopped = f"its task ended in SLURM; see {place.submission.folder}"
        begun = "did not go on" if end is None and record is not None else "had not begun"
        return JobEnd(folder=folder, reason=why or f"{begun}: {stopped}")

    def why(self, folder: Path) -> str | None:
        """Return in words how the task of a job ended, if it is known and not by itself."""
        if folder.name not in self._place:
            return None
        place = self._place[folder.name]
        job_id = place.submission.job_id
        if job_id is None:
            return None
        name = f"{job_id}_{place.number}" if len(place.submission.tasks) > 1 else job_id
        if name not in self._ends:
            try:
                self._ends |= slurm.ends([job_id])
            except slurm.NoAnswerError as error:
                return f"SLURM no longer has it ({name}): cancelled, or lost; sacct does not say ({error})"
        return slurm.worded(self._ends.get(name), name)

    def submit(self, tasks: Sequence[str], base: Path, launch: Callable[[str], None], note: Note) -> None:
        """Hand tasks over, and wait until all have ended, whatever becomes of single ones.

        Args:
            tasks: their folders in that of the sweep.
            base: where submitit is to keep its files.
            launch: hands them over, in this order, with submitit's files in the folder that it is given, and waits, or
                raises when one has failed.
            note: shows what does not go as planned.

        Raises:
            Exception: what ``launch`` raises before anything has been handed over.
        """
        number = Path(tasks[0]).name
        submission = Submission(str(base / number), list(tasks))
        (self._directory / SUBMISSIONS).mkdir(parents=True, exist_ok=True)
        path = self._directory / SUBMISSIONS / f"{number}.json"
        write_whole(path, json.dumps({"format": FORMAT, **asdict(submission)}) + "\n")
        self._take(submission)
        self._unread |= {(submission.folder, place) for place in range(len(tasks))}
        failed: list[BaseException] = []

        def hand_over() -> None:
            try:
                launch(f"{submission.folder}/%j")
            except BaseException as error:
                failed.append(error)

        # Submitit gives up on all tasks as soon as one has failed, and waits for ever where there is no accounting.
        thread = threading.Thread(target=hand_over, name=f"submission {number}", daemon=True)
        thread.start()
        while thread.is_alive() and submission.job_id is None:
            thread.join(POLL_SECONDS)
        if failed and submission.job_id is None:
            self._unread = {key for key in self._unread if key[0] != submission.folder}
            path.unlink()
            self._forget(submission)
            raise failed[0]
        names = [name for name, place in self._place.items() if place.submission is submission]
        self.wait([self._directory / name for name in names], note)

    def wait(self, folders: Sequence[Path], note: Note) -> None:
        """Wait until the scheduler has no more of the tasks of these jobs, or all have ended by themselves."""
        asked, pause, is_silent, said = 0.0, ASKING_SECONDS[0], False, ""
        while not all(map(self._has_left, folders)):
            if time.monotonic() - asked >= pause:
                asked, pause = time.monotonic(), min(ASKING_SECONDS[1], 1.1 * pause)
                try:
                    self.look()
                    is_silent = False
                except slurm.NoAnswerError as error:
                    if not is_silent:
                        note(f"SLURM does not answer ({error}): its tasks are waited for until it does")
                    is_silent = True
                if not any(map(self.holds, folders)):
                    break
                said = self._say_blocked(folders, said, note)
            time.sleep(POLL_SECONDS)
        self._settle(folders)

    def _settle(self, folders: Sequence[Path]) -> None:
        """Give a shared file system, and the accounting, the time to show what happened elsewhere."""
        begun = time.monotonic()
        while any(self._is_settling(folder, time.monotonic() - begun) for folder in folders):
            time.sleep(POLL_SECONDS)

    def _is_settling(self, folder: Path, seconds: float) -> bool:
        killed, ended = SETTLING_SECONDS
        if seconds > ended or folder.name not in self._place or self._has_left(folder):
            return False
        return (seconds < killed and _is_at_work(folder)) or self.why(folder) is None

    def _say_blocked(self, folders: Iterable[Path], said: str, note: Note) -> str:
        """Say why no task can begin, where that will not pass by itself; returns what was said."""
        entries = [entry for folder in folders if (entry := self.entry(folder)) is not None]
        reasons = {entry.reason for entry in entries if entry.state == "PENDING"}
        blocked = listed(sorted(reason for reason in reasons if BLOCKED.search(reason)))
        if blocked and blocked != said and all(entry.state == "PENDING" for entry in entries):
            count = len({entry.job_id for entry in entries})
            note(f"SLURM has queued {counted(count, 'task')}, and starts none: {blocked}")
        return blocked or said

    def _key(self, folder: Path) -> tuple[str, int] | None:
        place = self._place.get(folder.name)
        return (place.submission.folder, place.number) if place else None

    def _has_left(self, folder: Path) -> bool:
        """Whether a job has ended by itself, finished, paused where its task was to, or failed, and been logged."""
        record, until = read_record(folder), self._place[folder.name].until if folder.name in self._place else None
        if record is None or not record.logged:
            return False
        has_paused = until is not None and record.paused_after is not None and record.paused_after >= until
        return record.status in ("FINISHED", "FAILED") or has_paused


BLOCKED = re.compile(r"Down|Inactive|Limit|Invalid|Never|Held|Hold|NotAvail|Bad|Dependency")
"""Why SLURM lets a task wait, in its words, where somebody has to do something."""


def _is_at_work(folder: Path) -> bool:
    record = read_record(folder)
    return record is not None and record.status == "RUNNING"
