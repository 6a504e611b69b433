"""Small data sets in the layouts of others, written by hand: nothing here is shared with the readers."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np

COUNT, TESTS, SIDE = 60, 20, 6
IMAGES: np.ndarray = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE), dtype=np.uint8)
"""With a black border, so that the ink has a box; the first pixel of the ink is white."""
IMAGES[:, [0, -1]] = IMAGES[:, :, [0, -1]] = 0
IMAGES[:, 1, 1] = 255
LABELS: np.ndarray = np.arange(COUNT) % 4
Pair = tuple[np.ndarray, np.ndarray]
TRAIN: Pair
TEST: Pair
TRAIN, TEST = (IMAGES[TESTS:], LABELS[TESTS:]), (IMAGES[:TESTS], LABELS[:TESTS])


def idx(array: np.ndarray, code: int = 0x08, dtype: str = ">u1") -> bytes:
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(dtype).tobytes()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(*arrays: np.ndarray, **named: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, *arrays, **named)  # type: ignore[arg-type]
    return file.getvalue()


def csv(images: np.ndarray, labels: np.ndarray | None, header: bool = True) -> bytes:
    rows = [image.ravel().tolist() for image in images]
    names = [f"pixel{place}" for place in range(images[0].size)]
    if labels is not None:
        rows = [[int(label), *row] for label, row in zip(labels, rows, strict=True)]
        names = ["label", *names]
    lines = [names, *rows] if header else rows
    return "\n".join(",".join(map(str, line)) for line in lines).encode()


def label_last(images: np.ndarray, labels: np.ndarray) -> bytes:
    """A table without header, as UCI has its digits."""
    rows = ([*image.ravel().tolist(), int(label)] for image, label in zip(images, labels, strict=True))
    return "\n".join(",".join(map(str, row)) for row in rows).encode()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder that is made; returns it."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
