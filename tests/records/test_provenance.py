"""Which code a run says it was made by."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from locexp.records import provenance


def test_every_state_of_a_checkout_has_a_tag_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *words], cwd=tmp_path, check=True)

    def state() -> tuple[str, str]:
        provenance._code_version.cache_clear()
        return provenance._code_version()

    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("a = 1\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    clean = state()
    assert clean[1] == ""
    (tmp_path / "notes.txt").write_text("not code")
    assert state() == clean
    (tmp_path / "src" / "a.py").write_text("a = 2\n")
    changed = state()
    (tmp_path / "src" / "b.py").write_bytes(b"b = 'caf\xe9'\n")
    new = state()
    (tmp_path / "src" / "b.py").write_bytes(b"b = 3\n")
    assert len({clean, changed, new, state()}) == 4
    assert {changed[0], new[0]} == {clean[0]}
    (tmp_path / "src" / "a.py").write_text("a = 1\n")
    (tmp_path / "src" / "b.py").unlink()
    assert state() == clean
    (tmp_path / ".git" / "index").write_bytes(b"broken")  # git knows the commit, but not what has changed since
    assert state() == (clean[0], "unknown")
    provenance._code_version.cache_clear()
