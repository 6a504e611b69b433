"""The real commands where streams, locale, home and interpreter are not as usual."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import TINY, locexp, only_run, tiny_without

DOORS = ("train", "compare", "log", "ui")
CHARMAP = Path("/usr/share/i18n/charmaps/ISO-8859-1.gz")


def in_shell(script: str, door: str, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script of a shell in which ``"$@"`` is the command."""
    command = [sys.executable, "-m", f"locexp.{door}", *words]
    environment = {**os.environ, **variables}
    return subprocess.run(
        ["bash", "-c", script, "bash", *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("door", DOORS)
def test_help_goes_wherever_its_output_does(door: str, tmp_path: Path) -> None:
    done = in_shell('"$@" | head -c 1; exit ${PIPESTATUS[0]}', door, "--help", cwd=tmp_path)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 1, b"")
    assert in_shell('"$@" >&- 2>&- <&-', door, "--help", cwd=tmp_path).returncode == 0
    full = in_shell('"$@" >/dev/full', door, "--help", cwd=tmp_path)
    assert (full.returncode, full.stderr) == (1, b"failed: standard output: No space left on device\n")
    assert in_shell('"$@" 2>/dev/full', door, "--nonsense", cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", [["--cfg", "job"], ["--info"], ["--hydra-help"]])
@pytest.mark.parametrize(("redirection", "status"), [(">/dev/full", 1), (">&-", 0), ("| head -c 1", 0)])
def test_what_hydra_shows_may_get_lost(flag: list[str], redirection: str, status: int, tmp_path: Path) -> None:
    done = in_shell(f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "train", *flag, cwd=tmp_path)
    assert done.returncode == status
    assert done.stderr == (b"failed: standard output: No space left on device\n" if status else b"")


@pytest.mark.parametrize("door", DOORS)
def test_what_is_not_text_in_the_locale_is_refused(door: str, tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for word, variables, shown in ((b"a=caf\xe9", {}, b"a=caf\\xe9"), ("a=é".encode(), ascii_only, b"a=?")):
        done = in_shell(f'"$@" {os.fsdecode(word)}', door, cwd=tmp_path, **variables)
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: " + shown + b": is not text in this locale (")
        assert done.stderr.count(b"\n") == 1
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    done = in_shell(f'cd {os.fsdecode(folder)}; "$@"', door, "a", cwd=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the current folder" in done.stderr
    gone = in_shell('mkdir x; cd x; rmdir ../x; "$@"', door, "a", cwd=tmp_path)
    assert (gone.returncode, gone.stderr.count(b"\n")) == (2, 1)
    assert b"the current folder has been removed" in gone.stderr


@pytest.mark.parametrize("columns", ["0", "1", "5", "abc", "-3"])
def test_a_narrow_terminal_is_enough_for_help(columns: str, tmp_path: Path) -> None:
    assert in_shell('"$@"', "compare", "--help", cwd=tmp_path, COLUMNS=columns, LINES=columns).returncode == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_command_starts_ends_it_without_a_word_too_many(sign: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "locexp.train", *TINY], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    status = Path(f"/proc/{process.pid}/status")
    caught = 1 << (signal.SIGHUP - 1)
    while not int(status.read_text(encoding="utf-8").split("SigCgt:")[1].split()[0], 16) & caught:
        assert process.poll() is None
    process.send_signal(sign)
    _, error = process.communicate(timeout=180)
    assert process.returncode == 128 + sign
    assert error == (b"interrupted\n" if sign == signal.SIGINT else b"")
    assert list(tmp_path.iterdir()) == []


STRANGE = {
    "optimised": {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1", "HYDRA_FULL_ERROR": "1"},
    "warnings as errors": {"PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "abc", "CUDA_VISIBLE_DEVICES": "x"},
    "no home": {
        "HOME": "/proc/nowhere",
        "XDG_CACHE_HOME": "/proc/nowhere",
        "NO_COLOR": "1",
    },
}


@pytest.mark.slow
def test_results_are_the_same_in_strange_surroundings(tmp_path: Path) -> None:
    found = []
    for name, variables in {"usual": {}, **STRANGE}.items():
        place = tmp_path / name
        place.mkdir()
        done = locexp("train", *TINY, cwd=place, env=variables)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        metrics = json.loads((only_run(place) / "run.json").read_bytes())["metrics"]
        found.append({key: value for key, value in metrics.items() if key.startswith(("test/", "val/", "best/"))})
    assert all(metrics == found[0] for metrics in found)


def train_on_disk(place: Path, size: str, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Train in a folder that is a disk of this size, which goes with the command; its records are copied beside it."""
    script = (
        f'mount -t tmpfs -o size={size} tmpfs disk || exit 77; cd disk; "$@"; status=$?; '
        'cp -r multirun ../kept 2>/dev/null; find . -name "*.partial*" >../partial; exit $status'
    )
    (place / "disk").mkdir()
    return in_shell(f"unshare -m bash -c '{script}' bash \"$@\" || exit", "train", *words, cwd=place)


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--multirun", "loss.bbox_weight=1,2,3,4"]], ids=["run", "sweep"])
@pytest.mark.parametrize("size", ["100k", "400k", "700k", "900k"])
def test_a_disk_that_fills_up_leaves_nothing_running_and_nothing_half(
    size: str, words: list[str], tmp_path: Path
) -> None:
    done = train_on_disk(tmp_path, size, [*tiny_without("loss.bbox_weight"), *words])
    if done.returncode in (77, 1) and b"unshare" in done.stderr + done.stdout:
        pytest.skip("no file system can be mounted here")
    assert done.returncode in (1, 2), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"No space left" in done.stderr + done.stdout or b"disk is full" in done.stderr + done.stdout
    records = [json.loads(path.read_bytes()) for path in (tmp_path / "kept").rglob("run.json")]
    assert all(record["status"] in ("FAILED", "FINISHED") for record in records)
    assert (tmp_path / "partial").read_bytes() == b""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("localedef") or not CHARMAP.exists(), reason="needs localedef and its charmaps")
def test_a_sweep_is_compared_in_a_latin_1_locale(tmp_path: Path) -> None:
    made = tmp_path / "locales" / "en_US.ISO-8859-1"
    made.parent.mkdir()
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(made)], check=True, capture_output=True)
    latin = {"LOCPATH": str(made.parent), "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}
    asked = "import locale; print(locale.getpreferredencoding())"
    said = subprocess.run([sys.executable, "-c", asked], env={**os.environ, **latin}, capture_output=True, check=True)
    assert said.stdout.strip() == b"ISO-8859-1"
    words = [*TINY, "--multirun", "loss.bbox_weight=1,2", "sweep.seeds=2"]
    place = tmp_path / "work"
    place.mkdir()
    done = in_shell('"$@"', "train", *words, cwd=place, **latin)
    assert (done.returncode, done.stderr) == (0, b"")
    for variables in (latin, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "xx_XX"}):
        done = in_shell('"$@"', "compare", cwd=place, **variables)
        assert done.returncode == 0, done.stderr
        assert b"Report" in done.stdout
    (report,) = place.glob("multirun/*/*/comparison/report.html")
    for path in report.parent.iterdir():
        if path.suffix != ".png":
            path.read_text(encoding="utf-8")
    assert "±" in report.read_text(encoding="utf-8")
