"""The run of a sweep to go on with is of the setting that a comparison chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.analysis.chosen import chosen_run
from locexp.analysis.comparison import compare_settings
from locexp.analysis.results import sort_runs
from locexp.errors import UserError
from locexp.evaluation.metrics import METRICS, SELECTION_METRIC
from locexp.records.folder_store import FolderStore
from locexp.records.record import RunRecord
from tests.old_version import expected, unpack


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(unpack(tmp_path) / "multirun" / "whole"))


@pytest.mark.parametrize("metric", METRICS)
def test_the_setting_is_that_of_the_comparison(store: FolderStore, metric: str) -> None:
    parent = store.sweep("last")
    settings = sort_runs(store.children(parent.tags["sweep_id"]))
    compared = compare_settings(settings, default_hash=None, metric=metric, read=lambda run, path: None)
    found = chosen_run(store, parent, metric)
    assert found.setting.label == compared.settings[compared.chosen].label
    if metric == SELECTION_METRIC:
        assert found.setting.label == expected()["comparison"]["chosen"]


@pytest.mark.parametrize(("metric", "sign"), [("loc_acc_75", 1), ("center_error_px", -1)])
def test_the_run_is_the_best_of_its_setting(store: FolderStore, metric: str, sign: int) -> None:
    found = chosen_run(store, store.sweep("last"), metric)
    assert len(found.setting.runs) == 2
    values = {seed: sign * run.metrics[f"kept/{metric}"] for seed, run in found.setting.runs.items()}
    assert found.run is found.setting.runs[max(values, key=values.__getitem__)]


def test_equal_runs_are_told_apart_by_the_second_metric(store: FolderStore) -> None:
    for record in store.children(store.sweep("last").tags["sweep_id"]):
        assert record.directory is not None
        kept = RunRecord.read(record.directory)
        kept.metrics |= {"kept/loc_acc_75": 0.5, "kept/mean_iou": 0.6 + 0.1 * (kept.tags["seed"] == "1")}
        kept.write(record.directory)
    assert chosen_run(store, store.sweep("last"), "loc_acc_75").run.tags["seed"] == "1"


def test_a_sweep_without_a_finished_run(store: FolderStore) -> None:
    for record in store.children(store.sweep("last").tags["sweep_id"]):
        assert record.directory is not None
        record.status = "FAILED"
        record.write(record.directory)
    with pytest.raises(UserError, match=r"sweep .*: no run of this sweep has finished"):
        chosen_run(store, store.sweep("last"), "loc_acc_75")
