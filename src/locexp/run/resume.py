"""``trainer.resume``: a run that was stopped goes on after its last whole epoch, in its own folder and MLflow run.

Everything is checked before anything is changed. What comes out equals the run that was never stopped.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration.overrides import key_of
from locexp.configuration.renamed import added_keys, rename_keys
from locexp.configuration.rules import validate
from locexp.configuration.schema import RESUME_RUN, Config, config_hash, register
from locexp.errors import UserError, first_line
from locexp.records.files import CHECKPOINT
from locexp.records.provenance import flattened
from locexp.records.record import NOT_PURSUED, RECORD, RunRecord
from locexp.run.continuation import Resumed, rebuild
from locexp.run.folder import began_in
from locexp.run.prepare import Prepared
from locexp.system.commands import command, typed
from locexp.system.files import locked
from locexp.system.folders import check_writable
from locexp.system.process import is_alive
from locexp.tracking.location import check, location_in, location_of, store_overrides

CONFIG = Path("config") / "resolved.yaml"
LOCK = CONFIG.with_name("lock")
"""The file in a run's folder that the command which continues the run holds."""
RUN_ID = re.compile("[0-9a-f]{32}")


def resume_command(directory: Path) -> str:
    """Return the command that continues a run."""
    return command("train", f"{RESUME_RUN}={typed(directory.absolute())}")


def resume(given: str, wanted: DictConfig, overrides: Sequence[str]) -> tuple[Prepared, Resumed]:
    """Find, check, rebuild and restore the run that a command continues; nothing is written.

    Args:
        given: the run's folder, or its MLflow id.
        wanted: what the command's other overrides compose to: its ``tracking`` part is taken where it was given.
        overrides: these others.

    Raises:
        UserError: the run cannot be continued, or not as it was; one line says why.
    """
    directory = _find(given, wanted)
    record = _stopped(directory)
    cfg = configuration_of(directory, record)
    _set_tracking(cfg, record, wanted, overrides)

    from locexp.training.checkpoint import read_checkpoint

    try:
        checkpoint = read_checkpoint(directory / CHECKPOINT)
    except UserError as error:
        closing = f" Close the run with {command('log', str(directory))}"
        raise UserError(f"{error}{closing if record.status == 'RUNNING' else ''}") from None
    check_writable(directory, RESUME_RUN)
    check(location_of(cfg.tracking))
    return rebuild(cfg, directory, record, checkpoint)


@contextlib.contextmanager
def held(resumed: Resumed) -> Iterator[None]:
    """Hold the folder of a run that goes on; nothing has been changed in it so far.

    Raises:
        UserError: another command continues the run, or has done so since it was restored.
    """
    key = f"{RESUME_RUN}={resumed.directory}"
    refusal = f"{key}: another command is continuing this run; wait for it or stop it first."
    with locked(resumed.directory / LOCK, refusal):
        if int(_stopped(resumed.directory).tags.get("resumed", 0)) + 1 != int(resumed.record.tags["resumed"]):
            raise UserError(f"{key}: another command has continued this run meanwhile; start again.")
        yield


def _set_tracking(cfg: DictConfig, record: RunRecord, wanted: DictConfig, overrides: Sequence[str]) -> None:
    """Track where the run is tracked (its own keys may be relative to another directory), or where it is asked for."""
    given = {key_of(override) for override in overrides}
    asked = {name: value for name, value in wanted.tracking.items() if given & {"tracking", f"tracking.{name}"}}
    cfg.tracking.artifact_root = None if "uri" in asked else record.artifact_root
    cfg.tracking.uri, cfg.tracking.experiment = record.tracking_uri, record.experiment
    cfg.tracking.update(asked)


def _find(given: str, wanted: DictConfig) -> Path:
    """Return the folder of a run that is named by it, or by its id in the store of ``wanted``.

    Raises:
        UserError: there is none.
    """
    folder = Path(given).expanduser()
    if folder.is_dir():
        return folder.absolute()
    if not RUN_ID.fullmatch(given):
        raise UserError(f"{RESUME_RUN}={given}: there is no such folder; expected that of a run, or an MLflow run id.")
    location = location_of(wanted.tracking)
    check(location)
    from locexp.tracking.store import MlflowStore

    run = MlflowStore(location).run(given)
    if "directory" not in run.tags:
        raise UserError(f"run {given} in {location.uri} names no directory, so it is not one of locexp's.")
    return Path(run.tags["directory"])


def _stopped(directory: Path) -> RunRecord:
    """Return the record of a run that was stopped.

    Raises:
        UserError: it is not one, it has finished, or it is still running.
    """
    try:
        record = RunRecord.read(directory)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{directory}: holds no {RECORD}; expected the folder of a run.") from None
    if record.is_sweep:
        again = command("train", f"sweep.resume={record.tags['sweep_id']}", *store_overrides(location_in(record)))
        raise UserError(f"{directory}: is a sweep; continue it with {again}")
    if record.status == "FINISHED":
        later = "" if record.logged else f" Log its results with {command('log', str(directory))}"
        raise UserError(f"{directory}: this run has finished, so there is nothing to continue.{later}")
    if NOT_PURSUED in record.tags:
        raise UserError(
            f"{directory}: was not pursued ({record.tags[NOT_PURSUED]}), and its checkpoint has gone; train its "
            f"setting anew with the overrides in {directory / 'config' / 'overrides.yaml'}"
        )
    if record.status == "RUNNING" and is_alive(record.tags):
        raise UserError(f"{directory}: this run is still going on (process {record.tags['pid']}).")
    return record


def configuration_of(directory: Path, record: RunRecord) -> DictConfig:
    """Read the configuration that the run resolved, which YAML files that have changed since do not change.

    Raises:
        UserError: it is not there, or not what the record says.
    """
    register()
    path = directory / CONFIG
    try:
        cfg = OmegaConf.merge(OmegaConf.structured(Config), added_keys(), OmegaConf.load(path))
        assert isinstance(cfg, DictConfig)
        now = flattened(cfg)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from None
    except Exception as error:  # YAML and OmegaConf have many, and no common one
        raise UserError(f"{path}: is not a configuration ({first_line(error)}).") from None
    then = flattened(added_keys()) | record.parameters
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
        raise UserError(f"{path}: {first_line(error)}.") from None
    return cfg


def _check_relative_path(directory: Path, cfg: DictConfig) -> None:
    """Say from where to continue a run whose own data are at a relative path."""
    path, began = cfg.data.path, began_in(directory)
    if path is None or Path(path).exists() or began is None:
        return
    if (began / path).exists():
        raise UserError(f"data.path={path}: not found from here; go to {began}, where the run was started.")
