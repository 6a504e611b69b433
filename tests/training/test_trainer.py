"""The trainer: seeds, what is kept, early stopping, schedules, callbacks, divergence, stacks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from locexp.errors import UserError

pytestmark = pytest.mark.usefixtures("float32")
Validation = tuple[np.ndarray, np.ndarray, np.ndarray]


def run(stack: Any, validation: Validation, epochs: int = 1, **keys: Any) -> list[list[dict[str, float]]]:
    from locexp.training.trainer import Schedule, train

    train(stack, Schedule(epochs, 32, **keys), validation)
    return [[timeless(row) for row in member.history] for member in stack.members]


def timeless(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if not name.startswith("time/")}


def test_equal_seeds_give_equal_numbers_and_others_do_not(make_stack: Any, validation: Validation) -> None:
    first, again, other = (run(make_stack(seeds=(seed,), dropout=0.3), validation, 2) for seed in (1, 1, 2))
    assert first == again
    assert first[0][0]["train/loss"] != other[0][0]["train/loss"]


def test_a_member_does_not_notice_the_rest_of_the_stack(make_stack: Any, validation: Validation) -> None:
    pairs = ((1.0, 0.5), (1.0, 100.0), (0.0, 1.0))
    together = run(make_stack(seeds=(0, 0, 3), weights=pairs, dropout=0.3), validation, 2)
    for index, (seed, pair) in enumerate(zip((0, 0, 3), pairs, strict=True)):
        (alone,) = run(make_stack(seeds=(seed,), weights=(pair,), dropout=0.3), validation, 2)
        assert together[index] == alone


def test_equal_seeds_are_paired_across_weights(make_stack: Any) -> None:
    stack = make_stack(seeds=(4, 4), weights=((1.0, 0.5), (1.0, 100.0)))
    first, second = stack.members
    for ours, theirs in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(first.batch_order(2, 50), second.batch_order(2, 50))
    assert sorted(first.batch_order(2, 50)) == list(range(50))
    assert first.batch_order(2, 50).tolist() != first.batch_order(3, 50).tolist()


def test_a_zero_weight_leaves_its_head_alone(make_stack: Any, validation: Validation) -> None:
    stack = make_stack(weights=((1.0, 0.0),))
    head = stack.members[0].model.get_layer("bbox")
    before = [weight.copy() for weight in head.get_weights()]
    run(stack, validation)
    for old, new in zip(before, head.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_changing_a_weight_does_not_retrace(make_stack: Any) -> None:
    traces = []

    def box_loss(ground_truth: Any, prediction: Any) -> Any:
        from keras import ops

        traces.append(1)
        return ops.mean(ops.square(ground_truth - prediction), axis=-1)

    stack = make_stack(box_loss=box_loss)
    order = np.arange(64, dtype=np.int32).reshape(1, 2, 32)
    stack.train_steps(order)
    count = len(traces)
    stack.members[0].loss_weights[1].assign(100.0)
    stack.train_steps(order[:, :1])
    stack.train_steps(order[:, :, :7])
    assert len(traces) == count > 0


@pytest.mark.parametrize("keep", ["best", "last"])
def test_what_is_kept(make_stack: Any, validation: Validation, keep: str) -> None:
    """With a rate far too high the best epoch is not the last; the kept weights reproduce its metrics."""
    import keras

    from locexp.evaluation.metrics import summarise

    stack = make_stack(optimizer=lambda: keras.optimizers.Adam(0.05), monitor="val/bbox_loss")
    (history,) = run(stack, validation, 5, keep=keep)
    member = stack.members[0]
    losses = [row["val/bbox_loss"] for row in history]
    assert member.best_epoch == 1 + losses.index(min(losses))
    expected = history[-1] if keep == "last" else history[member.best_epoch - 1]
    computed = summarise(stack.evaluations([0], *validation, 64)[0].result()[0])
    assert computed["bbox_loss"] == pytest.approx(expected["val/bbox_loss"], rel=1e-5)
    assert computed["accuracy"] == expected["val/accuracy"]


def test_ties_go_to_mean_iou() -> None:
    from locexp.evaluation.metrics import rank

    low, high = {"val/accuracy": 0.5, "val/mean_iou": 0.2}, {"val/accuracy": 0.5, "val/mean_iou": 0.3}
    assert rank(high, "val/accuracy") > rank(low, "val/accuracy")
    near, far = ({"val/center_error_px": error, "val/mean_iou": 0.2} for error in (1.0, 2.0))
    assert rank(near, "val/center_error_px") > rank(far, "val/center_error_px")


def test_early_stopping_waits_as_long_as_it_says(make_stack: Any, validation: Validation) -> None:
    import keras

    stack = make_stack(optimizer=lambda: keras.optimizers.SGD(1e-12), monitor="val/accuracy")
    (history,) = run(stack, validation, 20, early_stopping=3)
    assert len(history) == 4
    assert stack.members[0].best_epoch == 1


def test_divergence_names_its_step(make_stack: Any, validation: Validation) -> None:
    import keras

    stack = make_stack(seeds=(0, 1), weights=((1.0, 0.5), (1e30, 0.5)), optimizer=lambda: keras.optimizers.SGD(1e-3))
    run(stack, validation, 2)
    healthy, sick = stack.members
    assert healthy.failure is None
    assert len(healthy.history) == 2
    assert sick.failure is not None
    assert "at step 2 of epoch 1" in sick.failure
    assert "optimizer.learning_rate" in sick.failure


def test_callbacks_have_their_own_member(make_stack: Any, validation: Validation) -> None:
    import keras

    class Stopper(keras.callbacks.Callback):
        made: list[Any] = []  # noqa: RUF012

        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[int] = []
            self.made.append(self)

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            assert logs["val/accuracy"] >= 0
            self.epochs.append(epoch)
            self.model.optimizer.learning_rate = 0.5
            if self is self.made[0]:
                self.model.stop_training = True

    stack = make_stack(seeds=(0, 1), callbacks=lambda: [Stopper()])
    first, second = run(stack, validation, 3)
    assert (len(first), len(second)) == (1, 3)
    assert [callback.epochs for callback in Stopper.made] == [[0], [0, 1, 2]]
    for member, callback in zip(stack.members, Stopper.made, strict=True):
        assert callback.model is member.model
        assert float(member.optimizer.learning_rate) == 0.5


def test_a_learning_rate_set_by_a_callback_is_used(make_stack: Any, validation: Validation) -> None:
    """After ReduceLROnPlateau has cut the rate to nothing, weights no longer move."""
    import keras

    def callbacks() -> list[Any]:
        plateau = keras.callbacks.ReduceLROnPlateau(
            monitor="val/accuracy", mode="max", factor=1e-12, patience=1, min_delta=2.0
        )
        return [plateau]

    stack = make_stack(callbacks=callbacks)
    (history,) = run(stack, validation, 4)
    assert history[0]["val/bbox_loss"] != history[1]["val/bbox_loss"]
    assert history[2]["val/bbox_loss"] == pytest.approx(history[3]["val/bbox_loss"], rel=1e-6)


@pytest.mark.parametrize("early", [False, True])
def test_the_kept_weights_are_those_that_the_callbacks_of_the_epoch_left(
    make_stack: Any, validation: Validation, early: bool
) -> None:
    """A callback that edits weights after an epoch keeps its edit; one that restores its own at the end does not."""
    import keras

    class Halved(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.set_weights([weight / 2 for weight in self.model.get_weights()])
            self.left = self.model.get_weights()

        def on_train_end(self, logs: Any = None) -> None:
            self.model.set_weights([weight * 0 for weight in self.model.get_weights()])

    halved = Halved()
    stop = keras.callbacks.EarlyStopping("val/mean_iou", patience=0, mode="min", restore_best_weights=True)
    stack = make_stack(callbacks=lambda: [halved, stop] if early else [halved])
    run(stack, validation, 3, keep="last")
    for kept, left in zip(stack.members[0].model.get_weights(), halved.left, strict=True):
        np.testing.assert_array_equal(kept, left)


def test_a_failing_callback_is_named_and_ends_its_member_alone(make_stack: Any, validation: Validation) -> None:
    import keras

    made: list[list[Any]] = []

    def callbacks() -> list[Any]:
        made.append([keras.callbacks.ReduceLROnPlateau(monitor="val/accuracy")] if not made else [])
        return made[-1]

    stack = make_stack(seeds=(1, 2), callbacks=callbacks)
    run(stack, validation, 2)
    failed, other = stack.members
    assert "ReduceLROnPlateau failed in on_epoch_end: " in failed.failure
    assert "Pass `mode='max'`" in failed.failure
    assert isinstance(failed.cause, KeyError | ValueError)
    assert (len(failed.history), len(other.history)) == (1, 2)
    assert other.failure is None


HOOKS = ("set_params", "on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", [KeyError("lr"), ZeroDivisionError(), SystemExit("enough")], ids=type)
def test_the_first_hook_that_fails_is_named_whatever_fails_after_it(
    hook: str, error: BaseException, make_stack: Any, validation: Validation
) -> None:
    import keras

    class Failing(keras.callbacks.Callback):
        pass

    def fail(self: object, *arguments: object) -> None:
        raise error

    def clean_up(self: object, *arguments: object) -> None:
        raise RuntimeError("nothing to clean up")

    Failing.on_train_end = clean_up
    setattr(Failing, hook, fail)
    stack = make_stack(seeds=(1, 2), callbacks=lambda: [Failing()])
    run(stack, validation, 2)
    for member in stack.members:
        named = {"'lr'": "KeyError: 'lr'", "": "ZeroDivisionError", "enough": "SystemExit: enough"}[str(error)]
        assert member.failure == f"trainer.callbacks: Failing failed in {hook}: {named}"
        assert member.cause is error


def test_the_error_of_a_schedule_is_the_one_that_is_named(make_stack: Any, validation: Validation) -> None:
    import keras

    stack = make_stack(callbacks=lambda: [keras.callbacks.LearningRateScheduler(lambda epoch: 1 / epoch)])
    run(stack, validation, 2)
    (member,) = stack.members
    expected = "LearningRateScheduler failed in on_epoch_begin: ZeroDivisionError: division by zero"
    assert member.failure == f"trainer.callbacks: {expected}"


def test_a_callback_that_does_not_take_its_model_is_refused(make_stack: Any) -> None:
    import keras

    class Choosy(keras.callbacks.Callback):
        def set_model(self, model: Any) -> None:
            raise AttributeError("no such layer")

    with pytest.raises(UserError, match=r"Choosy failed in set_model \(AttributeError: no such layer\)"):
        make_stack(callbacks=lambda: [Choosy()])


def test_callbacks_with_batch_hooks_are_refused_by_name(make_stack: Any) -> None:
    import keras

    class Sly(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    with pytest.raises(UserError, match=r"Sly has batch hooks \(on_train_batch_end\)"):
        make_stack(callbacks=lambda: [Sly()])
    with pytest.raises(UserError, match="TerminateOnNaN has batch hooks"):
        make_stack(callbacks=lambda: [keras.callbacks.TerminateOnNaN()])


def test_schedules_follow_their_closed_forms() -> None:
    from locexp.run.prepare import build_optimizer

    def rates(schedule: str, steps: int) -> list[float]:
        cfg = OmegaConf.create(
            {
                "optimizer": {
                    "_target_": "keras.optimizers.SGD",
                    "learning_rate": 0.1,
                    "schedule": schedule,
                    "params": {"momentum": 0.5},
                }
            }
        )
        optimizer = build_optimizer(cfg, steps)
        if schedule == "constant":
            return [float(optimizer.learning_rate)]
        return [float(optimizer._learning_rate(step)) for step in range(steps + 1)]

    assert rates("constant", 10) == pytest.approx([0.1])
    cosine = [0.05 * (1 + math.cos(math.pi * step / 10)) for step in range(11)]
    assert rates("cosine", 10) == pytest.approx(cosine, abs=1e-7)
    one_cycle = rates("one_cycle", 100)
    assert one_cycle[0] == pytest.approx(0.1 / 25)
    assert max(one_cycle) == pytest.approx(0.1)
    assert one_cycle.index(max(one_cycle)) == 30
    assert one_cycle[-1] == pytest.approx(0, abs=1e-7)
    assert one_cycle[65] == pytest.approx(0.05, abs=1e-6)


def test_networks_with_other_outputs_are_refused() -> None:
    import keras

    from locexp.training.member import check_model

    images = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(images)
    good, bad = keras.layers.Dense(4)(flat), keras.layers.Dense(3)(flat)
    with pytest.raises(UserError, match="expected a functional Keras model with outputs"):
        check_model(keras.Model(images, good))
    with pytest.raises(UserError, match="expected a functional Keras model with outputs"):
        check_model(keras.Model(images, {"class": good, "bbox": good}))
    with pytest.raises(UserError, match=r"bbox \(n, 4\)"):
        check_model(keras.Model(images, {"classification": good, "bbox": bad}))
    with pytest.raises(UserError, match="got a dict"):
        check_model({})


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_training_that_paused_equals_one_that_did_not(
    make_stack: Any, validation: Validation, tmp_path: Path, keep: str
) -> None:
    """In stacks of other sizes, with dropout, a schedule of the learning rate, and a member that stops early."""
    import keras

    from locexp.records.files import CHECKPOINT
    from locexp.training.checkpoint import read_checkpoint, restore, write_checkpoint
    from locexp.training.trainer import Schedule, train

    def rate() -> Any:
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, 4 * 8))

    pairs = ((1.0, 0.5), (1.0, 20.0), (1e-12, 0.0))
    keys: dict[str, Any] = {"dropout": 0.3, "optimizer": rate, "monitor": "val/accuracy"}
    schedule = Schedule(4, 32, keep=keep, early_stopping=1)
    whole = make_stack(seeds=(0, 1, 2), weights=pairs, **keys)
    train(whole, schedule, validation)
    assert not any(member.paused for member in whole.members)
    begun = make_stack(seeds=(0, 1, 2), weights=pairs, **keys)
    train(begun, schedule, validation, until=1)
    assert [len(member.history) for member in begun.members] == [1, 1, 1]
    assert all(member.paused and not member.stopped for member in begun.members)
    for index, member in enumerate(begun.members):
        write_checkpoint(tmp_path / f"{index}-{CHECKPOINT}", member, str(index))
    members = []
    for index, paused in enumerate(begun.members):
        (member,) = make_stack(seeds=(index,), weights=(pairs[index],), **keys).members
        restore(member, read_checkpoint(tmp_path / f"{index}-{CHECKPOINT}"), str(index), paused.history)
        members.append(member)
    for until in (1, 2, 3, None):
        for group in (members[:2], members[2:]):
            train(type(begun)(group, begun.images, begun.labels, begun.boxes), schedule, validation, until=until)
        assert all(member.paused or member.stopped or len(member.history) == 4 for member in members)
    assert {len(member.history) for member in members} > {4}, "no member stopped early, or all did"
    for ours, theirs in zip(members, whole.members, strict=True):
        assert [timeless(row) for row in ours.history] == [timeless(row) for row in theirs.history]
        assert (ours.best_epoch, ours.stopped, ours.paused) == (theirs.best_epoch, theirs.stopped, False)
        for our, their in zip(ours.model.get_weights(), theirs.model.get_weights(), strict=True):
            np.testing.assert_array_equal(our, their)
