"""The live view of a sweep: what it shows on a terminal of any width, and the lines that a pipe gets instead."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from locexp.records.record import RunRecord
from locexp.records.sweep_list import short_names
from locexp.sweep.folder import close_dead, end_of
from locexp.sweep.progress import Progress, best_settings
from locexp.system.screen import Screen
from tests.system.terminal import Terminal


class TTY(io.StringIO):
    def isatty(self) -> bool:
        return True


def job(index: int, weight: str, seed: int = 0, *, role: str = "", classification: float = 1) -> Any:
    """A job of a box weight: what the display needs of one."""
    loss = {"classification_weight": classification, "bbox_weight": float(weight)}
    return SimpleNamespace(
        index=index,
        seed=seed,
        role=role,
        varied={"loss.bbox_weight": weight, "seed": str(seed)},
        config_hash=f"{classification}-{weight}",
        key=(f"{classification}-{weight}", seed),
        composition=SimpleNamespace(cfg=OmegaConf.create({"trainer": {"epochs": 4}, "loss": loss})),
    )


def record(both: float = 0.7, status: str = "FINISHED", error: str | None = None) -> RunRecord:
    metrics = {"accuracy": 0.91234, "mean_iou": 0.8, "loc_acc_75": both}
    return RunRecord(
        name="a run",
        status=status,
        error=error,
        metrics={f"{part}/{name}": value for part in ("test", "kept") for name, value in metrics.items()},
    )


class Bench:
    """A sweep whose records are written by hand, at a time set by hand."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, columns: int | None, rows: int = 24) -> None:
        self.now = [0.0]
        monkeypatch.setattr("locexp.sweep.progress.time", SimpleNamespace(monotonic=lambda: self.now[0]))
        monkeypatch.setattr("locexp.sweep.progress.POLL_SECONDS", 3600)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(rows))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("NO_COLOR", "1")
        self.place, self.columns = place, columns
        self.stream = TTY() if columns else io.StringIO()
        self.progress = Progress(Screen(self.stream))

    def run(self, jobs: list[Any], records: dict[int, RunRecord], epochs: dict[int, int], seconds: float) -> None:
        """Look once at jobs that have left these records, and these whole epochs."""
        folders = [self.place / str(job.index) for job in jobs]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        for index, one in records.items():
            one.write(self.place / str(index))
        for index, count in epochs.items():
            (self.place / str(index) / "history.jsonl").write_text("{}\n" * count)
        self.progress.watch(list(zip(jobs, folders, strict=True)), {}, lambda folder: False)
        self.now[0] = seconds
        self.progress.end()

    @property
    def lines(self) -> list[str]:
        """What stays above the display and, where that is erased, what is left."""
        return self.stream.getvalue().splitlines()

    @property
    def display(self) -> list[str]:
        """The rows that are seen in the end."""
        assert self.columns
        shown = Terminal(self.columns, self.stream.getvalue().replace("\n", "\r\n"))
        return [row.rstrip() for row in shown.lines]


WEIGHTS = ("0.5", "31.6228", "177.828", "1000")


def underway(place: Path, monkeypatch: pytest.MonkeyPatch, columns: int | None, rows: int = 24) -> Bench:
    """Four weights on three seeds: seven runs have finished, one has failed, two are at work after 40 s."""
    bench = Bench(place, monkeypatch, columns, rows)
    jobs = [job(4 * seed + at, weight, seed) for seed in range(3) for at, weight in enumerate(WEIGHTS)]
    bench.progress.add(jobs, {})
    both = {"0.5": 0.4, "31.6228": 0.9, "177.828": 0.95, "1000": 0.85}
    records = {index: record(both[WEIGHTS[index % 4]] + 0.01 * (index // 4)) for index in range(7)}
    records |= {
        7: record(status="FAILED", error="diverged: the loss is not finite.\nmore"),
        8: record(status="RUNNING"),
    }
    records |= {9: record(status="RUNNING")}
    bench.run(jobs, records, {8: 2, 9: 2}, 40.0)
    return bench


def test_a_terminal_of_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine of twelve runs are done after 40 s, two halves counted, so the rest takes 13 s."""
    shown = underway(tmp_path, monkeypatch, 80).display
    assert shown[0] == "[ 8/12] bbox_weight=1000 seed=1  FAILED: diverged: the loss is not finite"
    assert re.fullmatch(r"━+ +\[ 8/12\]  13 s left", shown[1])
    assert shown[2:] == [
        "1 failure, last bbox_weight=1000 seed=1: diverged: the loss is not finite",
        "best so far (validation means, n seeds)",
        "  loc_acc_75  accuracy  mean IoU   n",
        "       0.955     0.912     0.800   2  bbox_weight=178",
        "       0.905     0.912     0.800   2  bbox_weight=31.6",
        "       0.850     0.912     0.800   1  bbox_weight=1000",
        "at work",
        "  epoch 3/4  bbox_weight=0.5 seed=2",
        "  epoch 3/4  bbox_weight=31.6 seed=2",
    ]


def test_a_terminal_of_40_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = underway(tmp_path, monkeypatch, 40).display
    assert max(map(len, shown[1:])) <= 40
    assert shown[2:] == [
        "1 failure, last bbox_wei…ed=1: diverged…",
        "best so far (validation means, n seeds)",
        "  loc_acc_75   n",
        "       0.955   2  bbox_weight=178",
        "       0.905   2  bbox_weight=31.6",
        "       0.850   1  bbox_weight=1000",
        "at work",
        "  epoch 3/4  bbox_weight=0.5 seed=2",
        "  epoch 3/4  bbox_weight=31.6 seed=2",
    ]


def test_a_terminal_of_few_rows_shows_what_is_needed_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = underway(tmp_path, monkeypatch, 80, rows=5).display
    assert len(shown) == 1 + 5
    assert shown[-1].endswith("bbox_weight=178")


def test_a_pipe_gets_a_line_per_run_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = underway(tmp_path, monkeypatch, None).lines
    # Names are padded to one length; one of twelve runs took 40 s, so the others take 440 s.
    assert lines[0] == "[ 1/12] bbox_weight=0.5 seed=0   accuracy 0.912  IoU 0.800  7 min left"
    assert lines[7] == "[ 8/12] bbox_weight=1000 seed=1  FAILED: diverged: the loss is not finite"
    assert len(lines) == 8
    assert max(map(len, lines)) <= 80
    assert not any(character < " " for line in lines for character in line)


def test_144_runs_do_not_scroll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for a few of the failures, where all fail: the display counts the others."""
    bench = Bench(tmp_path, monkeypatch, 80)
    jobs = [job(index, str(index), index // 12) for index in range(144)]
    bench.progress.add(jobs, {})
    bench.run(jobs, {index: record() for index in range(143)}, {}, 100.0)
    assert not any("seed=" in line for line in bench.display if line.startswith("["))
    failing = Bench(tmp_path, monkeypatch, 80)
    failing.progress.add(jobs, {})
    failing.run(jobs, {index: record(status="FAILED", error="ouch") for index in range(143)}, {}, 100.0)
    assert sum(line.startswith("[") for line in failing.display) == 8
    assert "143 failures, last bbox_weight=142 seed=11: ouch" in failing.display
    assert len(failing.display) <= 12


def test_one_job_of_a_long_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (80, 40):
        bench = Bench(tmp_path, monkeypatch, columns)
        one = job(0, "1")
        one.varied = {"data.path": "/a" * 60 + "/b" * 40}
        bench.progress.add([one], {})
        bench.run([one], {0: record(status="RUNNING")}, {0: 1}, 10.0)
        assert bench.display[1] == "at work"
        assert max(map(len, bench.display)) <= columns
        assert "…" in bench.display[2]
        assert bench.display[2].endswith(" seed=0")
        assert re.search(r"\[0/1\]  30 s left", bench.display[0])


def test_progress_tells_how_long_the_rest_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four jobs beside one finished before, 1.5 are done after 30 s, so the other 2.5 take 50 s."""
    bench = Bench(tmp_path, monkeypatch, 80)
    jobs = [job(index, str(index + 1)) for index in range(5)]
    bench.progress.add(jobs, {jobs[4].key: record(0.99)})
    bench.run(jobs[:4], {0: record(), 1: record(status="RUNNING")}, {1: 2}, 30.0)
    assert bench.display[0].endswith(" [2/5]  50 s left")
    assert bench.display[3] == "       0.990     0.912     0.800   1  bbox_weight=5"  # what finished before counts


def test_a_job_that_is_tried_again_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch, None)
    one = job(0, "1")
    bench.progress.add([one], {})
    bench.run([one], {0: record(status="KILLED", error="cut off")}, {}, 1.0)
    bench.run([one], {0: record()}, {}, 2.0)
    assert [line[:5] for line in bench.lines] == ["[1/1]", "[1/1]"]


def test_a_record_of_a_newer_locexp_is_the_failure_of_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker may write it that has another locexp installed: no traceback, and the file is left as it is."""
    bench = Bench(tmp_path, monkeypatch, None)
    place, one = tmp_path / "0", job(0, "1")
    place.mkdir()
    (place / "run.json").write_text('{"format": 99, "name": "x"}')
    bench.progress.add([one], {})
    close_dead([place], stopped=False)
    bench.run([one], {}, {}, 1.0)
    assert re.search(r"\[1/1\] bbox_weight=1 seed=0 +FAILED: .*run.json: was", bench.stream.getvalue())
    end = end_of(place, stopped=False)
    assert end is not None
    assert (end.record, end.folder) == (None, place)
    assert "was written by a newer locexp (format 99" in (end.reason or "")
    assert json.loads((place / "run.json").read_text()) == {"format": 99, "name": "x"}


def test_only_what_can_be_chosen_is_among_the_best() -> None:
    finished = [
        (job(0, "1"), record(0.5)),
        (job(1, "1", 1), record(0.7)),
        (job(2, "2"), record(0.9)),
        (job(3, "0"), record(0.99)),  # one task alone
        (job(4, "1", classification=0), record(0.99)),
        (job(5, "3", role="control"), record(0.99)),
    ]
    best = best_settings(finished)
    assert [(one.config_hash, one.seeds) for one in best] == [("1-2", 1), ("1-1", 2)]
    assert best[1].means["loc_acc_75"] == pytest.approx(0.6)
    again = [*finished, (job(6, "1", 2), record(0.1))]
    assert [one.config_hash for one in best_settings(again)] == ["1-1"]  # of three seeds, one is fewer than half
    finals = [*again, (job(7, "1", 3, role="final"), record(0.2))]
    assert [(one.config_hash, one.seeds) for one in best_settings(finals)] == [("1-1", 1)]
    assert best_settings([]) == []


def test_numbers_are_as_short_as_the_settings_differ() -> None:
    def names(*values: str, typed: tuple[str, ...] = ()) -> list[str]:
        return short_names([{"loss.bbox_weight": value} for value in values], typed)

    assert names("177.828", "0.00562341", "5623.41") == ["bbox_weight=178", "bbox_weight=0.00562", "bbox_weight=5620"]
    assert names("177.828", "177.9") == ["bbox_weight=177.8", "bbox_weight=177.9"]
    assert names("177.828", typed=("loss.bbox_weight",)) == ["bbox_weight=177.828"]
    assert names("1024", "0.5", "1e-05", "adam-1.2345") == [
        "bbox_weight=1024",
        "bbox_weight=0.5",
        "bbox_weight=1e-05",
        "bbox_weight=adam-1.2345",
    ]
    assert names("177.828", "177.828") == ["bbox_weight=178"] * 2  # jobs of one setting
