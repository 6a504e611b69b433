"""What the screen shows of a run."""

from __future__ import annotations

from pathlib import Path

from locexp.records.record import RunRecord
from locexp.run.display import conclusion
from locexp.tracking.location import locate


def test_what_is_named_is_there(tmp_path: Path) -> None:
    """A run with trainer.pictures=none has no pictures."""
    (tmp_path / "tables").mkdir()
    for name in ("model.keras", "run.json"):
        (tmp_path / name).touch()
    record = RunRecord("r", run_id="a", experiment_id="1")
    assert conclusion(record, tmp_path, locate(str(tmp_path / "mlruns"), None, "locexp"))[0] == (
        f"Files    {tmp_path}  (tables/, model.keras, run.json)"
    )
