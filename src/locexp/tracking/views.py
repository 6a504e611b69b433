"""Which saved views a sweep and an experiment have in MLflow; from records to texts of tags, without a store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.records.record import NOT_PURSUED, RunRecord, milliseconds
from locexp.records.sweep_list import SETTING, group_name, varied_of
from locexp.tracking import view_format as ui

HEADLINES = tuple(f"test/{name}" for name in ("accuracy", "mean_iou", SELECTION_METRIC))
SPLITS = (
    *("train", "val", "test", "best", "kept", "floor", "skill"),
    *("scenes", "weights", "mean_weights", "model", "time", "system", "sweep"),
)
"""Prefixes of the metrics that runs log."""
LONGEST_NAME = 80
"""Characters of a sweep's name that the menu of views shows."""
MEANS = "-means"
"""Ends the key of the view of a sweep's settings; the other's key is the sweep's id."""
SWEEPS, SINGLE_RUNS = "all-sweeps", "single-runs"
"""Keys of the views of an experiment."""


@dataclass(frozen=True)
class View:
    """A saved view.

    Attributes:
        key: by which an address opens it.
        text: of its tag.
    """

    key: str
    text: str

    @property
    def tag(self) -> str:
        """The name of its tag."""
        return ui.VIEW_TAG + self.key


def condition_of(sweep_id: str) -> str:
    """Return the search filter that finds the runs of a sweep, without their parent."""
    return f"tags.sweep_id = '{sweep_id}' and tags.kind = 'run'"


def sweep_views(parent: RunRecord, runs: Sequence[RunRecord]) -> tuple[list[View], list[str]]:
    """Return the views of a sweep: a dot per run, and a dot per setting, the mean over its runs.

    Args:
        parent: the sweep's parent run.
        runs: all of the sweep's runs.

    Returns:
        The views; and in words, what their tags have no room for.
    """
    sweep_id = parent.tags["sweep_id"]
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(parent.start_time))
    name = parent.name if len(parent.name) <= LONGEST_NAME else f"{parent.name[: LONGEST_NAME - 1]}…"
    varied = varied_parameters(runs)
    # Beyond a page, the charts lack runs until they are loaded: in the order of seeds, what is there is not the best of
    # them but some seeds of every setting.
    is_long = len(runs) > ui.PAGE
    order_by = ui.parameter("seed") if is_long else ui.metric(HEADLINES[-1])
    dropped = [ui.tag(NOT_PURSUED)] if any(NOT_PURSUED in run.tags for run in runs) else []
    views, left_out = [], 0
    for key, what, tag, created in (
        (sweep_id + MEANS, "means", SETTING, milliseconds(parent.start_time)),
        (sweep_id, "runs", None, milliseconds(parent.start_time) + 1),  # the menu has the latest first
    ):
        # What there is no room for: folded sections of the user's own metrics first, which are then shown open.
        for shown, collapsed in itertools.product(range(len(varied), -1, -1), (_prefixes(runs), SPLITS)):
            axes = varied[:shown] if tag is None else _numeric(varied[:shown], runs)
            state = ui.page(
                condition_of(sweep_id),
                columns=[*map(ui.metric, HEADLINES), *map(ui.parameter, varied[:shown]), *dropped],
                order_by=order_by,
                ascending=is_long,
                sections=[
                    _front(what),
                    ui.Section("What was varied, and what came of it", [ui.parallel(axes, HEADLINES)], columns=1),
                    _headlines(),
                ],
                list_hidden=not is_long,
                collapsed=collapsed,
                grouped_by=tag,
            )
            text = ui.as_tag(f"{began} {what}: {name}", state, created)
            if len(text) <= ui.LONGEST_VIEW:
                break
        left_out = max(left_out, len(varied) - shown)
        views.append(View(key, text))
    notes = []
    if left_out:
        shown_of = f"{len(varied) - left_out} of {len(varied)}"
        notes.append(f"MLflow's saved views have room for {shown_of} varied parameters")
    if is_long:
        notes.append(f"MLflow shows {ui.PAGE} runs, the first seeds of each setting, until “Load more”")
    return views, notes


def experiment_views() -> list[View]:
    """Return the views of every experiment: its sweeps, and the runs that belong to none."""
    sweeps = ui.page(
        "tags.kind = 'sweep'",
        columns=[
            *(ui.metric(f"sweep/{name}") for name in ("jobs", "finished", "failed")),
            *map(ui.tag, ("varied", "sweep_id")),
        ],
        order_by="attributes.start_time",
    )
    single = ui.page(
        "tags.kind = 'run' and tags.sweep_id IS NULL",
        columns=[
            *map(ui.metric, HEADLINES),
            *map(ui.parameter, ("loss.classification_weight", "loss.bbox_weight", "seed")),
        ],
        order_by="attributes.start_time",
        sections=[_front("runs"), _headlines()],
        collapsed=SPLITS,
    )
    return [View(SINGLE_RUNS, ui.as_tag("single runs", single, 0)), View(SWEEPS, ui.as_tag("all sweeps", sweeps, 1))]


def _front(what: str) -> ui.Section:
    return ui.Section(f"The front on test: {what}", [ui.scatter(*HEADLINES[:2])], columns=1)


def _headlines() -> ui.Section:
    return ui.Section("Headline metrics on test", [ui.bars(name) for name in HEADLINES])


def varied_parameters(runs: Sequence[RunRecord]) -> list[str]:
    """Return the parameters in which the runs of a sweep differ because the sweep varies them; ``seed`` if none else.

    A choice of a whole group, as ``optimizer=adam,sgd``, varies the parameters below it that all of its choices have.
    """
    varied = dict.fromkeys(key.replace("/", ".") for run in runs for key in varied_of(run.tags))
    begun = [run.parameters for run in runs if run.parameters]
    shared = sorted(set.intersection(*map(set, begun))) if begun else []
    below = dict.fromkeys(name for key in varied for name in shared if name == key or name.startswith(f"{key}."))
    return [name for name in below if len({parameters[name] for parameters in begun}) > 1] or ["seed"]


def _numeric(names: Sequence[str], runs: Sequence[RunRecord]) -> list[str]:
    """Return the parameters that are numbers in every run: others have no mean."""
    return [name for name in names if all(_is_number(run.parameters.get(name, "")) for run in runs if run.parameters)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _prefixes(runs: Sequence[RunRecord]) -> list[str]:
    """Return the sections in which MLflow shows all other metrics, by their prefixes."""
    found = {name.rpartition("/")[0] for run in runs for name in run.metrics}
    return [*SPLITS, *sorted(found - {*SPLITS, ""})]


def missing_setting(run: RunRecord) -> str | None:
    """Return the tag by which runs are grouped, for a run that was logged before there was one; else ``None``."""
    if SETTING in run.tags:
        return None
    return group_name(varied_of(run.tags), run.tags.get("role", ""))
