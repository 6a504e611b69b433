"""The addresses that open a run, a sweep and an experiment in the MLflow UI."""

from __future__ import annotations

import urllib.parse

from locexp.records.record import RunRecord
from locexp.tracking.links import sweep_links

PARENT = RunRecord("sweep", tags={"kind": "sweep", "sweep_id": "day-time"}, run_id="parent", experiment_id="7")


def query(address: str) -> dict[str, str]:
    """Return the query in the part after ``#``."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).fragment.partition("?")[2]))


def test_the_links_of_a_sweep_open_its_saved_views() -> None:
    links = sweep_links("http://here:5000", PARENT, ["day-time", "day-time-means", "all-sweeps"])
    assert list(links) == ["report", "front", "means"]
    assert links["report"].startswith("http://here:5000/#/experiments/7/runs/parent/artifacts/comparison/report.html?")
    for name, key in {"front": "day-time", "means": "day-time-means"}.items():
        assert links[name].startswith("http://here:5000/#/experiments/7/runs?")
        # Anything that filters or sorts would keep MLflow from looking at the view.
        assert query(links[name]) == {
            "workflowType": "machine_learning",
            "compareRunsMode": "CHART",
            "viewStateShareKey": key,
        }
    assert all(query(address)["workflowType"] == "machine_learning" for address in links.values())
    assert max(map(len, links.values())) < 150


def test_without_views_a_link_opens_the_charts_of_the_sweeps_runs() -> None:
    """In an older MLflow, and where a user has deleted the view."""
    links = sweep_links("http://here:5000", PARENT, ["day-time-means"])
    assert list(links) == ["report", "means", "charts"]
    charts = query(links["charts"])
    assert charts["searchFilter"] == "tags.sweep_id = 'day-time' and tags.kind = 'run'"  # its jobs, not their parent
    assert (charts["compareRunsMode"], charts["workflowType"]) == ("CHART", "machine_learning")
    assert charts["orderByKey"] == "metrics.`test/loc_acc_50`"  # without it, nested runs are folded away
