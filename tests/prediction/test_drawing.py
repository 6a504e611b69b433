"""``python -m locexp.draw``: the pictures that a run of a sweep did not draw, as it would have drawn them."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.records.record import RunRecord
from locexp.system.files import write_whole
from tests.conftest import TINY, door_here, train_here

FEW = {"scenes.png", "gallery_random.png", "samples.webp", "samples.csv"}


def pictures(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "pictures").iterdir()}


@pytest.mark.slow
def test_the_runs_of_a_sweep_draw_few_and_the_others_later(workplace: Path) -> None:
    assert train_here(*TINY, "--multirun", "seed=0,1") == 0
    assert train_here(*TINY, "seed=0", "hydra.run.dir=alone") == 0
    (folder,) = (path.parent for path in Path("multirun").glob("*/*/run.json"))
    first, second = folder / "0", folder / "1"
    for run in (first, second):
        assert set(pictures(run)) == FEW
        notes = RunRecord.read(run).notes
        assert "Not all pictures are drawn (trainer.pictures); later: python -m locexp.draw RUN" in notes
    assert (first / "pictures" / "scenes.png").samefile(second / "pictures" / "scenes.png")
    alone = pictures(Path("alone"))
    assert len(alone) == 10
    done = door_here("draw", str(first))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"Pictures {first.absolute()}/pictures"
    assert pictures(first) == alone  # drawn of the same network, though it was loaded
    assert set(pictures(second)) == FEW

    (second / "model.keras").unlink()
    gone = door_here("draw", str(second))
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
    assert "model.keras is gone" in gone.stderr
    config = Path("alone", "config", "resolved.yaml")
    write_whole(config, config.read_text(encoding="utf-8").replace("limit: 320", "limit: 310"))
    changed = door_here("draw", "./alone")
    assert (changed.returncode, changed.stderr.count("\n")) == (2, 1)
    assert "data.limit was 320, is 310" in changed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "RUN: which run?"), (["a", "b"], "a b: which run?"), (["./x"], "there is no such folder")],
)
def test_bad_input_is_one_line(words: list[str], said: str, workplace: Path) -> None:
    done = door_here("draw", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
