"""Draw docs/pictures/augmentation.png: what each key of bbox=annotated does to photos, with the box that follows.

    python docs/pictures/augmentation.py FOLDER

FOLDER holds the signing hands of docs/own_data.md in the layout of YOLO; their page says that they are in the public
domain.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from locexp.bbox.annotated import AnnotatedBoxes
from locexp.bbox.geometry import to_pixels
from locexp.configuration.compose import composing
from locexp.data.load import load_dataset
from locexp.plots.boxes import TRUTH
from locexp.plots.mosaic import Mosaic

PHOTOS = {
    "crop": 300,
    "pad": 60,
    "stretch": 420,
    "rotate": 700,
    "flip": 1000,
    "brightness": 860,
    "contrast": 1200,
    "grey": 540,
    "all but flip, augment=1": 1110,
}
"""By what is shown: the place of a photo in the training part."""
EPOCHS = 5
AMOUNTS = {"flip": 0.5, "grey": 0.5}
"""Where the default would show nothing, or hardly anything, in so few epochs."""


def strategy(shown: str) -> AnnotatedBoxes:
    """Return one that does only what is shown."""
    off: dict[str, Any] = {name: 0.0 for name in PHOTOS if name.isalpha()}
    if shown not in off:
        return AnnotatedBoxes(fresh=True, augment=1.0)
    del off[shown]
    return AnnotatedBoxes(fresh=True, augment=1.0, **off, **{key: AMOUNTS[key] for key in AMOUNTS if key == shown})


def main() -> None:
    """Draw, and save beside this script."""
    with composing() as composer:
        cfg = composer.compose(["data=yolo", f"data.path={sys.argv[1]}", "data.size=[96,96]"]).cfg
    train = load_dataset(cfg.data).train
    assert train.annotations is not None
    images, boxes, rows = [], [], []
    for shown, place in PHOTOS.items():
        made = strategy(shown)
        images.append(train.images[place])
        boxes.append(train.annotations.boxes[place])
        for epoch in range(EPOCHS):
            scenes = made.compose(
                train.images[: place + 1],
                split="train",
                scene_seed=0,
                epoch=epoch,
                annotations=train.annotations.taken(np.arange(place + 1)),
            )
            images.append(scenes.images[place])
            boxes.append(to_pixels(scenes.boxes[place : place + 1], 96, 96)[0])
        rows.append((shown, 1 + EPOCHS))
    mosaic = Mosaic(np.stack(images), "A photo, and the same in five epochs", rows=rows, tile=96, caption_lines=0)
    for index, box in enumerate(boxes):
        mosaic.outline(index, box.tolist(), TRUTH, width=2)
    path = Path(__file__).with_suffix(".png")
    mosaic.page.quantize(192).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
