"""Processes that work for this one: what they import, whom they obey, and what happens when one is lost."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np
import psutil
import pytest

from locexp.system.logs import RunLog
from locexp.system.workers import Workers
from tests.conftest import wait_until


def worker_processes(pid: int | None = None) -> list[psutil.Process]:
    """The workers of a process; the tracker of semaphores, which stays for the next ones, is none."""
    return [child for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def fail(text: str) -> None:
    raise KeyError(text)


def environment() -> tuple[str | None, str | None, int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS"), psutil.Process().num_threads()


def test_others_do_the_work_and_end_when_they_are_left() -> None:
    with Workers(2) as workers:
        tasks = [workers.submit(pow, base, exp=2) for base in range(10)]
        assert [task.result() for task in tasks] == [base**2 for base in range(10)]
        assert all(task.done() for task in tasks)
        assert workers.submit(os.getpid).result() != os.getpid()
        processes = worker_processes()
        assert len(processes) == 2
    assert all(is_gone(process) for process in processes)
    assert not worker_processes()


def test_without_processes_this_one_does_the_work() -> None:
    with Workers(0) as workers:
        assert workers.submit(os.getpid).result() == os.getpid()
        with pytest.raises(KeyError, match="wrong"):
            workers.submit(fail, "wrong")


def test_what_a_function_raises_is_raised_with_the_traceback_of_its_process() -> None:
    with Workers(1) as workers:
        failed, unpicklable, good = workers.submit(fail, "wrong"), workers.submit(lambda: 1), workers.submit(abs, -3)
        with pytest.raises(KeyError, match="wrong") as raised:
            failed.result()
        assert "in fail" in str(raised.value.__cause__)
        with pytest.raises(Exception, match="pickle"):
            unpicklable.result()
        assert good.result() == 3


def test_modules_are_imported_beforehand_and_numpy_uses_one_thread() -> None:
    with Workers(1, ["calendar", "numpy"]) as workers:
        assert {"calendar", "numpy"} <= workers.submit(loaded).result()
        openmp, blas, threads = workers.submit(environment).result()
    assert (openmp, blas) == ("1", "1")
    assert threads == 2  # the second one waits for the end of this process
    assert "OPENBLAS_NUM_THREADS" not in os.environ or os.environ["OPENBLAS_NUM_THREADS"] != "1"


def loaded() -> set[str]:
    return set(sys.modules)


def test_work_of_a_lost_process_is_done_here_and_logged_for_its_run(tmp_path: Path) -> None:
    log = RunLog(logging.FileHandler(tmp_path / "run.log"))
    try:
        with Workers(1) as workers:
            slow, waiting = workers.submit(slow_unless, os.getpid(), 60.0), workers.submit(os.getpid)
            wait_until(lambda: len(worker_processes()) == 1)
            worker_processes()[0].kill()
            with log.current():
                assert waiting.result() == os.getpid()
            assert slow.result() == os.getpid()
            assert workers.submit(os.getpid).result() == os.getpid()
            assert not worker_processes()
    finally:
        log.close()
    assert (tmp_path / "run.log").read_text().count("a worker process was lost") == 1


def slow_unless(pid: int, seconds: float) -> int:
    if os.getpid() != pid:
        time.sleep(seconds)
    return os.getpid()


def test_a_loss_while_much_data_waits_for_the_others_does_not_block() -> None:
    data = np.zeros(10_000_000, np.uint8)
    with Workers(2) as workers:
        tasks = [workers.submit(slow_sum, data) for _ in range(8)]
        time.sleep(0.3)
        worker_processes()[0].kill()
        assert [task.result() for task in tasks] == [0] * 8


def test_nothing_is_forgotten_that_is_submitted_while_a_process_is_lost() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads alternate as on a busy machine
    try:
        for _ in range(4):
            with Workers(2) as workers:
                tasks = [workers.submit(abs, -1)]
                worker_processes()[0].kill()
                tasks += [workers.submit(abs, -1) for _ in range(300)]
                assert [task.result() for task in tasks] == [1] * 301
            assert not worker_processes()
    finally:
        sys.setswitchinterval(interval)


def slow_sum(data: np.ndarray) -> int:
    time.sleep(0.2)
    return int(data.sum())


def test_where_no_process_can_be_started_this_one_does_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: SpawnProcess) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(SpawnProcess, "start", refuse)
    with Workers(2) as workers:
        assert workers.submit(os.getpid).result() == os.getpid()
    assert caplog.messages == [
        "worker processes could not be started (BlockingIOError: [Errno 11] Resource temporarily unavailable): this "
        "process does the work"
    ]


def in_a_daemonic_process(answer: Callable[[bool], None]) -> None:
    with Workers(1) as workers:
        answer(workers.submit(os.getpid).result() == os.getpid())


def test_a_daemonic_process_which_may_have_no_children_works_itself() -> None:
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=in_a_daemonic_process, args=(writer.send,), daemon=True)
    process.start()
    assert reader.poll(60)
    assert reader.recv() is True
    process.join(60)


def script(place: Path, text: str) -> subprocess.Popen[str]:
    """Start a script that does not guard what it runs, in a group of its own as a terminal's command."""
    path = place / "script.py"
    path.write_text(textwrap.dedent(text))
    return subprocess.Popen(
        [sys.executable, path], cwd=place, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def test_a_script_is_not_run_again_nor_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text("")
    process = script(
        tmp_path,
        """
        import sys
        import heavy
        from locexp.system.workers import Workers
        print("begins", flush=True)
        with Workers(2) as workers:
            modules = workers.submit(eval, "set(__import__('sys').modules)").result()
            print("heavy" in modules, "numpy" in modules)
        print(sys.modules["__main__"].__file__)
        """,
    )
    output, _ = process.communicate(timeout=180)
    assert output.split() == ["begins", "False", "False", str(tmp_path / "script.py")]


def test_ctrl_c_is_not_for_the_workers(tmp_path: Path) -> None:
    process = script(
        tmp_path,
        """
        import os, sys, time
        from locexp.system.workers import Workers
        with Workers(1) as workers:
            task = workers.submit(eval, "__import__('time').sleep(1) or __import__('os').getpid()")
            try:
                print("started", flush=True)
                while True:
                    time.sleep(0.1)
            except KeyboardInterrupt:
                print(task.result() != os.getpid())
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    os.killpg(process.pid, signal.SIGINT)  # while the worker's interpreter still starts
    assert process.communicate(timeout=180)[0] == "True\n"
    assert process.returncode == 0


@pytest.mark.parametrize("work", ["None", "__import__('time').sleep(60)"])
def test_workers_end_with_a_process_that_is_killed(work: str, tmp_path: Path) -> None:
    process = script(
        tmp_path,
        f"""
        import time
        from locexp.system.workers import Workers
        with Workers(2) as workers:
            workers.submit(eval, "1").result()
            for _ in range(2):
                workers.submit(eval, "{work}")
            print("started", flush=True)
            time.sleep(60)
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.kill()
    process.wait()
    wait_until(lambda: all(is_gone(child) for child in children), 10)


def test_workers_can_be_started_from_another_thread() -> None:
    found: list[int] = []

    def work() -> None:
        with Workers(1) as workers:
            found.append(workers.submit(abs, -1).result())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found == [1]
