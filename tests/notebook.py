"""Notebooks of the docs: run as they are, and made into pages with what they print and draw.

A notebook is a Python file in jupytext's percent format, which is read like code and opened like a notebook. Its page,
a Markdown file beside it, is made from it, so the docs need no further plugin.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MADE = "<!-- Made from {name}.py by `python -m tests.documented`: edit that. -->\n"

VARIES = "<!-- varies -->\n"
"""Stands before what a cell prints that the notebook marks so: on another machine it may be something else."""


@dataclass(frozen=True)
class Page:
    """What a notebook becomes: a Markdown text, and the PNG pictures in it by their names."""

    text: str
    pictures: dict[str, bytes]


def executed(source: Path, folder: Path) -> Any:
    """Run a notebook in a folder; returns it with its outputs, a notebook of nbformat.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raises.
    """
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(source)
    # Under pytest, a test before may have made matplotlib draw without a screen: the kernel has a way of its own.
    own = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute(env=own)
    return notebook


def without_varying(text: str) -> str:
    """Return a page without what is marked to be another on another machine."""
    return re.sub(rf"(?<={VARIES}```text\n).*?(?=```$)", "", text, flags=re.DOTALL | re.MULTILINE)


def as_page(notebook: Any, name: str) -> Page:
    """Return a notebook that was run as a page of the docs."""
    parts = [MADE.format(name=name)]
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(f"{cell.source}\n")
            continue
        parts.append(f"```python\n{cell.source}\n```\n")
        for output in cell.outputs:
            if "image/png" in (data := output.get("data", {})):
                picture = f"{name}_{len(pictures) + 1}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                parts.append(f"![{cell.metadata['alt']}]({picture})\n")
            elif output.get("name") != "stderr":  # of tqdm, about widgets
                text = output.text if output.output_type == "stream" else data["text/plain"]
                lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
                parts.append(f"{VARIES if 'varies' in cell.metadata else ''}```text\n{lines}\n```\n")
    return Page("\n".join(parts), pictures)
