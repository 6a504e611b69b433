"""Colour and canvases that are not square: channels are an axis like the others, for every network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from locexp.models.costs import flops_per_image
from locexp.models.saving import save_checked
from locexp.models.spread import edge_spread, has_spread
from tests.models.networks import NAMES, tiny
from tests.models.test_costs import profiled

pytestmark = pytest.mark.usefixtures("float32")
SHAPES: list[tuple[int, ...]] = [(96, 96, 3), (24, 40)]


def pixels(shape: tuple[int, ...], count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_every_network_takes_colour_and_any_canvas(name: str, shape: tuple[int, ...]) -> None:
    from locexp.training.member import check_model

    model = tiny(name, shape)
    check_model(model)
    assert model.input_shape == (None, *shape, *([1] if len(shape) == 2 else []))
    for weights in model.variables:
        if weights.path.endswith("moving_variance"):  # else the signal fades in a deep network that is not trained
            weights.assign(np.full(weights.shape, 0.02))
    images = pixels(shape).reshape(-1, *model.input_shape[1:]).astype(np.float32) / 255
    before = model(images)
    np.testing.assert_allclose(np.sum(before["classification"], axis=1), 1, atol=1e-5)
    for channel in range(images.shape[3]):  # each is looked at
        changed = images.copy()
        changed[..., channel] = 1 - changed[..., channel]
        after = model(changed)
        assert any(not np.array_equal(before[head], after[head]) for head in before)


@pytest.mark.parametrize("name", ["cnn", "cnn_small", "coordconv", "resnet"])
def test_operations_in_colour_are_those_of_the_profiler(name: str) -> None:
    model = tiny(name, (24, 40, 3))
    assert flops_per_image(model) == profiled(model)


@pytest.mark.parametrize("name", ["fcn_softargmax", "fcn_distribution"])
def test_boxes_in_colour_have_a_spread_along_each_axis(name: str) -> None:
    model = tiny(name, (24, 40, 3))
    spread = edge_spread(model, pixels((24, 40, 3)), (40, 24))
    assert spread.shape == (4, 4)
    assert (spread > 0).all()
    assert (spread < [40, 24, 40, 24]).all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_every_network_trains_and_is_saved(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    import keras

    from locexp.training.member import Member
    from locexp.training.stack import Stack
    from locexp.training.trainer import Schedule, train

    random = np.random.default_rng(0)
    images, labels = pixels(shape, 18), random.integers(0, 10, 18)
    boxes = np.sort(random.random((18, 2, 2), np.float32), axis=1).reshape(18, 4)
    member = Member(0, tiny(name, shape), keras.optimizers.Adam(1e-3), (1.0, 0.5))
    before = member.model.get_weights()
    train(Stack([member], images, labels, boxes), Schedule(1, 8), (images, labels, boxes))
    assert member.failure is None
    assert len(member.history) == 1
    assert any(not np.array_equal(*pair) for pair in zip(before, member.model.get_weights(), strict=True))
    loaded = save_checked(member.model, tmp_path / "model.keras", images, "pixels")
    assert loaded.input_shape == member.model.input_shape
    assert has_spread(loaded) == has_spread(member.model)
    if has_spread(loaded):
        canvas = (shape[1], shape[0])
        expected = edge_spread(member.model, images, canvas)
        np.testing.assert_allclose(edge_spread(loaded, images, canvas), expected, atol=1e-3)
