"""The command ``python -m locexp.train``: check everything, then let Hydra run the jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException

from locexp.configuration.compose import check_groups, composing, explain, key_of, opened
from locexp.configuration.schema import config_directory, register
from locexp.errors import RunFailedError, Terminated, UserError, said
from locexp.records.provenance import provenance
from locexp.records.record import RECORD
from locexp.run.job import failures, handed_over, run_job
from locexp.run.resume import resume, resumed_run
from locexp.sweep.conduct import Conductor
from locexp.sweep.guard import check_free, held
from locexp.sweep.launching import is_stacked
from locexp.sweep.listing import list_jobs
from locexp.sweep.plan import Plan, SweepJob
from locexp.sweep.stored import StoredSweep, known_sweep, load, resumed_words
from locexp.system.folders import check_writable
from locexp.system.screen import Screen
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.run.prepare import Prepared


def train_command(words: Sequence[str]) -> int:
    """Run the command with these arguments; returns its exit status.

    0 done; 1 a run failed or diverged, or its results did not reach the store; 2 bad input, nothing written;
    130 Ctrl-C; 143 SIGTERM.
    """
    try:
        _run(words)
    except UserError as error:
        return said(f"error: {error}", 2)
    except HydraException as error:
        return said(f"error: {explain(error, words)}", 2)
    except RunFailedError as error:
        return said(f"failed: {error}", 1)
    except KeyboardInterrupt:
        return said("interrupted", 130)
    return 0


def _run(words: Sequence[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # its errors are caught and worded above
    signal.signal(signal.SIGTERM, _terminate)
    register()
    parser = get_args_parser()
    parser.prog = "python -m locexp.train"
    arguments = parser.parse_intermixed_args(list(words))
    flags = [word for word in words if word not in arguments.overrides]
    check_groups(arguments.overrides)
    if any(getattr(arguments, name) for name in ("help", "hydra_help", "cfg", "info", "shell_completion")):
        _call_hydra(flags, arguments.overrides)
        return
    continued = resumed_run(arguments.overrides)
    if continued is not None:
        if arguments.multirun:
            raise UserError("trainer.resume continues one run; leave out --multirun.")
        prepared, overrides = resume(*continued)
        handed_over[:] = [prepared]
        _call_hydra(flags, overrides)
        return
    resumed = resumed_words(arguments.overrides)
    if resumed is None:
        _run_jobs(flags, arguments.overrides, arguments.multirun, arguments.config_dir, arguments.config_name, None)
        return
    if arguments.multirun or arguments.config_dir:
        raise UserError("--multirun and --config-dir are stored with the sweep: leave them out beside sweep.resume.")
    _resume_sweep(*resumed)


def _resume_sweep(identity: str, beside: list[str]) -> None:
    """Replay the stored list of a sweep; nobody else does until this ends."""
    with composing() as composer:
        settings = composer.compose(_plain(beside)).cfg
    location = location_of(settings.tracking)
    check(location)
    from locexp.tracking.store import MlflowStore

    store = MlflowStore(location)
    sweep_id, directory = known_sweep(store, identity)
    with contextlib.ExitStack() as stack:
        if directory.is_dir() and not settings.sweep.dry_run:
            stack.enter_context(held(directory, f"sweep.resume={sweep_id}"))
        stored = load(store, sweep_id, presume_dead=settings.sweep.presume_dead)
        given = {key_of(word) for word in beside}
        if "hydra/launcher" in given:  # the settings of one launcher are not those of another
            given |= {key_of(word) for word in stored.words if key_of(word).startswith("hydra.launcher.")}
        kept = [word for word in stored.words if key_of(word) not in given]
        flags = ["--config-dir", stored.config_dir] if stored.config_dir else []
        _run_jobs(flags, [*kept, *beside], stored.multirun, stored.config_dir, None, stored)


def _plain(words: Sequence[str]) -> list[str]:
    """Leave out what only a launcher understands."""
    return [word for word in words if not key_of(word).startswith("hydra")]


def _run_jobs(
    flags: list[str],
    words: list[str],
    multirun: bool,
    config_dir: str | None,
    config_name: str | None,
    stored: StoredSweep | None,
) -> None:
    """Compose and check every job, then let Hydra run the one, or the sweep."""
    with composing(config_dir, config_name or "config") as composer:
        plan = Plan(composer, words, multirun=multirun)
        plan.replay(stored.told if stored else [])
    jobs = plan.jobs
    if stored is not None:
        stored.check(jobs)
    elif plan.is_sweep:
        check_free(plan.directory)
    _check_surroundings(jobs, plan)
    if plan.base.sweep.dry_run:
        list_jobs(plan, jobs, stored, Screen())
        return
    if not plan.is_sweep:
        handed_over[:] = [_prepare(jobs)]
        _call_hydra(flags, words)
        return
    begun = stored.words if stored else words
    conductor = Conductor(plan, begun, multirun=multirun, config_dir=config_dir, screen=Screen(), stored=stored)
    missing = conductor.missing(jobs)
    if stored is not None and (missing or plan.more):
        mixed = stored.check_code(provenance(plan.base, words), allowed=plan.base.sweep.allow_mixed)
        conductor.notes += [f"mixed code, as sweep.allow_mixed asks: {what}" for what in mixed]
    if missing:
        if stored is not None:
            stored.check_data(jobs, _digests)
        _prepare(missing, stacked=is_stacked(plan.launcher))
    flags = [flag for flag in flags if flag not in ("-m", "--multirun")]
    _call_hydra([*flags, "--multirun"], [*words, conductor.fixed_directory])


def _call_hydra(flags: Sequence[str], words: Sequence[str]) -> None:
    # Hydra's own parser takes no overrides on both sides of a flag.
    program, sys.argv = sys.argv, ["locexp.train", *flags, *opened(words)]
    try:
        hydra.main(config_path=str(config_directory()), config_name="config", version_base="1.3")(run_job)()
    finally:
        sys.argv = program
    if failures:
        raise failures.pop()


def _check_surroundings(jobs: Sequence[SweepJob], plan: Plan) -> None:
    """Check what a process has one of, folders and tracking stores, each once."""
    values = sorted({str(job.cfg.trainer.deterministic) for job in _settings(jobs)})
    if len(values) > 1:
        raise UserError(
            f"trainer.deterministic={','.join(values)}: TensorFlow takes one value in a process, so it cannot be "
            "swept; give one command for each."
        )
    if not plan.is_sweep and (plan.directory / RECORD).exists():
        raise UserError(
            f"hydra.run.dir={plan.directory}: holds a run already, and two runs cannot share a folder; give another "
            f"one, or continue that run with trainer.resume={plan.directory}"
        )
    check_writable(plan.directory, "hydra.sweep.dir" if plan.is_sweep else "hydra.run.dir")
    check(location_of(plan.base.tracking))


def _settings(jobs: Sequence[SweepJob]) -> list[SweepJob]:
    """Return one job of each setting: seeds make no difference to what is checked."""
    return list({job.config_hash: job for job in reversed(jobs)}.values())[::-1]


def _prepare(jobs: Sequence[SweepJob], *, stacked: bool = False) -> Prepared:
    """Load the data of every job and build its network once, so that what is wrong shows before Hydra writes."""
    from locexp.run.prepare import prepare
    from locexp.run.problem import load_problem

    made: dict[str, Prepared] = {}
    settings = _settings(jobs)
    with _downloads_shown():
        for job in settings:
            load_problem(job.cfg)
    for job in settings:
        shape = str((job.cfg.data, job.cfg.bbox, job.cfg.model, job.cfg.optimizer, job.cfg.trainer.callbacks))
        if shape not in made:
            made[shape] = prepare(job.cfg, stacked=stacked)
    return next(iter(made.values()))


@contextlib.contextmanager
def _downloads_shown() -> Iterator[None]:
    """Show on the screen what :mod:`locexp.data.sources` logs: that a download has begun, which may take minutes."""
    log = logging.getLogger("locexp.data.sources")
    handler, level = logging.StreamHandler(sys.stdout), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def _digests(job: SweepJob) -> tuple[str, str]:
    from locexp.run.problem import load_problem

    problem = load_problem(job.cfg)
    return problem.dataset.digest, problem.scenes_digest


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated
