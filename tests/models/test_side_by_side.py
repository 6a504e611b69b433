"""Every network as a member of a stack, on scenes of every kind."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from tests.models.networks import QUICK, tiny

pytestmark = pytest.mark.usefixtures("float32")
EXAMPLES, BATCH = 40, 16
SCENES = {
    "tight": [],
    "scatter": ["bbox.canvas=[64,64]", "bbox.fresh=true"],
    "clutter": ["bbox.fresh=true"],
}


TRACED_QUICKLY = {("cnn_small", "scatter"), ("resnet", "clutter")}


def training_data(bbox: str) -> Any:
    from locexp.configuration.compose import composing
    from locexp.run.training_data import load_training_data

    words = ["data=mnist_5k", f"data.limit={EXAMPLES}", f"bbox={bbox}", *SCENES[bbox]]
    with composing() as composer:
        return load_training_data(composer.compose(words).cfg)


def stack(name: str, given: Any, seeds: tuple[int, ...], graph_key: str | None) -> Any:
    import keras

    from locexp.training.member import Member
    from locexp.training.stack import Stack

    width, height = given.canvas
    members = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        network = tiny(name, (height, width))
        members.append(Member(seed, network, keras.optimizers.Adam(1e-3), (1.0, 5.0), graph_key=graph_key))
    return Stack(members, *given.arrays("train"), fresh=given.fresh)


def epochs(trained: Any) -> list[Any]:
    """Train two epochs of full batches and a partial one; returns what each member says of some images then."""
    full = EXAMPLES // BATCH * BATCH
    for epoch in range(2):
        orders = np.stack([member.batch_order(epoch, EXAMPLES) for member in trained.members])
        trained.train_steps(orders[:, :full].reshape(len(orders), -1, BATCH), epoch=epoch)
        trained.train_steps(orders[:, None, full:], epoch=epoch)
    shown = trained.images[:10], trained.labels[:10], trained.boxes[:10]
    evaluations = trained.evaluations(range(len(trained.members)), *shown, 200)
    return [evaluation.result()[0] for evaluation in evaluations.values()]


@pytest.mark.parametrize(
    ("name", "bbox"),
    [
        pytest.param(name, bbox, marks=[] if (name, bbox) in TRACED_QUICKLY else pytest.mark.slow)
        for name, bbox in [*((name, "scatter") for name in QUICK), ("resnet", "clutter"), ("backbone", "tight")]
    ],
)
def test_a_member_beside_another_with_one_graph_is_the_member_by_itself(
    name: str, bbox: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Boxes, classes, trained weights and running means."""
    given = training_data(bbox)
    with caplog.at_level(logging.WARNING):
        together = stack(name, given, (1, 2), f"{name} on {bbox}")
        said = epochs(together)[1]
    assert "cannot be shared" not in caplog.text
    alone = stack(name, given, (2,), None)
    (mine,) = epochs(alone)
    np.testing.assert_allclose(said.boxes, mine.boxes, atol=1e-4)
    np.testing.assert_allclose(said.probabilities, mine.probabilities, atol=1e-4)
    for there, here in zip(together.members[1].model.variables, alone.members[0].model.variables, strict=True):
        np.testing.assert_allclose(there.numpy(), here.numpy(), rtol=1e-3, atol=1e-4, err_msg=here.path)
    moved = [weights.numpy() for weights in alone.members[0].model.variables if "moving_mean" in weights.path]
    assert all(np.abs(mean).max() > 0 for mean in moved)
