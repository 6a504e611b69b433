"""``locexp.load_sweep``: the frames hold what is in the files of the runs, and the numbers of the comparison."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import locexp
from locexp.cli.compare import compare_command
from locexp.errors import NotComparableError, RunFailedError, UserError
from locexp.records.record import RunRecord
from locexp.system.process import process_tags
from locexp.tracking.location import locate
from tests.analysis.conftest import child, log
from tests.conftest import TINY, train_here
from tests.old_version import expected, unpack

FRAMES = ("runs", "epochs", "settings")


def assert_equal(one: pd.DataFrame, other: pd.DataFrame, *, without: tuple[str, ...] = ()) -> None:
    """Whether two frames are equal to the last digit."""
    pd.testing.assert_frame_equal(one.drop(columns=[*without]), other.drop(columns=[*without]), check_exact=True)


def json_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_importing_locexp_is_light() -> None:
    heavy = "{'pandas', 'numpy', 'scipy', 'mlflow', 'tensorflow', 'keras', 'hydra', 'omegaconf'}"
    code = f"import sys, locexp; assert not {heavy} & set(sys.modules); print(locexp.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, locexp.__version__), done.stderr
    with pytest.raises(AttributeError, match="no attribute 'load_swep'"):
        locexp.load_swep  # noqa: B018


def test_a_folder_is_read_without_mlflow_or_tensorflow(sweep: Path) -> None:
    code = (
        "import sys, locexp; sweep = locexp.load_sweep(sys.argv[1])\n"
        "sweep.runs, sweep.epochs, sweep.settings, sweep.predictions()\n"
        "loaded = {'mlflow', 'tensorflow', 'keras', 'matplotlib'} & set(sys.modules); assert not loaded, loaded"
    )
    before = sorted(path for path in sweep.rglob("*"))
    done = subprocess.run([sys.executable, "-c", code, sweep], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path for path in sweep.rglob("*")) == before  # nothing is written


def test_there_is_a_row_for_each_run_whatever_became_of_it(sweep: Path) -> None:
    runs = locexp.load_sweep(sweep).runs
    assert len(runs) == 11
    assert runs["status"].value_counts().to_dict() == {"FINISHED": 8, "FAILED": 2, "RUNNING": 1}
    for row in runs.to_dict("records"):
        record = json_of(Path(row["folder"]) / "run.json")
        assert (row["seed"], row["status"]) == (int(record["tags"]["seed"]), record["status"])
        assert row["setting"] == f"bbox_weight={record['tags']['varied.loss.bbox_weight']}"
        assert row["loss.bbox_weight"] == float(record["tags"]["varied.loss.bbox_weight"])
        for name in ("test/accuracy", "test/loc_acc_75", "kept/mean_iou", "floor/mean_iou"):
            np.testing.assert_equal(row[name], record["metrics"].get(name, math.nan))
        # Of two that finished, the earlier counts.
        is_counted = record["status"] == "FINISHED" and not row["folder"].endswith("4-2")
        assert row["compared"] == is_counted
    assert runs[["loss.bbox_weight", "loss.classification_weight", "test/accuracy"]].dtypes.eq("float64").all()
    assert runs["seed"].dtype == "int64"
    assert runs["seconds"].notna().tolist() == runs["status"].ne("RUNNING").tolist()
    assert str(runs["start"].min())[:19] == "2025-11-28 09:22:46"


def test_settings_are_means_and_intervals_over_the_files(sweep: Path) -> None:
    loaded = locexp.load_sweep(str(sweep))
    settings = loaded.settings.set_index("setting")
    assert settings["n"].to_dict() == {"bbox_weight=0.5": 2, "bbox_weight=4": 2, "bbox_weight=32": 3}
    assert settings["failed"].to_dict() == {"bbox_weight=0.5": 1, "bbox_weight=4": 1, "bbox_weight=32": 0}
    # Of 4, one failed and was tried again, one finished twice, and one was killed.
    folders = {"bbox_weight=0.5": ("0", "2"), "bbox_weight=4": ("3-2", "4"), "bbox_weight=32": ("6", "7", "8")}
    for setting, names in folders.items():
        for metric in ("test/accuracy", "test/loc_acc_75", "kept/mean_iou", "test/center_error_px"):
            values = np.array([json_of(sweep / name / "run.json")["metrics"][metric] for name in names])
            assert settings.loc[setting, f"{metric}/mean"] == pytest.approx(values.mean(), rel=1e-14)
            assert settings.loc[setting, f"{metric}/n"] == len(values) == settings.loc[setting, "n"]
            half_width = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
            assert settings.loc[setting, f"{metric}/half_width"] == pytest.approx(half_width, rel=1e-12)
    assert settings["default"].to_dict() == {"bbox_weight=0.5": True, "bbox_weight=4": False, "bbox_weight=32": False}
    counted = loaded.runs[loaded.runs["compared"]].groupby("setting")["test/mean_iou"].mean()
    pd.testing.assert_series_equal(
        counted.sort_index(), settings["test/mean_iou/mean"].sort_index(), check_names=False, rtol=1e-14
    )


def test_settings_are_those_of_the_command_to_the_digit(sweep: Path) -> None:
    compare_command([str(sweep), "compare.metric=mean_iou"], lambda line: None)
    loaded = locexp.load_sweep(sweep, metric="mean_iou")
    settings = loaded.settings
    with (sweep / "comparison" / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(settings) == 3
    for row, made in zip(rows, settings.to_dict("records"), strict=True):
        for name, text in row.items():
            if isinstance(made[name], str):
                assert made[name] == text
            else:
                np.testing.assert_equal(float(made[name]), float(text) if text else math.nan)
    comparison = json_of(sweep / "comparison" / "comparison.json")
    assert settings.loc[settings["chosen"], "setting"].tolist() == [comparison["chosen"]]
    assert settings.loc[settings["on_front"], "setting"].tolist() == comparison["front"]["settings"]
    assert loaded.answers == comparison["answers"]


def test_epochs_are_the_rows_of_the_histories(sweep: Path) -> None:
    epochs = locexp.load_sweep(sweep).epochs
    found = []
    for path in sweep.glob("*/history.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        found += [(str(path.parent), row["epoch"], row["val/accuracy"]) for row in rows]
    assert sorted(zip(epochs["folder"], epochs["epoch"], epochs["val/accuracy"], strict=True)) == sorted(found)
    assert epochs["epoch"].dtype == "int64"
    assert {"setting", "seed", "loss.bbox_weight"} <= set(epochs)
    (sweep / "0" / "history.jsonl").write_text("{\n{}\n")
    with pytest.raises(UserError, match=r"bbox_weight=0.5 seed=0 .*/0\): history.jsonl cannot be read"):
        locexp.load_sweep(sweep).epochs  # noqa: B018


def test_predictions_are_the_tables_of_the_runs(sweep: Path) -> None:
    loaded = locexp.load_sweep(sweep)
    one = loaded.predictions("bbox_weight=32", seed=1)
    table = (sweep / "7" / "tables" / "predictions.csv").read_text().splitlines()[1:]
    assert [",".join(row) for row in one[["label", "predicted"]].to_numpy()] == [
        row.rpartition(",")[0] for row in table
    ]
    assert one["iou"].tolist() == [float(row.rpartition(",")[2]) for row in table]
    assert set(one["folder"]) == {str(sweep / "7")}
    assert len(loaded.predictions(setting="bbox_weight=32")) == 60
    assert len(loaded.predictions()) == 20 * 8
    with pytest.raises(UserError, match="setting=bbox_weight=3: no run of it has finished. Did you mean"):
        loaded.predictions("bbox_weight=3")
    with pytest.raises(UserError, match="seed=7: no run of it has finished. Finished are: 0, 1, 2"):
        loaded.predictions(seed=7)
    (sweep / "7" / "tables" / "predictions.csv").write_text('index,label\n1,"')
    with pytest.raises(UserError, match=r"tables/predictions.csv cannot be read"):
        loaded.predictions("bbox_weight=32", seed=1)
    shutil.rmtree(sweep / "7" / "tables")
    with pytest.raises(UserError, match="no such run has left tables/predictions.csv"):
        loaded.predictions("bbox_weight=32", seed=1)


def test_class_names_stay_text(sweep: Path) -> None:
    header = "index,file,label,predicted,confidence,iou\n"
    (sweep / "7" / "tables" / "predictions.csv").write_text(f"{header}0,1.png,NA,007,,0.5\n1,null,1e3,None,0.25,0\n")
    made = locexp.load_sweep(sweep).predictions("bbox_weight=32", seed=1)
    assert made[["file", "label", "predicted"]].to_numpy().tolist() == [["1.png", "NA", "007"], ["null", "1e3", "None"]]
    np.testing.assert_equal(made["confidence"].to_numpy(), [math.nan, 0.25])


def test_two_varied_keys_are_columns_of_their_types(sweep: Path) -> None:
    jobs: list[tuple[str, dict[str, str]]] = [
        ("a", {"optimizer": "adam", "model.dense_units": "64", "optimizer.params": "{}", "trainer.x": "true"}),
        ("b", {"optimizer": "sgd", "model.dense_units": "8", "optimizer.params": "null", "trainer.x": "false"}),
    ]
    for number, (name, varied) in enumerate(jobs):
        tags = {f"varied.{key}": value for key, value in varied.items()} | {"config_hash": name}
        child(sweep, 20 + number, "2", 0, tags=tags)
    runs = locexp.load_sweep(sweep).runs
    assert runs["setting"].tolist()[-2:] == [
        "bbox_weight=2 optimizer=adam dense_units=64 params={} x=true",
        "bbox_weight=2 optimizer=sgd dense_units=8 params=null x=false",
    ]
    assert runs["optimizer"].tolist()[-2:] == ["adam", "sgd"]
    assert runs["optimizer"].isna().sum() == 11  # of the other runs nobody knows
    assert runs["model.dense_units"].tolist()[-2:] == [64, 8]
    assert runs["trainer.x"].tolist()[-2:] == ["true", "false"]
    settings = locexp.load_sweep(sweep).settings.set_index("setting")
    assert settings["loss.bbox_weight"].tolist() == [0.5, 4, 32, 2, 2]
    assert settings["optimizer"].tolist()[-2:] == ["adam", "sgd"]


def test_folder_and_store_give_equal_frames(sweep: Path, workplace: Path) -> None:
    log(sweep, locate(None, None, "locexp"))
    stored, by_folder = locexp.load_sweep("day"), locexp.load_sweep(sweep)
    for name in FRAMES:
        # What reached the store only here has no id in its files.
        assert_equal(getattr(stored, name), getattr(by_folder, name), without=("run_id",) if name == "runs" else ())
    assert_equal(stored.predictions(), by_folder.predictions())
    assert stored.runs["run_id"].notna().all()
    assert_equal(locexp.load_sweep().settings, stored.settings)
    elsewhere = locexp.load_sweep("day", tracking_uri=str(workplace / "mlruns"))
    assert_equal(elsewhere.runs, stored.runs)


def test_an_unknown_sweep_is_answered_with_the_nearest(sweep: Path, workplace: Path) -> None:
    with pytest.raises(UserError, match="holds no store yet"):
        locexp.load_sweep("day")
    log(sweep, locate(None, None, "locexp"))
    with pytest.raises(UserError, match="dayy: there is no sweep of this id in .*Did you mean 'day'"):
        locexp.load_sweep("dayy")
    with pytest.raises(UserError, match="tracking.experiment=locexpp: .*Did you mean 'locexp'"):
        locexp.load_sweep("day", experiment="locexpp")
    with pytest.raises(UserError, match="multirun/the dy: there is no such folder"):
        locexp.load_sweep(Path("multirun/the dy"))
    with pytest.raises(UserError, match="multirun: holds sweeps; name one of them: 'multirun/the day'"):
        locexp.load_sweep("multirun")
    with pytest.raises(UserError, match="metric=mean_io: expected one of .*Did you mean 'mean_iou'"):
        locexp.load_sweep(sweep, metric="mean_io")
    with pytest.raises(UserError, match="tracking_uri=x: cannot be combined with a folder"):
        locexp.load_sweep(sweep, tracking_uri="x")


def test_a_record_that_cannot_be_read_fails_in_a_line(sweep: Path) -> None:
    (sweep / "0" / "run.json").unlink()
    (sweep / "0" / "run.json").mkdir()
    with pytest.raises((RunFailedError, UserError), match="0/run.json: cannot be read"):
        locexp.load_sweep(sweep)


def test_a_sweep_without_a_finished_run_has_runs_but_no_settings(sweep: Path) -> None:
    for path in sweep.glob("*/run.json"):
        record = RunRecord.read(path.parent)
        record.status, record.metrics = "FAILED", {}
        record.write(path.parent)
    loaded = locexp.load_sweep(sweep)
    assert loaded.runs["test/accuracy"].isna().all()
    assert not loaded.runs["compared"].any()
    with pytest.raises(NotComparableError, match="sweep day: no run of this sweep has finished"):
        loaded.settings  # noqa: B018
    with pytest.raises(UserError, match="seed=0: no run of it has finished. Finished are: none"):
        loaded.predictions(seed=0)
    with pytest.raises(UserError, match=r"no such run has left tables/predictions.csv"):
        loaded.predictions()
    for path in sweep.glob("*/history.jsonl"):
        path.unlink()
    assert locexp.load_sweep(sweep).epochs.empty
    for path in sweep.glob("*/run.json"):
        shutil.rmtree(path.parent)
    assert [len(getattr(locexp.load_sweep(sweep), name)) for name in ("runs", "epochs")] == [0, 0]


def test_a_running_sweep_has_runs_but_no_settings(sweep: Path) -> None:
    record = RunRecord.read(sweep / "5")
    record.tags |= process_tags()
    record.write(sweep / "5")
    loaded = locexp.load_sweep(sweep)
    assert len(loaded.runs) == 11
    with pytest.raises(UserError, match="is still running"):
        loaded.settings  # noqa: B018


def test_mixed_runs_are_compared_only_when_asked(sweep: Path) -> None:
    record = RunRecord.read(sweep / "0")
    record.parameters["trainer.epochs"] = "4"
    record.write(sweep / "0")
    with pytest.raises(NotComparableError, match=r"trainer.epochs differs: .*load_sweep\(…, allow_mixed=True\)"):
        locexp.load_sweep(sweep).settings  # noqa: B018
    assert len(locexp.load_sweep(sweep, allow_mixed=True).settings) == 3


def test_what_version_0_1_0_left_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unpack(tmp_path)
    by_folder, stored = locexp.load_sweep("multirun/whole"), locexp.load_sweep("2026-11-28-09-48-41-0d2c20")
    for loaded in (by_folder, stored):
        rows = expected()["comparison"]["settings"]
        for row, setting in zip(loaded.settings.to_dict("records"), rows, strict=True):
            assert (row["setting"], row["n"]) == (setting["label"], setting["test"]["accuracy"]["n"])
            assert row["test/mean_iou/mean"] == pytest.approx(setting["test"]["mean_iou"]["mean"], rel=1e-12)
        assert sorted(loaded.runs["loss.bbox_weight"]) == [0.5, 0.5, 8, 8, 64, 64]
    for name in FRAMES:
        assert_equal(getattr(stored, name), getattr(by_folder, name), without=("folder",) if name != "settings" else ())
    cut = locexp.load_sweep("multirun/cut")
    assert cut.runs["status"].tolist() == ["FINISHED", "FINISHED", "RUNNING"]
    assert len(cut.epochs) == 8


@pytest.mark.slow
def test_a_real_sweep_with_a_failure(workplace: Path) -> None:
    """Two keys vary; the first rate diverges."""
    words = ("--multirun", "optimizer=sgd", "optimizer.learning_rate=1e30,0.01", "loss.bbox_weight=1,8", "seed=0,1")
    assert train_here(*TINY, *words) == 1
    (folder,) = (path.parent for path in workplace.glob("multirun/*/*/run.json"))
    stored, by_folder = locexp.load_sweep(), locexp.load_sweep(folder)
    assert stored.status == "FAILED"
    for name in FRAMES:
        assert_equal(getattr(stored, name), getattr(by_folder, name))
    runs = stored.runs
    assert len(runs) == 8
    failed = runs["optimizer.learning_rate"] == 1e30
    assert runs["status"].tolist() == np.where(failed, "FAILED", "FINISHED").tolist()
    assert runs.loc[failed, "test/accuracy"].isna().all()
    assert runs.loc[~failed, "test/accuracy"].notna().all()
    assert stored.settings["failed"].sum() == 4
    assert stored.settings.loc[stored.settings["n"] == 0, "verdict"].tolist() == ["no run has finished"] * 2
    predictions = stored.predictions(seed=0)
    for (setting, seed), table in predictions.groupby(["setting", "seed"]):
        (row,) = runs[(runs["setting"] == setting) & (runs["seed"] == seed)].to_dict("records")
        assert (table["label"] == table["predicted"]).mean() == pytest.approx(row["test/accuracy"])
        assert table["iou"].mean() == pytest.approx(row["test/mean_iou"], abs=1e-5)
