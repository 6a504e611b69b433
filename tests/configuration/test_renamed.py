"""Keys that have a new name: refused with the new one, and read where an older version stored them."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from locexp.configuration.compose import composing
from locexp.configuration.renamed import RENAMED, rename_keys, renamed_overrides
from locexp.errors import UserError


@pytest.mark.parametrize("sign", ["", "+", "++"])
@pytest.mark.parametrize("old", RENAMED)
def test_an_override_is_told_the_new_name(old: str, sign: str) -> None:
    with composing() as composer, pytest.raises(UserError) as caught:
        composer.compose(["sweep=bbox_weight", f"{sign}{old}=3"])
    assert str(caught.value) == f"{sign}{old}=3: was renamed to {RENAMED[old]}."


def test_a_file_is_told_the_new_name(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "mine.yaml").write_text("defaults: [bbox_weight, _self_]\nreplay_seeds: 3\n")
    with composing(str(tmp_path)) as composer, pytest.raises(UserError) as caught:
        composer.compose(["sweep=mine"])
    place = f"{tmp_path}/sweep/mine.yaml, line 2"
    assert str(caught.value) == f"{place}: sweep.replay_seeds=3: was renamed to sweep.final_seeds."


def test_what_an_older_version_stored_is_read() -> None:
    stored = ["sweep=bbox_weight", "sweep.replay_seeds=12", "name=sweep.replay_seeds=1"]
    assert renamed_overrides(stored) == ["sweep=bbox_weight", "sweep.final_seeds=12", "name=sweep.replay_seeds=1"]
    cfg = OmegaConf.create({"sweep": {"points": 3, "replay_seeds": 0}, "seed": 1})
    rename_keys(cfg)
    assert cfg == {"sweep": {"points": 3, "final_seeds": 0}, "seed": 1}
