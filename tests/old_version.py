"""What version 0.1.0 left, unpacked as if it had been made in a folder of this machine."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

FIXTURE = Path(__file__).parent / "fixtures" / "v0_1"


def unpack(root: Path) -> Path:
    """Unpack run folders and their MLflow store into ``root``, which must be there; returns it."""
    written: dict[str, Callable[[str], str]] = {
        ".json": lambda text: json.dumps(text)[1:-1],
        ".jsonl": str,
        ".yaml": str,  # in plain scalars
        ".sql": lambda text: text.replace("'", "''"),
    }
    for path in (*FIXTURE.rglob("mlruns/**/*"), *FIXTURE.rglob("multirun/**/*")):
        target = root / path.relative_to(FIXTURE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            continue
        if path.suffix == ".gz":
            target.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        elif path.suffix in written:
            target.write_text(_placed(path.read_text(), root, written[path.suffix]))
        else:
            shutil.copy(path, target)
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as database:
        database.executescript((root / "mlruns" / "mlflow.sql").read_text())
    for path in root.glob("multirun/**/run.json"):
        record = json.loads(path.read_text())
        if record["logged"]:
            shutil.copytree(path.parent, root / "mlruns" / "artifacts" / record["run_id"] / "artifacts")
    return root


def expected() -> dict[str, Any]:
    """Return what version 0.1.0 itself made of it: ``comparison``, and ``undisturbed`` with history and metrics."""
    found: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text())
    return found


def _placed(text: str, root: Path, escaped: Callable[[str], str]) -> str:
    places = {
        "@ROOT@": str(root),
        "@URI@": root.as_uri(),
        "@QUOTED@": str(root).replace("\\", "\\\\").replace("'", "\\'"),
    }
    for name, place in places.items():
        text = text.replace(name, escaped(place))
    return text
