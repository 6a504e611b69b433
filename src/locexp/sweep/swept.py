"""What may be swept at all, and what makes runs that are not compared in the end."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.configuration.compose import Job
from locexp.configuration.overrides import key_of
from locexp.errors import UserError, listed
from locexp.records.provenance import flattened
from locexp.records.sweep_list import BUDGET

AGREE = ("data.", "bbox.", *BUDGET)
"""Prefixes of keys that compared runs must share: data, boxes and budget."""
SAME_SCENES = ("bbox.fresh", "bbox.augment")
"""The keys of boxes that change what is trained on, but not what is evaluated."""


def check_swept(keys: Sequence[str], cells: Sequence[tuple[str, ...]]) -> None:
    """Refuse to sweep what controls the whole sweep, and values that are given twice."""
    for key in keys:
        if key.replace("/", ".").split(".")[0] in ("sweep", "hydra", "tracking", "name"):
            raise UserError(f"{key}: cannot be swept, since it says how the whole sweep is run.")
        if key == "trainer.threads":
            raise UserError(
                f"{key}: TensorFlow takes one value in a process, so it cannot be swept; give one command for each."
            )
    if len(set(cells)) < len(cells):
        twice = next(cell for cell in cells if cells.count(cell) > 1)
        raise UserError(
            f"{listed(override for override in twice if key_of(override) in keys)}: is given twice in the sweep."
        )


def incomparable_keys(jobs: Sequence[Job]) -> list[str]:
    """Return, in words, what is swept though runs that differ in it are not compared, unless that is allowed."""
    if jobs[0].cfg.sweep.allow_mixed:
        return []
    settings = {job.config_hash: job.cfg for job in jobs}
    parts = [
        {key: value for key, value in flattened(cfg).items() if key.startswith(AGREE) and key not in SAME_SCENES}
        for cfg in settings.values()
    ]
    keys = {key for part in parts for key in part}
    differ = {key for key in keys if len({part.get(key) for part in parts}) > 1}
    # Of another class of boxes, or another source of data, the group says more than all of its keys.
    groups = {key.partition(".")[0] for key in differ if key.endswith("._target_")}
    named = {group if (group := key.partition(".")[0]) in groups else key for key in differ}
    if not named:
        return []
    return [
        f"{', '.join(sorted(named))}: runs that differ in this are trained, but not compared in the end, since "
        "more than a setting differs; sweep.allow_mixed=true compares them anyway"
    ]
