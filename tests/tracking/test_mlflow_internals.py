"""What locexp uses of MLflow beyond its documented interface is still there; each failure names what is not."""

from __future__ import annotations

import inspect
import logging
import os
import sqlite3
import urllib.parse
from pathlib import Path

import mlflow
import mlflow.environment_variables
import pytest
from mlflow import MlflowClient

from locexp.errors import UserError
from locexp.system.tensorflow import start_tensorflow
from locexp.tracking import limits, mlflow_internals

CHECK = "warn_dependency_requirement_mismatches"


def scripts() -> str:
    """Return the scripts that MLflow's server hands out."""
    folder = Path(inspect.getfile(mlflow)).parent / "server" / "js" / "build" / "static" / "js"
    code = "".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.js")))
    assert code, "MLflow's UI lies elsewhere now"
    return code


@pytest.fixture
def store(workplace: Path) -> MlflowClient:
    before = mlflow.get_tracking_uri()
    mlflow_internals.use_store(f"sqlite:///{workplace}/mlflow.db")
    yield MlflowClient(f"sqlite:///{workplace}/mlflow.db")
    mlflow_internals.use_store(before)


def test_a_run_shorter_than_an_interval_has_a_sample(store: MlflowClient) -> None:
    run_id = store.create_run("0").info.run_id
    for resume in (False, True):
        sampling = mlflow_internals.SystemMetrics(run_id, 3600, resume=resume)
        sampling.finish()
    history = store.get_metric_history(run_id, "system/cpu_utilization_percentage")
    assert [metric.step for metric in history] == [0, 1], "SystemMetricsMonitor: the last sample, or resume_logging"


def test_the_monitors_logger_has_a_level_of_its_own() -> None:
    import mlflow.system_metrics.system_metrics_monitor as monitor

    assert monitor._logger.name in mlflow_internals.LOGGERS
    mlflow_internals.silence_loggers()
    assert not any(logging.getLogger(name).isEnabledFor(logging.WARNING) for name in mlflow_internals.LOGGERS)


def test_requirements_that_are_given_are_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.utils import environment, requirements_utils

    def packages() -> dict[str, list[str]]:
        looked_up.append(True)
        return {}

    looked_up: list[bool] = []
    start_tensorflow()
    import keras

    monkeypatch.setattr(environment, CHECK, requirements_utils.warn_dependency_requirement_mismatches)
    monkeypatch.setattr(requirements_utils, "_MODULES_TO_PACKAGES", None)
    monkeypatch.setattr("importlib_metadata.packages_distributions", packages)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for name in ("looks it up", "does not"):
        mlflow.tensorflow.save_model(model, str(tmp_path / name), pip_requirements=["numpy==1.0"])
        assert "numpy==1.0" in (tmp_path / name / "requirements.txt").read_text().splitlines()
        assert len(looked_up) == 1, "save_model: when it looks at installed packages"
        mlflow_internals.trust_requirements()
        requirements_utils._MODULES_TO_PACKAGES = None


@pytest.mark.parametrize("given", [None, "http://user:5000"])
def test_the_users_variable_is_left_alone(workplace: Path, monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    before = mlflow.get_tracking_uri()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if given is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    mlflow_internals.use_store(f"sqlite:///{workplace}/mlflow.db")
    assert os.environ.get("MLFLOW_TRACKING_URI") == given
    assert mlflow.get_tracking_uri() == f"sqlite:///{workplace}/mlflow.db"
    mlflow_internals.use_store(before)


def test_experiments_are_in_the_tables_that_are_read(store: MlflowClient, workplace: Path) -> None:
    database = workplace / "mlflow.db"
    identity = store.create_experiment("mine", artifact_location="file:///somewhere")
    assert mlflow_internals.check_store(database, "mine", 1.0) == (identity, "file:///somewhere", "active")
    store.delete_experiment(identity)
    assert mlflow_internals.check_store(database, "mine", 1.0) == (identity, "file:///somewhere", "deleted")
    assert mlflow_internals.check_store(database, "other", 1.0) is None
    sqlite3.connect(workplace / "other.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(UserError, match="is a database, but not MLflow's"):
        mlflow_internals.check_store(workplace / "other.db", "mine", 1.0)


def test_the_newest_schema_is_the_one_that_mlflow_wants() -> None:
    from mlflow.store.db import utils

    assert mlflow_internals._revisions()[0] == utils._get_latest_schema_revision()


def test_what_is_cut_is_what_mlflow_would_cut_or_refuse() -> None:
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from mlflow.utils import validation

    from locexp.configuration import rules

    assert (limits.PARAMETER, limits.TAG) == (validation.MAX_PARAM_VAL_LENGTH, validation.MAX_TAG_VAL_LENGTH)
    assert (SqlRun.name.type.length, validation.MAX_DATASET_NAME_SIZE) == (limits.NAME, limits.DATASET)
    assert rules.LONGEST_EXPERIMENT == validation.MAX_EXPERIMENT_NAME_LENGTH
    assert rules.LONGEST_KEY + len("varied.") <= validation.MAX_ENTITY_KEY_LENGTH
    for name in ("a b", "a.b-c_d:e/f", "ü", "a(b", "a@b", "a#b", "a,b", "a\nb", "a+b", ""):
        allowed = name != "" and validation.validate_param_and_metric_name(name) is not None
        assert (rules.PARAMETER_NAME.fullmatch(name) is not None) == allowed


def test_the_server_knows_what_makes_it_lean() -> None:
    for name in mlflow_internals.LEAN_SERVER:
        assert hasattr(mlflow.environment_variables, name), f"{name}: MLflow has no such variable any more"


def test_the_ui_reads_the_addresses_that_are_made() -> None:
    """The names in the addresses occur in the scripts that MLflow's server hands out."""
    code = scripts()
    address = mlflow_internals.experiment_link("http://h", "1", condition="tags.kind = 'run'")
    names = urllib.parse.parse_qs(urllib.parse.urlsplit(address).fragment.partition("?")[2])
    assert len(names) == 5
    view = mlflow_internals.view_link("http://h", "1", "key", mode="CHART")
    names |= urllib.parse.parse_qs(urllib.parse.urlsplit(view).fragment.partition("?")[2])
    assert len(names) == 6
    for word in [*names, "machine_learning", "get-artifact", "run_uuid"]:
        assert word in code, f"the UI has no {word} any more"
