"""The epochs of a stack: train, evaluate, keep the best, stop early, notice divergence."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locexp.errors import Terminated, worded
from locexp.evaluation.metrics import Predictions, rank, summarise
from locexp.training.columns import GRAMIAN, WEIGHTS
from locexp.training.diagnostics import gradient_metrics, weight_metrics
from locexp.training.member import Member
from locexp.training.stack import Stack

logger = logging.getLogger(__name__)


class Observer:
    """What may watch a training; every hook does nothing by default. ``member`` is the index in the stack."""

    def on_steps(self, epoch: int, done: int, total: int, losses: dict[int, tuple[float, float]]) -> None:
        """Called between calls into the graph: steps done of an epoch, and the mean unweighted losses of each member
        that is still in training."""

    def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
        """Called after an epoch (from 1) with ``train/…``, ``val/…`` and ``time/…`` metrics."""


@dataclass(frozen=True)
class Schedule:
    """How a stack is trained; the keys of the ``trainer`` group.

    Attributes:
        epochs: passes over the training examples, >= 1.
        batch_size: examples per step, >= 1; the last step of an epoch takes what is left.
        steps_per_call: training steps in one call into the graph, >= 1.
        evaluation_batch_size: examples in one call of the evaluation, >= 1.
        keep: ``best``, the weights of the best epoch by the member's monitor; or ``last``, those of the last epoch.
        early_stopping: epochs without a better one after which training stops, >= 1; ``None`` never stops early.
        diagnostic_batches: training batches per epoch on which gradients are measured; 0 for none.
    """

    epochs: int
    batch_size: int
    steps_per_call: int = 200
    evaluation_batch_size: int = 200
    keep: str = "best"
    early_stopping: int | None = None
    diagnostic_batches: int = 0


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the optimizer steps of an epoch; the last takes what is left."""
    return -(-examples // batch_size)


def train(
    stack: Stack,
    schedule: Schedule,
    validation: tuple[np.ndarray, np.ndarray, np.ndarray],
    observers: Sequence[Observer] = (),
    *,
    until: int | None = None,
) -> None:
    """Train the members of a stack; each ends with its kept weights, its history and, if it diverged, its failure.

    The scenes of an epoch, where they are new in each, are made on a thread while the one before trains; it ends with
    the training, however that ends, and what it raises is raised here.

    Members that have a history already (see :mod:`locexp.training.checkpoint`) go on after its last epoch. Those that
    pause are left as that epoch left them: what is kept is not set yet, and their callbacks are not told of an end.

    Args:
        stack: what to train.
        schedule: how.
        validation: images (uint8, (n, height, width[, 3])), labels (n,), boxes (n, 4).
        observers: shown the progress.
        until: the epoch after which members pause that have not stopped by then; ``None``, or one beyond the last,
            trains to the end. Schedules, callbacks and fresh scenes are those of the whole training in any case.
    """
    last = schedule.epochs if until is None else min(until, schedule.epochs)
    steps = steps_per_epoch(stack.examples, schedule.batch_size)
    for member in stack.members:
        _call(member, "set_params", {"epochs": schedule.epochs, "steps": steps})
        _call(member, "on_train_begin", {})
    stack.traced()  # in no epoch's time
    with contextlib.closing(stack):
        # Members go on together: their histories are equally long, but for those that have stopped.
        for epoch in range(max(len(member.history) for member in stack.members) + 1, last + 1):
            for member in stack.members:
                if not member.stopped:
                    _call(member, "on_epoch_begin", epoch - 1, {})
            if all(member.stopped for member in stack.members):
                break
            start = time.perf_counter()
            stack.begin_epoch(epoch - 1, last=epoch == last)
            predictions = _train_epoch(stack, schedule, epoch, observers)
            seconds = time.perf_counter() - start
            trained = [index for index in predictions if not stack.members[index].stopped]  # the others have diverged
            evaluations = stack.evaluations(trained, *validation, schedule.evaluation_batch_size)
            try:
                for index in trained:
                    member = stack.members[index]
                    metrics = {f"train/{name}": value for name, value in summarise(predictions[index]).items()}
                    metrics |= _end_weighting(stack, schedule, index, epoch, metrics)
                    validated, metrics["time/evaluation_seconds"] = evaluations[index].result()
                    metrics |= {f"val/{name}": value for name, value in summarise(validated).items()}
                    for part in ("train", "val"):
                        metrics[f"{part}/loss"] = sum(_weighted_losses(member, metrics, part))
                    metrics["time/epoch_seconds"] = seconds
                    metrics["time/images_per_second"] = stack.examples / seconds
                    metrics["time/stack_members"] = len(predictions)
                    metrics["time/step_ms"] = 1000 * seconds / steps
                    _end_epoch(member, epoch, metrics, schedule)
                    for observer in observers:
                        observer.on_epoch(index, epoch, metrics)
            finally:
                for evaluation in evaluations.values():
                    evaluation.cancel()  # none is left but where something went wrong
    for member in stack.members:
        member.paused = last < schedule.epochs and not member.stopped
        if member.paused:
            continue
        _call(member, "on_train_end", {})
        # After the callbacks, some of which restore weights of their own choice: what is kept is what is reported.
        if member.best_weights is not None and member.failure is None:
            member.model.set_weights(member.best_weights)


def _weighted_losses(member: Member, metrics: dict[str, float], part: str) -> tuple[float, float]:
    """Return weight·loss of both tasks with the static weights: never to be compared across them."""
    first, second = (float(weight.numpy()) for weight in member.loss_weights)
    return first * metrics[f"{part}/classification_loss"], second * metrics[f"{part}/bbox_loss"]


def _end_weighting(
    stack: Stack, schedule: Schedule, index: int, epoch: int, metrics: dict[str, float]
) -> dict[str, float]:
    """Notify a member's method that an epoch has ended; returns what the losses were weighted with, and why."""
    member = stack.members[index]
    steps = np.concatenate(member.step_weights)
    member.step_weights.clear()
    measured = weight_metrics(steps[:, WEIGHTS])
    if member.failure is not None:
        return measured
    member.weighting.after_epoch(_weighted_losses(member, metrics, "train"))
    gramians = steps[:, GRAMIAN]
    if schedule.diagnostic_batches and member.trunk is not None:
        size = min(schedule.batch_size, stack.examples)
        batches = min(schedule.diagnostic_batches, stack.examples // size)
        order = member.batch_order(epoch, stack.examples)[: batches * size]
        gramians = stack.gramians(index, order.reshape(batches, size), epoch=epoch - 1)
    return measured | gradient_metrics(gramians)


def _call(member: Member, hook: str, *arguments: object) -> None:
    """Call a hook of a member's callbacks; one that raises, or exits, ends the training of this member.

    What failed first is what is reported: later hooks are called to clean up, and may fail for that reason alone.
    """
    for callback in member.callbacks:
        try:
            getattr(callback, hook)(*arguments)
        except Terminated:
            raise
        except (Exception, SystemExit) as error:
            what = f"trainer.callbacks: {type(callback).__name__} failed in {hook}: {worded(error)}"
            if member.failure is not None:
                logger.warning("%s, after: %s", what, member.failure)
                continue
            member.failure, member.cause, member.stopped = what, error, True
            return


def _train_epoch(stack: Stack, schedule: Schedule, epoch: int, observers: Sequence[Observer]) -> dict[int, Predictions]:
    """Train those that have not stopped; returns the predictions of each, by its index."""
    chosen = [index for index, member in enumerate(stack.members) if not member.stopped]
    members = [stack.members[index] for index in chosen]
    size, examples = schedule.batch_size, stack.examples
    orders = np.stack([member.batch_order(epoch - 1, examples) for member in members])
    full, total = examples // size, steps_per_epoch(examples, size)
    parts: dict[int, list[Predictions]] = {index: [] for index in chosen}
    done = 0
    while done < total and not all(member.stopped for member in members):
        if done < full:
            steps = min(schedule.steps_per_call, full - done)
            block = orders[:, done * size : (done + steps) * size].reshape(len(orders), steps, size)
        else:
            steps, block = 1, orders[:, None, done * size :]
        losses = {}
        for index, part in zip(chosen, stack.train_steps(block, chosen, epoch=epoch - 1), strict=True):
            member = stack.members[index]
            parts[index].append(part)
            if not member.stopped:
                losses[index] = float(part.classification_loss.mean()), float(part.bbox_loss.mean())
                _notice_divergence(member, part, epoch, done, block.shape[2])
        done += steps
        for observer in observers:
            observer.on_steps(epoch, done, total, losses)
    return {index: _joined(predictions) for index, predictions in parts.items()}


def _notice_divergence(member: Member, predictions: Predictions, epoch: int, done: int, size: int) -> None:
    first, second = (weight.numpy() for weight in member.loss_weights)
    values = first * predictions.classification_loss + second * predictions.bbox_loss
    bad = np.flatnonzero(~np.isfinite(values) | ~np.isfinite(predictions.boxes).all(axis=1))
    if len(bad):
        step = done + bad[0] // size + 1
        member.failure = (
            f"diverged: the loss is not finite at step {step} of epoch {epoch}. Try a smaller "
            "optimizer.learning_rate, smaller loss weights, optimizer.params={clipnorm: 1.0}, or float32 precision."
        )
        member.stopped = True


def _end_epoch(member: Member, epoch: int, metrics: dict[str, float], schedule: Schedule) -> None:
    member.history.append({"epoch": epoch, **metrics})
    best = None if member.best_epoch is None else rank(member.history[member.best_epoch - 1], member.monitor)
    improved = best is None or rank(metrics, member.monitor) > best
    if improved:
        member.best_epoch = epoch
    _call(member, "on_epoch_end", epoch - 1, dict(metrics))
    if improved or schedule.keep == "last":  # an epoch is kept as its callbacks leave it
        member.best_weights = member.model.get_weights()
    assert member.best_epoch is not None
    patient = schedule.early_stopping is None or epoch - member.best_epoch < schedule.early_stopping
    if not patient or getattr(member.model, "stop_training", False):
        member.stopped = True


def _joined(parts: list[Predictions]) -> Predictions:
    if len(parts) == 1:
        return parts[0]
    names = ("probabilities", "boxes", "labels", "truth", "classification_loss", "bbox_loss")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Predictions(**arrays, canvas=parts[0].canvas)
