"""Sweeps in stages, run for real with tiny networks: failures in a stage, and resuming when a later one has begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, train_here

STAGED = (
    "sweep=bbox_weight",
    "sweep.points=2",
    "sweep.seeds=1",
    "sweep.single_task=false",
    "sweep.final_seeds=1",
)
"""Three jobs, then the best and the configured setting again: one job, or two."""


def failing(place: Path, at: int) -> str:
    """Return the word for a callback that raises in the run of this number, counted over all commands."""
    (place / "clumsy.py").write_text(
        "import keras\n"
        "from pathlib import Path\n"
        "class Clumsy(keras.callbacks.Callback):\n"
        "    def __init__(self, at):\n"
        "        self.at = at\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        runs = Path('runs.txt')\n"
        "        known = runs.read_text() if runs.exists() else ''\n"
        "        runs.write_text(known + '.')\n"
        "        if len(known) == self.at:\n"
        "            raise ZeroDivisionError('ouch')\n"
    )
    return f"+trainer.callbacks.clumsy={{_target_: clumsy.Clumsy, at: {at}}}"


def stored(place: Path) -> list[dict[str, Any]]:
    (path,) = place.glob("multirun/*/*/sweep/sweep.json")
    return list(json.loads(path.read_text())["jobs"])


def parent(place: Path) -> dict[str, Any]:
    (path,) = place.glob("multirun/*/*/run.json")
    return dict(json.loads(path.read_text()))


@pytest.mark.slow
def test_a_job_that_failed_before_a_later_stage_is_made_up_for(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The later stage stays as it was chosen, though the results from which it was chosen are others now."""
    assert train_here(*TINY, *STAGED, failing(workplace, 0)) == 1
    begun = stored(workplace)
    total = len(begun)
    assert [job["stage"] for job in begun] == [0, 0, 0] + [1] * (total - 3)
    assert parent(workplace)["metrics"] == {"sweep/jobs": total, "sweep/finished": total - 1, "sweep/failed": 1}
    capsys.readouterr()
    assert train_here("sweep.resume=last", "sweep.dry_run=true") == 0
    assert f"{total} jobs, {total - 1} done, 1 to run" in capsys.readouterr().out
    for missing in (1, 0):
        assert train_here("sweep.resume=last") == 0
        have, are = "has" if total - missing == 1 else "have", "is" if missing == 1 else "are"
        assert f"{total - missing} {have} finished before, {missing} {are} missing" in capsys.readouterr().out
        assert stored(workplace) == begun
        assert parent(workplace)["status"] == "FINISHED"
        assert parent(workplace)["metrics"] == {"sweep/jobs": total, "sweep/finished": total, "sweep/failed": 0}
    assert len((workplace / "runs.txt").read_text()) == total + 1


@pytest.mark.slow
def test_no_stage_begins_after_the_failure_that_stops_a_sweep(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_here(*TINY, *STAGED, failing(workplace, 2), "sweep.on_error=stop") == 1
    assert len(stored(workplace)) == 3
    assert "no later stage" in capsys.readouterr().out
    assert train_here("sweep.resume=last") == 0
    assert len(stored(workplace)) > 3


@pytest.mark.parametrize(
    ("words", "stages"),
    [
        (("sweep=simplex", "sweep.points=3", "sweep.configured=false", "sweep.seeds=1"), [0, 0, 0]),
        pytest.param(
            ("sweep=pareto", "sweep.trials=3", "sweep.batch=2", "sweep.configured=false", "sweep.single_task=false"),
            [0, 0, 1],
            marks=pytest.mark.extra,
        ),
    ],
    ids=["simplex", "pareto"],
)
@pytest.mark.slow
def test_whole_sweeps_by_the_command(
    workplace: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], stages: list[int]
) -> None:
    if "sweep=pareto" in words:
        pytest.importorskip("optuna")
    assert train_here(*TINY, *words) == 0
    assert [job["stage"] for job in stored(workplace)] == stages
    assert parent(workplace)["metrics"] == {"sweep/jobs": 3, "sweep/finished": 3, "sweep/failed": 0}
    assert list(workplace.glob("multirun/*/*/comparison/report.html"))
    if "sweep=pareto" in words:  # its second batch follows from the results of the first
        assert train_here("sweep.resume=last") == 0
        assert "3 have finished before, 0 are missing" in capsys.readouterr().out


@pytest.mark.slow
def test_a_later_stage_that_fails_is_a_failure_of_the_sweep(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 would say that nothing was written; once the plan is mended, the sweep can be resumed."""
    plan = workplace / "failing_later.py"
    plan.write_text(
        "from locexp.sweep.setting import Setting, Stage\n"
        "def plan(base):\n"
        "    yield Stage([Setting()], more=True)\n"
        "    yield 1 / 0\n"
    )
    assert train_here(*TINY, "sweep._target_=failing_later.plan") == 1
    shown = capsys.readouterr()
    assert shown.err == "failed: sweep._target_=failing_later.plan: failed with ZeroDivisionError: division by zero.\n"
    assert "Resume   python -m locexp.train sweep.resume=" in shown.out
    assert (parent(workplace)["status"], parent(workplace)["metrics"]["sweep/finished"]) == ("FAILED", 1)
