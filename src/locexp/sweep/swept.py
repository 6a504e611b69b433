"""What may be swept at all, and what makes runs that are not compared in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from omegaconf import DictConfig

from locexp.configuration.compose import Job
from locexp.configuration.overrides import key_of
from locexp.errors import UserError, listed
from locexp.records.provenance import flattened
from locexp.records.sweep_list import BUDGET

AGREE = ("data.", "bbox.", *BUDGET)
"""Prefixes of keys that compared runs must share: data, boxes and budget."""
OF_SWEEP = ("sweep", "hydra", "tracking", "name")
"""What says how the whole sweep is run."""
HOW_WEIGHTED = ("loss", "optimizer")
"""The groups whose keys name the one setting of a sweep; see :func:`told_apart_by`."""
SAME_SCENES = ("bbox.fresh", "bbox.augment")
"""The keys of boxes that change what is trained on, but not what is evaluated."""


def check_swept(keys: Sequence[str], cells: Sequence[tuple[str, ...]]) -> None:
    """Refuse to sweep what controls the whole sweep, and values that are given twice."""
    for key in keys:
        if _group(key) in OF_SWEEP:
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


def told_apart_by(overrides: Sequence[str], swept: Sequence[str]) -> list[str]:
    """Return the keys by which the one setting of a sweep of nothing, or of seeds alone, differs from the default.

    What varies in such a sweep is nothing; but ``--multirun loss.bbox_weight=1`` trains another setting than the
    command without a weight, and is not to be taken for it. Data, boxes, network and recipe are what settings share.

    Args:
        overrides: of the command.
        swept: the keys that these sweep.

    Returns:
        Keys with a value in the command; nothing where anything but seeds is swept, which says what varies.
    """
    if set(swept) - {"seed"}:
        return []
    given = [key_of(override) for override in overrides if "=" in override and override[0] != "~"]
    return [key for key in dict.fromkeys(given) if _group(key) in HOW_WEIGHTED]


def _group(key: str) -> str:
    return key.replace("/", ".").partition(".")[0]


def incomparable_keys(jobs: Sequence[Job]) -> list[str]:
    """Return, in words, what is swept though runs that differ in it are not compared, unless that is allowed."""
    if jobs[0].composition.cfg.sweep.allow_mixed:
        return []
    named = differing({job.config_hash: job.composition.cfg for job in jobs}.values())
    if not named:
        return []
    return [
        f"{listed(named)}: runs that differ in this are trained, but not compared in the end, since more than a "
        "setting differs; sweep.allow_mixed=true compares them anyway"
    ]


def differing(settings: Iterable[DictConfig]) -> list[str]:
    """Return the keys of data, boxes and budget in which settings differ, so that they cannot be compared."""
    parts = [
        {key: value for key, value in flattened(cfg).items() if key.startswith(AGREE) and key not in SAME_SCENES}
        for cfg in settings
    ]
    keys = {key for part in parts for key in part}
    differ = {key for key in keys if len({part.get(key) for part in parts}) > 1}
    # Of another class of boxes, or another source of data, the group says more than all of its keys.
    groups = {key.partition(".")[0] for key in differ if key.endswith("._target_")}
    return sorted({group if (group := key.partition(".")[0]) in groups else key for key in differ})
