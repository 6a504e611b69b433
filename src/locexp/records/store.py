"""Where finished runs and sweeps are read from: a tracking store, or the folder of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from locexp.records.record import RunRecord

Describe = Callable[[Collection[str]], str]
"""Returns a description in Markdown, given the keys of the saved views that there are."""


class Store(Protocol):
    """Runs and sweeps, whatever keeps them. Runs of equal files are equal in every store, to the digit.

    Attributes:
        label: what messages call it, such as ``the store``.
        note: what a reader of a comparison must know about its source; may be empty.
    """

    label: str
    note: str

    def sweep(self, which: str) -> RunRecord:
        """Return the parent run of a sweep.

        Args:
            which: a sweep id, the run id of the parent, or ``last``.

        Raises:
            UserError: there is no such sweep.
        """

    def children(self, sweep_id: str) -> list[RunRecord]:
        """Return every run of a sweep, finished or not, the latest first."""

    def content(self, run: RunRecord, path: str) -> bytes | None:
        """Return a file of a run, named relative to its directory; ``None`` where there is none at this path."""

    def keep_comparison(
        self, parent: RunRecord, runs: Sequence[RunRecord], folder: Path, describe: Describe
    ) -> list[str]:
        """Keep a comparison with its sweep, in the place of an earlier one; returns, in words, what could not be kept.

        Args:
            parent: of the sweep.
            runs: all that belong to it.
            folder: with the files of the comparison.
            describe: makes a description of the sweep, for a store that shows such.
        """
