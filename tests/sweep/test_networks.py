"""A sweep over networks through the real command: what each run says of its network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import train_here
from tests.sweep.test_stacked import by_name
from tests.sweep.test_sweeps import everything

NETWORKS = ("cnn", "cnn_small", "coordconv", "fcn_distribution", "fcn_softargmax", "resnet")
SMALL = ("data=mnist_5k", "data.limit=64", "trainer.epochs=1", "tracking.system_metrics=false")


@pytest.mark.slow
def test_networks_on_canvases(workplace: Path) -> None:
    """Each with two seeds in a stack of its own, so that its time is that of its own steps."""
    words = (*SMALL, "--multirun", f"model={','.join(NETWORKS)}", "bbox=clutter", "seed=1,2")
    assert train_here(*words) == 0
    found = by_name(workplace)
    assert set(found) == {f"model={name} seed={seed}" for name in NETWORKS for seed in (1, 2)}
    for name, run in found.items():
        metrics = run.data.metrics
        assert run.info.status == "FINISHED"
        assert metrics["time/stack_members"] == 2
        assert metrics["time/step_ms"] > 0
        assert metrics["model/flops_per_image"] > 0
        assert metrics["model/parameters"] >= metrics["model/trainable_parameters"] > 0
        spread = metrics.get("test/localization_uncertainty_px")
        assert spread is None if "fcn" not in name else 0 < spread < 64
    costs = {name: found[f"model={name} seed=1"].data.metrics["model/flops_per_image"] for name in NETWORKS}
    assert min(costs, key=lambda name: costs[name]) == "cnn_small"
    assert len(set(costs.values())) == len(NETWORKS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=backbone", "model.weights=imagenett"], "expected imagenet or null. Did you mean 'imagenet'?"),
        (["model=backbone", "model.architecture=MobilNetV2"], "Did you mean 'MobileNetV2'?"),
        (["model=backbone", "model.enlarge=1"], "at least 32x32 pixels, got 28x28"),
        (["model=resnet", "model.filters=[4,4,4,4,4,4]"], "leave nothing to tell apart of an image of 28x28 pixels"),
        (["model=coordconv", "model.shared=0,9"], "model.shared=9: expected a whole number from 0"),
    ],
)
def test_bad_networks_are_refused_before_anything_is_written(
    workplace: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert train_here(*SMALL, "--multirun", *words, "seed=1,2") == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert everything(workplace) == set()
