"""What a run hands to training for scenes that are new in every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.configuration.compose import composing
from locexp.run.problem import Problem, load_problem


def problem(*words: str) -> Problem:
    with composing() as composer:
        return load_problem(composer.compose(["data=mnist_5k", "data.limit=100", *words]).cfg)


def test_frozen_scenes_need_nothing_in_the_graph() -> None:
    assert problem("bbox=scatter").fresh is None
    assert problem("bbox=tight").fresh is None


def test_epoch_0_is_what_the_run_describes_and_later_ones_are_new() -> None:
    import tensorflow as tf

    for words in (("bbox=clutter",), ("bbox=jitter",), ("bbox=tight", "bbox.noise=gaussian")):
        made = problem(*words, "bbox.fresh=true")
        assert made.fresh is not None
        composer, indices = made.fresh(), np.arange(100, dtype=np.int32)
        (first, boxes), (later, moved) = (
            [part.numpy() for part in tf.function(composer, autograph=False)(indices, tf.constant(epoch))]
            for epoch in (0, 1)
        )
        images, _, truth = made.arrays("train")
        np.testing.assert_array_equal(first, images)
        np.testing.assert_array_equal(boxes, truth)
        assert (later != first).any() or (moved != boxes).any(axis=1).all()


def test_the_digests_of_plain_boxes_are_those_of_before_noise_was_an_option() -> None:
    """Runs of earlier versions on the bundled digits stay comparable."""
    assert problem("bbox=tight").scenes_digest[:16] == "3dd8e89bdc83c831"
    assert problem("bbox=fixed").scenes_digest[:16] == "7a5409c841f4894f"


def test_training_sees_the_scenes_of_each_epoch() -> None:
    """The truth that comes back with the predictions is what NumPy draws for that epoch, in the order of training."""
    from locexp.bbox.given import strategy_of
    from locexp.configuration.instantiate import instantiate
    from locexp.run.prepare import prepare
    from locexp.training.stack import Stack

    words = ["data=mnist_5k", "data.limit=64", "bbox=scatter", "bbox.fresh=true", "model.filters=[4]"]
    with composing() as composer:
        cfg = composer.compose(words).cfg
    prepared = prepare(cfg)
    problem = prepared.problem
    assert problem.fresh is not None
    stack = Stack([prepared.member], *problem.arrays("train"), composer=problem.fresh())
    order = np.random.default_rng(0).permutation(64).astype(np.int32)
    strategy: Any = strategy_of(instantiate(cfg.bbox, "bbox", skip=("scene_seed",)))
    for epoch in (0, 3):
        scenes = strategy.compose(problem.dataset.train.images, split="train", scene_seed=0, epoch=epoch)
        (made,) = stack.train_steps(order.reshape(1, 2, 32), epoch=epoch)
        np.testing.assert_array_equal(made.truth, scenes.boxes[order])
    assert not np.array_equal(made.truth, problem.arrays("train")[2][order])
