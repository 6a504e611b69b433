"""Reading .npz and IDX files, good and bad."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from locexp.data.file import load
from locexp.data.load import load_dataset
from locexp.errors import UserError


def idx(array: np.ndarray) -> bytes:
    return b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx_folder(folder: Path, *, zipped: bool, height: int = 5, width: int = 7) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for prefix, count in (("train", 40), ("t10k", 10)):
        made[prefix] = rng.integers(0, 256, (count, height, width), dtype=np.uint8)
        made[f"{prefix}_labels"] = rng.integers(0, 10, count, dtype=np.uint8)
        for name, array in (("images-idx3", made[prefix]), ("labels-idx1", made[f"{prefix}_labels"])):
            content = idx(array)
            path = folder / f"{prefix}-{name}-ubyte{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(content) if zipped else content)
    return made


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_folder(tmp_path: Path, zipped: bool) -> None:
    made = write_idx_folder(tmp_path / "mine", zipped=zipped)
    raw = load(path=str(tmp_path / "mine"))
    np.testing.assert_array_equal(raw.train_images, made["train"])
    np.testing.assert_array_equal(raw.test_labels, made["t10k_labels"])
    assert (raw.name, raw.source) == ("mine", "file")


def test_npz_of_another_size_with_a_channel_axis_and_wide_integers(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 12, 20))
    np.savez(tmp_path / "a.npz", x_train=images[..., None], y_train=np.arange(9)[:, None])
    raw = load(path=str(tmp_path / "a.npz"))
    assert raw.train_images.dtype == np.uint8
    np.testing.assert_array_equal(raw.train_images, images)
    assert raw.test_images is None


IMAGES = np.zeros((4, 8, 8), np.uint8)
LABELS = np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": IMAGES}, "has no array y_train"),
        ({"x_trian": IMAGES, "y_train": LABELS}, "Did you mean 'x_trian'"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, "only one of x_test and y_test"),
        ({"x_train": IMAGES[:, :, :0], "y_train": LABELS}, "images have shape"),
        ({"x_train": np.zeros((4, 8, 8, 4)), "y_train": LABELS}, r"Save images\[..., :3\]"),
        ({"x_train": IMAGES + np.int64(300), "y_train": LABELS}, "expected uint8 values"),
        ({"x_train": IMAGES, "y_train": LABELS[:3]}, r"labels have shape \(3,\)"),
        ({"x_train": IMAGES, "y_train": LABELS - 1}, "labels run from -1"),
        ({"x_train": IMAGES, "y_train": LABELS + 0.5}, "labels are float64"),
        ({"x_train": IMAGES, "y_train": LABELS + 5000}, "labels run from 5000"),
    ],
)
def test_npz_with_wrong_arrays(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message) as caught:
        load(path=str(tmp_path / "a.npz"))
    assert "a.npz" in str(caught.value)


def test_what_is_wrong_with_own_images_names_their_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS)
    keys = {"source": "auto", "path": str(tmp_path / "a.npz"), "limit": None, "validation": 0.1, "split_seed": 0}
    with pytest.raises(UserError, match=r"of 4 examples is less than one; give 6 at least.* data.path=.*a\.npz"):
        load_dataset(OmegaConf.create({"_target_": "locexp.data.file.load", **keys}))


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_pickled_objects_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    fuse = tmp_path / "exploded"
    bombs = np.array([Bomb(fuse)] * 4, dtype=object)
    np.savez(tmp_path / "a.npz", x_train=bombs, y_train=LABELS, allow_pickle=True)
    with pytest.raises(UserError, match="pickled objects"):
        load(path=str(tmp_path / "a.npz"))
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb(fuse)))
    with pytest.raises(UserError, match="not an .npz archive"):
        load(path=str(tmp_path / "b.npz"))
    assert not fuse.exists()


@pytest.mark.parametrize("kept", [0, 3, 100, -40])
def test_truncated_npz(tmp_path: Path, kept: int) -> None:
    np.savez_compressed(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:kept])
    with pytest.raises(UserError, match=r"a\.npz: is"):
        load(path=str(tmp_path / "a.npz"))


def flipped(content: bytearray) -> None:
    content[200:220] = b"x" * 20


def encrypted(content: bytearray) -> None:
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1


def of_an_unknown_method(content: bytearray) -> None:
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(mark) + place] = 99


def of_petabytes(content: bytearray) -> None:
    start = content.index(b"(4, 8, 8)")
    content[start : start + 20] = b"(999999999999999,), "


@pytest.mark.parametrize("spoil", [flipped, encrypted, of_an_unknown_method, of_petabytes])
def test_corrupt_npz(tmp_path: Path, spoil: Callable[[bytearray], None]) -> None:
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    spoil(content)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match="corrupt"):
        load(path=str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-5], "truncated or corrupt: 1395 bytes of data, expected 1400"),
        (lambda content: content[:9], "truncated: it ends within its header"),
        (lambda content: b"\x00\x00\x0d" + content[3:], "truncated or corrupt: 1400 bytes of data, expected 5600"),
        (lambda content: b"\x00\x00\x07" + content[3:], "not an IDX file: it begins with 00 00 07 03; expected"),
        (lambda content: content + b"x", "truncated or corrupt"),
        (lambda content: b"", "not an IDX file"),
    ],
)
def test_bad_idx(tmp_path: Path, spoil: object, message: str) -> None:
    write_idx_folder(tmp_path, zipped=False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        load(path=str(tmp_path))


def test_truncated_gzip_and_missing_file(tmp_path: Path) -> None:
    write_idx_folder(tmp_path, zipped=True)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="truncated or corrupt"):
        load(path=str(tmp_path))
    path.unlink()
    with pytest.raises(UserError, match="has no t10k-labels-idx1-ubyte"):
        load(path=str(tmp_path))


def test_path_is_required() -> None:
    with pytest.raises(UserError, match="data.path is required"):
        load()
