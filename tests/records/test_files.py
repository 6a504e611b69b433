"""A run's own files, in a folder that may hold others."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.records.files import CHECKPOINT, NOT_LOGGED, OF_RUN, check_unused, file_within, logged_files
from locexp.records.record import RunRecord


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_others_are_not_the_runs(tmp_path: Path) -> None:
    own = [Path(folder, name) for folder, names in OF_RUN.items() for name in names]
    others = [
        "other.log",
        "other.h5",
        "pictures/holiday.png",
        "config/mine.yaml",
        "tables/x/predictions.csv",
        "sub/run.json",
    ]
    touch(*(tmp_path / path for path in (*map(str, own), *others, *NOT_LOGGED)))
    assert sorted(logged_files(tmp_path, RunRecord("x"))) == sorted(own)
    asked = RunRecord("x", parameters={"trainer.save_h5": "other.h5"})
    assert set(logged_files(tmp_path, asked)) - {*own} == {Path("other.h5")}
    assert CHECKPOINT in NOT_LOGGED


def test_of_a_sweep(tmp_path: Path) -> None:
    own = ["run.json", "sweep/sweep.json", "comparison/report.html", "comparison/comparison.csv"]
    touch(*(tmp_path / name for name in (*own, "sweep/lock", "comparison/mine.png", "0/run.json", "train.log")))
    record = RunRecord("x", tags={"kind": "sweep"})
    assert sorted(map(str, logged_files(tmp_path, record))) == sorted(own)


@pytest.mark.parametrize("way", ["..", "file", "folder", "absolute"])
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, way: str) -> None:
    home, secret = tmp_path / "run", tmp_path / "secret.h5"
    home.mkdir()
    secret.write_text("mine")
    record = RunRecord("x")
    if way == "..":
        record.parameters["trainer.save_h5"] = "../secret.h5"
    elif way == "absolute":
        record.parameters["trainer.save_h5"] = str(secret)
    elif way == "file":
        (home / "train.log").symlink_to(secret)
    else:
        touch(tmp_path / "else" / "scenes.png")
        (home / "pictures").symlink_to(tmp_path / "else")
    with pytest.raises(UserError, match="leads out of the folder of the run"):
        logged_files(home, record)


@pytest.mark.parametrize(
    ("held", "sweep"),
    [
        ("config/config.yaml", False),
        ("model.keras", False),
        ("mine.h5", False),
        ("train.log", False),
        ("tables", False),
        ("pictures/sample.png", False),
        ("run.json", True),
        ("comparison/report.html", True),
    ],
)
def test_nothing_is_overwritten(tmp_path: Path, held: str, sweep: bool) -> None:
    touch(tmp_path / held)
    with pytest.raises(UserError, match=f"hydra.x.dir={tmp_path}: holds {held}, which the"):
        check_unused(tmp_path, "hydra.x.dir", sweep=sweep, others=["mine.h5"])
    assert (tmp_path / held).exists()


def test_links_to_elsewhere_are_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pictures").symlink_to(tmp_path / "else")
    with pytest.raises(UserError, match="holds pictures, which"):
        check_unused(tmp_path / "run", "hydra.run.dir", sweep=False)


def test_other_files_are_no_hindrance(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("notes.txt", "config/mine.yaml", "pictures/holiday.png", "mlruns/mlflow.db")))
    check_unused(tmp_path, "hydra.run.dir", sweep=False)
    check_unused(tmp_path, "hydra.sweep.dir", sweep=True)
    check_unused(tmp_path / "new", "hydra.run.dir", sweep=False)


def test_a_store_reads_nothing_outside_of_a_runs_folder(tmp_path: Path) -> None:
    home = tmp_path / "run"
    touch(home / "a" / "b.csv", tmp_path / "secret")
    (home / "link").symlink_to(tmp_path / "secret")
    (home / "out").symlink_to(tmp_path)
    assert file_within(home, "a/b.csv") == home / "a" / "b.csv"
    assert file_within(home, "a/../a/b.csv") is not None
    for path in ("../secret", str(tmp_path / "secret"), "link", "out/secret", "a", "n" * 300):
        assert file_within(home, path) is None
