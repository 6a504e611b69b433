"""Ranges of the keys that several networks have."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.errors import UserError, listed, nearest

NORMALIZATIONS = ("none", "batch")


def check_filters(filters: Sequence[int]) -> None:
    """Check the key ``model.filters``; raises :class:`UserError`."""
    if not filters or any(count < 1 for count in filters):
        raise UserError(f"model.filters={list(filters)}: expected one whole number >= 1 for each convolution.")


def check_at_least(key: str, value: int, least: int) -> None:
    """Check a key that holds a whole number; raises :class:`UserError`."""
    if value < least:
        raise UserError(f"model.{key}={value}: expected a whole number >= {least}.")


def check_dropout(dropout: float) -> None:
    """Check the key ``model.dropout``; raises :class:`UserError`."""
    if not 0 <= dropout < 1:
        raise UserError(f"model.dropout={dropout}: expected a number in [0, 1).")


def check_choice(key: str, value: str, allowed: Sequence[str]) -> None:
    """Check a key that holds one of some names; raises :class:`UserError`."""
    if value not in allowed:
        raise UserError(f"model.{key}={value}: expected one of {listed(allowed)}.{nearest(value, allowed)}")


def check_normalization(normalization: str) -> None:
    """Check the key ``model.normalization``; raises :class:`UserError`."""
    check_choice("normalization", normalization, NORMALIZATIONS)


def check_halvings(input_shape: Sequence[int], halvings: int, filters: Sequence[int]) -> None:
    """Check that an image has two pixels left to tell apart before each halving; raises :class:`UserError`."""
    height, width = input_shape[:2]
    if min(height, width) < 2**halvings:
        fit = min(height, width).bit_length() - 1
        raise UserError(
            f"model.filters={list(filters)}: {halvings} halvings leave nothing to tell apart of an image of "
            f"{width}x{height} pixels; it has room for {fit}. Give fewer filters."
        )
