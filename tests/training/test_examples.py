"""Scenes that are new in every epoch: made ahead, once for all members, and never longer than the training."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from locexp.bbox.scenes import Scenes
from locexp.errors import UserError

pytestmark = pytest.mark.usefixtures("float32")
Validation = tuple[np.ndarray, np.ndarray, np.ndarray]
EXAMPLES = 96


class Composing:
    """Scenes whose boxes and grey level tell their epoch; keeps a record of what it was asked for, and by whom."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.epochs: list[int] = []
        self.threads: set[threading.Thread] = set()
        self.alive: list[weakref.ref[np.ndarray]] = []
        self.most_alive = 0

    def __call__(self, epoch: int) -> Scenes:
        self.epochs.append(epoch)
        self.threads.add(threading.current_thread())
        if epoch == self.failing:
            raise UserError(f"no scenes in epoch {epoch}")
        images = np.full((EXAMPLES, 28, 28), epoch, np.uint8)
        self.alive.append(weakref.ref(images))
        gc.collect()
        self.most_alive = max(self.most_alive, sum(one() is not None for one in self.alive))
        return Scenes(images, np.full((EXAMPLES, 4), epoch / 10, np.float32))


def fresh_stack(make_stack: Callable[..., Any], composing: Composing, **keys: Any) -> Any:
    """A stack whose scenes are new in every epoch, those of the first being black."""
    from locexp.training.stack import Stack

    made = make_stack(examples=EXAMPLES, **keys)
    images = np.zeros((EXAMPLES, 28, 28), np.uint8)
    return Stack(made.members, images, made.labels, np.zeros((EXAMPLES, 4), np.float32), fresh=composing)


def train(stack: Any, validation: Validation, epochs: int, *observers: Any, **keys: Any) -> None:
    from locexp.training.trainer import Schedule, train

    train(stack, Schedule(epochs, 32, **keys), validation, observers)


def threads_left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("scenes")]


def seen(stack: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that fills with the true boxes that each call into the graph has shown."""
    shown: list[float] = []
    steps = stack.train_steps

    def watched(*given: Any, **keys: Any) -> Any:
        predictions = steps(*given, **keys)
        shown.extend(round(float(one.truth.max()), 4) for one in predictions)
        assert all(np.ptp(one.truth) == 0 for one in predictions)
        return predictions

    monkeypatch.setattr(stack, "train_steps", watched)
    return shown


def test_all_members_see_the_scenes_of_each_epoch_which_are_made_once(
    make_stack: Callable[..., Any], validation: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    composing = Composing()
    stack = fresh_stack(make_stack, composing, seeds=(0, 1, 2))
    shown = seen(stack, monkeypatch)
    train(stack, validation, 3)
    assert shown == pytest.approx([0.0] * 3 + [0.1] * 3 + [0.2] * 3)
    assert composing.epochs == [1, 2]  # the first is given, and none is made for nothing
    assert threading.main_thread() not in composing.threads
    assert composing.most_alive == 1  # beside the tensor that trains
    assert not threads_left()


def test_scenes_are_made_while_the_epoch_before_trains(make_stack: Callable[..., Any], validation: Validation) -> None:
    from locexp.training.trainer import Observer

    begun, asked = threading.Event(), []

    class Slow(Composing):
        def __call__(self, epoch: int) -> Scenes:
            begun.set()
            return super().__call__(epoch)

    class Watch(Observer):
        def on_steps(self, epoch: int, *_: Any) -> None:
            if epoch == 1:
                asked.append(begun.wait(30))

    train(fresh_stack(make_stack, Slow()), validation, 2, Watch())
    assert asked == [True]


def test_a_training_that_goes_on_begins_with_its_own_epoch(
    make_stack: Callable[..., Any], validation: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    composing = Composing()
    stack = fresh_stack(make_stack, composing)
    (member,) = stack.members
    row = {"val/loc_acc_50": 0.0, "val/mean_iou": 0.0}
    member.history, member.best_epoch = [{"epoch": 1.0, **row}, {"epoch": 2.0, **row}], 1
    shown = seen(stack, monkeypatch)
    train(stack, validation, 4)
    assert shown == pytest.approx([0.2, 0.3])
    assert composing.epochs == [2, 3]


@pytest.mark.slow
def test_gradients_are_measured_on_the_scenes_of_their_epoch(
    make_stack: Callable[..., Any], validation: Validation
) -> None:
    """The truth of epoch e is e/10: the gradients of the box loss there are those of a stack that is given it."""
    from locexp.training.stack import Stack
    from locexp.training.trunk import find_trunk

    composing = Composing()
    stack = fresh_stack(make_stack, composing)
    (member,) = stack.members
    member.trunk = find_trunk(member.model, member.weighting)
    order = np.arange(64, dtype=np.int32).reshape(2, 32)
    for epoch in (0, 2):
        scenes = Composing()(epoch)
        given = Stack([member], scenes.images, stack.labels, scenes.boxes)
        np.testing.assert_array_equal(stack.gramians(0, order, epoch=epoch), given.gramians(0, order))
    train(stack, validation, 2, diagnostic_batches=2)
    assert composing.epochs == [2, 1]  # an epoch ends with its own scenes at hand


def test_what_composing_raises_ends_the_training(make_stack: Callable[..., Any], validation: Validation) -> None:
    stack = fresh_stack(make_stack, Composing(failing=2))
    with pytest.raises(UserError, match="no scenes in epoch 2"):
        train(stack, validation, 5)
    assert len(stack.members[0].history) == 2
    assert not threads_left()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_thread_ends_with_a_training_that_fails(
    make_stack: Callable[..., Any], validation: Validation, error: type[BaseException]
) -> None:
    from locexp.training.trainer import Observer

    class Failing(Observer):
        def on_steps(self, *_: Any) -> None:
            raise error

    composing = Composing()
    with pytest.raises(error):
        train(fresh_stack(make_stack, composing), validation, 5, Failing())
    assert composing.epochs in ([], [1])
    assert not threads_left()


@pytest.mark.slow
def test_early_stopping_ends_the_thread(make_stack: Callable[..., Any], validation: Validation) -> None:
    import keras

    composing = Composing()
    stack = fresh_stack(make_stack, composing, optimizer=lambda: keras.optimizers.SGD(1e-12))
    train(stack, validation, 20, early_stopping=2)
    assert len(stack.members[0].history) == 3
    assert max(composing.epochs) <= 3
    assert not threads_left()
