"""What runs leave on the disk, by kind of file: in all, and with files of several names (hard links) once.

    python benchmarks/disk.py                               # ./multirun and ./mlruns
    python benchmarks/disk.py multirun/2026-11-28/20-42-52-84e648 mlruns
    python benchmarks/disk.py --runs 144                    # and bytes per run

A file with several names counts for the first folder that has it. Bytes are those of the files; what a disk takes for
them, in whole blocks, is in the last column.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

BLOCK = 512
"""Bytes in a unit of st_blocks."""
KINDS = {
    "model.keras": "models",
    "checkpoint.npz": "checkpoints",
    "mlflow.db": "MLflow's database",
    ".png": "pictures",
    ".csv": "tables",
    ".html": "reports",
}


def kind_of(path: Path) -> str:
    """Return what a file is, in words."""
    return KINDS.get(path.name) or KINDS.get(path.suffix) or "records and settings"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("multirun"), Path("mlruns")])
    parser.add_argument("--runs", type=int, help="show bytes per run of so many, too")
    arguments = parser.parse_args()
    files, apparent, once, blocks = (Counter[str]() for _ in range(4))
    seen = set()
    for folder in arguments.folders:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            status = path.stat()
            for kind in (kind_of(path), f"all of {folder}", "all"):
                files[kind] += 1
                apparent[kind] += status.st_size
                if (status.st_dev, status.st_ino) not in seen:
                    once[kind] += status.st_size
                    blocks[kind] += BLOCK * status.st_blocks
            seen.add((status.st_dev, status.st_ino))
    print(f"{'MB':28}{'files':>8}{'by name':>10}{'once':>10}{'blocks':>10}")
    for kind, _ in once.most_common():
        numbers = "".join(f"{count[kind] / 1e6:10.1f}" for count in (apparent, once, blocks))
        print(f"{kind:28}{files[kind]:8,}{numbers}")
    if arguments.runs:
        print(f"\n{once['all'] / arguments.runs / 1e3:,.0f} kB per run")


if __name__ == "__main__":
    main()
