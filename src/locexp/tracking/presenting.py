"""Saved views and descriptions in a store: what locexp wrote is brought up to date, what a user changed is theirs.

Beside what it writes, locexp keeps a digest of it. A text that no longer has that digest was edited or renamed, and one
that is gone was deleted: neither is written again.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata

from mlflow import MlflowClient

from locexp.errors import first_line
from locexp.records.record import RunRecord
from locexp.records.store import Describe
from locexp.records.sweep_list import SETTING
from locexp.tracking.location import PROBE_SECONDS, Location
from locexp.tracking.probe import fetch_bytes
from locexp.tracking.view_format import DESCRIPTION_TAG, FIRST_WITH_VIEWS, VIEW_TAG
from locexp.tracking.views import MEANS, experiment_views, missing_setting, sweep_views

logger = logging.getLogger(__name__)

WRITTEN = "locexp.written"
"""The tag of a run or an experiment that holds the digests of what locexp wrote about it, by the tags that have it."""
ABOUT = (
    "Runs of locexp: networks that name an object and box it. The menu **Views** at the top right has two views of "
    "every sweep, with a dot per run and with the mean of each setting, and *all sweeps* and *single runs*."
)


@dataclass(frozen=True)
class Presented:
    """What a sweep has in MLflow.

    Attributes:
        views: keys of the saved views that are there.
        notes: in words, what is lacking.
    """

    views: list[str]
    notes: list[str]


def changes(
    there: Mapping[str, str], written: str | None, wanted: Mapping[str, str]
) -> tuple[dict[str, str], str | None]:
    """Return the texts to write, and the digests to keep, or ``None`` where these are as they were.

    Args:
        there: texts by tag, as they are in the store.
        written: the digests that were kept.
        wanted: texts by tag, as they should be.
    """
    known = _digests(written)
    texts, digests = {}, dict(known)
    for name, text in wanted.items():
        now = there.get(name)
        is_own = now is not None and _digest(now) == known[name] if name in known else now in (None, text)
        if is_own:
            digests[name] = _digest(text)
            if now != text:
                texts[name] = text
    return texts, json.dumps(digests, separators=(",", ":")) if digests != known else None


def _digests(written: str | None) -> dict[str, str]:
    try:
        found = json.loads(written or "{}")
    except ValueError:  # somebody has edited it: then all that is there is theirs
        return {}
    return found if isinstance(found, dict) else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def new_experiment_tags() -> dict[str, str]:
    """Return the tags that a new experiment is made with: its views, its description."""
    texts, digests = changes({}, None, _of_experiment())
    return texts | {WRITTEN: str(digests)}


def _of_experiment() -> dict[str, str]:
    return {view.tag: view.text for view in experiment_views()} | {DESCRIPTION_TAG: ABOUT}


def described(there: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the tags to write so that a run has a description, given the tags that it has."""
    texts, digests = changes(there, there.get(WRITTEN), {DESCRIPTION_TAG: text})
    return texts if digests is None else texts | {WRITTEN: digests}


def present(
    client: MlflowClient,
    location: Location,
    parent: RunRecord,
    runs: Sequence[RunRecord],
    describe: Describe | None = None,
) -> Presented:
    """Write the views of a sweep and of its experiment, and the sweep's description; failing costs a note.

    Args:
        client: of the store.
        location: of the store.
        parent: the sweep's parent run, from that store.
        runs: all of the sweep's runs, from there.
        describe: makes the description of the parent run; ``None`` leaves it as it is.
    """
    try:
        found = _write_views(client, location, parent, runs)
    except Exception as error:  # no permission, a server that was lost: its client raises what it likes
        found = not_presented(error)
    if describe is not None:
        try:
            tags = client.get_run(parent.run_id).data.tags
            for name, text in described(tags, describe(found.views)).items():
                client.set_tag(parent.run_id, name, text)
        except Exception as error:  # likewise, which is said once
            return replace(found, notes=found.notes or not_presented(error).notes)
    return found


def known_views(client: MlflowClient, parent: RunRecord) -> list[str]:
    """Return the keys of the saved views of a sweep that its experiment has."""
    there = client.get_experiment(parent.experiment_id).tags
    sweep_id = parent.tags["sweep_id"]
    return [key for key in (sweep_id + MEANS, sweep_id) if VIEW_TAG + key in there]


def not_presented(error: Exception) -> Presented:
    """Return that a store has no views, for an error that is worth a note and nothing else."""
    logger.info("views and descriptions were not written", exc_info=error)
    return Presented([], [f"MLflow's saved views and descriptions are not all written ({first_line(error, 200)})"])


def _write_views(client: MlflowClient, location: Location, parent: RunRecord, runs: Sequence[RunRecord]) -> Presented:
    too_old = without_views(location)
    if too_old is not None:
        return Presented([], [too_old])
    experiment_id = parent.experiment_id
    for run in runs:
        setting = missing_setting(run)
        if setting is not None:
            client.set_tag(run.run_id, SETTING, setting)
    there = dict(client.get_experiment(experiment_id).tags)
    views, notes = sweep_views(parent, runs)
    texts, digests = changes(there, there.get(WRITTEN), _of_experiment())
    written = client.get_run(parent.run_id).data.tags.get(WRITTEN)
    own_texts, own_digests = changes(there, written, {view.tag: view.text for view in views})
    for name, text in (texts | own_texts).items():
        client.set_experiment_tag(experiment_id, name, text)
    if digests is not None:
        client.set_experiment_tag(experiment_id, WRITTEN, digests)
    if own_digests is not None:
        client.set_tag(parent.run_id, WRITTEN, own_digests)
    return Presented([view.key for view in views if view.tag in there | own_texts], notes)


def without_views(location: Location) -> str | None:
    """Return, in words, that the store's pages have no saved views; ``None`` where they have, or it is not known."""
    version, what = metadata.version("mlflow"), "MLflow"
    if location.is_server:
        what = "the server's MLflow"
        try:
            version = fetch_bytes(f"{location.uri}/version", PROBE_SECONDS).decode().strip()
        except (OSError, http.client.HTTPException, ValueError):
            return None
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) >= FIRST_WITH_VIEWS:
        return None
    first = ".".join(map(str, FIRST_WITH_VIEWS))
    return f"{what} is {version}; from {first} on, it would have saved views of the sweep"
