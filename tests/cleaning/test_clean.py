"""``python -m locexp.clean`` on a sweep made by hand, in its folder and in a store: what goes, and what stays."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from locexp.cleaning.plan import PICTURES_FREED
from locexp.cli.clean import clean_command
from locexp.cli.compare import compare_command
from locexp.errors import RunFailedError, UserError
from locexp.records.record import RunRecord
from locexp.system.files import write_whole
from locexp.system.process import process_tags
from locexp.tracking.location import Location, local_path, locate
from tests.conftest import TINY, door_here, train_here
from tests.hand_made import write_list, write_predictions
from tests.models.networks import tiny

WEIGHTS = {
    # box weight: accuracy, mean IoU, loc_acc_75, centre error
    "0.5": (0.91, 0.60, 0.30, 5.0),  # the default
    "4": (0.95, 0.80, 0.70, 2.0),  # the best by every metric: chosen, and alone on the front
    "32": (0.93, 0.70, 0.50, 3.0),  # loses
    "64": (0.92, 0.65, 0.40, 4.0),  # loses
    "0": (0.94, 0.10, 0.00, 9.0),  # classification alone
}
LOSING = ("32", "64")
SEEDS = (0, 1)
FREED = {"model.keras", "classic.h5", *(f"pictures/{name}.png" for name in PICTURES_FREED)}
SWEEP = Path("multirun", "the day")
GONE = {"host": process_tags()["host"], "pid": "999999999", "process_start": "1"}


def leave(folder: Path, job: int, weight: str, seed: int, location: Location) -> None:
    """Leave a finished run's folder."""
    place = folder / str(job)
    for name in ("tables", "pictures"):
        (place / name).mkdir(parents=True)
    accuracy, iou, both, distance = (value + seed / 128 for value in WEIGHTS[weight])
    values = {"accuracy": accuracy, "mean_iou": iou, "loc_acc_50": both, "loc_acc_75": both}
    values["center_error_px"] = distance
    metrics = {f"{part}/{name}": value for part in ("test", "kept") for name, value in values.items()}
    RunRecord(
        name=f"bbox_weight={weight} seed={seed}",
        status="FINISHED",
        parameters={
            "loss.classification_weight": "1", "loss.bbox_weight": weight, "trainer.save_h5": "classic.h5",
            "loss.weighting._target_": "locexp.losses.weighting.fixed.Fixed",
        },
        tags={
            "kind": "run", "sweep_id": "day", "config_hash": weight, "seed": str(seed), "sweep_job": str(job),
            "varied.loss.bbox_weight": weight, "varied.seed": str(seed), "directory": str(place), "scenes_digest": "s",
        },
        metrics=metrics | {"floor/mean_iou": 0.5, "epochs": 1.0},
        dataset={"name": "mine", "sha256": "0" * 64, "source": "here", "classes": 10},
        start_time=1764321766.0 + job,
        end_time=1764321999.0,
        tracking_uri=location.uri,
        artifact_root=location.artifact_root,
    ).write(place)  # fmt: skip
    write_predictions(place, job)
    (place / "history.jsonl").write_text(json.dumps({"epoch": 1, "timestamp": 1.0, "time/epoch_seconds": 1.0}) + "\n")
    for name in (*PICTURES_FREED, "scenes", "gallery_random"):
        (place / "pictures" / f"{name}.png").write_bytes(f"{name} of {job}".encode() * 50)
    (place / "classic.h5").write_bytes(b"5" * 1000 + bytes([job]))
    (place / "mine.txt").write_text("the user's")


def log(folder: Path, location: Location) -> None:
    from locexp.tracking.tracker import log_directory

    model = tiny("cnn")
    for place in [folder, *(path.parent for path in sorted(folder.glob("*/run.json")))]:
        record = RunRecord.read(place)
        if not record.is_sweep:
            model.save(place / "model.keras")
        log_directory(location, place, record, None if record.is_sweep else model)
        replace(record, logged=True).write(place)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, quick_stores: None) -> Path:
    """Where a sweep has finished, and is in a store."""
    place = tmp_path_factory.mktemp("pristine")
    folder = place / SWEEP
    location = locate(str(place / "mlruns"), None, "locexp")
    jobs = [(weight, seed) for weight in WEIGHTS for seed in SEEDS]
    write_list(folder, jobs)
    for job, (weight, seed) in enumerate(jobs):
        leave(folder, job, weight, seed, location)
    RunRecord(
        name="sweep bbox_weight",
        status="FINISHED",
        tags={"kind": "sweep", "sweep_id": "day", "default_hash": "0.5", "directory": str(folder)} | GONE,
        start_time=1764321700.0,
        end_time=1764322000.0,
        tracking_uri=location.uri,
        artifact_root=location.artifact_root,
    ).write(folder)
    log(folder, location)
    return place


@pytest.fixture
def sweep(workplace: Path, pristine: Path) -> Path:
    """The folder of a finished sweep, which is in the store, too: a copy, as if it had been made where it is."""
    subprocess.run(["cp", "-a", f"{pristine}/.", workplace], check=True)  # hard links stay hard links
    old, new = str(pristine), str(workplace)
    for path in (workplace / SWEEP).glob("**/run.json"):
        write_whole(path, path.read_text(encoding="utf-8").replace(old, new))
    columns = [("runs", "artifact_uri"), ("logged_models", "artifact_location"), ("tags", "value")]
    with contextlib.closing(sqlite3.connect(workplace / "mlruns" / "mlflow.db")) as connection, connection:
        for table, column in [*columns, ("experiments", "artifact_location")]:
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
    return workplace / SWEEP


def clean(*arguments: str) -> list[str]:
    lines: list[str] = []
    clean_command(arguments, lines.append)
    return lines


def comparisons(folder: Path) -> list[tuple[str, str]]:
    """Return the numbers and the report of a comparison, from the folder and from the store."""
    found = []
    for which in ("day", str(folder)):
        compare_command([which], lambda _: None)
        numbers, report = (folder / "comparison" / name for name in ("comparison.json", "report.html"))
        found.append((numbers.read_text(encoding="utf-8"), report.read_text(encoding="utf-8")))
    return found


def contents(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and path.suffix not in (".db", ".lock") and path.name != "lock"
    }


def weight_of(record: RunRecord) -> str:
    return record.tags["config_hash"]


def runs(folder: Path) -> dict[Path, str]:
    """Return the folders of the runs, with their weights."""
    return {path.parent: weight_of(RunRecord.read(path.parent)) for path in sorted(folder.glob("*/run.json"))}


def artifacts(place: Path) -> tuple[Path, Path | None]:
    """Return where the store has the artifacts of a run, and those of its model."""
    from mlflow import MlflowClient

    record = RunRecord.read(place)
    client = MlflowClient(record.tracking_uri)
    run = client.get_run(record.run_id)
    (output,) = run.outputs.model_outputs
    models = {model.model_id: model for model in client.search_logged_models([run.info.experiment_id])}
    model = models.get(output.model_id)
    return local_path(run.info.artifact_uri), None if model is None else local_path(model.artifact_location)


def on_disk(*places: Path) -> int:
    """Return the bytes of the files below, those with several names once."""
    found = [path.stat() for place in places for path in place.rglob("*") if path.is_file()]
    return sum({(one.st_dev, one.st_ino): one.st_size for one in found}.values())


def test_without_a_confirmation_nothing_is_changed(sweep: Path, workplace: Path) -> None:
    before = contents(workplace)
    lines = clean("last")
    assert contents(workplace) == before
    stays = [line for line in lines if line.startswith("stays")]
    by = ", ".join(f"chosen by {name}" for name in ("mean_iou", "loc_acc_50", "loc_acc_75", "center_error_px"))
    assert stays == [
        "stays    bbox_weight=0.5: the default",
        f"stays    bbox_weight=4: chosen by accuracy, on the front, {by}",
        "stays    bbox_weight=0: one task alone",
    ]
    assert lines[-1] == "  python -m locexp.clean last confirm=true"


def test_what_losing_settings_hold_is_freed_and_the_answer_stays(sweep: Path, workplace: Path) -> None:
    answers = comparisons(sweep)
    kept = {place: contents(place) for place, weight in runs(sweep).items() if weight not in LOSING}
    size = on_disk(workplace)
    lines = clean("day", "confirm=true")
    (total,) = (re.search(r"([\d.]+) MB, in", line) for line in lines if line.startswith("in all"))
    assert total is not None
    # The database grows by a page or two; records of runs by a tag.
    assert size - on_disk(workplace) == pytest.approx(float(total[1]) * 1e6, rel=0.3)
    for place, weight in runs(sweep).items():
        logged, model = artifacts(place)
        if weight in LOSING:
            assert {*contents(place)} & FREED == set()
            assert {*contents(logged)} & FREED == set()
            assert model is None
            assert RunRecord.read(place).tags["freed"] == "models, pictures"
            assert {"mine.txt", "tables/predictions.csv", "pictures/gallery_random.png"} <= {*contents(place)}
        else:
            assert contents(place) == kept[place]
            assert {*contents(logged)} >= FREED - {"model.keras"}
            assert model is not None
            assert (model / "data" / "model.keras").is_file()
    assert comparisons(sweep) == answers
    assert clean("day", "confirm=true")[-1] == "There is nothing to free."
    assert clean(str(sweep))[-1] == "There is nothing to free."


def test_the_folder_names_its_store(sweep: Path) -> None:
    clean(str(sweep), "confirm=true", "predictions=true")
    for place, weight in runs(sweep).items():
        logged, _ = artifacts(place)
        gone = weight in LOSING
        assert (place / "tables" / "predictions.csv").exists() != gone
        assert (logged / "tables" / "predictions.csv").exists() != gone
        assert (logged / "pictures" / "worst_cases.png").exists() != gone


def test_of_what_stays_the_best_runs_alone_may_keep_their_models(sweep: Path) -> None:
    clean("last", "keep=best", "predictions=true", "confirm=true")
    having = {
        (weight, RunRecord.read(place).tags["seed"])
        for place, weight in runs(sweep).items()
        if (place / "model.keras").exists()
    }
    # Seed 1 is the better one, but for the error of the centre.
    assert having == {(weight, seed) for weight in ("0.5", "4", "0") for seed in "01"}


def test_an_interruption_half_way_can_be_repeated(
    sweep: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, removed = Path.unlink, []

    def interrupted(path: Path, missing_ok: bool = False) -> None:
        if path.suffix in (".keras", ".png", ".h5") and ".partial" not in path.name:
            removed.append(path)
            if len(removed) == 20:
                raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", interrupted)
        with pytest.raises(KeyboardInterrupt):
            clean("last", "confirm=true")
    assert any({*contents(place)} & FREED for place, weight in runs(sweep).items() if weight in LOSING)
    clean("last", "confirm=true")
    assert not any({*contents(place)} & FREED for place, weight in runs(sweep).items() if weight in LOSING)
    assert clean("last")[-1] == "There is nothing to free."


def test_a_file_that_cannot_be_removed_is_told_and_the_others_are(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == sweep / "4" / "model.keras":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(RunFailedError, match="1 file could not be removed; the same command tries again"):
        clean("last", "confirm=true")
    having = [place.name for place in runs(sweep) if (place / "model.keras").exists()]
    assert having == ["0", "1", "2", "3", "4", "8", "9"]


def test_nothing_outside_the_runs_folders_is_touched(sweep: Path, workplace: Path) -> None:
    outside = workplace / "outside"
    (outside / "pictures").mkdir(parents=True)
    for name in ("model.keras", "pictures/sample.png", "classic.h5"):
        (outside / name).write_text("precious")
    (sweep / "4" / "model.keras").unlink()
    (sweep / "4" / "model.keras").symlink_to(outside / "model.keras")
    shutil.rmtree(sweep / "5" / "pictures")
    (sweep / "5" / "pictures").symlink_to(outside / "pictures")
    shutil.move(sweep / "6", workplace / "moved")
    (sweep / "6").symlink_to(workplace / "moved")
    record = RunRecord.read(sweep / "7")
    leading_out = {"trainer.save_h5": "../../../outside/classic.h5"}
    replace(record, parameters=record.parameters | leading_out).write(sweep / "7")
    before, moved = contents(outside), {*contents(workplace / "moved")}
    clean("last", "confirm=true")
    assert contents(outside) == before
    assert {*contents(workplace / "moved")} == moved
    assert (sweep / "4" / "model.keras").is_symlink()
    assert not (sweep / "7" / "model.keras").exists()


def test_a_folder_in_the_store_that_holds_something_else_is_left_alone(sweep: Path, workplace: Path) -> None:
    other = workplace / "elsewhere"
    shutil.move(sweep, other)
    sweep.mkdir()
    for name in ("model.keras", "run.json"):
        (sweep / name).write_text("{}")
    before = contents(sweep)
    clean("last", "confirm=true")
    assert contents(sweep) == before
    assert {*contents(other / "4")} & FREED == FREED  # the store does not know where it is now
    lines = clean(str(other), "confirm=true")
    assert lines[0].startswith("note     This is a copy")
    assert {*contents(other / "4")} & FREED == set()


def test_of_a_copy_the_store_is_left_as_it_is(sweep: Path, workplace: Path) -> None:
    copy = workplace / "copy"
    shutil.copytree(sweep, copy)
    before = contents(workplace / "mlruns")
    clean("./copy", "confirm=true")
    assert contents(workplace / "mlruns") == before
    assert {*contents(copy / "4")} & FREED == set()
    assert {*contents(sweep / "4")} & FREED == FREED


def test_without_its_store_the_folder_is_cleaned(sweep: Path, workplace: Path) -> None:
    shutil.move(workplace / "mlruns", workplace / "away")
    (workplace / "mlruns").write_text("in the way")
    lines = clean(str(sweep), "confirm=true")
    assert lines[0].startswith("note     MLflow's artifacts are left as they are (tracking.uri=")
    assert {*contents(sweep / "4")} & FREED == set()
    assert (workplace / "mlruns").read_text(encoding="utf-8") == "in the way"


@pytest.mark.parametrize("which", ["parent", "child"])
@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (process_tags(), r"is still running \(process \d+\); a sweep is cleaned when it has ended"),
        ({"host": "far"}, r"is still running \(on far\)"),
        (GONE, "was killed before it ended; finish it first: python -m locexp.train sweep.resume=day"),
    ],
)
def test_a_sweep_that_has_not_ended_is_refused(sweep: Path, which: str, tags: dict[str, str], said: str) -> None:
    place = sweep if which == "parent" else sweep / "4"
    record = RunRecord.read(place)
    replace(record, status="RUNNING", tags=record.tags | tags).write(place)
    before = contents(sweep)
    with pytest.raises(UserError, match=said):
        clean(str(sweep), "confirm=true")
    assert contents(sweep) == before


def test_results_that_the_store_lacks_are_logged_first(sweep: Path) -> None:
    with contextlib.closing(sqlite3.connect(sweep.parents[1] / "mlruns" / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE runs SET status = 'FAILED' WHERE name LIKE '%bbox_weight=64 seed=1%'")
        assert connection.total_changes == 1
    with pytest.raises(UserError, match=r"^1 run finished, but the store lacks their results; log them first: .*log"):
        clean(str(sweep))


def test_a_model_in_mlflow_whose_files_are_gone_goes_too(sweep: Path) -> None:
    """As where a command was interrupted between the two."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlflow.tracking.MlflowClient.delete_logged_model", interrupted)
        with pytest.raises(KeyboardInterrupt):
            clean(str(sweep), "confirm=true")
    lines = clean(str(sweep), "confirm=true")
    assert "It is freed. Comparisons give the same numbers as before." in lines
    assert clean(str(sweep), "confirm=true")[-1] == "There is nothing to free."


def test_another_command_in_the_folder_is_waited_for(sweep: Path) -> None:
    from filelock import FileLock

    before = contents(sweep)
    with FileLock(sweep / "sweep" / "lock"), pytest.raises(UserError, match="another command is still running"):
        clean("last", "confirm=true")
    assert contents(sweep) == before


def test_a_registered_model_stays(sweep: Path) -> None:
    from locexp.tracking.registry import model_of, register
    from locexp.tracking.store import MlflowStore

    store = MlflowStore(locate(None, None, "locexp"))
    loser = RunRecord.read(sweep / "4")
    run = store.run(str(loser.run_id))
    register(store, model_of(store, run), "signs", "mine")
    lines = clean("last", "confirm=true")
    assert f"stays    {loser.name}: in MLflow's registry" in lines
    assert (sweep / "4" / "model.keras").exists()
    assert artifacts(sweep / "4")[1] is not None
    assert not (sweep / "5" / "model.keras").exists()


def test_whoever_misses_a_freed_model_is_told(sweep: Path) -> None:
    clean("last", "confirm=true")
    run_id = RunRecord.read(sweep / "4").run_id
    expected = "its model was freed by python -m locexp.clean; name a run of another setting, or train it again."
    for which in (str(sweep / "4"), f"runs:/{run_id}"):
        done = door_here("export", which, "format=keras")
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1
    from locexp.tracking.registry import model_of
    from locexp.tracking.store import MlflowStore

    store = MlflowStore(locate(None, None, "locexp"))
    with pytest.raises(UserError, match="was freed by python -m locexp.clean"):
        model_of(store, store.run(str(run_id)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "SWEEP: which sweep? Give one: expected the folder of a sweep, the id of one, or last."),
        (["a", "b"], "a b: which sweep?"),
        (["last", "keep=bst"], "keep=bst: expected settings, best. Did you mean 'best'?"),
        (["last", "confrm=true"], "confrm=true: unknown key"),
        (["./x", "tracking.uri=y"], "tracking.uri=y: cannot be combined with a folder"),
        (["./x"], "./x: there is no such folder"),
        (["nosuch"], "there is no sweep"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, sweep: Path) -> None:
    before = contents(sweep)
    done = door_here("clean", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(sweep) == before


@pytest.mark.slow
def test_a_cleaned_sweep_is_finished(workplace: Path) -> None:
    """Of a real one: it is compared, continued, drawn and used as before."""
    assert train_here(*TINY, "--multirun", "seed=1,2,3,4,5,6,7") == 0
    (folder,) = (path.parent for path in Path("multirun").glob("*/*/run.json"))
    compare_command(["last"], lambda _: None)
    before = (folder / "comparison" / "comparison.json").read_bytes()
    clean("last", "keep=best", "confirm=true")
    freed = [path.parent for path in folder.glob("*/run.json") if not (path.parent / "model.keras").exists()]
    assert len(freed) >= 2  # of seven, five metrics may have a best one each
    assert train_here(f"sweep.resume={RunRecord.read(folder).tags['sweep_id']}") == 0
    assert (folder / "comparison" / "comparison.json").read_bytes() == before
    assert sorted(path.name for path in folder.glob("[0-9]*")) == [str(job) for job in range(7)]
    assert "was freed" in door_here("draw", str(freed[0])).stderr
    assert door_here("export", "last", "format=keras").returncode == 0
