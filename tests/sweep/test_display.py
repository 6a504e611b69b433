"""The end of a sweep on the screen: what failed, what was not started, and how to go on, in a screenful."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from locexp.records.record import RunRecord
from locexp.sweep.display import show_end
from locexp.sweep.ends import Tally
from locexp.sweep.folder import JobEnd
from locexp.system.screen import Screen
from locexp.tracking.location import locate
from tests.sweep.test_progress import TTY


def end_of_sweep(ends: list[JobEnd], name: str = "bbox_weight=1", *, stream: io.StringIO | None = None) -> list[str]:
    """Return what is shown of a sweep whose jobs ended like this; it took 60 s."""
    shown = stream or io.StringIO()
    parent: Any = SimpleNamespace(
        record=RunRecord("sweep", status="FAILED", start_time=0.0, end_time=60.0),
        location=locate(None, None, "locexp"),
        directory=Path("/sweeps/s"),
        sweep_id="day-time",
    )
    jobs: list[Any] = [SimpleNamespace(name=f"{name} seed={seed}", seed=seed) for seed in range(len(ends))]
    show_end(Screen(shown), parent, list(zip(jobs, ends, strict=True)), tally_of(ends), began=0.0, all_logged=True)
    return shown.getvalue().splitlines()


def tally_of(ends: list[JobEnd]) -> Tally:
    finished = sum(end.has_finished for end in ends)
    return Tally(len(ends), finished, 0, len(ends) - finished, sum(end.reason is not None for end in ends), 0)


def failed(reason: str = "FAILED: diverged") -> JobEnd:
    return JobEnd(folder=Path("/nowhere"), reason=reason)


def finished() -> JobEnd:
    return JobEnd(RunRecord("a run", status="FINISHED"))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([failed()], "FAILED   0 of 1 job has finished, in 60 s"),
        ([finished()], "FAILED   1 of 1 job has finished, in 60 s"),
        ([finished(), failed()], "FAILED   1 of 2 jobs has finished, in 60 s"),
        ([finished(), finished(), failed()], "FAILED   2 of 3 jobs have finished, in 60 s"),
        ([failed(), failed()], "FAILED   0 of 2 jobs have finished, in 60 s"),
    ],
)
def test_jobs_are_counted_in_english(ends: list[JobEnd], expected: str) -> None:
    assert end_of_sweep(ends)[0] == expected


def test_what_was_not_started_is_counted_in_english() -> None:
    assert end_of_sweep([finished(), JobEnd()])[1] == "waiting  1 was not started: bbox_weight=1 seed=1"
    assert end_of_sweep([JobEnd(), JobEnd()])[1].startswith("waiting  2 were not started: bbox_weight=1 seed=0, ")


def test_a_sweep_of_failures_alone_fits_a_screen() -> None:
    lines = end_of_sweep([failed()] * 144)
    assert lines[1:9] == [f"failed   bbox_weight=1 seed={seed}: FAILED: diverged" for seed in range(8)]
    assert lines[9:] == [
        "         and 136 more, with their logs in /sweeps/s",
        "Resume   python -m locexp.train sweep.resume=day-time",
        "Files    /sweeps/s",
    ]


def test_names_of_200_characters_are_shortened_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    lines = end_of_sweep([failed(), JobEnd()], "x" * 200, stream=TTY())
    assert lines[1] == f"failed   {'x' * 26}…{'x' * 6} seed=0: FAILED: diverged"
    assert max(map(len, lines)) <= 80
    assert f"failed   {'x' * 200} seed=0: FAILED: diverged" in end_of_sweep([failed()], "x" * 200)
