"""What would change nothing, or what locexp does in its own way: refused, since whoever gives it expects an effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from locexp.configuration.overrides import is_for_hydra, key_of
from locexp.configuration.schema import leaves
from locexp.errors import UserError, listed

OF_RUN = ("hydra.run.dir",)
OF_SWEEP = ("hydra.sweep.dir", "hydra/launcher", "hydra.launcher")
OF_BOTH = (
    "hydra.callbacks",
    "hydra.verbose",
    "hydra.job.name",
    "hydra.job.env_set",
    "hydra.output_subdir",
    "hydra.searchpath",
    "hydra/job_logging",
    "hydra.job_logging",
    "hydra/hydra_logging",
    "hydra.hydra_logging",
)
"""The keys of Hydra's own part that have an effect here, the keys below them included."""
CHECKED = ("hydra.mode", "hydra.job.chdir", "hydra.sweep.subdir")
"""Those of which :func:`check_hydra` takes the value that locexp has."""
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
AUGMENTATIONS = ("crop", "pad", "stretch", "rotate", "outline", "flip", "brightness", "contrast", "grey")
"""The keys of ``bbox=annotated`` that say what an augmentation does."""
SWEEP_ALONE = ("sweep.on_error", "sweep.presume_dead", "sweep.allow_mixed", "sweep.max_members")
NEEDS = {
    "bbox.noise_level": "bbox.noise",
    **{f"bbox.{name}": "bbox.augment" for name in AUGMENTATIONS},
    "optimizer.params.ema_momentum": "optimizer.params.use_ema",
    "optimizer.params.ema_overwrite_frequency": "optimizer.params.use_ema",
    "optimizer.params.nesterov": "optimizer.params.momentum",
}
"""Keys that do something only beside another one."""


def check_copied(overrides: Sequence[str]) -> None:
    """Refuse ``hydra.job.env_copy``, with which Hydra itself may fail to compose; raises :class:`UserError`."""
    for override in overrides:
        if key_of(override) == "hydra.job.env_copy":
            raise UserError(f"{override}: does nothing here; jobs have the environment of the command.")


def check_hydra(hydra: DictConfig, overrides: Sequence[str]) -> None:
    """Refuse what locexp does in its own way; raises :class:`UserError`."""
    if hydra.mode == RunMode.MULTIRUN:
        raise UserError("hydra.mode=MULTIRUN: give --multirun instead.")
    sweeper = hydra.sweeper
    given = [override for override in overrides if re.match(r"hydra[/.]sweeper\b", key_of(override))]
    if given or not str(sweeper._target_).endswith(".BasicSweeper") or sweeper.get("params"):
        raise UserError(
            "hydra/sweeper: locexp runs sweeps itself, keeps their jobs and compares them; Hydra's sweepers are not "
            "used. Leave it out. Grids, whole sweeps and searches: docs/sweeps.md."
        )
    if dict(leaves(OmegaConf.to_container(hydra.sweep)))["subdir"] != "${hydra.job.num}":
        raise UserError(
            "hydra.sweep.subdir: does nothing here: a job's folder is its number in the sweep; leave it out."
        )
    if hydra.job.chdir:
        raise UserError(
            "hydra.job.chdir=true: a run stays in the current directory, to which its data and its tracking store are "
            "relative; leave it out. Its own folder is hydra.run.dir."
        )


def check_alone(cfg: DictConfig, overrides: Sequence[str], own_keys: Callable[[], set[str]]) -> None:
    """Refuse what would do nothing in any command.

    Args:
        cfg: what the overrides compose.
        overrides: of the command.
        own_keys: returns the keys that the user's files give.

    Raises:
        UserError: the message begins with the key.
    """
    for key, needed in NEEDS.items():
        if key == "optimizer.params.nesterov" and not str(cfg.optimizer._target_).endswith(".SGD"):
            continue  # the optimizer itself refuses it
        if OmegaConf.select(cfg, key) in (None, False) or OmegaConf.select(cfg, needed):
            continue
        given = [override.lstrip("+") for override in overrides if key_of(override) == key]
        if given or {key, needed} & own_keys() == {key}:  # a whole group that was copied holds both
            shown = given[-1] if given else f"{key}={OmegaConf.select(cfg, key)}"
            raise UserError(f"{shown}: does nothing without {needed}; give both, or leave it out.")
    for override in overrides:
        key = key_of(override)
        if is_for_hydra(override) and not _is_one_of(key, (*OF_RUN, *OF_SWEEP, *OF_BOTH, *CHECKED)):
            raise UserError(f"{override}: does nothing here; of Hydra's own keys, these do: {listed(_all())}.")


def check_used(overrides: Sequence[str], *, is_sweep: bool) -> list[str]:
    """Refuse overrides that are for a sweep where there is none, and vice versa; raises :class:`UserError`.

    Returns:
        Notes on those that are not refused: a script may give the folders of both.
    """
    unused = OF_RUN if is_sweep else (*OF_SWEEP, *SWEEP_ALONE)
    keys, folder = set(map(key_of, overrides)), FOLDERS[not is_sweep]
    notes: list[str] = []
    for override in overrides:
        if key_of(override) == folder and keys.issuperset(FOLDERS):
            notes.append(f"{override}: is not used, since this is {'a sweep' if is_sweep else 'a run by itself'}")
            continue
        if _is_one_of(key_of(override), unused):
            if is_sweep:
                raise UserError(f"{override}: is for a run by itself; the folder of a sweep is hydra.sweep.dir.")
            raise UserError(
                f"{override}: is for a sweep, and this is a run by itself; leave it out, or add --multirun or a sweep."
            )
    return notes


def _is_one_of(key: str, keys: Sequence[str]) -> bool:
    return any(re.match(rf"{re.escape(one)}([./]|$)", key) for one in keys)


def _all() -> list[str]:
    return sorted((*OF_RUN, *OF_SWEEP, *OF_BOTH))
