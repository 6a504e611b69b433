"""Pictures look the same whatever settings of Matplotlib a user or a notebook has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRAWING = """
import hashlib, io
from locexp.errors import UserError
from locexp.system.matplotlib import start_matplotlib
from locexp.system.surroundings import force_libraries
force_libraries()  # as every command does
try:
    start_matplotlib()
except UserError as error:
    print(error)
else:
    from locexp.plots.files import save
    from matplotlib.figure import Figure
    figure, content = Figure(), io.BytesIO()
    figure.subplots().plot([1, 3, 2], label="text $x^2$")
    save(figure, content)
    print(hashlib.sha256(content.getvalue()).hexdigest())
"""
SETTINGS = "text.usetex: True\naxes.facecolor: black\nfont.size: 40\nsavefig.transparent: True\nbackend: nonsense_gtk\n"


def drawn(cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DRAWING],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.slow
def test_settings_and_backends_of_others_change_no_picture(tmp_path: Path) -> None:
    plain = drawn(tmp_path)
    assert (len(plain.stdout), plain.stderr) == (65, "")
    for backend in ("module://matplotlib_inline.backend_inline", "nonsense", "TkAgg"):
        other = drawn(tmp_path, MPLBACKEND=backend)
        assert (other.stdout, other.stderr) == (plain.stdout, "")
    (tmp_path / "own.rc").write_text(SETTINGS, encoding="utf-8")
    other = drawn(tmp_path, MATPLOTLIBRC="own.rc")
    assert other.stdout == plain.stdout
    *_, said = other.stderr.splitlines()
    assert said == "own.rc: axes.facecolor, font.size, savefig.transparent, text.usetex is ignored here"
    (tmp_path / "matplotlibrc").write_text(SETTINGS, encoding="utf-8")
    assert drawn(tmp_path).stdout == plain.stdout


def test_settings_that_matplotlib_cannot_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes("# café".encode("latin-1"))
    done = drawn(tmp_path)
    assert done.stdout.startswith("Matplotlib cannot be imported (UnicodeDecodeError: 'utf-8' codec can't decode byte")
    assert "./matplotlibrc" in done.stdout


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_no_folder_for_its_cache_is_named(tmp_path: Path) -> None:
    done = drawn(tmp_path, MPLCONFIGDIR="/proc/x", TMPDIR="/proc/x")
    assert "MPLCONFIGDIR" in done.stdout + done.stderr
