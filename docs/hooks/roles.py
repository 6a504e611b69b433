"""An extension of Griffe: the roles of Sphinx in docstrings, such as :func:`~locexp.bounds.checked`, as Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":\w+:`(~?)([^`]+)`")


def plain(text: str) -> str:
    """Return a text with the roles in it as code, what begins with ``~`` as its last part."""
    text = ROLE.sub(lambda role: f"`{role[2].rpartition('.')[2] if role[1] else role[2]}`", text)
    return re.sub(r"(?<=: )>", r"\>", text)  # of an argument that is >= 1: else a quotation


class Roles(griffe.Extension):
    """Rewrites every docstring when it is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by Griffe for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = plain(obj.docstring.value)
