"""The final metrics of real runs against their own histories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locexp.evaluation.metrics import HEADLINES
from tests.conftest import TINY, only_run, train_here


@pytest.mark.parametrize("keep", ["best", "last"])
def test_best_and_kept_are_the_validation_of_their_epochs(workplace: Path, float32: None, keep: str) -> None:
    # Boxes soon overlap more, but at this rate their centres are worse in the end than they were at first.
    words = ("trainer.epochs=4", "optimizer.learning_rate=.05", "trainer.monitor=val/center_error_px")
    assert train_here(*TINY, *words, f"trainer.keep={keep}") == 0
    directory = only_run(workplace)
    metrics = json.loads((directory / "run.json").read_text())["metrics"]
    history = [json.loads(line) for line in (directory / "history.jsonl").read_text().splitlines()]
    best = min(history, key=lambda row: (row["val/center_error_px"], -row["val/mean_iou"]))
    kept = best if keep == "best" else history[-1]
    assert best is not history[-1]
    for prefix, row in (("best", best), ("kept", kept)):
        found = {name for name in metrics if name.startswith(f"{prefix}/")}
        assert found == {f"{prefix}/epoch", *(f"{prefix}/{name}" for name in HEADLINES)}
        assert metrics[f"{prefix}/epoch"] == row["epoch"]
        for name in HEADLINES:
            assert metrics[f"{prefix}/{name}"] == row[f"val/{name}"]
    # That test/ is measured with the kept weights shows in its closeness to their validation.
    assert abs(metrics["test/center_error_px"] - kept["val/center_error_px"]) < 0.5
