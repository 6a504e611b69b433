"""Keys that are new or have a new name: old names are answered with it, and what older versions stored is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from omegaconf import DictConfig, OmegaConf, open_dict

from locexp.configuration.overrides import key_of
from locexp.errors import UserError

RENAMED = {
    "sweep.replay_seeds": "sweep.final_seeds",
    "hydra.launcher.max_members": "sweep.max_members",
}
"""Old and new name; an old one is answered with its new name for one version, and read while runs that have it are."""

ADDED = {"trainer.saved_input": "fractions", "trainer.pictures": "all", "sweep.max_members": "null"}
"""Keys that stored configurations may lack, with what older versions did, as it would be typed."""


def check_overrides(overrides: Iterable[str]) -> None:
    """Refuse overrides of old names; raises :class:`UserError` with the new one."""
    for override in overrides:
        if new := RENAMED.get(key_of(override)):
            raise UserError(f"{override}: was renamed to {new}.")


def check_configuration(cfg: DictConfig) -> None:
    """Refuse a configuration file with old names; raises :class:`UserError` with the new one."""
    for old, value in _found(cfg):
        raise UserError(f"{old}={value}: was renamed to {RENAMED[old]}.")


def renamed_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the overrides of a stored sweep under their new names."""
    parts = [override.partition("=") for override in overrides]
    return ["".join((RENAMED.get(key, key), sign, value)) for key, sign, value in parts]


def rename_keys(cfg: DictConfig) -> None:
    """Give the keys of a stored configuration their new names."""
    with open_dict(cfg):
        for old, value in _found(cfg):
            group, _, name = old.rpartition(".")
            del OmegaConf.select(cfg, group)[name]
            OmegaConf.update(cfg, RENAMED[old], value)


def added_keys() -> DictConfig:
    """Return :data:`ADDED` as a configuration, over which a stored one is merged."""
    return OmegaConf.from_dotlist([f"{key}={value}" for key, value in ADDED.items()])


def _found(cfg: DictConfig) -> list[tuple[str, object]]:
    values = [(old, OmegaConf.select(cfg, old)) for old in RENAMED]
    return [(old, value) for old, value in values if value is not None]
