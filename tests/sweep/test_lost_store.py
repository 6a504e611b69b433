"""A store that is lost while a sweep runs: one account of the sweep, by the files, which have all of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locexp.records.record import RunRecord
from locexp.tracking.location import locate
from locexp.tracking.session import Session
from locexp.tracking.store import MlflowStore
from tests.conftest import TINY, Server, door_here, locexp, train_here, wait_until

SWEEP = (*TINY, "--multirun", "loss.bbox_weight=0.5,20", "seed=0,1")
LOST = ("bbox_weight=20 seed=0", "bbox_weight=20 seed=1")


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bool]], None]:
    """Let the ends of two of four runs be refused for as long as the argument says."""
    finish = Session.finish

    def losing(is_lost: Callable[[], bool]) -> None:
        def refused(self: Session, record: RunRecord, directory: Path, model: Any) -> None:
            if record.name in LOST and is_lost():
                raise ConnectionError("the server is gone")
            finish(self, record, directory, model)

        monkeypatch.setattr(Session, "finish", refused)

    return losing


def folder(place: Path) -> Path:
    (record,) = place.glob("multirun/*/*/run.json")
    return record.parent


def stored(sweep_id: str, uri: str | None = None) -> dict[str, str]:
    """Return the status of each run of a sweep in the store."""
    return {run.name: run.status for run in MlflowStore(locate(uri, None, "locexp")).children(sweep_id)}


def compared(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(place) / "comparison" / "comparison.json").read_text())
    return found


def check_account(said: str, place: Path) -> None:
    """Four of four have finished, and all of them are compared."""
    assert "4 of 4 jobs have finished" in said
    assert "Cut short" not in said
    assert "did not finish" not in said
    assert [one["test"]["accuracy"]["n"] for one in compared(place)["settings"]] == [2, 2]


def test_what_a_lost_store_missed_is_logged_at_the_end(
    workplace: Path, lose: Callable[[Callable[[], bool]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def while_training() -> bool:  # at the end of the sweep it is the main thread that logs
        return threading.current_thread() is not threading.main_thread()

    lose(while_training)
    assert train_here(*SWEEP) == 0
    said = capsys.readouterr().out
    check_account(said, workplace)
    assert said.count("has no system/ metrics there") == 0  # they were sampled before
    assert said.count(": logged to sqlite:///") == 2
    assert "The results are not all in" not in said
    assert set(stored(folder(workplace).parent.name + "-" + folder(workplace).name).values()) == {"FINISHED"}


def test_a_run_that_failed_while_the_store_was_lost_is_logged_at_the_end(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Session.finish

    def refused(self: Session, record: RunRecord, directory: Path, model: Any) -> None:
        if record.status == "FAILED" and threading.current_thread() is not threading.main_thread():
            raise ConnectionError("the server is gone")
        finish(self, record, directory, model)

    monkeypatch.setattr(Session, "finish", refused)
    assert train_here(*TINY, "optimizer=sgd", "--multirun", "optimizer.learning_rate=0.01,1e30") == 1
    place = folder(workplace)
    assert all(RunRecord.read(path.parent).logged for path in place.glob("[01]/run.json"))
    found = stored(f"{place.parent.name}-{place.name}")
    assert sorted(found.values()) == ["FAILED", "FINISHED"]


def test_a_store_that_lacks_runs_is_not_compared(
    workplace: Path, lose: Callable[[Callable[[], bool]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    is_lost = True
    lose(lambda: is_lost)
    assert train_here(*SWEEP) == 1
    said, place = capsys.readouterr().out, folder(workplace)
    sweep_id = f"{place.parent.name}-{place.name}"
    check_account(said, workplace)
    lacks = f"the store lacks 2 finished runs of this sweep, whose files are in {place}"
    why = f"Compared from the files in the sweep's folder: {lacks}"
    assert why in said
    assert {name for name, status in stored(sweep_id).items() if status != "FINISHED"} == set(LOST)
    # The other doors see the same.
    again = door_here("compare")
    assert again.returncode == 0, again.stderr
    assert why in again.stdout
    assert "Cut short" not in again.stdout
    assert train_here("sweep.resume=last", "sweep.dry_run=true") == 0
    assert "4 jobs, 4 done, 0 to run" in capsys.readouterr().out
    # Nothing is trained twice, and the store gets what it lacks.
    is_lost = False
    assert train_here("sweep.resume=last") == 0
    check_account(capsys.readouterr().out, workplace)
    assert set(stored(sweep_id).values()) == {"FINISHED"}
    assert sorted(path.parent.name for path in place.glob("*/run.json")) == ["0", "1", "2", "3"]
    assert not any("Compared from the files" in note for note in compared(workplace)["notes"])


@pytest.mark.slow
def test_a_server_that_is_shot_and_started_again(workplace: Path, server: Server) -> None:
    def shoot() -> None:
        wait_until(lambda: any(workplace.glob("multirun/*/*/*/history.jsonl")))
        server.stop()

    tracking = ("tracking.system_metrics=true", f"tracking.uri={server.uri}")
    gunman = threading.Thread(target=shoot)
    gunman.start()
    done = locexp("train", *SWEEP, *tracking, cwd=workplace, env={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"})
    gunman.join()
    assert done.returncode == 1, done.stdout
    check_account(done.stdout, workplace)
    assert f"Compared from the files in the sweep's folder: tracking.uri={server.uri}: " in done.stdout, done.stdout
    place = folder(workplace)
    sweep_id = f"{place.parent.name}-{place.name}"
    server.start()
    again = locexp("compare", sweep_id, f"tracking.uri={server.uri}", cwd=workplace)
    assert again.returncode == 0, again.stderr
    assert "the store lacks 4 finished runs" in again.stdout
    logged = locexp("train", "sweep.resume=last", f"tracking.uri={server.uri}", cwd=workplace)
    assert logged.returncode == 0, logged.stderr + logged.stdout
    check_account(logged.stdout, workplace)
    assert "It has no system/ metrics there" in logged.stdout
    assert set(stored(sweep_id, server.uri).values()) == {"FINISHED"}
    assert len(stored(sweep_id, server.uri)) == 4
