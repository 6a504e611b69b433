"""A run that was stopped, as its folder has it: found, and checked to be what it says; nothing is changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration.renamed import rename_keys
from locexp.configuration.rules import validate
from locexp.configuration.schema import Config, config_hash, register
from locexp.errors import UserError, listed
from locexp.records.history import HISTORY, read_history
from locexp.records.provenance import flattened
from locexp.records.record import RECORD, RunRecord
from locexp.system.process import is_alive
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.training.checkpoint import Checkpoint

KEY = "trainer.resume"
CONFIG = Path("config") / "resolved.yaml"
RUN_ID = re.compile("[0-9a-f]{32}")


def find(given: str, wanted: DictConfig) -> Path:
    """Return the folder of a run that is named by it, or by its id in the store of ``wanted``.

    Raises:
        UserError: there is none.
    """
    folder = Path(given).expanduser()
    if folder.is_dir():
        return folder.absolute()
    if not RUN_ID.fullmatch(given):
        raise UserError(f"{KEY}={given}: there is no such folder; expected the folder of a run, or an MLflow run id.")
    location = location_of(wanted.tracking)
    check(location)
    from locexp.tracking.store import MlflowStore

    run = MlflowStore(location).run(given)
    if "directory" not in run.tags:
        raise UserError(f"run {given} in {location.uri} names no directory, so it is none of locexp's.")
    return Path(run.tags["directory"])


def stopped(directory: Path) -> RunRecord:
    """Return the record of a run that was stopped.

    Raises:
        UserError: it is none, it has finished, or it still goes on.
    """
    try:
        record = RunRecord.read(directory)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{directory}: holds no {RECORD}; expected the folder of a run.") from None
    if record.is_sweep:
        raise UserError(
            f"{directory}: is a sweep; continue it with python -m locexp.train sweep.resume={record.tags['sweep_id']}"
        )
    if record.status == "FINISHED":
        later = "" if record.logged else f" Log its results with python -m locexp.log {directory}"
        raise UserError(f"{directory}: this run has finished, so there is nothing to continue.{later}")
    if record.status == "RUNNING" and is_alive(record.tags):
        raise UserError(f"{directory}: this run is still going on (process {record.tags['pid']}).")
    return record


def configuration(directory: Path, record: RunRecord) -> DictConfig:
    """Read the configuration that the run resolved, which YAML files that have changed since do not change.

    Raises:
        UserError: it is not there, or not what the record says.
    """
    register()
    path = directory / CONFIG
    try:
        cfg = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(path))
        assert isinstance(cfg, DictConfig)
        now = flattened(cfg)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from None
    except Exception as error:  # YAML and OmegaConf have many, and no common one
        raise UserError(f"{path}: is not a configuration ({str(error).splitlines()[0]}).") from None
    then = record.parameters
    differ = [
        f"{key} was {then.get(key, 'not there')}, is {now.get(key, 'not there')}"
        for key in sorted({*now, *then})
        if not key.startswith("tracking.") and now.get(key) != then.get(key)
    ]
    if differ or config_hash(cfg) != record.tags.get("config_hash"):
        what = "; ".join(differ) or f"its hash is not {record.tags.get('config_hash')}"
        raise UserError(f"{path}: is not the configuration that the run was started with: {what}.")
    _check_relative_path(directory, cfg)
    rename_keys(cfg)
    try:
        validate(cfg)
    except OmegaConfBaseException as error:
        raise UserError(f"{path}: {str(error).splitlines()[0]}") from None
    return cfg


def _check_relative_path(directory: Path, cfg: DictConfig) -> None:
    """Say from where to continue a run whose own data lie at a relative path."""
    path = cfg.data.path
    if path is None or Path(path).exists():
        return
    try:
        began = Path(OmegaConf.load(directory / CONFIG.with_name("hydra.yaml")).hydra.runtime.cwd)
    except Exception:  # it only serves the message
        return
    if (began / path).exists():
        raise UserError(f"data.path={path}: not found from here; continue the run from {began}, where it was started.")


def whole_epochs(directory: Path, checkpoint: Checkpoint) -> tuple[list[dict[str, float]], list[str]]:
    """Return the rows up to the checkpoint, and in words what was left out.

    Raises:
        UserError: they are not those of a run.
    """
    path = directory / HISTORY
    try:
        rows = read_history(directory)
        epochs = [int(row["epoch"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is not the history of a run ({error}).") from None
    kept = checkpoint.epoch
    if epochs != list(range(1, len(rows) + 1)) or len(rows) < kept:
        raise UserError(f"{path}: holds epochs {listed(epochs) or 'none'}; expected all from 1 to {kept} at least.")
    lost = [f"{HISTORY} goes beyond the checkpoint: what follows epoch {kept} is trained again."]
    return rows[:kept], lost if len(rows) > kept else []
