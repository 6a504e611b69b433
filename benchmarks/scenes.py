"""What scenes cost: composition at once against a loop over images. What it adds to an epoch: benchmarks/fresh.py.

    python benchmarks/scenes.py [--images 5000] [--repeats 3]

The loop makes the same scenes with the same code, an image at a time; a second one is what one writes with Pillow and
NumPy (other scenes of the same kind).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np
from PIL import Image

from locexp.bbox.clutter import Clutter
from locexp.bbox.draws import example_key
from locexp.bbox.noise import add_noise
from locexp.bbox.scatter import Scatter


def strategies() -> dict[str, Scatter]:
    """Return what is measured."""
    return {
        "scatter": Scatter(),
        "clutter": Clutter(),
        "scatter, warped": Scatter(fresh=True, augment=1),
        "clutter, scaled, gaussian": Clutter(canvas=(64, 64), scale=(0.5, 1.5), noise="gaussian"),
    }


def whole(strategy: Scatter, images: np.ndarray) -> None:
    """Compose all scenes at once."""
    strategy.compose(images, split="train", scene_seed=0)


def one_by_one(strategy: Scatter, images: np.ndarray) -> None:
    """Compose the same scenes in a loop."""
    source = strategy.prepare(images, "train")
    for index in range(len(images)):
        one = np.array([index])
        key = example_key(0, "train", one, 0)
        scene = strategy.recipe(source, one, key, "train")
        add_noise(key, scene.images, strategy.noise, strategy.noise_level)


def with_pillow(strategy: Scatter, images: np.ndarray) -> None:
    """Compose scenes of the same kind the plain way: each image resized, placed on whole pixels, its box found."""
    random = np.random.default_rng(0)
    width, height = strategy.canvas
    count, size = getattr(strategy, "distractors", 0), getattr(strategy, "distractor_size", 0)
    for image in images:
        side = max(1, round(28 * random.uniform(*strategy.scale)))
        digit = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
        scene = np.zeros((height, width), np.uint8)
        x, y = random.integers(0, width - side + 1), random.integers(0, height - side + 1)
        scene[y : y + side, x : x + side] = digit
        columns, rows = np.flatnonzero(scene.any(axis=0)), np.flatnonzero(scene.any(axis=1))
        np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        for _ in range(count):
            other = images[random.integers(len(images))]
            cut_x, cut_y = random.integers(0, 28 - size + 1, 2)
            x, y = random.integers(0, width - size + 1), random.integers(0, height - size + 1)
            part = scene[y : y + size, x : x + size]
            np.maximum(part, other[cut_y : cut_y + size, cut_x : cut_x + size], out=part)
        if strategy.noise == "gaussian":
            scene = np.clip(scene + random.normal(0, 255 * strategy.noise_level, scene.shape), 0, 255).astype(np.uint8)


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def speeds(strategy: Scatter, images: np.ndarray, repeats: int) -> None:
    """Print microseconds per image, and the ratios to the loops."""
    whole(strategy, images[:256])
    measures = {"at once": whole, "one by one": one_by_one, "with Pillow": with_pillow}
    taken = common.alternate(
        repeats,
        {
            name: (lambda compose=compose: 1e6 * seconds(lambda: compose(strategy, images)) / len(images))
            for name, compose in measures.items()
        },
    )
    for name in list(measures)[1:]:
        ratios = [loop / fast for loop, fast in zip(taken[name], taken["at once"], strict=True)]
        print(f"  {name} / at once: {common.spread(ratios, 1)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    images, _ = common.repeated_digits(arguments.images)
    print(common.machine())
    for name, strategy in strategies().items():
        print(f"{name}: µs per image, {len(images):,} images (target: at once >= 20 times as fast as a loop)")
        speeds(strategy, images, arguments.repeats)


if __name__ == "__main__":
    main()
