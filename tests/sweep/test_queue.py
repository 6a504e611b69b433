"""What a scheduler says of a sweep's tasks, and what is made of it; ``squeue`` and ``sacct`` are scripts of the tests.

Their output is what SLURM 22.05 gave; ``tests/cluster`` has the real ones.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.sweep import queue as queues
from locexp.sweep import slurm
from locexp.sweep.folder import JobEnd
from locexp.sweep.queue import Queue
from locexp.sweep.tasks import StoredTask


class Commands:
    """SLURM's commands, which say what the test wants them to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.say("squeue", "")
        self.say("sacct", "")

    def say(self, name: str, output: str, *, status: int = 0) -> None:
        """Let a command say this, on standard error if it fails."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\ncat <<'END' >&{2 if status else 1}\n{output}\nEND\nexit {status}\n")
        path.chmod(0o755)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{found.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(queues, "ASKING_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(queues, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(queues, "SETTLING_SECONDS", (0.05, 0.05))
    return found


@pytest.fixture
def sweep(tmp_path: Path, commands: Commands) -> Path:
    """The folder of a sweep whose three tasks SLURM has as array 12: two jobs, one, and one."""
    directory = tmp_path / "sweep"
    tasks = [StoredTask(folders, 1, 1, stacked=True).write(directory) for folders in (["0", "1"], ["2"], ["3"])]

    def launch(folder: str) -> None:
        (Path(folder).parent / "12_0").mkdir(parents=True)
        raise RuntimeError("submitit gives up as soon as one has failed")

    Queue(directory).submit(tasks, directory / ".submitit", launch, lambda note: None)
    return directory


def entry(sweep: Path, job_id: str, state: str, reason: str = "None") -> str:
    return f"{job_id}|{state}|{reason}|{sweep}/.submitit/0/.submission_file_ab.sh"


def end(folder: Path, status: str, *, logged: bool = True, paused: int | None = None) -> None:
    folder.mkdir(exist_ok=True)
    tags = {} if paused is None else {"paused": str(paused)}
    RunRecord(folder.name, status, tags=tags, logged=logged).write(folder)


def test_a_task_is_found_by_what_was_submitted(commands: Commands, sweep: Path) -> None:
    others = "12_1|RUNNING|None|/elsewhere/.submitit/0/.submission_file_cd.sh"
    commands.say(
        "squeue", "\n".join([entry(sweep, "12_0", "RUNNING"), entry(sweep, "12_2", "PENDING", "Resources"), others])
    )
    queue = Queue(sweep)
    queue.look()
    assert queue.held() == {0: sweep / "0", 1: sweep / "1", 3: sweep / "3"}
    assert queue.described(sweep / "1") == "running in SLURM (12_0)"
    assert queue.described(sweep / "3") == "queued in SLURM (12_2, Resources)"
    assert not queue.holds(sweep / "2")
    end(sweep / "0", "FINISHED")  # beside the other of its task, which trains
    end(sweep / "1", "KILLED")  # before it is run again
    assert queue.held() == {1: sweep / "1", 3: sweep / "3"}


def test_a_job_that_was_handed_over_anew_is_that_of_its_last_task(commands: Commands, sweep: Path) -> None:
    again = [StoredTask(["2"], 1, 1, stacked=False).write(sweep)]
    Queue(sweep).submit(
        again, sweep / ".submitit", lambda folder: (Path(folder).parent / "15").mkdir(parents=True), print
    )
    commands.say("squeue", f"15|RUNNING|None|{sweep}/.submitit/3/.submission_file_ef.sh")
    queue = Queue(sweep)
    queue.look()
    assert queue.held() == {2: sweep / "2"}


def test_a_job_that_paused_before_and_waits_to_go_on_has_not_left(commands: Commands, sweep: Path) -> None:
    """The first stage of a race paused it after an epoch; the task of the second one is queued."""
    end(sweep / "2", "KILLED", paused=1)
    commands.say("squeue", entry(sweep, "12_1", "PENDING", "Resources"))
    queue = Queue(sweep)
    queue.look()
    assert queue.held() == {2: sweep / "2"}
    commands.say("squeue", "")
    queue.look()
    commands.say("sacct", "12_1|CANCELLED by 0")
    found = queue.end(sweep / "2", None)  # it is as it was before
    assert found is not None
    assert found.reason == "cancelled in SLURM (12_1)"


def test_a_job_that_has_paused_where_its_task_ends_has_left(commands: Commands, sweep: Path) -> None:
    again = [StoredTask(["2"], 1, 1, stacked=False, until=2).write(sweep)]
    queue = Queue(sweep)
    queue.submit(again, sweep / ".submitit", lambda folder: (Path(folder).parent / "15").mkdir(parents=True), print)
    commands.say("squeue", f"15|RUNNING|None|{sweep}/.submitit/3/.submission_file_ef.sh")
    end(sweep / "2", "KILLED", paused=1)
    queue.look()
    assert queue.holds(sweep / "2")
    end(sweep / "2", "KILLED", paused=2)
    assert not queue.holds(sweep / "2")


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("CANCELLED by 0", "cancelled in SLURM (12_1)"),
        ("TIMEOUT", "cut off by SLURM's time limit; raise hydra.launcher.timeout_min (12_1)"),
        ("OUT_OF_MEMORY", "ended by SLURM for lack of memory; raise hydra.launcher.mem_gb (12_1)"),
        ("NODE_FAIL", "lost with its node, and SLURM did not run it again (12_1)"),
    ],
)
def test_how_a_task_ended_is_what_sacct_says(commands: Commands, sweep: Path, state: str, why: str) -> None:
    commands.say("sacct", f"12_0|COMPLETED\n12_1|{state}\n12_2|COMPLETED")
    found = Queue(sweep).end(sweep / "2", None)
    assert found is not None
    assert found.reason == why
    end(sweep / "2", "KILLED")
    found = Queue(sweep).end(sweep / "2", JobEnd(folder=sweep / "2", reason="KILLED: ended", cut_off=True))
    assert found == JobEnd(folder=sweep / "2", reason=why)


def test_a_state_that_is_no_end_is_asked_for_again(commands: Commands, sweep: Path) -> None:
    """The accounting is behind the queue for a while."""
    queue = Queue(sweep)
    commands.say("sacct", "12_1|RUNNING")
    assert queue.why(sweep / "2") == "SLURM no longer has it (12_1)"
    commands.say("sacct", "12_1|CANCELLED by 0")
    assert queue.why(sweep / "2") == "cancelled in SLURM (12_1)"


def test_results_that_a_disk_shows_late_are_waited_for(commands: Commands, sweep: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(queues, "SETTLING_SECONDS", (0.0, 60.0))
    commands.say("sacct", "12_1|COMPLETED")
    late = threading.Timer(0.3, end, (sweep / "2", "FINISHED"))
    late.start()
    Queue(sweep).wait([sweep / "2"], print)
    late.join()
    assert RunRecord.read(sweep / "2").status == "FINISHED"


def test_tasks_that_ended_before_they_began_share_a_line_of_sacct(commands: Commands) -> None:
    commands.say("sacct", "12_0|COMPLETED\n12_[1-2,5%2]|CANCELLED by 1000\n14|FAILED")
    cancelled = dict.fromkeys(["12_1", "12_2", "12_5"], "CANCELLED")
    assert slurm.ends(["12", "14"]) == {"12_0": "COMPLETED", **cancelled, "14": "FAILED"}


def test_without_accounting_it_is_said_that_it_has_gone(commands: Commands, sweep: Path) -> None:
    commands.say("sacct", "Slurm accounting storage is disabled", status=1)
    found = Queue(sweep).end(sweep / "2", None)
    assert found is not None
    assert str(found.reason).startswith("SLURM no longer has it (12_1): cancelled, or lost")
    with pytest.raises(slurm.NoAnswerError, match="accounting storage is disabled"):
        slurm.check_accounting()


def test_a_job_that_failed_by_itself_keeps_its_reason(commands: Commands, sweep: Path) -> None:
    commands.say("sacct", "12_1|TIMEOUT")
    end(sweep / "2", "FAILED")
    failed = JobEnd(folder=sweep / "2", reason="FAILED: diverged")
    assert Queue(sweep).end(sweep / "2", failed) == failed


def test_why_a_task_was_stopped_is_the_reason_of_jobs_that_had_not_begun(commands: Commands, sweep: Path) -> None:
    commands.say("sacct", "12_1|COMPLETED")
    (sweep / "sweep" / "tasks" / "1" / "stopped.txt").write_text("stopped before the time limit")
    found = Queue(sweep).end(sweep / "2", None)
    assert found is not None
    assert found.reason == "had not begun: stopped before the time limit"
    cut = JobEnd(folder=sweep / "2", reason="ended before it left a record", cut_off=True)  # while it was prepared
    assert Queue(sweep).end(sweep / "2", cut) == found


def test_what_was_never_handed_over_is_not_in_slurm(sweep: Path) -> None:
    assert Queue(sweep).end(sweep / "7", None) is None
    assert not Queue(sweep).holds(sweep / "7")


def test_it_waits_while_slurm_does_not_answer(commands: Commands, sweep: Path) -> None:
    commands.say("squeue", entry(sweep, "12_1", "RUNNING"))
    queue = Queue(sweep)
    notes: list[str] = []
    queue.look()
    commands.say("squeue", "slurm_load_jobs error: Unable to contact slurm controller", status=1)

    def note(text: str) -> None:
        notes.append(text)
        commands.say("squeue", "")  # it answers again, and has nothing

    queue.wait([sweep / "2"], note)
    assert notes == [
        "SLURM does not answer (slurm_load_jobs error: Unable to contact slurm controller): its tasks are waited for "
        "until it does"
    ]
    assert not queue.holds(sweep / "2")


def test_why_no_task_begins_is_said_once(commands: Commands, sweep: Path) -> None:
    blocked = [entry(sweep, f"12_{number}", "PENDING", "PartitionDown") for number in range(3)]
    commands.say("squeue", "\n".join(blocked))
    queue = Queue(sweep)
    notes: list[str] = []
    looks: list[int] = []
    look = queue.look

    def counted() -> None:
        looks.append(1)
        if len(looks) == 4:
            commands.say("squeue", "")
        look()

    queue.look = counted  # type: ignore[method-assign]
    queue.wait([sweep / name for name in "0123"], notes.append)
    assert notes == ["SLURM has queued 3 tasks, and starts none: PartitionDown"]


def test_what_is_refused_when_it_is_handed_over_is_raised_and_nothing_is_left(
    commands: Commands, tmp_path: Path
) -> None:
    tasks = [StoredTask(["0"], 1, 1, stacked=False).write(tmp_path)]

    def refuse(folder: str) -> None:
        place = Path(folder).parent
        place.mkdir(parents=True)
        (place / "12ab34cd.pkl").touch()  # as submitit calls what it has not handed over yet
        raise RuntimeError("sbatch: error: QOSMaxSubmitJobPerUserLimit")

    queue = Queue(tmp_path)
    with pytest.raises(RuntimeError, match="QOSMaxSubmitJobPerUserLimit"):
        queue.submit(tasks, tmp_path / ".submitit", refuse, print)
    assert not queue.holds(tmp_path / "0")
    assert queue.end(tmp_path / "0", None) is None
    assert Queue(tmp_path).held() == {}


def test_what_sbatch_would_be_asked_for(commands: Commands) -> None:
    """The options reach sbatch, and its last line is the reason."""
    path = commands.folder / "sbatch"
    path.write_text(
        '#!/bin/sh\necho "$@" >"$0.asked"\necho "sbatch: error: one" >&2\necho "allocation failure: two" >&2\nexit 1\n'
    )
    path.chmod(0o755)
    launcher = {"partition": "gpu", "timeout_min": 5, "mem_gb": 2, "cpus_per_task": 3, "qos": None}
    further = {"additional_parameters": {"mail_type": "END", "exclusive": True}}
    with pytest.raises(UserError, match=r"allocation failure: two.*hydra.launcher.partition=gpu") as refused:
        slurm.check(OmegaConf.create(launcher | further))
    for key in ("cpus_per_task=3", "mem_gb=2", "additional_parameters.mail_type=END"):
        assert f"hydra.launcher.{key}" in str(refused.value)
    asked = path.with_name("sbatch.asked").read_text().split()
    options = ["--partition=gpu", "--cpus-per-task=3", "--time=5", "--mem=2048M", "--mail-type=END", "--exclusive"]
    assert asked == ["--test-only", *options, "--wrap=true"]


def test_the_largest_array(commands: Commands) -> None:
    commands.say("scontrol", "MaxArraySize            = 1001\nMaxJobCount = 10000")
    assert slurm.largest_array() == 1000
