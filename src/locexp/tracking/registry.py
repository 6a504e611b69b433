"""MLflow's model registry: the model of a run under a name, with the alias by which it is loaded."""

from __future__ import annotations

import contextlib
import io

import mlflow

from locexp.errors import UserError
from locexp.records.files import FREED
from locexp.records.record import RunRecord
from locexp.system.commands import command
from locexp.tracking.limits import DESCRIPTION
from locexp.tracking.mlflow_internals import use_store
from locexp.tracking.store import MlflowStore

CHAMPION = "champion"


def model_of(store: MlflowStore, run: RunRecord) -> str:
    """Return the id of a run's logged model.

    Args:
        store: which has the run.
        run: of that store.

    Raises:
        UserError: it has none.
    """
    assert run.run_id is not None
    if "models" in run.tags.get(FREED, ""):
        raise UserError(f"the model of run {run.name} ({run.run_id}) was freed by {command('clean')}.")
    outputs = store.client.get_run(run.run_id).outputs
    if outputs and outputs.model_outputs:
        return str(outputs.model_outputs[-1].model_id)
    again = command("log", run.tags.get("directory", "FOLDER"))
    raise UserError(f"run {run.name} ({run.run_id}) has no model in {store.location.uri}; log it again with {again}")


def register(store: MlflowStore, model_id: str, name: str, description: str) -> str:
    """Make a logged model the next version of a registered one, and move the alias to it; returns the version.

    Args:
        store: which has the model.
        model_id: of the logged model.
        name: of the registered one, which is made where there is none; see
            :func:`locexp.tracking.limits.check_registered_name`.
        description: of the version.
    """
    use_store(store.location.uri)
    with contextlib.redirect_stderr(io.StringIO()):  # on which MLflow says what it does
        version = mlflow.register_model(f"models:/{model_id}", name).version
    store.client.update_model_version(name, version, description[:DESCRIPTION])
    store.client.set_registered_model_alias(name, CHAMPION, version)
    return str(version)
