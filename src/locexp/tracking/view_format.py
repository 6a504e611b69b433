"""What MLflow's page of runs reads in a saved view, and in a description: nothing of it is documented.

Found in the scripts of MLflow 3.16 and 3.17 (``savedViewEnvelope``, ``ExperimentPageUIState``, ``runs-charts.types``);
tests/tracking/test_view_format.py says which of these names a new release has no more.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VIEW_TAG = "mlflow.sharedViewState."
"""An experiment's tag of this name and a key is a saved view; the page's address opens it by its key."""
DESCRIPTION_TAG = "mlflow.note.content"
"""A run's or an experiment's tag that is shown as Markdown."""
LONGEST_VIEW = 5000
"""Characters of an experiment's tag: MLflow's tables have room for no more, though newer ones let more pass."""
FIRST_WITH_VIEWS = (3, 16)
PAGE = 100
"""How many runs the page loads at a time, charts included; its button “Load more” adds the next ones."""
COMPRESSED = "deflate;"

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """Charts under a heading.

    Attributes:
        name: the heading.
        charts: in their order.
        columns: in which they are.
        height: of each, in pixels.
    """

    name: str
    charts: Sequence[JsonObject]
    columns: int = 3
    height: int = 360


def metric(name: str) -> str:
    """Return what a metric is called as a column, and to sort by."""
    return f"metrics.`{name}`"


def parameter(name: str) -> str:
    """Return what a parameter is called as a column, and to sort by."""
    return f"params.`{name}`"


def tag(name: str) -> str:
    """Return what a tag is called as a column."""
    return f"tags.`{name}`"


def scatter(x: str, y: str) -> JsonObject:
    """Return a chart of two metrics with a dot per run, or per group."""
    return {"type": "SCATTER", "xaxis": {"key": x, "type": "METRIC"}, "yaxis": {"key": y, "type": "METRIC"}}


def parallel(parameters: Sequence[str], metrics: Sequence[str]) -> JsonObject:
    """Return a chart of parallel coordinates with a line per run, or per group."""
    return {
        "type": "PARALLEL",
        "selectedParams": list(parameters),
        "selectedMetrics": list(metrics),
        "showAllRuns": True,
    }


def bars(name: str) -> JsonObject:
    """Return a chart of one metric with a bar per run, or per group."""
    return {"type": "BAR", "metricKey": name}


def page(
    condition: str,
    *,
    columns: Sequence[str],
    order_by: str,
    ascending: bool = False,
    sections: Sequence[Section] = (),
    collapsed: Sequence[str] = (),
    list_hidden: bool = False,
    grouped_by: str | None = None,
) -> JsonObject:
    """Return the state of the page of runs.

    Args:
        condition: a search filter.
        columns: of the table, by :func:`metric`, :func:`parameter` or :func:`tag`.
        order_by: one of these, or ``attributes.start_time``; with the latter, nested runs are folded away.
        ascending: the order.
        sections: with the charts of all runs that the page has loaded.
        collapsed: prefixes of the metrics whose own charts, which MLflow adds, are folded.
        list_hidden: beside charts there is no list of runs, which leaves them more room.
        grouped_by: name of a tag: runs with equal ones are a group, whose means the charts show.
    """
    group = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": grouped_by}]}
    return {
        "searchFilter": condition,
        "orderByKey": order_by,
        "orderByAsc": ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "SHOW_ALL",  # else charts show the first ten
        "viewMaximized": False,
        "runListHidden": list_hidden,
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
        "groupBy": group if grouped_by is not None else None,
        "groupsExpanded": {},
        "chartsSearchFilter": "",
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "compareRunSections": [
            *(
                _section(one.name, display=True, is_generated=False, columns=one.columns, cardHeight=one.height)
                for one in sections
            ),
            *(_section(prefix, display=False, is_generated=True) for prefix in collapsed),
        ],
        "compareRunCharts": [
            {
                **chart,
                "uuid": f"{one.name}-{number}",
                "metricSectionId": one.name,
                "runsCountToCompare": PAGE,
                "deleted": False,
                "isGenerated": False,
            }
            for one in sections
            for number, chart in enumerate(one.charts)
        ],
    }


def _section(name: str, *, display: bool, is_generated: bool, **size: int) -> JsonObject:
    flags = {"display": display, "isReordered": True, "deleted": False, "isGenerated": is_generated}
    return {"uuid": name, "name": name, **flags, **size}


def as_tag(name: str, state: Mapping[str, Any], created: int) -> str:
    """Return a view as the text of its tag.

    Args:
        name: in the menu of views, in which the last created one comes first.
        state: of the page.
        created: in milliseconds since 1970.
    """
    packed = base64.b64encode(zlib.compress(_json(state).encode(), 9)).decode()
    return _json({"name": name, "createdAt": created, "updatedAt": created, "state": COMPRESSED + packed})


def created(text: str) -> float:
    """Return when the view of a tag's text was created, in milliseconds since 1970; 0 for other text."""
    try:
        return float(json.loads(text)["createdAt"])
    except (ValueError, LookupError, TypeError):
        return 0.0


def read_tag(text: str) -> tuple[str, JsonObject]:
    """Return the name of a view and the state of its page; raises :class:`ValueError` for other text."""
    envelope = json.loads(text)
    if not isinstance(envelope, dict) or not {"name", "state"} <= envelope.keys():
        raise ValueError("not a saved view")
    state = str(envelope["state"])
    if state.startswith(COMPRESSED):
        state = zlib.decompress(base64.b64decode(state.removeprefix(COMPRESSED))).decode()
    return str(envelope["name"]), json.loads(state)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
