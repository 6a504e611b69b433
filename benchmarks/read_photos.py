"""Reading photos with boxes: the first command against a plain Pillow loop on one core, and the second against digits.

    python benchmarks/read_photos.py [--folder ../shared/data/asl_letters_yolo] [--side 96] [--repeats 5]

The folder is in YOLO's layout, with {train,valid,test}/{images,labels}. The plain loop opens each photo of the part to
train on, turns it upright, makes it RGB, resizes it with Pillow's antialiasing and puts it on a canvas. The first
command reads the same photos with an empty cache: it also reads the annotations of all parts, hashes every file, checks
every box, and keeps the result, which the second finds. Each measurement is a process of its own, timed without its
imports; they alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import common


def plain(folder: Path, side: int) -> int:
    """Read the photos one after the other with Pillow; returns how many."""
    import numpy as np
    from PIL import Image, ImageOps

    given = sorted((folder / "train" / "images").iterdir())
    images = np.full((len(given), side, side, 3), 114, np.uint8)
    for path, target in zip(given, images, strict=True):
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
            factor = side / max(image.size)
            width, height = (round(one * factor) for one in image.size)
            left, top = (side - width) // 2, (side - height) // 2
            target[top : top + height, left : left + width] = np.asarray(
                image.resize((width, height), Image.Resampling.BILINEAR)
            )
    return len(images)


def photos(folder: Path, side: int) -> int:
    """Read the same photos and their labels as ``data=yolo`` does; returns how many."""
    from omegaconf import OmegaConf

    from locexp.configuration.schema import config_directory, loader_arguments
    from locexp.data.photos import pipeline, yolo

    listing = yolo.read(folder)
    listing = replace(listing, images=tuple(image for image in listing.images if image.part == "train"))
    node = OmegaConf.load(config_directory() / "data" / "yolo.yaml")
    del node["defaults"]
    keys: Any = loader_arguments(node) | {"path": str(folder), "size": [side, side]}
    raw = pipeline.photos(listing, keys)
    return len(raw.train_images)


def digits(folder: Path, side: int) -> int:
    """Load the bundled digits from their cache; returns how many."""
    from locexp.data.bundled import bundled_digits

    return len(bundled_digits()[0])


MEASURES = {"plain": plain, "photos": photos, "digits": digits}


def main() -> None:
    """Alternate the measures, and print them with their ratios; with ``--measure`` take one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("../shared/data/asl_letters_yolo"))
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        import locexp.data.bundled  # noqa: F401
        import locexp.data.photos.yolo  # noqa: F401

        start, spent = time.perf_counter(), time.process_time()
        count = MEASURES[given.measure](given.folder, given.side)
        taken = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - spent, "images": count}
        print(json.dumps(taken))
        return
    options = ["--folder", str(given.folder), "--side", str(given.side)]

    spent: dict[str, list[float]] = {name: [] for name in MEASURES}

    def seconds(what: str) -> float:
        answer = common.worker(__file__, "--measure", what, *options)
        spent[what].append(float(answer["cpu"]))
        return float(answer["seconds"])

    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # the commands' own
        seconds("digits")  # which are parsed once
        count = common.worker(__file__, "--measure", "plain", *options)["images"]  # and the files are in memory now
        print(f"{common.machine()}; {count:,} photos of {given.folder.name} on {given.side}x{given.side}")

        spent["photos"].clear()

        def first() -> float:
            shutil.rmtree(Path(cache, "locexp", "photos"), ignore_errors=True)
            return seconds("photos")

        taken = common.alternate(
            given.repeats,
            {
                "plain Pillow, s": lambda: seconds("plain"),
                "first command, s": first,
                "second command, s": lambda: seconds("photos"),
                "bundled digits, s": lambda: seconds("digits"),
            },
        )
    work = [slow / fast for slow, fast in zip(spent["plain"], spent["photos"][::2], strict=True)]
    plain_loop, first_one, second, bundled = taken.values()
    ratios = [slow / fast for slow, fast in zip(plain_loop, first_one, strict=True)]
    more = [one - other for one, other in zip(second, bundled, strict=True)]
    for name, values in taken.items():
        print(f"{name}: {common.spread(values)}")
    print(f"plain Pillow over the first command: {common.spread(ratios)} (target: at least 1.5)")
    print(f"the same in CPU seconds, which other work on the machine leaves alone: {common.spread(work)}")
    print(f"the second command over bundled digits, s: {common.spread(more)} (target: at most 2)")


if __name__ == "__main__":
    main()
