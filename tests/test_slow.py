"""Real trainings on the bundled digits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import train_here


@pytest.mark.slow
def test_defaults_on_the_bundled_digits_are_good_over_five_splits(workplace: Path) -> None:
    """Mean accuracy >= .96 and mean IoU >= baseline + .03 on test, at the defaults."""
    metrics = []
    for split_seed in range(5):
        directory = f"run{split_seed}"
        words = ("data=mnist_5k", f"data.split_seed={split_seed}", f"hydra.run.dir={directory}")
        assert train_here(*words) == 0
        metrics.append(json.loads((workplace / directory / "run.json").read_text())["metrics"])
    accuracy = np.mean([row["test/accuracy"] for row in metrics])
    gain = np.mean([row["test/mean_iou"] - row["floor/mean_iou"] for row in metrics])
    print(f"accuracy {accuracy:.4f}, mean IoU over the baseline {gain:.4f}")
    assert accuracy >= 0.96
    assert gain >= 0.03
