"""A run from its first record to its last: what it leaves in its folder and in the tracking store."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from locexp.errors import RunFailedError, Terminated, counted, system_reason, worded
from locexp.evaluation.final import final_metrics
from locexp.evaluation.metrics import Predictions
from locexp.evaluation.scenes import against_clean
from locexp.evaluation.tables import write_tables
from locexp.evaluation.terms import printable
from locexp.models.costs import cost_metrics
from locexp.models.saving import MODEL, save, save_checked
from locexp.models.spread import spread_metrics
from locexp.plots.pictures import Draw, PictureData
from locexp.records.files import CHECKPOINT
from locexp.records.history import append_history, write_history
from locexp.records.record import PAUSED
from locexp.records.sweep_list import SweepLink
from locexp.run.continuation import ENDED_EARLY, Resumed, begin_again, training_id
from locexp.run.data_files import write_data_files
from locexp.run.display import conclusion, epoch_line, final_table, introduction
from locexp.run.prepare import Prepared
from locexp.run.record import amount_of_pictures, open_record
from locexp.run.resume import CONFIG, resume_command
from locexp.system.commands import command
from locexp.system.files import write_whole
from locexp.system.screen import Screen
from locexp.system.workers import Task
from locexp.tracking.location import location_of
from locexp.tracking.tracker import Tracker
from locexp.training.checkpoint import write_checkpoint

logger = logging.getLogger(__name__)

SAMPLING_SECONDS = 5
"""Between two samples of CPU and memory use by a process, whatever it trains: each is 25 ms of work for MLflow."""

Evaluation = Future[tuple[Predictions, float]]
"""The predictions on the test part, and the seconds that they took."""


class Run:
    """What was prepared, on its way through training; opened, notified of each epoch, reported and closed.

    Args:
        prepared: by :func:`locexp.run.prepare.prepare`.
        directory: of this run alone; exists.
        overrides: of the command; they name the run.
        screen: where progress is shown.
        link: to the sweep that the run belongs to.
        resumed: the run that this one continues.
        until: the epoch after which it pauses, to be continued later; ``None`` trains it to its end.
        current: entered for whatever is done on the run's behalf, so that what is logged meanwhile is the run's.

    Attributes:
        record: from :meth:`open` on.
        error: what keeps the run from being reported, or has ended it.
    """

    def __init__(
        self,
        prepared: Prepared,
        directory: Path,
        overrides: Sequence[str],
        screen: Screen,
        link: SweepLink | None = None,
        resumed: Resumed | None = None,
        until: int | None = None,
        current: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self.prepared, self.directory, self.screen = prepared, directory, screen
        self.until, self.current = until, current
        self.error: BaseException | None = None
        self.is_open = False
        self._model: object | None = None
        self._pictures: Task[list[str]] | None = None
        self._overrides, self._link, self._resumed = list(overrides), link, resumed
        self._location = location_of(prepared.cfg.tracking)
        self._training_id = training_id(prepared.cfg) if prepared.cfg.trainer.checkpoint else None

    def open(self, beside: int = 1) -> None:
        """Write the first record, say what is about to be trained, and open the run in the store.

        Args:
            beside: how many runs train side by side in this process, this one included.
        """
        cfg, resumed, directory = self.prepared.cfg, self._resumed, self.directory
        if resumed is None:
            self.record = open_record(cfg, self.prepared.data, directory, self._overrides, self._link)
            config = directory / CONFIG
            config.parent.mkdir(exist_ok=True)
            write_whole(config, OmegaConf.to_yaml(cfg))
        else:
            self.record = resumed.record
            write_history(directory, resumed.history)
            (directory / MODEL).unlink(missing_ok=True)  # of an earlier end
        self._amount = amount_of_pictures(cfg, self.record)
        self._began, self._spent = (time.time(), resumed.spent) if resumed else (self.record.start_time, 0.0)
        self.record.metrics |= self.prepared.data.facts | cost_metrics(self.prepared.member.model)
        self._tracker = Tracker(self._location, directory, self.record, must_open=self._link is None)
        self._written_id = self.record.run_id
        self.record.write(directory)
        self.is_open = True
        for line in introduction(self.record):
            self.screen.line(line)
        self._say(self.record.notes)
        sampling_seconds = SAMPLING_SECONDS * beside if cfg.tracking.system_metrics else None
        self._tracker.start(sampling_seconds=sampling_seconds, earlier=resumed.history if resumed else None)
        write_data_files(directory, self.prepared.data, self._amount, of_sweep="sweep_id" in self.record.tags)

    def progress(self, epoch: int, done: int, total: int, losses: tuple[float, float]) -> None:
        """Show how far an epoch is; raises if the store of a run by itself could not even be opened."""
        self._tracker.check_opened()
        of = f"epoch {epoch}/{self.prepared.schedule.epochs}  step {done:,}/{total:,}"
        self.screen.progress(f"{of}  classification loss {losses[0]:.4f}  box loss {losses[1]:.5f}")

    def epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Append an epoch to the history, write the checkpoint, and hand the epoch to the tracker."""
        row = {"epoch": epoch, "timestamp": time.time(), **metrics}
        append_history(self.directory, row)
        if self.record.run_id != self._written_id:  # by now the store has the run, which may be continued by its id
            self.record.write(self.directory)
            self._written_id = self.record.run_id
        self._checkpoint()  # before the tracker: the store never holds an epoch that would be trained again
        self._tracker.epoch(row)
        self.screen.line(epoch_line(epoch, self.prepared.schedule.epochs, metrics))

    @property
    def failure(self) -> BaseException | None:
        """What keeps the run from being reported: its training failed, or something between two epochs."""
        member = self.prepared.member
        if self.error is not None or member.failure is None:
            return self.error
        error = RunFailedError(member.failure)
        error.__cause__ = member.cause
        return error

    def restart(self) -> None:
        """Forget what was trained; see :func:`~locexp.run.continuation.begin_again`."""
        self.prepared = begin_again(self.prepared.cfg, self.directory, None if self._resumed is None else self.record)
        self.error = None

    def report(self, evaluation: Evaluation, draw: Draw) -> None:
        """Save a trained member, write tables, and begin to draw pictures, which :meth:`wait_for_pictures` waits for.

        Args:
            evaluation: of the member on the test part.
            draw: draws the pictures.

        Raises:
            RunFailedError: the store of a run by itself could not even be opened, or the last update diverged.
        """
        prepared, data, member = self.prepared, self.prepared.data, self.prepared.member
        directory, record = self.directory, self.record
        self._tracker.check_opened()
        images = data.arrays("test")[0]
        self.screen.progress("evaluating and drawing")
        test, _ = evaluation.result()
        if not (np.isfinite(test.boxes).all() and np.isfinite(test.probabilities).all()):
            raise RunFailedError(
                "diverged: the predictions on the test images are not finite. Try a smaller "
                "optimizer.learning_rate, or trainer.keep=best."
            )
        best = member.best_epoch
        assert best is not None
        kept = best if prepared.schedule.keep == "best" else len(member.history)
        terms = data.terms("test")
        record.metrics |= final_metrics(test, terms, data.baselines, member.history, best, kept)
        record.metrics |= against_clean(test, data.scenes["test"])
        spread = spread_metrics(member.model, images, data.canvas)
        record.metrics |= {f"test/{name}": value for name, value in spread.items()}
        trainer = prepared.cfg.trainer
        model = save_checked(member.model, directory / MODEL, images, trainer.saved_input)
        if trainer.save_h5 is not None:
            save_checked(member.model, directory / trainer.save_h5, images, trainer.saved_input)
        write_tables(directory / "tables", test, terms)
        baseline = data.validation_baseline
        pictures = directory / "pictures"
        self._pictures = draw(PictureData(pictures, images, test, terms, member.history, best, baseline, self._amount))
        self.screen.line()
        for line in final_table(record):
            self.screen.line(line)
        self.screen.line(f"Predicted {terms.class_word}: {printable(terms.class_names[test.classes[0]])}")
        self._model = model

    @property
    def is_reported(self) -> bool:
        """Whether nothing is left to do but to wait for the pictures, and to close the run."""
        return self._model is not None

    @property
    def is_drawn(self) -> bool:
        """Whether there are no pictures to wait for."""
        return self._pictures is None or self._pictures.done()

    def wait_for_pictures(self) -> None:
        """Wait for the pictures; raises what they failed with."""
        notes = self._pictures.result() if self._pictures is not None else []
        self._pictures = None  # not before: after an interruption here it is waited for again
        self.record.notes.extend(notes)
        self._say(notes)

    def close(self, error: BaseException | None) -> None:
        """End the run: FINISHED without an error, or KILLED where it pauses; KILLED by Ctrl-C or SIGTERM, else FAILED
        with the error's message."""
        is_paused = error is None and self.prepared.member.paused
        record, directory = self.record, self.directory
        self.is_open, self.error = False, error
        if is_paused:
            record.status, record.tags[PAUSED] = "KILLED", str(len(self.prepared.member.history))
        elif error is None:
            record.status = "FINISHED"
        elif isinstance(error, (KeyboardInterrupt, Terminated)):
            record.status, record.error = "KILLED", getattr(error, "reason", "interrupted")
        else:
            record.status, record.error = "FAILED", str(error).strip() or type(error).__name__
            traced = None if isinstance(error, RunFailedError) and error.__cause__ is None else error
            logger.info("the run failed: %s", record.error, exc_info=traced)  # which the command itself shows
        if error is not None:
            self._model = self._rescue()
        record.end_time = time.time()
        record.metrics["time/total_seconds"] = record.end_time - self._began + self._spent
        if record.error is not None:
            record.tags["error"] = record.error[:500]
        self._write_record()
        if record.status == "FINISHED":
            (directory / CHECKPOINT).unlink(missing_ok=True)
        record.logged = self._tracker.finish(self._model, self.screen.line)
        self._write_record()
        if not record.logged:
            self.screen.line(
                f"The results are not in {self._location.uri}. They are in {directory}; log them later with"
            )
            self.screen.line(f"  {command('log', str(directory))}")
        if (directory / CHECKPOINT).exists() and self.prepared.member.failure is None and not is_paused:
            self.screen.line("Continue the run after its last whole epoch with")
            self.screen.line(f"  {resume_command(directory)}")
        self._model = None

    def _write_record(self) -> None:
        """Write the record of an ended run; if that fails, the run has failed."""
        try:
            self.record.write(self.directory)
        except OSError as error:  # a full disk: the store is updated anyway
            if self.error is None:
                self.error = error
                self.record.status, self.record.error = "FAILED", system_reason(error)

    def show_results(self) -> None:
        """Say where the results of a finished run are.

        Raises:
            RunFailedError: not all of them reached the tracking store.
        """
        location = self._location
        if not self.record.logged:
            raise RunFailedError(f"not all results reached the tracking store {location.uri} ({self._tracker.reason})")
        for line in conclusion(self.record, self.directory, location):
            self.screen.line(line)

    def _say(self, notes: Sequence[str]) -> None:
        for note in notes:
            self.screen.note(note)
            logger.info(note)

    def _checkpoint(self) -> None:
        if self._training_id is None:
            return
        try:
            write_checkpoint(self.directory / CHECKPOINT, self.prepared.member, self._training_id)
        except OSError as error:  # a full disk: the run can do without
            self._training_id = None
            logger.warning("no more checkpoints are written (%s); the run goes on", error.strerror or error)

    def _rescue(self) -> object | None:
        """Keep the best weights of a run that did not finish; returns the model, or ``None`` before the first epoch."""
        member, path = self.prepared.member, self.directory / MODEL
        if member.best_weights is None or path.exists():
            return None
        member.model.set_weights(member.best_weights)
        self.record.metrics |= {"best/epoch": float(member.best_epoch or 0), "epochs": float(len(member.history))}
        try:
            model = save(member.model, path, self.prepared.cfg.trainer.saved_input)
            kept = f"{MODEL} holds the weights kept after {counted(len(member.history), 'whole epoch')}"
        except Exception as error:  # what ended the run is what counts
            model, kept = None, f"the weights kept could not be saved ({worded(error)})"
        self.record.notes.append(f"{ENDED_EARLY}; {kept}.")
        self.screen.note(self.record.notes[-1])
        return model
