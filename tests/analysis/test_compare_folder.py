"""A sweep compared from its files alone gives the numbers that MLflow gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from locexp.cli.compare import compare_command
from locexp.errors import RunFailedError, UserError
from locexp.records.folder_store import FolderStore
from locexp.records.record import RunRecord
from locexp.system.process import process_tags
from locexp.tracking.location import locate
from tests.analysis.conftest import log
from tests.conftest import TINY, train_here


def compare(*arguments: str) -> list[str]:
    lines: list[str] = []
    compare_command(arguments, lines.append)
    return lines


def comparison(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "comparison" / "comparison.json").read_text())
    return found


def test_failures_second_attempts_and_dead_runs_count_as_in_mlflow(sweep: Path, workplace: Path) -> None:
    log(sweep, locate(None, None, "locexp"))
    lines = compare("day")
    tracked = comparison(sweep)
    assert "Jobs that did not finish: 2;" in "\n".join(lines)
    assert "Cut short: 1 of 10 jobs has no run in the store;" in "\n".join(lines)
    assert [one["test"]["accuracy"]["n"] for one in tracked["settings"]] == [2, 2, 3]
    assert tracked["chosen_minus_default_over_examples"]
    shutil.rmtree(workplace / "mlruns")
    elsewhere = workplace / "a copy" / "renamed=it"
    shutil.copytree(sweep, elsewhere, ignore=shutil.ignore_patterns("comparison"))
    shutil.rmtree(sweep)
    from_files = compare("a copy/renamed=it/")
    found = comparison(elsewhere)
    notes, others = found.pop("notes"), tracked.pop("notes")
    assert found == tracked  # every float, to the digit
    assert notes[0] == FolderStore.note
    assert notes[1:] == [note.replace("in the store;", "in the folder;") for note in others]
    assert from_files[:3] == lines[:3]
    assert "note     Compared from the files in the sweep's folder alone;" in "\n".join(from_files)
    assert from_files[-1] == "Report   a copy/renamed=it/comparison/report.html"  # as short as it can be from here
    assert not (workplace / "mlruns").exists()
    assert not sweep.exists()


@pytest.mark.slow
def test_a_real_sweep_is_compared_without_its_store(workplace: Path) -> None:
    """As 0.1.0's user has it: the server is gone, the folder is on another machine, only Python is there."""
    assert train_here(*TINY, "--multirun", "loss.bbox_weight=0.5,20", "seed=0,1") == 0
    (folder,) = (path.parent for path in workplace.glob("multirun/*/*/run.json"))
    tracked = comparison(folder)
    shutil.rmtree(workplace / "mlruns")
    shutil.move(folder, workplace / "moved")
    code = (
        "import sys; from locexp.compare import main; sys.argv = ['compare', 'moved']; main()\n"
        "loaded = {'mlflow', 'tensorflow', 'keras'} & set(sys.modules); assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "note     Compared from the files in the sweep's folder alone;" in done.stdout
    found = comparison(workplace / "moved")
    assert found.pop("notes") == [FolderStore.note, *tracked.pop("notes")]
    assert found == tracked
    assert not (workplace / "mlruns").exists()


@pytest.mark.parametrize("override", ["tracking.uri=store", "tracking.experiment=other"])
def test_a_store_beside_a_folder_is_refused(sweep: Path, override: str) -> None:
    with pytest.raises(UserError, match=f"{override}: cannot be combined with a folder"):
        compare(override, str(sweep))
    assert not (sweep / "comparison").exists()


def test_what_looks_like_a_path_is_one(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="multirun/nowhere: there is no such folder"):
        compare("multirun/nowhere")
    with pytest.raises(UserError, match="multirun: holds sweeps; name one of them: 'multirun/the day'"):
        compare("multirun")
    with pytest.raises(UserError, match="0: is one run of a sweep; compare the whole: .* 'multirun/the day'"):
        compare("multirun/the day/0")
    monkeypatch.chdir(sweep)
    assert compare(".")[-1] == "Report   comparison/report.html"


def test_what_runs_elsewhere_is_presumed_dead_only_on_request(sweep: Path) -> None:
    record = RunRecord.read(sweep / "5")
    record.tags["host"] = "elsewhere"
    record.write(sweep / "5")
    with pytest.raises(UserError, match="RUNNING on elsewhere, .* add compare.presume_dead=true"):
        compare(str(sweep))
    assert "Jobs that did not finish: 2;" in "\n".join(compare(str(sweep), "compare.presume_dead=true"))
    record.tags |= process_tags()
    record.write(sweep / "5")
    with pytest.raises(UserError, match=f"is still running .process {os.getpid()}"):
        compare(str(sweep), "compare.presume_dead=true")


@pytest.mark.parametrize("file", ["run.json", "0/run.json", "sweep/sweep.json"])
def test_files_of_a_newer_version_are_refused(sweep: Path, file: str) -> None:
    stored = json.loads((sweep / file).read_text())
    (sweep / file).write_text(json.dumps(stored | {"format": 3}))
    with pytest.raises(UserError, match=f"{file}: was written by a newer locexp .format 3; .*; update locexp"):
        compare(str(sweep))
    assert not (sweep / "comparison").exists()


def test_a_missing_or_broken_list_of_jobs_is_noted(sweep: Path) -> None:
    for spoil in (lambda path: path.write_text("{"), Path.unlink):
        spoil(sweep / "sweep" / "sweep.json")
        assert "It is not known whether jobs are missing" in "\n".join(compare(str(sweep)))


def test_a_folder_that_cannot_be_written_fails_in_a_line(sweep: Path) -> None:
    (sweep / "comparison").write_text("in the way")
    with pytest.raises(RunFailedError, match="the day: cannot be read or written .File exists"):
        compare(str(sweep))
