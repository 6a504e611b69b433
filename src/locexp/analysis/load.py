"""``locexp.load_sweep``: which sweep is meant, and where it is read from."""

from __future__ import annotations

import logging
import os

from locexp.analysis.frames import Sweep
from locexp.analysis.results import in_order
from locexp.analysis.source import source_of
from locexp.errors import RunFailedError, UserError, listed, nearest
from locexp.evaluation.metrics import METRICS, SELECTION_METRIC
from locexp.records.folder_store import FolderStore, names_folder
from locexp.records.store import Store
from locexp.tracking.environment import unread_variables
from locexp.tracking.location import check, locate

logger = logging.getLogger(__name__)


def load_sweep(
    path_or_id: str | os.PathLike[str] = "last",
    *,
    tracking_uri: str | None = None,
    experiment: str = "locexp",
    metric: str = SELECTION_METRIC,
    allow_mixed: bool = False,
) -> Sweep:
    """Read a sweep that has finished or was stopped; nothing is written, and nothing is unpickled.

    Args:
        path_or_id: the folder of a sweep, such as ``multirun/DATE/TIME``, whose files alone are read then; or the id
            of a sweep or of its run in MLflow, or ``last``, to be looked up in a tracking store.
        tracking_uri: that store: a folder, ``sqlite:///…`` or ``http(s)://…``; ``./mlruns`` by default.
        experiment: the name of the MLflow experiment in it.
        metric: by which a setting is chosen and tested: ``accuracy``, ``mean_iou``, ``loc_acc_50``, ``loc_acc_75`` or
            ``center_error_px``.
        allow_mixed: compare runs of different data, budgets or code anyway.

    Raises:
        UserError: there is no such sweep, or it cannot be read.
        RunFailedError: the store or the folder fails.
    """
    if metric not in METRICS:
        raise UserError(f"metric={metric}: expected one of {listed(METRICS)}.{nearest(metric, METRICS)}")
    which = os.fspath(path_or_id)
    if isinstance(path_or_id, os.PathLike) or names_folder(which):
        if tracking_uri is not None:
            raise UserError(f"tracking_uri={tracking_uri}: cannot be combined with a folder: its files alone are read.")
        try:
            return _loaded(FolderStore(which), "last", metric, allow_mixed)
        except OSError as error:
            raise RunFailedError(f"{which}: cannot be read ({error.strerror or error}).") from error
    location = locate(tracking_uri, None, experiment)
    check(location)
    from locexp.tracking.store import MlflowStore, store_errors

    for note in unread_variables(location, tracking_uri, key="tracking_uri"):
        logger.warning(note)
    with store_errors(location):
        return _loaded(MlflowStore(location), which, metric, allow_mixed)


def _loaded(store: Store, which: str, metric: str, allow_mixed: bool) -> Sweep:
    source = source_of(store, which)
    for note in source.notes:
        if note != store.note:
            logger.warning(note)
    parent = source.parent
    children = in_order(source.children)
    return Sweep(
        parent.tags["sweep_id"], parent.name, parent.status, metric, allow_mixed, source.store, parent, children
    )
