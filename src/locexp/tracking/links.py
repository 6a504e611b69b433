"""The addresses that open a run, a sweep or an experiment in MLflow."""

from __future__ import annotations

from collections.abc import Collection

from locexp.records.record import RunRecord
from locexp.tracking.location import Location
from locexp.tracking.mlflow_internals import experiment_link, run_link, view_link
from locexp.tracking.views import MEANS, condition_of

USUAL_BASE = "http://127.0.0.1:5000"
"""Where ``python -m locexp.ui`` serves a local store, if the port is free."""
HERE = "."
"""The base of an address within MLflow's own pages."""
REPORT = "comparison/report.html"


def base_of(location: Location) -> str:
    """Return where the pages of a store are."""
    return location.uri if location.is_server else USUAL_BASE


def sweep_links(base: str, parent: RunRecord, views: Collection[str]) -> dict[str, str]:
    """Return the addresses that open a sweep in the MLflow that is served at ``base``.

    Args:
        base: where it is.
        parent: the sweep's parent run, which the store has.
        views: the keys of the saved views that the experiment has.

    Returns:
        ``report`` (in the artifact viewer of the parent run), ``front`` (a dot per run) and ``means`` (a dot per
        setting); without saved views, ``charts`` of the sweep's runs in the place of the latter two.
    """
    assert parent.experiment_id is not None
    assert parent.run_id is not None
    sweep_id = parent.tags["sweep_id"]
    links = {"report": run_link(base, parent.experiment_id, parent.run_id, REPORT)}
    for name, key in {"front": sweep_id, "means": sweep_id + MEANS}.items():
        if key in views:
            links[name] = view_link(base, parent.experiment_id, key, mode="CHART")
    if "front" not in links:
        own = condition_of(sweep_id)
        links["charts"] = experiment_link(base, parent.experiment_id, view="CHART", condition=own)
    return links
