"""Plans that pause runs: what goes on equals what never paused, whatever kills the sweep; what is dropped stays so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.configuration.compose import composing
from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.sweep.folder import JobEnd
from locexp.sweep.jobs import RunKey, StagedJobs
from tests.conftest import door_here, locexp, tiny_without, train_here
from tests.sweep.test_sweeps import everything, runs

PLAN = '''
"""Four settings for one epoch, two of them for one more, then to their end; the better one again on fresh seeds."""
import json, os, signal
from pathlib import Path
from locexp.records.sweep_list import CONFIRMATION
from locexp.sweep.setting import Dropped, Setting, Stage

def plan(base, until=1):
    settings = [Setting({"loss.bbox_weight": weight}) for weight in (0.5, 2.0, 8.0, 32.0)]
    seen = [(yield Stage(settings, more=True, until=until))]
    kept = settings[2:]
    dropped = [Dropped(setting, f"after {until} of 4 epochs: too light") for setting in settings[:2]]
    seen.append((yield Stage(kept, more=True, dropped=dropped, until=until + 1)))
    seen.append((yield Stage(kept, more=True)))
    best = max(range(2), key=lambda index: seen[-1][index][0]["mean_iou"])
    seen.append((yield Stage([Setting(kept[best].values, fresh_seeds=2, role=CONFIRMATION)], more=True)))
    Path("seen.json").write_text(json.dumps(seen))

def armed(start):
    """Have the process killed when a method of its runs has been called so often; Run imports TensorFlow."""
    def started(**keys):
        start(**keys)
        if "KILL_AT" not in os.environ:
            return
        from locexp.run.run import Run
        method, number = os.environ.pop("KILL_AT").split()
        original, calls = getattr(Run, method), []

        def call(*arguments):
            original(*arguments)
            calls.append(1)
            if len(calls) == int(number):
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(Run, method, call)

    return started

if "KILL_AT" in os.environ:
    import locexp.run.prepare
    locexp.run.prepare.start_tensorflow = armed(locexp.run.prepare.start_tensorflow)
'''
BASE = (
    *tiny_without("trainer.epochs"),
    "trainer.epochs=4",
    "trainer.deterministic=true",
    "model.dropout=0.3",
    "sweep._target_=rungs.plan",
)


@pytest.fixture
def rungs(workplace: Path) -> Path:
    (workplace / "rungs.py").write_text(PLAN)
    return workplace


def folders(place: Path) -> dict[str, Path]:
    """Return the folder of each run by its name, whatever was shot before its first epoch ended and began anew."""
    found: dict[str, Path] = {}
    for path in sorted(place.glob("multirun/*/*/*/run.json")):
        earlier = found.get(record(path.parent)["name"])
        assert earlier is None or (record(earlier)["status"] == "KILLED" and not rows(earlier)), "a run is doubled"
        found[record(path.parent)["name"]] = path.parent
    return found


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def sweep_list(place: Path) -> dict[str, Any]:
    (path,) = place.glob("multirun/*/*/sweep/sweep.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def timeless(values: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in values.items() if key != "timestamp" and not key.startswith("time/")}


def rows(folder: Path) -> list[dict[str, float]]:
    file = folder / "history.jsonl"
    return [timeless(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def assert_same_run(ours: Path, theirs: Path) -> None:
    """Bit for bit: every epoch, every metric, every weight that is kept."""
    import keras

    assert rows(ours) == rows(theirs)
    assert timeless(record(ours)["metrics"]) == timeless(record(theirs)["metrics"])
    models = [keras.models.load_model(folder / "model.keras").get_weights() for folder in (ours, theirs)]
    for one, other in zip(*models, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["stacked", "basic"])
@pytest.mark.parametrize(
    "words",
    [
        ("optimizer.schedule=one_cycle", "trainer.early_stopping=2"),
        ("loss/weighting=famo", "trainer.keep=last"),
        ("loss/weighting=dwa", "bbox=scatter", "bbox.fresh=true"),
    ],
    ids=["schedule and early stopping", "famo", "dwa and fresh scenes"],
)
def test_what_paused_equals_what_never_did(
    rungs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    launcher: str,
    words: tuple[str, ...],
) -> None:
    """Also what the plan saw, from the histories, and what each run left: one folder, one run in MLflow."""
    assert train_here(*BASE, f"hydra/launcher={launcher}", *words) == 0
    out = capsys.readouterr().out
    assert "4 jobs, paused after 1 of 4 epochs, more stages follow" in out
    assert "stage    2: 2 jobs go on to epoch 2, 2 are not pursued\n" in out
    assert "stage    3: 2 jobs go on to epoch 4\n" in out
    assert "FINISHED 4 of 4 jobs have finished, 2 more were not pursued to the end" in out
    assert "trainer.resume" not in out
    ours = folders(rungs)
    (rungs / "whole").mkdir()
    monkeypatch.chdir(rungs / "whole")
    plain = [word for word in BASE if not word.startswith("sweep.")]
    assert train_here(*plain, *words, "--multirun", "loss.bbox_weight=8,32", "seed=0,1") == 0
    theirs = folders(rungs / "whole")
    for name in ("bbox_weight=8 seed=0", "bbox_weight=32 seed=0"):
        assert_same_run(ours[name], theirs[name])
    (fresh,) = [name for name in ours if name.endswith("seed=1")]
    assert_same_run(ours[fresh], theirs[fresh])
    _check_what_it_left(rungs, ours)


def _check_what_it_left(place: Path, ours: dict[str, Path]) -> None:
    in_store = {run.info.run_name: run for run in runs(place, "tags.kind = 'run'")}
    assert set(in_store) == set(ours)
    assert len(runs(place, "tags.kind = 'run'")) == 6
    monitor = "loc_acc_50"
    seen = json.loads((place / "seen.json").read_text())
    for index, weight in enumerate(("0.5", "2", "8", "32")):
        name = f"bbox_weight={weight} seed=0"
        folder, kept, run = ours[name], record(ours[name]), in_store[name]
        first = rows(folder)[0]
        assert seen[0][index][0]["mean_iou"] == first["val/mean_iou"]
        steps = [metric.step for metric in _history(place, run.info.run_id)]
        assert steps == list(range(1, len(rows(folder)) + 1)), "an epoch is in the store twice, or not"
        assert not (folder / "checkpoint.npz").exists()
        if index < 2:
            tags = {"paused": "1", "not_pursued": "after 1 of 4 epochs: too light"}
            assert (kept["status"], run.info.status) == ("KILLED", "KILLED")
            assert tags.items() <= kept["tags"].items()
            assert tags.items() <= run.data.tags.items()
            assert "too light" in run.data.tags["mlflow.note.content"]
            assert not (folder / "model.keras").exists()
            assert not (folder / "pictures" / "sample.png").exists()
        else:
            assert (kept["status"], run.info.status) == ("FINISHED", "FINISHED")
            assert not {"paused", "not_pursued"} & (kept["tags"].keys() | run.data.tags.keys())
            best = max(rows(folder)[:2], key=lambda row: (row[f"val/{monitor}"], row["val/mean_iou"]))
            assert seen[1][index - 2][0]["mean_iou"] == best["val/mean_iou"]
            assert seen[2][index - 2][0]["mean_iou"] == kept["metrics"]["kept/mean_iou"]
            assert not any(name.startswith("test/") for name in seen[2][index - 2][0])
    confirmed = next(folder for name, folder in ours.items() if name.endswith("seed=1"))
    assert seen[3][0][0]["test/mean_iou"] == record(confirmed)["metrics"]["test/mean_iou"]
    stages = sweep_list(place)["stages"]
    assert [stage["until"] for stage in stages] == [
        {"0": 1, "1": 1, "2": 1, "3": 1},
        {"2": 2, "3": 2},
        {"2": None, "3": None},
        {"4": None, "5": None},
    ]
    assert stages[1]["not_pursued"] == dict.fromkeys("01", "after 1 of 4 epochs: too light")
    (parent,) = runs(place, "tags.kind = 'sweep'")
    counts = {name: value for name, value in parent.data.metrics.items() if name.startswith("sweep/")}
    assert counts == {"sweep/jobs": 4, "sweep/finished": 4, "sweep/failed": 0, "sweep/not_pursued": 2}


def _history(place: Path, run_id: str) -> list[Any]:
    from tests.sweep.test_sweeps import client

    return list(client(place).get_metric_history(run_id, "val/accuracy"))


def killed(place: Path, *words: str, at: str) -> None:
    """Run a command, with its plan a folder above, that is shot when a method of its runs has been called so often."""
    ended = subprocess.run(
        [sys.executable, "-m", "locexp.train", *words],
        cwd=place,
        env={**os.environ, "KILL_AT": at, "PYTHONPATH": f"{place.parent}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_a_sweep_that_is_shot_in_any_rung_ends_as_if_it_had_not_been(rungs: Path, launcher: str) -> None:
    """Between two epochs before the first pause, in the middle of pausing, of continuing, and of ending.

    All in processes of their own: this one may have another number of threads, and so other numbers.
    """
    words = (*BASE, "+sweep.until=2", f"hydra/launcher={launcher}")
    path = {"PYTHONPATH": f"{rungs}:{os.environ.get('PYTHONPATH', '')}"}
    (rungs / "undisturbed").mkdir()
    undisturbed = locexp("train", *words, cwd=rungs / "undisturbed", env=path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    (rungs / "shot").mkdir()
    killed(rungs / "shot", *words, at="epoch 3")
    for at in ("close 3", "epoch 1", "close 1", "epoch 3"):
        killed(rungs / "shot", "sweep.resume=last", at=at)
    done = locexp("train", "sweep.resume=last", cwd=rungs / "shot", env=path)
    assert done.returncode == 0, done.stderr
    assert "trainer.resume" not in done.stdout
    places = rungs / "shot", rungs / "undisturbed"
    lists = [sweep_list(place) for place in places]
    for key in ("stages", "stage_results"):
        assert lists[0][key] == lists[1][key]
    ours, theirs = (folders(place) for place in places)
    assert set(ours) == set(theirs)
    for name, folder in ours.items():
        kept = record(folder)
        assert kept["status"] == record(theirs[name])["status"]
        if kept["status"] == "FINISHED":
            assert_same_run(folder, theirs[name])
        else:
            assert rows(folder) == rows(theirs[name])
            assert kept["tags"]["not_pursued"] == "after 2 of 4 epochs: too light"
            assert not (folder / "checkpoint.npz").exists()
    ids = {record(folder)["run_id"] for folder in ours.values()}
    every = runs(rungs / "shot", "tags.kind = 'run'")
    in_store = [run for run in every if run.info.run_id in ids]
    assert len(in_store) == len(ours) == 6
    others = [run.info.status for run in every if run.info.run_id not in ids]
    assert others == ["KILLED"] * len(others)  # what was shot before its first epoch ended, and began anew
    assert {run.info.status for run in runs(rungs / "shot", "")} == {"FINISHED", "KILLED"}
    for run in in_store:
        steps = [metric.step for metric in _history(rungs / "shot", run.info.run_id)]
        assert steps == list(range(1, len(rows(ours[run.info.run_name])) + 1))
    seen = [json.loads((place / "seen.json").read_text()) for place in places]
    assert seen[0] == seen[1]


@pytest.mark.slow
def test_runs_pause_and_go_on_in_processes_of_their_own(rungs: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    assert train_here(*BASE, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2") == 0
    ours = folders(rungs)
    assert len(ours) == 6
    assert [record(folder)["status"] for folder in ours.values()].count("FINISHED") == 4
    assert [len(rows(ours[f"bbox_weight={weight} seed=0"])) for weight in ("0.5", "2", "8", "32")] == [1, 1, 4, 4]


def test_a_sweep_that_pauses_refuses_what_cannot(rungs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_here(*BASE, "trainer.checkpoint=false") == 2
    assert "trainer.checkpoint=false: the sweep (sweep._target_=rungs.plan) pauses runs" in capsys.readouterr().err
    stop = "+trainer.callbacks.stop={_target_: keras.callbacks.TerminateOnNaN}"
    assert train_here(*BASE, stop) == 2
    shown = capsys.readouterr().err
    assert "trainer.callbacks={stop}: the sweep (sweep._target_=rungs.plan) pauses runs" in shown
    assert "sweep=bbox_weight" in shown
    assert {path for path in everything(rungs) if "multirun" in str(path) or "mlruns" in str(path)} == set()
    assert train_here(*BASE, "trainer.checkpoint=false", "+sweep.until=4", "sweep.dry_run=true") == 0  # pauses nothing


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("yield Stage([Setting()], until=0)", "until=0; expected a whole number >= 1, or None"),
        ("yield Stage([Setting()], until=1.5)", "until=1.5; expected a whole number >= 1, or None"),
        ("yield Stage([Setting()], dropped=[Dropped(Setting(), 'so')])", "drops Setting("),
        (
            "yield Stage([Setting(), Setting({'loss.bbox_weight': 2.0})], more=True, until=1)\n"
            "    yield Stage([Setting()], more=True, dropped=[Dropped(Setting({'loss.bbox_weight': 2.0}), 'so')])\n"
            "    yield Stage([Setting({'loss.bbox_weight': 2.0})])",
            "continues job 1, which an earlier stage has dropped",
        ),
    ],
)
def test_stages_that_cannot_be_are_refused(workplace: Path, body: str, said: str) -> None:
    (workplace / "odd.py").write_text(
        f"from locexp.sweep.setting import Dropped, Setting, Stage\ndef plan(base):\n    {body}\n"
    )
    with composing() as composer:
        staged = StagedJobs(composer, ["sweep._target_=odd.plan", "trainer.epochs=3"], multirun=False)
        with pytest.raises(UserError, match=r"sweep\._target_=odd\.plan: failed with") as error:
            _ask(staged, 3)
    assert said in str(error.value)


def _ask(staged: StagedJobs, times: int) -> None:
    for _ in range(times):
        staged.next_stage({job.key: {"accuracy": 0.5} for job in staged.jobs})


def test_the_stages_of_a_plan_that_pauses(workplace: Path) -> None:
    """What each begins or continues; fresh seeds of a role stay the same, so that a later stage can be paired."""
    (workplace / "odd.py").write_text(
        "from locexp.sweep.setting import Dropped, Setting, Stage\n"
        "def plan(base):\n"
        "    one, two, three = (Setting({'loss.bbox_weight': weight}) for weight in (1.0, 2.0, 3.0))\n"
        "    yield Stage([one, two, three], more=True, until=1)\n"
        "    yield Stage([one, two], more=True, until=1, dropped=[Dropped(three, 'late')])\n"  # nothing to train
        "    yield Stage([one, two], more=True, until=2)\n"
        "    yield Stage([one], more=True, until=7)\n"
        "    first, second = (Setting(one.values, 2, 'confirmation'), Setting(two.values, 2, 'confirmation'))\n"
        "    yield Stage([first], more=True)\n"
        "    yield Stage([first, second])\n"
    )
    with composing() as composer:
        staged = StagedJobs(composer, ["sweep._target_=odd.plan", "trainer.epochs=3"], multirun=False)
        asked = []
        results: dict[RunKey, dict[str, float] | None] = {}
        while going := staged.next_stage(results):
            asked.append([(job.index, job.seed, staged.course.until(job.index)) for job in going])
            results |= {job.key: {"accuracy": 0.5} for job in going}
        assert asked == [
            [(0, 0, 1), (1, 0, 1), (2, 0, 1)],
            [(0, 0, 2), (1, 0, 2)],
            [(0, 0, None)],
            [(3, 1, None), (4, 2, None)],
            [(5, 1, None), (6, 2, None)],
        ]
        assert staged.course.not_pursued == {2: "late"}
        again = StagedJobs(composer, ["sweep._target_=odd.plan", "trainer.epochs=3"], multirun=False)
        again.take_stages(staged.past_results)
        assert again.course.stages == staged.course.stages
        assert [job.key for job in again.jobs] == [job.key for job in staged.jobs]


def test_an_outcome_is_that_of_the_first_epochs(tmp_path: Path) -> None:
    """By the run's monitor, whatever was trained later; of a run that did not get there, there is none."""
    names = ("accuracy", "mean_iou", "loc_acc_50", "loc_acc_75", "center_error_px", "classification_loss", "bbox_loss")
    values = [0.1, 0.5, 0.3, 0.9]
    history = [{f"val/{name}": value for name in names} | {"weights/classification": 1.0} for value in values]
    for epoch, row in enumerate(history, 1):
        row |= {"epoch": epoch, "weights/bbox": float(epoch)}
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    paused = JobEnd(RunRecord("a run", status="KILLED", tags={"paused": "3"}, directory=tmp_path))
    for until, best, weight in ((1, 0.1, 1.0), (3, 0.5, 2.0)):
        found = paused.results(until, "val/accuracy")
        assert found is not None
        assert {found[name] for name in names} == {best}
        assert (found["mean_weights/classification"], found["mean_weights/bbox"]) == (1.0, weight)
    error = paused.results(3, "val/center_error_px")
    assert error is not None
    assert error["accuracy"] == 0.1, "less error is better"
    assert paused.results(4, "val/accuracy") is None
    assert paused.results(None, "val/accuracy") is None
    assert JobEnd().results(1, "val/accuracy") is None
    killed = JobEnd(RunRecord("a run", status="KILLED", tags={}, directory=tmp_path))
    assert killed.results(1, "val/accuracy") is None


@pytest.mark.slow
def test_paused_and_dropped_runs_are_neither_failed_nor_missing(
    rungs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a dry run, the list of sweeps, the log, and where somebody tries to go on with one."""
    assert train_here(*BASE, "sweep.dry_run=true") == 0
    assert "4 jobs, paused after 1 of 4 epochs, 0 done, 4 to run" in capsys.readouterr().out
    assert train_here(*BASE) == 0
    capsys.readouterr()
    assert train_here("sweep.resume=last", "sweep.dry_run=true") == 0
    out = capsys.readouterr().out
    assert out.count("not pursued\n") == 2
    assert "0 to run" in out
    assert train_here("sweep.resume=last") == 0
    assert "resumed  4 have finished before, 2 are not pursued, 0 are missing\n" in capsys.readouterr().out
    listed = door_here("compare", "list")
    assert "4/4" in listed.stdout
    dropped = folders(rungs)["bbox_weight=2 seed=0"]
    assert train_here(f"trainer.resume={dropped}") == 2
    assert "was not pursued (after 1 of 4 epochs: too light)" in capsys.readouterr().err
    (sweep,) = rungs.glob("multirun/*/*")
    copied = rungs / "copied"
    shutil.copytree(sweep, copied)
    logged = door_here("log", str(sweep), "--uri", "other")
    assert logged.returncode == 0, logged.stderr
    assert "without its model" not in logged.stdout
    compared = door_here("compare", str(copied))
    assert compared.returncode == 0, compared.stderr
    assert "4/4" in listed.stdout
