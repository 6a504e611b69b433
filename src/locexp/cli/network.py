"""The keys of the doors that take a trained network: where it is looked for, and how it is chosen of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from locexp.cli.compare import check_metric
from locexp.cli.keys import read_keys
from locexp.configuration.rules import check_tracking
from locexp.errors import UserError
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.trained.finding import is_folder


@dataclass
class CompareKeys:
    """The key of ``compare`` that says which setting of a sweep is chosen.

    Attributes:
        metric: what the setting of a sweep is chosen by.
    """

    metric: str = SELECTION_METRIC


def read_network_keys(schema: type, overrides: Sequence[str], which: str) -> Any:
    """Return the configuration of a door, see :func:`locexp.cli.keys.read_keys`.

    Args:
        schema: of the door, with ``tracking`` and, as :class:`CompareKeys`, ``compare``.
        overrides: KEY=VALUE.
        which: the network, as a user names it.

    Raises:
        UserError: a key or a value is wrong, or one says in which store to look for a folder.
    """

    def check(override: str, key: str) -> None:
        if key.startswith("tracking.") and is_folder(which):
            raise UserError(f"{override}: cannot be combined with a folder; leave it out, or give the id of the run.")

    cfg = read_keys(schema, overrides, check)
    check_tracking(cfg)
    check_metric(cfg.compare.metric)
    return cfg
