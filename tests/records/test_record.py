"""The files of a run and of a sweep: what is written is read again, older ones are read, newer ones refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from locexp.records.format import MalformedError, NewerFormatError
from locexp.records.record import RunRecord
from locexp.records.sweep_list import LIST, SweepList

OF_0_1_0 = {
    "name": "bbox_weight=4 seed=1",
    "status": "FINISHED",
    "parameters": {"loss.bbox_weight": "4"},
    "tags": {"kind": "run", "directory": "/home/then/multirun/0"},
    "metrics": {"test/accuracy": 0.75, "epochs": 3},
    "dataset": {"name": "mnist_5k", "sha256": "0" * 64, "train": 4000},
    "notes": ["a note"],
    "error": None,
    "start_time": 1764321766.25,
    "end_time": 1764321800.5,
    "tracking_uri": "sqlite:////home/then/mlruns/mlflow.db",
    "artifact_root": "file:///home/then/mlruns/artifacts",
    "experiment": "locexp",
    "run_id": "a" * 32,
    "experiment_id": "1",
    "logged": True,
}
"""A run.json as locexp 0.1.0 wrote it: without a format."""


def write(place: Path, content: object) -> None:
    (place / "run.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    record = RunRecord(name="one", metrics={"test/accuracy": 0.1 + 0.2, "x": float("inf")}, tags={"kind": "sweep"})
    record.write(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["format"] == 2
    found = RunRecord.read(tmp_path)
    assert found == record
    assert (found.is_sweep, found.directory) == (True, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json"]


def test_where_the_files_lie_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    RunRecord(name="one").write(tmp_path / "a")
    RunRecord.read(tmp_path / "a").write(tmp_path / "b")
    assert (tmp_path / "a" / "run.json").read_bytes() == (tmp_path / "b" / "run.json").read_bytes()
    assert RunRecord.read(tmp_path / "b").directory == tmp_path / "b"


def test_a_record_of_0_1_0_is_read(tmp_path: Path) -> None:
    write(tmp_path, OF_0_1_0)
    record = RunRecord.read(tmp_path)
    assert {name: getattr(record, name) for name in OF_0_1_0} == OF_0_1_0
    assert record.directory == tmp_path


def test_what_a_later_release_adds_without_a_new_format_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, OF_0_1_0 | {"format": 2, "color": "red", "directory": "/nowhere"})
    assert RunRecord.read(tmp_path).directory == tmp_path


def test_a_newer_record_is_refused_in_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, OF_0_1_0 | {"format": 3})
    with pytest.raises(NewerFormatError, match=r"run.json: was written by a newer locexp \(format 3; .*update locexp"):
        RunRecord.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is not JSON"),
        ('{"name": "half', "it is not JSON"),
        ([], "expected a JSON object, not list"),
        ({"status": "FINISHED"}, "it lacks name"),
        (OF_0_1_0 | {"name": 3}, "name is 3; expected str"),
        (OF_0_1_0 | {"metrics": {"test/accuracy": "0.5"}}, 'metrics is {"test/accuracy": "0.5"}; expected dict'),
        (OF_0_1_0 | {"tags": {"seed": 1}}, 'tags is {"seed": 1}; expected dict'),
        (OF_0_1_0 | {"notes": "one"}, 'notes is "one"; expected list'),
        (OF_0_1_0 | {"start_time": None}, "start_time is null; expected float"),
        (OF_0_1_0 | {"logged": 1}, "logged is 1; expected bool"),
        (OF_0_1_0 | {"format": "new"}, "format is 'new'; expected 1 to 2"),
        (OF_0_1_0 | {"format": True}, "format is True; expected 1 to 2"),
    ],
)
def test_what_is_no_record_is_named_with_its_reason(tmp_path: Path, content: Any, reason: str) -> None:
    write(tmp_path, content)
    with pytest.raises(MalformedError) as refused:
        RunRecord.read(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'run.json'}: cannot be read: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_are_no_record(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(MalformedError, match="it is not JSON"):
        RunRecord.read(tmp_path)


def test_no_record_is_not_a_bad_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunRecord.read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        RunRecord.read(tmp_path / "file")


JOB = {"index": 0, "name": "seed=0", "config_hash": "f0", "seed": 0, "varied": {"seed": "0"}, "role": ""}


def test_a_sweeps_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    written = SweepList(
        ["seed=0,1"], True, None, [JOB], [{"0": {"accuracy": 0.5}, "1": None}], "day", "a", {"pid": "1"}
    )
    written.write(tmp_path)
    assert SweepList.parse((tmp_path / LIST).read_bytes(), LIST) == written


def test_a_sweeps_list_of_0_1_0_is_read() -> None:
    stored = {
        "sweep_id": "day", "parent_run_id": "a", "conductor": {"pid": "1"}, "words": ["seed=0,1"], "multirun": True,
        "config_dir": None, "jobs": [JOB | {"words": ["seed=0"]}], "told": [{"0": None}],
    }  # fmt: skip
    found = SweepList.parse(json.dumps(stored).encode(), LIST)
    assert (found.overrides, found.stage_results, found.jobs) == (["seed=0,1"], [{"0": None}], stored["jobs"])
    with pytest.raises(NewerFormatError, match="sweep.json: was written by a newer locexp"):
        SweepList.parse(json.dumps(stored | {"format": 3}).encode(), LIST)
    with pytest.raises(MalformedError, match="sweep.json: cannot be read: it lacks jobs"):
        SweepList.parse(json.dumps({name: stored[name] for name in stored if name != "jobs"}).encode(), LIST)
    for broken, expected in (({"seed": True}, "seed is true; expected int"), ({"varied": {"a": 1}}, "varied is ")):
        with pytest.raises(MalformedError, match=f"sweep.json, job 0: cannot be read: {expected}"):
            SweepList.parse(json.dumps(stored | {"jobs": [JOB | broken]}).encode(), LIST)
    with pytest.raises(MalformedError, match="sweep.json, job 1: cannot be read: it lacks index, name"):
        SweepList.parse(json.dumps(stored | {"jobs": [JOB, {}]}).encode(), LIST)
