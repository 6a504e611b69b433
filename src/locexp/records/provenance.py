"""Where a run comes from: its name, its parameters and its tags."""

from __future__ import annotations

import contextlib
import functools
import getpass
import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.schema import config_hash, leaves
from locexp.system.process import process_tags
from locexp.version import __version__

BOOKKEEPING = ("tracking", "hydra", "name")
UNKNOWN = "unknown"
VERSIONS = ("locexp_version", "git_commit", "tensorflow_version", "keras_version")
"""The tags that say which code made a run's numbers."""
ROOT = Path(__file__).resolve().parents[3]
"""The checkout, where this code runs from one."""


def run_name(cfg: DictConfig, overrides: Sequence[str]) -> str:
    """Return the run's name: ``cfg.name``, or what varies, such as ``bbox_weight=0.5 seed=1``."""
    if cfg.name:
        return str(cfg.name)
    parts = []
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key.replace("/", ".").split(".", 1)[0] not in (*BOOKKEEPING, "seed"):
            resolved = OmegaConf.select(cfg, key) if "${" in value else value
            parts.append(f"{key.split('.')[-1]}={resolved}")
    return " ".join([*(parts or ["defaults"]), f"seed={cfg.seed}"])


def flattened(cfg: DictConfig) -> dict[str, str]:
    """Return every leaf of a configuration but ``sweep`` by its dotted key, as text; lists are leaves."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    return {key: str(value) for key, value in leaves(container) if not key.startswith("sweep.")}


def provenance(cfg: DictConfig, overrides: Sequence[str]) -> dict[str, str]:
    """Return tags that say what was run, by whom, where and from which commit."""
    tags = {
        "config_hash": config_hash(cfg),
        "seed": str(cfg.seed),
        "overrides": " ".join(overrides),
        "locexp_version": __version__,
        "tensorflow_version": _version("tensorflow"),
        "keras_version": _version("keras"),
        "python_version": platform.python_version(),
        **process_tags(),
        "mlflow.source.name": "locexp.train",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }
    commit, changes = _code_version()
    if commit:
        tags["mlflow.source.git.commit"] = commit
        tags["git_commit"] = commit + {"": "", UNKNOWN: f"-{UNKNOWN}"}.get(changes, f"-dirty-{changes}")
    return tags


@functools.cache
def _code_version() -> tuple[str, str]:
    """Return the commit of the checkout and a short hash of its changes, empty where there are none, or that they are
    unknown, where git does not say; as they are when the process first needs them. A commit made while a sweep runs
    does not change the code that is in its memory.
    """
    commit, changes = _git("rev-parse", "HEAD"), _git("diff", "--no-ext-diff", "HEAD")
    names = _git("ls-files", "--others", "--exclude-standard", "--", "src")
    if changes is None or names is None:
        return commit or "", UNKNOWN
    for name in names.splitlines():
        with contextlib.suppress(OSError):
            changes += f"\n{name}\n{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}"
    return commit or "", hashlib.sha256(changes.encode()).hexdigest()[:8] if changes else ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id
        return str(os.getuid())


def _git(*arguments: str) -> str | None:
    """Return what git answers about the checkout that this code runs from; ``None`` where it is none, or git fails."""
    if not (ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
