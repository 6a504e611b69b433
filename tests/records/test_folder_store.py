"""A sweep's folder as a store: which runs it has, in which order, and what is said of other folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.records.folder_store import FolderStore
from locexp.records.record import RunRecord


def child(sweep: Path, name: str, start: float, status: str = "FINISHED", sweep_id: str = "day", **more: float) -> None:
    (sweep / name / "pictures").mkdir(parents=True)
    tags = {"kind": "run", "sweep_id": sweep_id, "directory": f"/home/then/{name}"}
    RunRecord(
        name=name,
        status=status,
        start_time=start,
        run_id=f"id-{name}",
        tags=tags,
        metrics=more or {"test/accuracy": 0.5},
    ).write(sweep / name)


@pytest.fixture
def sweep(workplace: Path) -> Path:
    folder = workplace / "runs" / "one sweep"
    folder.mkdir(parents=True)
    RunRecord(
        name="sweep seed",
        status="FINISHED",
        run_id="parent",
        tags={"kind": "sweep", "sweep_id": "day", "directory": "/old"},
    ).write(folder)
    (folder / "sweep").mkdir()
    (folder / "sweep" / "sweep.json").write_text('{"sweep_id": "day"}')
    child(folder, "0", 100.0)
    child(folder, "1", 102.0, "FAILED")
    child(folder, "1-2", 103.0)
    return folder


@pytest.mark.parametrize("given", ["runs/one sweep", "runs/one sweep/", "./runs/one sweep", "runs/../runs/one sweep"])
def test_a_folder_is_a_sweep_however_it_is_named(sweep: Path, given: str) -> None:
    store = FolderStore(given)
    parent = store.sweep("last")
    assert (parent.name, parent.directory) == ("sweep seed", sweep)
    assert [store.sweep(name).run_id for name in ("day", "parent")] == ["parent", "parent"]
    with pytest.raises(UserError, match="another: .* holds the sweep day"):
        store.sweep("another")


def test_every_attempt_is_a_run_and_the_latest_comes_first(sweep: Path) -> None:
    children = FolderStore(str(sweep)).children("day")
    assert [(run.name, run.status) for run in children] == [("1-2", "FINISHED"), ("1", "FAILED"), ("0", "FINISHED")]


def test_numbers_are_those_that_mlflow_keeps(sweep: Path) -> None:
    """Times in whole milliseconds, ties by run id, and no metric that is not finite."""
    child(sweep, "3", 200.0004, a=float("nan"), b=float("inf"), c=0.1)
    child(sweep, "2", 200.0001)
    runs = FolderStore(str(sweep)).children("day")
    assert [run.name for run in runs][:2] == ["2", "3"]
    assert {run.start_time for run in runs[:2]} == {200.0}
    assert runs[1].metrics == {"c": 0.1}


def test_runs_of_other_sweeps_and_other_folders_are_none_of_it(sweep: Path) -> None:
    child(sweep, "strange", 300.0, sweep_id="other")
    (sweep / "comparison").mkdir()
    assert [run.name for run in FolderStore(str(sweep)).children("day")] == ["1-2", "1", "0"]


def test_files_are_read_where_they_lie_now(sweep: Path, tmp_path: Path) -> None:
    (sweep / "0" / "pictures" / "a.png").write_bytes(b"picture")
    shutil.move(sweep, tmp_path / "moved")
    store = FolderStore(str(tmp_path / "moved"))
    _, second, first = store.children("day")
    assert store.content(first, "pictures/a.png") == b"picture"
    assert store.content(first, "pictures") is None
    assert store.content(second, "pictures/a.png") is None
    assert store.content(store.sweep("last"), "sweep/sweep.json") == b'{"sweep_id": "day"}'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("runs/nowhere", "runs/nowhere: there is no such folder; expected the folder of a sweep, the id of a sweep"),
        ("runs", "runs: holds sweeps; name one of them: 'runs/one sweep'"),
        ("runs/one sweep/sweep", "inside one; compare the whole: python -m locexp.compare 'runs/one sweep'"),
        ("runs/one sweep/run.json", "inside one; compare the whole: python -m locexp.compare 'runs/one sweep'"),
        ("runs/one sweep/0", "is one run of a sweep; compare the whole: python -m locexp.compare 'runs/one sweep'"),
        ("runs/one sweep/1-2/pictures", "compare the whole: python -m locexp.compare 'runs/one sweep'"),
        ("empty", "empty: holds no run.json; expected the folder of a sweep"),
        ("alone", "alone: is a run by itself, so there is nothing to compare; expected the folder of a sweep"),
        ("torn", "torn: is one run of the sweep day, without the others, so there is nothing to compare"),
        (
            "headless",
            "sweep itself, run.json; copy that, too, or .* python -m locexp.compare day",
        ),
    ],
)
def test_what_is_no_sweeps_folder_is_refused(sweep: Path, workplace: Path, given: str, message: str) -> None:
    (workplace / "empty").mkdir()
    (workplace / "alone").mkdir()
    RunRecord(name="one", tags={"kind": "run"}).write(workplace / "alone")
    child(workplace, "torn", 0.0)
    shutil.copytree(sweep, workplace / "headless")
    (workplace / "headless" / "run.json").unlink()
    with pytest.raises(UserError, match=message):
        FolderStore(given)


@pytest.mark.parametrize("broken", ["run.json", "1-2/run.json"])
@pytest.mark.parametrize(
    ("content", "message"), [('{"name": "x", "format": 9}', "update locexp"), ("{", "run.json: cannot be read")]
)
def test_a_record_that_cannot_be_read_is_not_passed_over(sweep: Path, broken: str, content: str, message: str) -> None:
    (sweep / broken).write_text(content)
    with pytest.raises(UserError, match=message):
        FolderStore(str(sweep)).children("day")


def test_a_foreign_run_json_above_or_beside_is_no_matter(workplace: Path) -> None:
    (workplace / "run.json").write_text("[]")
    (workplace / "a" / "b").mkdir(parents=True)
    (workplace / "a" / "b" / "run.json").write_text("{")
    with pytest.raises(UserError, match="a: holds no run.json"):
        FolderStore("a")
