"""Where results are tracked, as the keys say."""

from __future__ import annotations

from pathlib import Path

from locexp.tracking.location import locate, unused_root


def test_an_artifact_root_for_an_experiment_that_has_one_is_said_to_have_no_effect(workplace: Path) -> None:
    from locexp.tracking.session import Session

    assert unused_root(locate(None, "new", "e"), "new") == []
    Session(locate(None, "first", "e"))
    assert unused_root(locate(None, "first", "e"), "first") == []
    assert unused_root(locate(None, None, "e"), None) == []
    assert unused_root(locate(None, "second", "other"), "second") == []
    (note,) = unused_root(locate(None, "second", "e"), "second")
    assert note.startswith("tracking.artifact_root=second has no effect: experiment e exists")
    assert f"file://{workplace}/first" in note
