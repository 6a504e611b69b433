"""The description of a sweep in MLflow, on runs made by hand."""

from __future__ import annotations

from locexp.analysis.description import describe
from locexp.records.record import RunRecord
from locexp.tracking.limits import TAG
from tests.analysis.test_headline import sweep


def test_names_of_any_length_leave_room_for_the_picture_and_the_command() -> None:
    long = "1" * 9000
    settings = {"0.5": (0.95, 0.70, 0.40), long: (0.93, 0.80, 0.60)}
    parent = RunRecord("s", tags={"kind": "sweep", "sweep_id": "day-time"}, run_id="a", experiment_id="1")
    text = describe(sweep(settings), parent, [])
    assert len(text) <= TAG
    assert "![The accuracy–IoU front](get-artifact?path=comparison/front.png&run_uuid=a)" in text
    assert text.endswith("makes the report again.")
