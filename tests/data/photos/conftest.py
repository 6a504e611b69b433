"""Photos for tests: a folder to fill, and a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.photos.folders import Folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; returns the folder of the photos in it, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "locexp" / "photos"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A data set without images yet, called pets."""
    return Folder(tmp_path / "pets")
