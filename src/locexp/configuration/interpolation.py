"""Interpolations such as ``${seed}`` or ``${oc.env:X}``: replaced by values before a run is hashed and named."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from locexp.configuration.hydra_internals import known_configuration
from locexp.configuration.quoting import literal
from locexp.configuration.schema import hint_of, is_text, leaves
from locexp.errors import UserError

LATE = re.compile(r"\$\{\s*hydra[:.](job\.(num|id)|run\.dir|sweep\.\w+|runtime\.output_dir)\s*\}")
"""What is known only when a job runs."""
VOLATILE = re.compile(r"\$\{\s*(now|locexp\.unique)\s*:")
"""What differs from command to command, so that a run that depends on it could not be continued."""
NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)
FREE = ("name", "tracking")
"""Keys that nothing depends on."""


def resolve(cfg: DictConfig, seed: int | None) -> dict[str, str]:
    """Replace interpolations, but for those in Hydra's part.

    Args:
        cfg: the whole configuration.
        seed: of the run; ``None`` for the one that is configured.

    Returns:
        The values that depend on the seed, as text by key.

    Raises:
        UserError: a value is not known before the run begins, or would differ at the next command.
        OmegaConfBaseException: an interpolation cannot be resolved.
    """
    written = {key: str(value) for key, value in _own(cfg).items() if "${" in str(value)}
    for key, value in written.items():
        if LATE.search(value):
            raise UserError(f"{key}={value}: is known only when the run has begun; give what is known before.")
        if VOLATILE.search(value) and key.split(".")[0] not in FREE:
            raise UserError(f"{key}={value}: differs from command to command, so the run could not be continued.")
    if seed is not None:
        cfg.seed = seed
    if not written:
        return {}
    other = copy.deepcopy(cfg)
    other.seed = 0 if cfg.seed else 1
    own, others = _resolved(cfg), _resolved(other)
    found = {key: str(value) for key, value in own.items() if key != "seed" and others.get(key) != value}
    for key in found:
        if key.startswith("sweep."):
            raise UserError(f"{key}={written.get(key, own[key])}: a sweep cannot depend on the seeds of its runs.")
    return found


def _resolved(cfg: DictConfig) -> dict[str, Any]:
    with known_configuration(cfg):
        _replace(cfg, [str(name) for name in cfg if name != "hydra"])
    return _own(cfg)


def _replace(node: Any, names: Iterable[Any]) -> None:
    """Replace interpolations; ``OmegaConf.resolve`` would leave text that was written as ``\\${`` as one."""
    for name in names:
        if OmegaConf.is_missing(node, name):
            continue
        value = node[name]
        if OmegaConf.is_interpolation(node, name):
            node[name] = _read(node._get_full_key(name), value) if isinstance(value, str) else value
        if OmegaConf.is_config(node[name]):
            _replace(node[name], list(node[name]) if OmegaConf.is_dict(node[name]) else range(len(node[name])))


def _read(key: str, text: str) -> Any:
    """Return what an environment variable holds, as text or, for a key of the schema that takes none, as a number."""
    if hint_of(key) is None or is_text(key):
        return literal(text)
    number = yaml.safe_load(text) if NUMBER.fullmatch(text) else text
    return literal(text) if isinstance(number, str) else number


def _own(cfg: DictConfig) -> dict[str, Any]:
    """Return the values outside Hydra's part by key, as they are written."""
    container = OmegaConf.to_container(cfg)
    assert isinstance(container, dict)
    return dict(leaves({name: value for name, value in container.items() if name != "hydra"}))
