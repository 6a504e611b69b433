"""A run's folder: what Hydra's own keys say of it holds for a run by itself, whatever they refer to."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path

import pytest

from locexp.configuration.compose import composing
from locexp.errors import UserError
from locexp.sweep.jobs import StagedJobs
from locexp.sweep.launchers import capacity_of
from tests.conftest import TINY, tiny_without, train_here


@pytest.mark.parametrize(
    ("given", "expected"),
    [("runs/s${seed}", "runs/s3"), ("runs/${hydra.job.override_dirname}", "runs/loss.bbox_weight=2,seed=3")],
)
def test_a_folder_may_be_named_by_the_seed_and_the_overrides(given: str, expected: str) -> None:
    with composing() as composer:
        overrides = ["seed=3", "loss.bbox_weight=2", f"hydra.run.dir={given}"]
        assert str(StagedJobs(composer, overrides, multirun=False).directory) == expected


def test_a_folder_with_a_random_part_is_drawn_once_for_a_command() -> None:
    with composing() as composer:
        staged = StagedJobs(composer, ["loss.bbox_weight=1,2", "sweep.seeds=2"], multirun=True)
        staged.next_stage({})
    assert {job.hydra(staged.directory / "0", index=0).sweep.dir for job in staged.jobs} == {str(staged.directory)}


def test_what_a_launcher_refers_to_is_found_and_what_it_does_not_know_is_refused() -> None:
    with composing() as composer:
        words = ["seed=1,2", "trainer.threads=1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=${trainer.threads}"]
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("hydra_plugins.hydra_joblib_launcher")
            assert capacity_of(StagedJobs(composer, words, multirun=True).launcher, None).workers == 1
        mistyped = StagedJobs(composer, ["seed=1,2", "+hydra.launcher.member=3"], multirun=True).launcher
        with pytest.raises(UserError, match="hydra.launcher.member: unknown key; hydra/launcher=stacked has none"):
            capacity_of(mistyped, None)


@pytest.mark.parametrize(
    ("overrides", "logged"),
    [
        (["hydra/job_logging=disabled"], False),
        (["hydra.output_subdir=deep/er"], True),
        (["+hydra.job_logging.loggers.locexp.handlers=[file]"], True),
        (["hydra.job_logging.root.handlers=[console]"], False),
        (["+hydra.job_logging.handlers.file.level=CRITICAL"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_run_logs_as_hydra_is_asked_to(workplace: Path, overrides: list[str], logged: bool) -> None:
    assert train_here(*TINY, "hydra.run.dir=run", "data.validation=test", *overrides) == 0
    log = workplace / "run" / "train.log"
    assert ("The test set is the validation set here" in (log.read_text() if log.is_file() else "")) == logged


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hydra.output_subdir=../out", "hydra.output_subdir=../out: expected the name of a folder in the run's own"),
        ("hydra.output_subdir=/out", "hydra.output_subdir=/out: expected the name of a folder in the run's own"),
        ("hydra.output_subdir=", "hydra.output_subdir=: expected the name of a folder in the run's own"),
        (f"hydra.output_subdir={'x' * 300}", "hydra.output_subdir=xxx"),
        ("hydra.job.name=../up", "hydra.job.name=../up: expected the name of a file"),
        ("hydra.job.name=a/b", "hydra.job.name=a/b: expected the name of a file"),
        (f"hydra.job.name={'x' * 300}", "hydra.job.name=xxx"),
        ("hydra.job_logging.handlers.file=null", "hydra.job_logging.handlers.file: expected the keys of a handler"),
        ("hydra.job_logging.handlers.file.class=nope.X", "hydra.job_logging: logging cannot be set up so"),
        ("hydra.job_logging.root.level=LOUD", "hydra.job_logging: logging cannot be set up so"),
        ("hydra.job_logging.root.handlers=[nope]", "hydra.job_logging: there is no handler nope."),
        (
            "hydra.job_logging.handlers.file.filename=/nonexistent/x.log",
            "hydra.job_logging.handlers.file.filename: there is no folder /nonexistent.",
        ),
        ("hydra.launcher=null", "hydra.launcher: expected the keys of a launcher"),
        ("hydra.job.env_copy=[A]", "hydra.job.env_copy=[A]: does nothing here"),
    ],
)
def test_what_cannot_be_laid_out_is_refused_before_anything_is_written(
    workplace: Path, override: str, message: str
) -> None:
    with composing() as composer, pytest.raises(UserError) as caught:
        _ = StagedJobs(composer, ["seed=1,2", override], multirun=True).launcher
    assert str(caught.value).startswith(message)
    assert list(workplace.iterdir()) == []


def test_callbacks_that_cannot_be_made_leave_no_folder_of_a_sweep(workplace: Path) -> None:
    words = ("--multirun", "seed=0,1", "+hydra.callbacks.mine={_target_: no.such.Thing}", "hydra.sweep.dir=sweep")
    assert train_here(*tiny_without("seed"), *words) == 2
    assert list(workplace.iterdir()) == []
