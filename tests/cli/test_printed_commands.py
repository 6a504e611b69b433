"""Every command that is printed works as it is pasted into a shell, in a folder whose name a shell reads otherwise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from locexp.cli.compare import parse_arguments
from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.system.commands import command, typed
from locexp.tracking.location import locate, store_overrides
from tests.conftest import STOP_UNLESS_AGAIN, TINY, door_here, locexp, train_here

COMMAND = re.compile(r"python -m locexp\.(?:train|compare|log|ui)\b.*")


@pytest.fixture
def place(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a folder with a space and a quote in its name."""
    made = workplace / "it's my (1) #project"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def pasted(line: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Give the command that a line ends with to a shell, with this Python."""
    found = COMMAND.search(line)
    assert found is not None, line
    told = found.group().replace("python", sys.executable, 1)
    return subprocess.run(["bash", "-c", told], cwd=place, capture_output=True, text=True, timeout=300, check=False)


def stopped(place: Path, run: Path) -> None:
    """Let a finished run look as if it had been stopped before anything was logged."""
    record = RunRecord.read(run)
    record.logged = False
    record.write(run)


@pytest.mark.parametrize(
    "name", ["on", "007", "1e3", "null", "a'b\"c", "${x}", "a: b", "a, b", "a=b", "[x]", "x y ", "it's"]
)
def test_compare_reads_the_overrides_that_are_printed(name: str) -> None:
    location = locate(f"./{name}", None, name)
    _, cfg = parse_arguments(store_overrides(location))
    assert locate(cfg.tracking.uri, None, cfg.tracking.experiment) == location


@pytest.mark.parametrize("given", ["on,off", "'", "1e3", "", "${x}", "null"])
def test_compare_refuses_what_train_refuses(given: str) -> None:
    with pytest.raises(UserError, match=r"tracking\.experiment"):
        parse_arguments([f"tracking.experiment={given}"])


@pytest.mark.slow
def test_of_a_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "mine.py").write_text(STOP_UNLESS_AGAIN)
    sys.path.insert(0, str(place))
    words = ["trainer.epochs=2", "trainer.callbacks.x={_target_: mine.Stop}", "tracking.uri='my (own) store'"]
    run = "hydra.run.dir='a run=1 (it\\'s)'"
    try:
        assert train_here(*TINY, *words, run) == 130
    finally:
        sys.path.remove(str(place))
    (line,) = (one for one in capsys.readouterr().out.splitlines() if "trainer.resume" in one)
    assert train_here(*TINY, run) == 2
    (again,) = (one for one in capsys.readouterr().err.splitlines() if "trainer.resume" in one)
    assert COMMAND.search(line).group() == COMMAND.search(again).group()  # type: ignore[union-attr]
    (place / "again").touch()
    done = pasted(line, place)
    assert done.returncode == 0, done.stderr
    (ui,) = (one for one in done.stdout.splitlines() if one.startswith("MLflow"))
    assert "python -m locexp.ui '--uri=my (own) store'" in ui or "--uri=my (own) store" in ui
    folder = place / "a run=1 (it's)"
    stopped(place, folder)
    assert train_here(f"trainer.resume={folder}") == 2
    logged = pasted(capsys.readouterr().err, place)
    assert (logged.returncode, logged.stderr) == (0, "")


@pytest.mark.slow
def test_of_a_sweep(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["tracking.uri='my (own) store'", "tracking.experiment='a = b'"]
    sweep = ["--multirun", "optimizer=sgd", "optimizer.learning_rate=1e9,0.01", "hydra.sweep.dir='a sweep = 1'"]
    assert train_here(*TINY, *sweep, *store) == 1
    resume = next(one for one in capsys.readouterr().out.splitlines() if one.startswith("Resume"))
    again = pasted(resume, place)
    assert again.returncode == 1
    assert "1 has finished before, 1 is missing" in again.stdout
    folder = place / "a sweep = 1"
    assert door_here("compare", str(folder / "1")).returncode == 2
    refused = locexp("compare", str(folder / "1"), cwd=place)
    compared = pasted(refused.stderr, place)
    assert compared.returncode == 0, compared.stderr
    assert train_here(f"trainer.resume={folder}") == 2
    told = capsys.readouterr().err
    assert "is a sweep; continue it with" in told
    assert "1 has finished before" in pasted(told, place).stdout
    cut = json.loads((folder / "sweep" / "sweep.json").read_text())
    cut["jobs"].append({**cut["jobs"][1], "index": 2, "seed": 9})
    (folder / "sweep" / "sweep.json").write_text(json.dumps(cut))
    note = next(one for one in door_here("compare", "./a sweep = 1").stdout.splitlines() if "Cut short" in one)
    done = pasted(note.removesuffix(" runs what has not begun."), place)
    assert "sweep.resume" not in done.stderr or "in its list" in done.stderr  # the store's list is asked, not this one


@pytest.mark.parametrize("name", ["plain", "a b", "it's", "a=b", "-m", "~", "'x'", "$(x)", "a\nb", "#1", "ü"])
def test_a_folder_is_typed_so_that_it_is_found_again(place: Path, name: str) -> None:
    folder = place / name
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    done = subprocess.run(
        ["bash", "-c", command("log", typed(folder)).replace("python -m locexp.log", "printf '%s\\0'")],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    (argument,) = done.stdout.split("\0")[:-1]
    assert (place / argument).resolve() == folder
    assert argument[0] not in "-~'\""
    assert "\n" not in command("log", typed(folder))
    asked = door_here("log", argument)
    assert "cannot be read" in asked.stderr  # not "holds no run.json"
    assert train_here(f"trainer.resume={argument}") == 2
