"""Which trained network is meant, and what is said where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from locexp.cli.compare import compare_command
from locexp.configuration.schema import TrackingConfig
from locexp.errors import UserError
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.records.record import RunRecord
from locexp.trained.finding import FoundModel, found_model
from locexp.trained.network import load_network
from tests.conftest import TINY, tiny_without, train_here
from tests.trained.runs import leave_run

TRACKING = OmegaConf.structured(TrackingConfig)


def find(which: str, metric: str = SELECTION_METRIC) -> FoundModel:
    with found_model(which, TRACKING, metric) as found:
        assert found.file.is_file()
        return found


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A run by itself, in a folder with nothing else."""
    place = tmp_path_factory.mktemp("it's one")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert train_here(*TINY) == 0
    (path,) = place.glob("multirun/*/*/run.json")
    return RunRecord.read(path.parent)


@pytest.fixture
def here(single: RunRecord, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: where the run was trained."""
    assert single.directory is not None
    place = single.directory.parents[2]
    monkeypatch.chdir(place)
    return place


def test_a_run_by_its_folder_its_id_and_its_addresses(here: Path, single: RunRecord) -> None:
    folder, run_id = single.directory, single.run_id
    assert folder is not None
    for which in (str(folder), str(folder.relative_to(here)), f"{folder}/model.keras", run_id, f"runs:/{run_id}/model"):
        assert find(str(which)).record.run_id == run_id
    last = find("last")
    assert (last.file, last.what.startswith("the last run, ")) == (folder / "model.keras", True)
    assert load_network(last).is_light_on_dark


def test_a_model_of_mlflow_without_the_folder_of_its_run(here: Path, single: RunRecord, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    run_id, folder = single.run_id, single.directory
    assert folder is not None
    client = MlflowClient(single.tracking_uri)
    (output,) = client.get_run(str(run_id)).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    client.create_registered_model("digits")
    client.create_model_version("digits", model.model_uri, run_id, model_id=model.model_id)
    client.set_registered_model_alias("digits", "champion", "1")
    folder.rename(tmp_path / "moved")
    try:
        addresses = ("models:/digits@champion", "models:/digits/1", f"models:/{model.model_id}")
        for which in (*addresses, f"runs:/{run_id}", str(run_id), "last"):
            with found_model(which, TRACKING, SELECTION_METRIC) as found:
                assert found.record.run_id == run_id
                assert load_network(found).canvas == (28, 28)
            assert not found.file.exists()
        for which, message in {
            "models:/digit@champion": "no model is registered by this name; there is: digits. Did you mean 'digits'?",
            "models:/digits@x": "has no alias x; aliases: champion",
            "models:/digits/7": "has no version 7",
            "models:/digits": "which version? Give models:/digits@champion",
            "models:/m-" + 32 * "0": "cannot be fetched",
            "models:/a/b/c": "expected models:/NAME@ALIAS",
        }.items():
            with pytest.raises(UserError) as refused:
                find(which)
            assert message in str(refused.value)
    finally:
        (tmp_path / "moved").rename(folder)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("20260101-000000-abcdef", "there is no sweep in experiment locexp"),
        (32 * "0", "has no run"),
        ("runs:/x", "has no run x"),
        ("multirun/none", "there is no such folder; expected the folder of a run or of a sweep"),
        ("./multirun", "holds no run.json"),
    ],
)
def test_what_there_is_not(here: Path, single: RunRecord, which: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        find(which)
    assert message in str(refused.value)
    if which == "./multirun":
        assert f"There is: {single.directory}.".replace(f"{here}/", "") in str(refused.value)


@pytest.mark.slow
def test_of_a_sweep_the_best_run_of_the_setting_that_compare_chooses(workplace: Path) -> None:
    words = (*tiny_without("model.filters"), "--multirun", "loss.bbox_weight=1,32", "seed=0,1", "model.filters=[2]")
    assert train_here(*words) == 0
    (folder,) = (path.parent for path in workplace.glob("multirun/*/*/sweep"))
    sweep = RunRecord.read(folder)
    compare_command(["last"], lambda line: None)
    label = json.loads((folder / "comparison" / "comparison.json").read_text())["chosen"]
    runs = [RunRecord.read(path.parent) for path in folder.glob("*/run.json")]
    own = [run for run in runs if f"bbox_weight={run.tags['varied.loss.bbox_weight']}" == label]
    best = max(own, key=lambda run: (run.metrics["kept/loc_acc_75"], run.metrics["kept/mean_iou"]))
    names = ("last", sweep.tags["sweep_id"], str(sweep.run_id), f"runs:/{sweep.run_id}", str(folder))
    for which in (*names, str(folder.relative_to(workplace))):
        found = find(which)
        assert found.record.run_id == best.run_id, which
        assert sweep.tags["sweep_id"] in found.what
        assert "chosen by loc_acc_75 on validation" in found.what
    assert train_here(*TINY, "hydra.run.dir=newer") == 0
    assert find("last").file == workplace / "newer" / "model.keras"


def test_without_a_store(workplace: Path) -> None:
    leave_run(workplace / "multirun" / "day" / "one")
    with pytest.raises(UserError, match="there is no store in .*mlruns.* There is: multirun/day/one"):
        find("last")
    assert find("multirun/day/one").what == "multirun/day/one"
    assert not (workplace / "mlruns").exists()


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        ("FAILED", "it diverged", r"this run failed \(it diverged\), and has left no model\.keras"),
        ("KILLED", None, "this run was stopped, and has left no model"),
        ("RUNNING", None, "this run is still running, or was killed, and has left no model"),
        ("FINISHED", None, r"this run has finished, but its model\.keras is gone"),
    ],
)
def test_a_run_without_a_model(workplace: Path, status: str, error: str | None, message: str) -> None:
    record = RunRecord(name="x", status=status, error=error)
    (workplace / "run").mkdir()
    record.write(workplace / "run")
    with pytest.raises(UserError, match=message):
        find("./run")
