"""Sixteen clients log runs while server, database and network fail: nothing is lost, and nothing double."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "store_load.py"
RUNS = 48

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif("LOCEXP_STORES" not in os.environ, reason="tests/cluster/stores.sh runs this, for some minutes"),
]


def audited(tmp_path: Path, *words: str) -> str:
    """Return what the script prints, which exits with 1 where a run is not in the store as it should be."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, str(SCRIPT), "--runs", str(RUNS), "--period", "10", "--lose", "300", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{RUNS} runs audited: 0 at fault" in done.stdout
    return done.stdout


def test_a_server_that_is_killed_and_a_bad_network_lose_and_double_nothing(tmp_path: Path) -> None:
    printed = audited(tmp_path, "--disturb", "server", "network")
    assert "server killed" in printed
    assert re.search(r"connections dropped: [1-9]", printed)


def test_a_database_that_is_restarted_and_an_object_store_lose_and_double_nothing(tmp_path: Path) -> None:
    for name in ("psycopg", "moto", "boto3"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed; it comes with the extra stores")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(0o755)  # PostgreSQL runs as another user
    printed = audited(
        tmp_path, "--store", "postgresql", "--artifacts", "s3", "--disturb", "database", "server", "network"
    )
    assert "database restarted" in printed
    assert "server killed" in printed
