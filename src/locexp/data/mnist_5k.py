"""``data=mnist_5k``: the bundled 5,000 real digits; no network needed."""

from __future__ import annotations

from locexp.data.arrays import RawData
from locexp.data.bundled import bundled_digits
from locexp.errors import UserError


def load(source: str = "auto", path: str | None = None, notes: tuple[str, ...] = ()) -> RawData:
    """Load the bundled digits; they have no official test split.

    Raises:
        UserError: another source than ``auto`` or ``bundled``, or a path.
    """
    check_ranges(source, path)
    images, labels = bundled_digits()
    return RawData("mnist_5k", "bundled", images, labels, notes=notes)


def check_ranges(source: str, path: str | None) -> None:
    """Check the keys without reading anything; raises :class:`UserError`."""
    if source not in ("auto", "bundled"):
        raise UserError(f"data.source={source}: data=mnist_5k is bundled; expected auto or bundled.")
    if path is not None:
        raise UserError(f"data.path={path}: data=mnist_5k reads no path; use data=file data.path={path}.")
