"""Files that would hang the program, fill the memory or run code: refused at once."""

from __future__ import annotations

import contextlib
import gzip
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locexp.data.file import load
from locexp.data.split import split
from locexp.errors import UserError
from tests.data.layouts import IMAGES, LABELS, csv, idx, npy, npz, write

LIMITED = """
import resource, sys
from locexp.data.file import load
from locexp.errors import UserError
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
for path in sys.argv[1:]:
    try:
        load(path=path)
        print("read")
    except UserError as error:
        print(error)
(peak,) = [line for line in open("/proc/self/status", encoding="utf-8") if line.startswith("VmHWM")]
print(peak.split()[1])  # in KiB; ru_maxrss begins with that of the parent
"""
HUGE = 100 * 2**30


def idx_header(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def sparse(path: Path, start: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def zeros_npy(count: int) -> bytes:
    return npy(np.zeros((0, 8, 8), np.uint8)).replace(b"(0, 8, 8), }" + b" " * 9, f"({count:9}, 8, 8), }}".encode())


def test_devices_pipes_and_what_is_too_large(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    os.mkfifo(tmp_path / "pipe.csv")
    sparse(tmp_path / "zeros.npz", b"", HUGE)
    sparse(tmp_path / "zeros.csv", b"", HUGE)
    sparse(tmp_path / "large.csv", b"label,pixel0\n1,2\n", HUGE)
    labels = {"train-labels-idx1-ubyte": idx(LABELS)}
    sparse(write(tmp_path / "large", labels) / "train-images-idx3-ubyte", idx_header(2**27, 28, 28), 16 + 2**27 * 784)
    sparse(write(tmp_path / "tail", labels) / "train-images-idx3-ubyte", idx_header(60, 28, 28), HUGE)
    os.mkfifo(write(tmp_path / "pipes", labels) / "train-images-idx3-ubyte")
    (write(tmp_path / "endless", labels) / "train-images-idx3-ubyte").symlink_to("/dev/zero")
    block = bytes(2**20)
    with gzip.open(write(tmp_path / "bomb", labels) / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(idx_header(2**23, 28, 28))
        file.writelines([block] * 64)
    with gzip.open(write(tmp_path / "trailing", labels) / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(idx_header(60, 28, 28))
        file.writelines([block] * 64)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("x_train.npy", "w", force_zip64=True) as member:
            member.write(npy(np.zeros((0, 8, 8))))
            member.writelines([block] * 1100)
        archive.writestr("y_train.npy", npy(LABELS))
    expected = {
        "pipe.npz": "is a device, a pipe or a socket",
        "pipe.csv": "is a device, a pipe or a socket",
        "/dev/zero": "is a device, a pipe or a socket",
        "zeros.npz": "is not an .npz archive",
        "zeros.csv": "is not a CSV file",
        "large.csv": "of data; expected at most half of the free memory",
        "large": "of data; expected at most half of the free memory",
        "tail": "truncated or corrupt: 107374182384 bytes of data, expected 47040",
        "pipes": "has no train-images-idx3-ubyte",
        "endless": "has no train-images-idx3-ubyte",
        "bomb": "expected at most 200 times as much",
        "trailing": "truncated or corrupt: 47041 or more bytes of data",
        "bomb.npz": "expected at most 200 times as much",
    }
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *(str(tmp_path / name) for name in expected)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *told, peak = done.stdout.splitlines()
    for name, message, line in zip(expected, expected.values(), told, strict=True):
        assert message in line, name
        assert name in line
    assert int(peak) < 300_000  # KiB


def test_a_packed_table_is_not_unpacked_to_its_end_where_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locexp.data.files.UNSUSPECTED_BYTES", 2**21)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"1,0\n" * 2**22))
    with pytest.raises(UserError, match="unpack to 4 MiB; expected at most 200 times as much"):
        load(path=str(tmp_path / "bomb.csv.gz"))


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["x_train", "y_train", "arr_0", "val_images", "x", "folder"])
def test_nothing_is_unpickled_under_any_name(tmp_path: Path, name: str) -> None:
    fuse = tmp_path / "exploded"
    bombs = np.array([Bomb(fuse)] * 60, dtype=object)
    if name == "folder":
        path = write(tmp_path / "mine", {"y_train.npy": npy(LABELS)})
        np.save(path / "x_train.npy", bombs)
    else:
        path = tmp_path / "a.npz"
        named = {"arr_0": {"arr_1": LABELS}, "x": {"y": LABELS}}.get(name, {"x_train": IMAGES, "y_train": LABELS})
        np.savez(path, **{**named, name: bombs})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"holds pickled objects, which could run code|only one of x_val"):
        load(path=str(path))
    assert not fuse.exists()


SEEDS = {
    "a.npz": npz(x_train=IMAGES, y_train=LABELS),
    "b.npz": npz(IMAGES, LABELS),
    "c.csv": csv(IMAGES, LABELS),
    "train-images-idx3-ubyte": idx(IMAGES),
    "train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES)),
    "x_train.npy": npy(IMAGES),
}
CHANGES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 30), st.binary(max_size=4)), min_size=1, max_size=4)


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_spoilt_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[int, int, bytes]]
) -> None:
    content = bytearray(SEEDS[name])
    for place, removed, put in changes:
        start = place % (len(content) + 1)
        content[start : start + removed] = put
    folder = tmp_path_factory.getbasetemp() / f"spoilt-{name}"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    (folder / "y_train.npy").write_bytes(npy(LABELS))
    with contextlib.suppress(UserError):
        split(load(path=str(folder / name if name[1] == "." else folder)), validation=0.1, split_seed=0)
