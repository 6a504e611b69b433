"""The command ``python -m locexp.train``: check everything, then train the one run, or the sweep."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import DictConfig

from locexp.cli.exit_status import exit_status
from locexp.cli.flags import parsed, shows
from locexp.cli.resume_overrides import RUN, SWEEP, resumed
from locexp.configuration.compose import composing, set_up, show_configuration, whole
from locexp.configuration.explain import explain
from locexp.configuration.overrides import is_for_hydra, key_of
from locexp.errors import NotComparableError, RunFailedError, UserError, listed, worded
from locexp.records.files import check_unused
from locexp.records.folder_store import FolderStore
from locexp.records.record import RECORD
from locexp.records.store import Store
from locexp.records.sweep_list import SweepList
from locexp.sweep.conduct import Conductor
from locexp.sweep.display import list_jobs
from locexp.sweep.folder import check_free, held
from locexp.sweep.jobs import StagedJobs, SweepJob
from locexp.sweep.launchers import is_stacked
from locexp.sweep.measured import with_measured_budget
from locexp.sweep.stored import StoredSweep, directory_of, load
from locexp.system.commands import command, typed
from locexp.system.folders import check_writable
from locexp.system.screen import Screen
from locexp.tracking.location import Location, check, location_of, store_overrides

logger = logging.getLogger(__name__)

STORED = ("multirun", "config_dir", "config_name")
"""Flags that are of no use to a command which goes on with what another began."""


def train_command(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns its exit status.

    0 done; 1 a run failed or diverged, or its results did not reach the store; 2 bad input, nothing written;
    130 Ctrl-C; 143 SIGTERM.
    """

    def run() -> None:
        try:
            _run(arguments)
        except HydraException as error:  # of a launcher, or of a callback
            raise UserError(explain(error, arguments)) from error

    return exit_status(run)


def _run(given: Sequence[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # its errors are caught and explained above
    set_up()
    parser, arguments = parsed(given)
    overrides = list(arguments.overrides)
    if shows(arguments):
        show_configuration(parser, arguments)
        return
    run, sweep = resumed(RUN, overrides), resumed(SWEEP, overrides)
    flags = [f"--{name.replace('_', '-')}" for name in STORED if getattr(arguments, name)]
    if flags and (run or sweep):
        what = f"the run: leave this out beside {RUN}" if run else f"the sweep: leave this out beside {SWEEP}"
        raise UserError(f"{listed(flags)}: what was composed with it is stored with {what}.")
    if run is not None:
        _resume_run(*run)
    elif sweep is not None:
        _resume_sweep(*sweep)
    else:
        name = arguments.config_name or "config"
        _train(SweepList(overrides, arguments.multirun, arguments.config_dir, jobs=[], config_name=name))


def _resume_run(given: str, overrides: list[str]) -> None:
    """Continue a run in its own folder, whose configuration stays as it was written."""
    from locexp.run import resume

    with composing() as composer:
        job = composer.compose(overrides)
    prepared, continued = resume.resume(given, job.cfg, overrides)
    hydra = job.hydra(continued.directory, write_configuration=False)
    from locexp.run.execute import run_alone

    with resume.held(continued):
        run_alone(prepared, hydra, Screen(), continued)


def _resume_sweep(given: str, overrides: list[str]) -> None:
    """Continue a sweep from its stored list; its folder is locked until this ends."""
    with composing() as composer:
        settings = composer.compose([override for override in overrides if not is_for_hydra(override)]).cfg
    location = location_of(settings.tracking)
    check(location)
    from locexp.tracking.store import MlflowStore

    store = MlflowStore(location)
    parent = store.sweep(given)
    sweep_id, directory = parent.tags["sweep_id"], directory_of(parent)
    with contextlib.ExitStack() as stack:
        if directory.is_dir() and not settings.sweep.dry_run:
            stack.enter_context(held(directory, f"sweep.resume={sweep_id}"))
        stored = load(store, sweep_id, presume_dead=settings.sweep.presume_dead)
        sweep_list, keys = stored.sweep_list, {key_of(override) for override in overrides}
        if "hydra/launcher" in keys:  # the settings of one launcher are not those of another
            keys |= {key for key in map(key_of, sweep_list.overrides) if key.startswith("hydra.launcher.")}
        kept = [override for override in sweep_list.overrides if key_of(override) not in keys]
        _train(replace(sweep_list, overrides=[*kept, *overrides]), stored)


def _train(given: SweepList, stored: StoredSweep | None = None) -> None:
    """Compose and check every job, then train the one, or the sweep."""
    with composing(given.config_dir, given.config_name) as composer:
        notes: list[str] = []
        if stored is None:
            given, notes = with_measured_budget(given, composer)
        staged = StagedJobs(composer, given.overrides, multirun=given.multirun)
        staged.take_stages(stored.sweep_list.stage_results if stored else [])
        jobs = staged.jobs
        if stored is not None:
            stored.check(jobs, staged.course.stages)
        elif staged.is_sweep:
            if staged.base.sweep.presume_dead:
                raise UserError(f"sweep.presume_dead=true: goes with {SWEEP}; no run of a new sweep can be dead.")
            check_free(staged.directory)
            check_unused(staged.directory, "hydra.sweep.dir", sweep=True)
        _check_surroundings(staged)
        for note in [*notes, *staged.notes, *staged.stage_notes]:
            Screen().note(note)
        if staged.base.sweep.dry_run:
            list_jobs(staged, stored, Screen())
        elif staged.is_sweep:
            kept = stored.sweep_list if stored else given  # of the command that began the sweep
            conductor = Conductor(staged, kept, screen=Screen(), compare=_compare, stored=stored)
            missing = conductor.missing(jobs)
            if missing:
                if stored is not None:
                    stored.check_data(jobs)
                _check_prepared(missing, stacked=is_stacked(staged.launcher))
            conductor.conduct()
        else:
            from locexp.run.prepare import prepare

            with _reading_shown():
                prepared = prepare(staged.base)
            from locexp.run.execute import run_alone  # imports TensorFlow, which `prepare` has started quietly

            run_alone(prepared, staged.base_job.hydra(staged.directory.absolute()), Screen())


def _compare(location: Location, sweep_id: str, directory: Path, finished: int, allow_mixed: bool) -> list[str]:
    """Compare what has finished; a sweep that must not be compared is still a sweep.

    Args:
        location: of its store. One that was lost costs no comparison where the folder has all runs that have finished.
        sweep_id, directory: of the sweep.
        finished: how many of its runs have.
        allow_mixed: compare runs that differ in more than their settings.

    Raises:
        RunFailedError: the comparison was lost, which is tried again with the command in the message.
    """
    from locexp.analysis.compare import CompareOptions, compare_sweep

    try:
        store = _readable(location, sweep_id, directory, finished)
        return compare_sweep(store, sweep_id, CompareOptions(allow_mixed=allow_mixed), has_ended=True)
    except NotComparableError as error:
        return [f"note     not compared: {error}"]
    except Exception as error:  # the disk is full, or the server was lost: what was trained is there
        logger.info("the sweep was not compared", exc_info=error)
        again = f"compare it with {command('compare', sweep_id, *store_overrides(location))}"
        raise RunFailedError(f"sweep {sweep_id} could not be compared ({_why(error)}); {again}") from error


def _readable(location: Location, sweep_id: str, directory: Path, finished: int) -> Store:
    """Return the store of a sweep; or its folder, where the store was lost and that has all runs that have finished."""
    from locexp.tracking.store import MlflowStore

    try:
        check(location)  # better known at once: MLflow would try again and again
        return MlflowStore(location)
    except Exception as error:  # a server that was lost: its client raises what it likes
        logger.info("the store cannot be read", exc_info=error)
        files = FolderStore(str(directory), f"Compared from the files in the sweep's folder: {_why(error)}.")
        if sum(run.status == "FINISHED" for run in files.children(sweep_id)) < finished:
            raise
        return files


def _why(error: Exception) -> str:
    return (str(error) if isinstance(error, UserError) else worded(error))[:200].rstrip(".")


def _check_surroundings(staged: StagedJobs) -> None:
    """Check, each once, what a process has one of, folders and tracking stores."""
    values = sorted({str(job.composition.cfg.trainer.deterministic) for job in staged.jobs})
    if len(values) > 1:
        raise UserError(
            f"trainer.deterministic={','.join(values)}: TensorFlow takes one value in a process, so it cannot be "
            "swept; give one command for each."
        )
    check_writable(staged.directory, "hydra.sweep.dir" if staged.is_sweep else "hydra.run.dir")
    if not staged.is_sweep:
        if (staged.directory / RECORD).exists():
            again = command("train", f"{RUN}={typed(staged.directory.absolute())}")
            raise UserError(
                f"hydra.run.dir={staged.directory}: holds a run already, and two runs cannot share a folder; give "
                f"another one, or continue that run with {again}"
            )
        from locexp.run.folder import chosen_files

        h5, hydra = staged.base.trainer.save_h5, staged.base_job.hydra(staged.directory.absolute())
        others = [*([h5] if h5 else []), *chosen_files(whole(staged.base, hydra).hydra)]
        check_unused(staged.directory, "hydra.run.dir", sweep=False, others=others)
    check(location_of(staged.base.tracking))


def _check_prepared(jobs: Sequence[SweepJob], *, stacked: bool) -> None:
    """Load the data of every job and build its network once, so that what is wrong shows before anything is written."""
    from locexp.run.prepare import prepare, without_weights
    from locexp.run.training_data import load_training_data

    first: dict[str, SweepJob] = {}
    for job in jobs:  # seeds make no difference to what is checked
        first.setdefault(job.config_hash, job)
    settings = [job.composition.cfg for job in first.values()]
    with _reading_shown():
        for cfg in settings:
            load_training_data(cfg)
    shapes: dict[str, DictConfig] = {}
    for cfg in settings:
        loss = without_weights(cfg.loss)
        shapes.setdefault(str((cfg.data, cfg.bbox, cfg.model, loss, cfg.optimizer, cfg.trainer.callbacks)), cfg)
    for cfg in shapes.values():
        prepare(cfg, stacked=stacked)


@contextlib.contextmanager
def _reading_shown() -> Iterator[None]:
    """Show on the screen what :mod:`locexp.data` logs: a download, or many photos, may take minutes."""
    log = logging.getLogger("locexp.data")
    handler, level = logging.StreamHandler(sys.stdout), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
