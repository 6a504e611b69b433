"""Public data sets: the Keras cache, the network, and the bundled digits."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.data import bundled, fashion_mnist, mnist, mnist_5k
from locexp.data.sources import OfflineError, RemoteFile, download
from locexp.errors import UserError
from tests.data.test_files import write_idx_folder


def test_the_bundled_digits_are_mnist(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    assert images.shape == (5000, 28, 28)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [500] * 10
    assert images.mean() == pytest.approx(33.3, abs=1.0)  # the mean of MNIST


@pytest.mark.slow
def test_bundled_digits_survive_a_broken_and_an_unwritable_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = bundled.cache_folder() / "mnist_5k.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half an arch")
    images, labels = bundled.bundled_digits()
    assert len(labels) == 5000
    cached_images, _ = bundled.bundled_digits()
    np.testing.assert_array_equal(images, cached_images)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(bundled.bundled_digits()[1]) == 5000


def test_auto_takes_the_keras_cache(offline: Path) -> None:
    offline.mkdir()
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "x_train": rng.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "y_train": np.arange(30) % 10,
        "x_test": rng.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "y_test": np.arange(10),
    }
    np.savez(offline / "mnist.npz", **arrays)
    raw = mnist.load("auto")
    assert (raw.source, raw.notes) == ("cache", ())
    np.testing.assert_array_equal(raw.train_images, arrays["x_train"])
    np.testing.assert_array_equal(raw.test_labels, arrays["y_test"])


def test_auto_falls_back_to_the_bundled_digits_and_says_so(offline: Path) -> None:
    raw = mnist.load("auto")
    assert (raw.name, raw.source, len(raw.train_labels)) == ("mnist_5k", "bundled", 5000)
    (note,) = raw.notes
    assert "bundled 5,000 digits instead of 70,000" in note


def test_one_source_alone_does_not_fall_back(offline: Path) -> None:
    with pytest.raises(UserError, match="data.source=cache: mnist is not in"):
        mnist.load("cache")
    with pytest.raises(UserError, match="data.source=download"):
        mnist.load("download")
    assert mnist.load("bundled").source == "bundled"
    with pytest.raises(UserError, match="neither cached nor reachable"):
        fashion_mnist.load("auto")
    with pytest.raises(UserError, match="expected auto or bundled"):
        mnist_5k.load("cache")  # type: ignore[arg-type]


def test_fashion_mnist_from_the_cache(offline: Path) -> None:
    made = write_idx_folder(offline / "fashion-mnist", zipped=True)
    raw = fashion_mnist.load("cache")
    np.testing.assert_array_equal(raw.train_images, made["train"])


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback, and the folder that it serves."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/cut":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 400)

        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()


def test_download_checks_the_sha256_and_keeps_nothing_wrong(web: tuple[str, Path], offline: Path) -> None:
    address, folder = web
    (folder / "a.bin").write_bytes(b"content" * 1000)
    digest = hashlib.sha256(b"content" * 1000).hexdigest()
    (path,) = download((RemoteFile("a.bin", f"{address}/a.bin", digest),))
    assert path == offline / "a.bin"
    assert path.read_bytes() == b"content" * 1000
    with pytest.raises(UserError, match="sha256"):
        download((RemoteFile("b.bin", f"{address}/a.bin", "0" * 64),))
    with pytest.raises(OfflineError, match="File not found"):
        download((RemoteFile("c.bin", f"{address}/missing", digest),))
    with pytest.raises(OfflineError, match="ended after 400 of 1000 bytes"):
        download((RemoteFile("d.bin", f"{address}/cut", digest),))
    with pytest.raises(UserError, match="is 7000 bytes long; expected 7001"):
        download((RemoteFile("e.bin", f"{address}/a.bin", digest, size=7001),))
    assert sorted(path.name for path in offline.iterdir()) == ["a.bin"]


@pytest.mark.parametrize("files", [mnist.FILES, fashion_mnist.FILES], ids=["mnist", "fashion_mnist"])
def test_a_corrupted_public_data_set_is_refused_and_not_kept(
    web: tuple[str, Path], offline: Path, files: tuple[RemoteFile, ...]
) -> None:
    address, folder = web
    for file in files:
        content = bytearray(file.size or 1000)  # as long as the right one, where that is known
        (folder / Path(file.url).name).write_bytes(content)
        moved = dataclasses.replace(file, url=f"{address}/{Path(file.url).name}")
        found, place = hashlib.sha256(content).hexdigest(), offline / file.relative_path
        message = f"{moved.url}: sha256 is {found}; expected {file.sha256}. Not kept: try again, .*{place}"
        with pytest.raises(UserError, match=message):
            download((moved,))
        assert list(place.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_not_taken_for_no_network(
    web: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = web
    (folder / "a.bin").write_bytes(b"content")
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="the Keras cache cannot be written"):
        download((RemoteFile("a.bin", f"{address}/a.bin", "0" * 64),))
    with pytest.raises(OfflineError):  # without a network there is nothing to write
        download((RemoteFile("a.bin", "http://127.0.0.1:9/a.bin", "0" * 64),))
