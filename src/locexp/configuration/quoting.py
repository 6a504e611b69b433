"""Text as a value of Hydra's grammar, which reads more into it than a shell does."""

from __future__ import annotations

import contextlib

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException


def quoted(text: str) -> str:
    """Return text as a quoted value that Hydra reads as it stands."""
    mark = Quote.single if '"' in text else Quote.double
    return QuotedString(text.replace("${", "\\${"), mark).with_quotes()


def as_text(key: str, text: str) -> str:
    """Return ``key=text``, with quotes where Hydra would not read the text as it stands."""
    plain = f"{key}={text}"
    with contextlib.suppress(HydraException):
        read = OverridesParser.create().parse_overrides([plain])[0]
        if not read.is_sweep_override() and type(read.value()) is str and read.value() == text and "${" not in text:
            return plain
    return f"{key}={quoted(text)}"
