"""How many planted copies the leak check finds, of each kind, and how many images without a copy it takes for one.

    python benchmarks/leaks.py FOLDER... [--seeds 5] [--size 96]

A folder holds photos in train/ and valid/ (and test/). Copies of training photos are planted beside the photos of
valid and test: saved again as JPEG, at half the size, brighter or darker, cropped by up to 5 % at each edge, and all of
this at once. Photos of valid and test that the check takes for copies of training photos anyway are counted as wrong,
but for those whose names say that they were taken together (``--together``: a pattern on the name; equal matches),
or that were seen to show one picture (``SEEN``).
"""

from __future__ import annotations

import argparse
import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from common import machine
from PIL import Image, ImageEnhance

from locexp.data.arrays import Split
from locexp.data.copies import Images, find_copies

SUFFIXES = (".jpg", ".jpeg", ".png")
KINDS = ("JPEG again", "half size", "brightness", "crop", "all of them")

SEEN = (("4_jpg", "19_jpg"), ("A000093_04-back", "5_JPG_jpg"), ("zero-17-_jpg", "K-037_jpg"))
"""Beginnings of names, in valid and in train, of photos of boards that are one picture, by eye."""


def photos(folder: Path, part: str) -> list[Path]:
    """Return the photos of a part."""
    return sorted(path for path in (folder / part).rglob("*") if path.suffix.lower() in SUFFIXES)


def saved(image: Image.Image, quality: int) -> Image.Image:
    """Return an image as it comes back from a JPEG file."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def copied(image: Image.Image, kind: str, random: np.random.Generator) -> Image.Image:
    """Return a copy of a kind, saved as JPEG of quality 90, or 30 to 90 where that is the kind."""
    every = kind == KINDS[-1]
    if every or kind == "crop":
        left, top, right, bottom = random.uniform(0, 0.05, 4) * (*image.size, *image.size)
        image = image.crop((round(left), round(top), round(image.width - right), round(image.height - bottom)))
    if every or kind == "half size":
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)
    if every or kind == "brightness":
        image = ImageEnhance.Brightness(image).enhance(random.uniform(0.7, 1.3))
    return saved(image, int(random.integers(30, 91)) if every or kind == "JPEG again" else 90)


def on_canvas(image: Image.Image, size: int) -> np.ndarray:
    """Return an image as uint8 (size, size, 3)."""
    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def read(paths: list[Path], size: int) -> np.ndarray:
    """Return photos as uint8 (n, size, size, 3)."""

    def one(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            return on_canvas(image, size)

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(one, paths)))


def split(images: np.ndarray) -> Split:
    """Return images as a part."""
    return Split(images, np.zeros(len(images), np.int64), np.arange(len(images)), "")


def measure(folder: Path, seeds: int, size: int, planted: int, together: str) -> None:
    """Print the rows of one folder."""
    train, held = photos(folder, "train"), photos(folder, "valid") + photos(folder, "test")
    known, originals = Images(split(read(train, size))), read(held, size)
    start = time.perf_counter()
    pairs = find_copies(known, Images(split(originals)))
    seconds = time.perf_counter() - start

    def scene(path: Path) -> str:
        match = re.match(together, path.name)
        return path.name if match is None else match[0]

    def belong(held_path: Path, train_path: Path) -> bool:
        seen = any(held_path.name.startswith(a) and train_path.name.startswith(b) for a, b in SEEN)
        return seen or scene(held_path) == scene(train_path)

    flagged = set(pairs.second.tolist())
    matches = {n: [train[i] for i in pairs.first[pairs.second == n]] for n in flagged}
    right = {n for n in flagged if any(belong(held[n], path) for path in matches[n])}
    scenes = {scene(path) for path in train}
    alone = [n for n, path in enumerate(held) if scene(path) not in scenes and n not in right]
    wrong = sorted(flagged - right)
    print(f"\n{folder.name}: {len(train)} photos, {len(held)} beside them, {size} px; {seconds:.1f} s")
    print(f"flagged without planting: {len(flagged)} of {len(held)}, {len(right)} of them rightly")
    print(f"photos without a copy that are flagged: {len(wrong)} of {len(alone)}, {len(wrong) / len(alone):.4f}")
    for n in wrong:
        print(f"  {held[n].name} ~ {matches[n][0].name}: {pairs.difference[pairs.second == n].min():.3f}")
    print("copies found, seed by seed:")
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        for kind in KINDS:
            chosen = random.choice(len(train), planted, replace=False)
            copies = []
            for index in chosen:
                with Image.open(train[index]) as image:
                    copies.append(on_canvas(copied(image.convert("RGB"), kind, random), size))
            pairs = find_copies(known, Images(split(np.stack(copies))))
            hits = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
            found[kind].append(float(np.mean([(int(index), n) in hits for n, index in enumerate(chosen)])))
    for kind, shares in found.items():
        print(f"  {kind:12} {np.mean(shares):.3f}   {' '.join(f'{share:.3f}' for share in shares)}")


def main() -> None:
    """Print what is found in each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, default=5, help="how often copies are planted (%(default)s)")
    parser.add_argument("--planted", type=int, default=100, help="copies of each kind (%(default)s)")
    parser.add_argument("--size", type=int, default=96, help="of the canvas (%(default)s)")
    parser.add_argument(
        "--together", default=r"[A-Z]{4}(?=\d)|.*?(?=_jpg\.rf)", help="of names taken together (%(default)s)"
    )
    options = parser.parse_args()
    print(machine())
    for folder in options.folders:
        measure(folder, options.seeds, options.size, options.planted, options.together)


if __name__ == "__main__":
    main()
