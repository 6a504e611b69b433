"""Where finished runs and sweeps are read from: a tracking store, or the folder of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from locexp.records.record import RunRecord


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

    def keep_folder(self, run: RunRecord, folder: Path) -> None:
        """Keep the files of a folder with a run, under the folder's name, in the place of earlier ones."""
