"""What keeps a folder from being written is known before."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.system.folders import check_writable, expanded


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "linked").symlink_to(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("file", "file: Not a directory"),
        ("file/below", "file: Not a directory"),
        ("dangling", "is a link to nowhere, which is not there"),
        ("dangling/a/b", "is a link to nowhere, which is not there"),
        ("loop/a", "is a link to loop, which is not there"),
        ("n" * 300, "a name of 300 bytes; the file system takes 255"),
        ("a/" + "ü" * 200 + "/b", "a name of 400 bytes; the file system takes 255"),
        ("d" * 200 + "/" + "/".join(["d" * 200] * 20), "the system takes 4096"),
        ("/proc/x", "/proc: "),
    ],
)
def test_obstacles_are_named(place: Path, folder: str, why: str) -> None:
    before = sorted(place.rglob("*"))
    with pytest.raises(UserError) as raised:
        check_writable(Path(folder), "hydra.run.dir")
    assert str(raised.value).startswith("hydra.run.dir=")
    assert why in str(raised.value)
    assert len(str(raised.value)) < 500
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("folder", [".", "new/below", "linked/new", "n" * 255, "a b's"])
def test_what_can_be_written_passes(place: Path, folder: str) -> None:
    before = sorted(place.rglob("*"))
    check_writable(Path(folder), "hydra.run.dir")
    assert sorted(place.rglob("*")) == before


def test_homes_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert expanded("~/x", "data.path") == Path("/somewhere/x")
    for given, why in (("~nobody99/x", "home directory"), ("s3://b/x", "is an address")):
        with pytest.raises(UserError, match=f"data.path={given}: .*{why}"):
            expanded(given, "data.path")
