"""The addresses that open a sweep in the MLflow UI."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path

from locexp.tracking.location import locate, sweep_links, unused_root


def query(address: str) -> dict[str, str]:
    """Return the query in the part after ``#``."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).fragment.partition("?")[2]))


def test_the_links_of_a_sweep_name_its_runs() -> None:
    links = sweep_links("http://here:5000", "7", "day-time", "parent", ["a", "b"])
    assert list(links) == ["report", "charts", "parallel"]
    assert links["report"] == "http://here:5000/#/experiments/7/runs/parent/artifacts/comparison/report.html"
    charts = query(links["charts"])
    assert links["charts"].startswith("http://here:5000/#/experiments/7/runs?")
    assert charts["searchFilter"] == "tags.sweep_id = 'day-time' and tags.kind = 'run'"  # its jobs, not their parent
    assert (charts["compareRunsMode"], charts["workflowType"]) == ("CHART", "machine_learning")
    assert charts["orderByKey"] == "metrics.`test/loc_acc_50`"  # without it, nested runs are folded away
    parallel = query(links["parallel"])
    assert links["parallel"].startswith("http://here:5000/#/compare-runs?")
    assert (json.loads(parallel["runs"]), json.loads(parallel["experiments"])) == (["a", "b"], ["7"])


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
