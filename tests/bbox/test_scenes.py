"""Scenes are functions of (scene seed, split, index, epoch): the same however they are asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from locexp.bbox import generated
from locexp.bbox.clutter import Clutter
from locexp.bbox.digits import cut_out
from locexp.bbox.draws import example_key
from locexp.bbox.fixed import Fixed
from locexp.bbox.generated import Generated
from locexp.bbox.geometry import to_pixels
from locexp.bbox.jitter import Jitter
from locexp.bbox.noise import add_noise
from locexp.bbox.resampling import ONE, STEPS, draw
from locexp.bbox.scatter import Scatter, placed
from locexp.bbox.tight import Tight
from locexp.data.arrays import sha256

STRATEGIES: dict[str, Generated] = {
    "fixed": Fixed(noise="salt"),
    "tight": Tight(noise="gaussian", noise_level=0.3),
    "jitter": Jitter(2.5),
    "scatter": Scatter(overhang=0.4, noise="gaussian"),
    "scatter_wide": Scatter(canvas=(150, 90), scale=(0.1, 3.0), threshold=60),
    "clutter": Clutter(),
    "tight_warped": Tight(threshold=40, margin=1, noise="salt", fresh=True, augment=1),
    "scatter_warped": Scatter(overhang=0.4, fresh=True, augment=0.6),
    "clutter_warped": Clutter(fresh=True, augment=1),
    "clutter_scaled": Clutter(canvas=(61, 75), scale=(0.5, 1.5), distractors=7, distractor_size=11, noise="salt"),
}


@pytest.fixture(params=list(STRATEGIES))
def strategy(request: pytest.FixtureRequest) -> Generated:
    return STRATEGIES[request.param]


def test_not_of_blocks_nor_of_order(strategy: Generated, strokes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = strategy.compose(strokes, split="train", scene_seed=3)
    order = np.random.default_rng(0).permutation(len(strokes))[:40]
    key = example_key(3, "train", order, 0)
    drawn = strategy.recipe(strategy.prepare(strokes, "train"), order, key, "train")
    some = replace(drawn, images=add_noise(key, drawn.images, strategy.noise, strategy.noise_level))
    monkeypatch.setattr(generated, "BLOCK_PIXELS", 20_000)  # a few scenes at a time, and threads
    blocks = strategy.compose(strokes, split="train", scene_seed=3)
    for name, values in vars(whole).items():
        if values is not None:
            for made, expected in ((some, values[order]), (blocks, values)):
                np.testing.assert_array_equal(getattr(made, name), expected, err_msg=name)
                assert getattr(made, name).dtype == values.dtype


def test_not_of_how_many_examples_there_are(strokes: np.ndarray) -> None:
    """``data.limit`` takes examples away; a scattered digit does not move for that."""
    few, many = (Scatter().compose(strokes[:count], split="train", scene_seed=0) for count in (10, 64))
    np.testing.assert_array_equal(few.images, many.images[:10])


def test_of_seed_split_index_and_epoch(strokes: np.ndarray) -> None:
    images = np.repeat(strokes[5:6], 40, axis=0)
    made = Scatter()
    base = made.compose(images, split="train", scene_seed=0)
    assert len(np.unique(base.boxes, axis=0)) == 40
    for others in (
        made.compose(images, split="test", scene_seed=0),
        made.compose(images, split="train", scene_seed=1),
        made.compose(images, split="train", scene_seed=0, epoch=1),
    ):
        assert (others.boxes != base.boxes).any(axis=1).all()


DIGESTS = {
    "jitter": "55cac8f1dbe7d5855024d3de9e42586599d8768f5feaa2b58af1d39d43824886",
    "scatter": "e3bda3cdd730a0ab2bc0eb8fa05dfc2ec70c23e8e4026b4732b5a61ed626bb15",
    "clutter": "5234edc4cd8a43a396b6cad07897459bfe5497edcdd56068951d7d5fa8411be2",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_test_set_is_what_it_was(name: str, strokes: np.ndarray) -> None:
    """On every machine, and in every later version: whoever changes this changes what published numbers mean."""
    scenes = STRATEGIES[name].compose(strokes, split="test", scene_seed=0)
    assert sha256(scenes.images, scenes.boxes) == DIGESTS[name]


LATER_DIGESTS = {
    "tight_warped": "6ec6604ca70860421a24b5bd81fb24dfbde4d848a2271fe27a8763997a004c01",
    "scatter": "71e7a964978324fa10000069163909060aa821eb57d1cfce346dfdd8d65e371a",
    "scatter_warped": "6296f794d48753cb4e2aee21c14c9670425b4ad5dee520315976a99668d7635c",
    "clutter_warped": "4ec7c78013f31d1059715ab4a09bcc687b2cb3779f89b4704cdc0f5424369d82",
    "clutter_scaled": "558b29601c2a37e7f49085617d832cd71f2dbb276fb8aa888129f3d780806bdd",
}


@pytest.mark.parametrize("name", LATER_DIGESTS)
def test_a_later_epoch_is_what_it_was(name: str, strokes: np.ndarray) -> None:
    """What version 0.1.0 drew, in its graph as well: a run that is resumed sees what it would have seen."""
    scenes = STRATEGIES[name].compose(strokes, split="train", scene_seed=3, epoch=3)
    assert sha256(scenes.images, scenes.boxes) == LATER_DIGESTS[name]


def test_another_process_makes_the_same(strokes: np.ndarray) -> None:
    script = (
        "from locexp.bbox.clutter import Clutter; from locexp.data.arrays import sha256; import numpy as np, sys;"
        "images = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, 28, 28);"
        "scenes = Clutter().compose(images, split='test', scene_seed=0);"
        "print(sha256(scenes.images, scenes.boxes), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=strokes.tobytes(), capture_output=True, check=True)
    assert done.stdout.decode().split() == [DIGESTS["clutter"], "False"]


@pytest.mark.parametrize("scale", [0.1, 0.4, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("overhang", [0.0, 0.5])
def test_boxes_are_those_of_the_pixels(scale: float, overhang: float, strokes: np.ndarray) -> None:
    """Pixel by pixel, on canvases so small that digits touch every border."""
    side = max(8, int(28 * scale + max(scale - 1, 0)) + 1)
    made = Scatter(canvas=(side, side + 3), scale=(scale, scale), overhang=overhang, threshold=2)
    scenes = made.compose(strokes, split="train", scene_seed=0)
    boxes = to_pixels(scenes.boxes, side, side + 3)
    for image, box in zip(scenes.images, boxes, strict=True):
        inked = [(x, y) for y in range(side + 3) for x in range(side) if image[y, x] > min(2, image.max() - 1)]
        xs, ys = zip(*inked, strict=True)
        np.testing.assert_allclose(box, [min(xs), min(ys), max(xs) + 1, max(ys) + 1], atol=1e-4)


def test_digits_reach_all_borders_and_leave_none(strokes: np.ndarray) -> None:
    images = np.repeat(strokes, 30, axis=0)
    scenes = Scatter().compose(images, split="train", scene_seed=0)
    assert scenes.clipped is not None
    assert not scenes.clipped.any()
    assert scenes.boxes.min(axis=0)[:2].tolist() == [0, 0]
    assert scenes.boxes.max(axis=0)[2:].tolist() == [1, 1]


@pytest.mark.parametrize("overhang", [0.0, 0.3])
def test_clipped_is_what_a_larger_canvas_would_show(overhang: float, strokes: np.ndarray) -> None:
    digits = cut_out(np.repeat(strokes, 10, axis=0), "train")
    key = example_key(0, "train", np.arange(len(digits.windows)), 0)
    scales = (ONE // 2, 3 * ONE // 2)
    scale, places, clipped = placed(key, digits.sizes, digits.anchors, scales, (64, 64), round(overhang * 1024))
    wide = draw(digits.windows, scale, places + 32 * STEPS, (128, 128)).astype(np.int64)
    beyond = wide.sum(axis=(1, 2)) - wide[:, 32:96, 32:96].sum(axis=(1, 2))
    assert not beyond[~clipped].any()
    # Two pixels of a digit on either side, of sixty: about an eighth, less where its brightest pixel is at its edge.
    assert 0.05 < clipped.mean() < 0.15 if overhang else not clipped.any()
    # Flagged with nothing visible lost: only where faint ink lies barely beyond.
    assert (beyond[clipped] > 0).mean() > 0.8 if overhang else True
    assert (wide[:, 32:96, 32:96].max(axis=(1, 2)) > 0).all()


def test_scale_and_place_are_uniform() -> None:
    from scipy.stats import kstest

    count = 20_000
    key = example_key(0, "train", np.arange(count), 0)
    sizes, anchors = np.full((count, 2), 20), np.full((count, 2), 10)
    scale, places, _ = placed(key, sizes, anchors, (ONE // 2, 3 * ONE // 2), (64, 48), 0)
    assert kstest(scale / ONE - 0.5, "uniform").pvalue > 1e-3
    halo = np.maximum(scale / ONE - 1, 0) / 2
    for axis, side in enumerate((64, 48)):
        room = side - 2 * halo - 20 * scale / ONE
        share = (places[:, axis] / STEPS - halo) / room
        assert kstest(share, "uniform").pvalue > 1e-3


def test_noise_free_images_as_given_are_not_copied(strokes: np.ndarray) -> None:
    for made in (Fixed(), Tight(), Tight(fresh=True)):
        assert made.compose(strokes, split="train", scene_seed=0).images is strokes
