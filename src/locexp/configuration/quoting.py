"""Text as a value of Hydra's grammar, which reads more into it than a shell does."""

from __future__ import annotations

import contextlib
import re

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


def literal(text: str) -> str:
    """Return text as a value of OmegaConf in which nothing is an interpolation."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def quoted(text: str) -> str:
    """Return text as a quoted value of Hydra's grammar; what is an interpolation in it stays one."""
    return QuotedString(text, Quote.single if '"' in text else Quote.double).with_quotes()


def as_text(key: str, text: str) -> str:
    """Return ``key=text``, with quotes where Hydra would not read the text as it is."""
    plain = f"{key}={text}"
    with contextlib.suppress(HydraException):
        read = OverridesParser.create().parse_overrides([plain])[0]
        if not read.is_sweep_override() and type(read.value()) is str and read.value() == text and "${" not in text:
            return plain
    return f"{key}={quoted(literal(text))}"


def as_value(key: str, text: str) -> str:
    """Return ``key=text`` as :func:`as_text` does, but for interpolations, such as ``${oc.decode:${oc.env:X}}``."""
    with contextlib.suppress(OmegaConfBaseException):
        if "${" in text and OmegaConf.create([text]):
            return f"{key}={quoted(text)}"
    return as_text(key, text)
