"""What belongs to the project rather than to its code: licences, the version, releases, workflows."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

import locexp

ROOT = Path(__file__).parent.parent
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""The sha256 of https://www.apache.org/licenses/LICENSE-2.0.txt, which is Debian's common-licenses/Apache-2.0, too."""
PLACEHOLDER = "Copyright [yyyy] [name of copyright owner]"
KINDS = {"What you must do", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""Those of Keep a Changelog 1.1.0, and what its section Changed would hide."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))["project"]


def changelog() -> list[tuple[str, str | None]]:
    """The changelog's versions with their dates, the newest first."""
    return re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", read("CHANGELOG.md"), re.MULTILINE)


def stages() -> set[str]:
    """The words that .ci/run takes."""
    (words,) = re.findall(r"^ +((?:\w+ \| )+\w+)\) ", read(".ci/run"), re.MULTILINE)
    return set(words.split(" | "))


def test_the_licence_is_apaches_word_for_word_with_our_name_in_its_notice() -> None:
    notice = re.findall(r"^   (Copyright .*)$", read("LICENSE"), re.MULTILINE)
    assert notice == ["Copyright 2026 the locexp authors"]
    text = read("LICENSE").replace(notice[0], PLACEHOLDER)
    assert hashlib.sha256(text.encode()).hexdigest() == APACHE_2_0
    assert project()["license"] == "Apache-2.0"


def test_third_party_names_each_dependency_and_each_file_with_a_copyright_of_others() -> None:
    page = read("THIRD_PARTY.md")
    table = page[page.index("## Packages") :]
    listed = re.findall(r"([a-z][\w-]+) \d[\d.]+", table)
    assert sorted(listed) == sorted(re.match(r"[\w-]+", line)[0] for line in project()["dependencies"])  # type: ignore[index]
    files = [
        path
        for folder in ("src", "conf", "docs", "benchmarks", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".js", ".css", ".html", ".svg", ".yaml", ".md"} and path != Path(__file__)
    ]
    others = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if re.search(r"copyright +(\(c\)|©|\d{4})", path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert [name for name in others if f"`{name}`" not in page] == []


def test_version_changelog_and_citation_agree() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    dated = citation.get("date-released")
    base = locexp.__version__.removesuffix(".dev0")
    assert re.fullmatch(r"\d+\.\d+\.\d+", base)
    assert citation["version"] == base
    newest = ("Unreleased", "") if base != locexp.__version__ else (base, str(dated))
    assert changelog()[0] == newest
    assert (dated is None) == (base != locexp.__version__)


def test_the_changelog_keeps_its_form() -> None:
    names = [name for name, _ in changelog()]
    assert len(re.findall(r"^## ", read("CHANGELOG.md"), re.MULTILINE)) == len(names)
    assert all(date for name, date in changelog() if name != "Unreleased")
    released = [tuple(map(int, name.split("."))) for name in names if name != "Unreleased"]
    assert released == sorted(set(released), reverse=True)
    assert "Unreleased" not in names[1:]
    for part in read("CHANGELOG.md").split("\n## ")[1:]:
        kinds = re.findall(r"^### (.*)$", part, re.MULTILINE)
        assert set(kinds) <= KINDS
        assert len(kinds) == len(set(kinds))


def copied(folder: Path) -> Path:
    """A copy of what a release changes, unreleased; the path of its script."""
    for name in (".ci/release", "CHANGELOG.md", "CITATION.cff", "src/locexp/version.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "CHANGELOG.md").write_text(
        "# Changes\n\n## [Unreleased]\n\n### Added\n\n- Much.\n\n## [0.1.0] - 2026-01-02\n\n### Added\n\n- A little.\n",
        encoding="utf-8",
    )
    return folder / ".ci/release"


def run(script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)


def test_a_release_dates_the_changelog_and_sets_the_version_twice(tmp_path: Path) -> None:
    script = copied(tmp_path)
    done = run(script, "7.8.9", "--date", "2030-04-05")
    assert (done.returncode, done.stderr) == (0, "")
    assert "git tag -a v7.8.9" in done.stdout
    assert "## [7.8.9] - 2030-04-05\n\n### Added\n\n- Much.\n\n## [0.1.0]" in (tmp_path / "CHANGELOG.md").read_text()
    assert '__version__ = "7.8.9"\n' in (tmp_path / "src/locexp/version.py").read_text()
    cited = yaml.safe_load((tmp_path / "CITATION.cff").read_text())
    assert (cited["version"], str(cited["date-released"])) == ("7.8.9", "2030-04-05")
    assert run(script, "--notes", "7.8.9").stdout == "locexp 7.8.9\n\n### Added\n\n- Much.\n"
    assert run(script, "--notes", "0.1.0").stdout == "locexp 0.1.0\n\n### Added\n\n- A little.\n"


@pytest.mark.parametrize("words", [("7.8",), ("v7.8.9",), ("--notes", "7.8.9"), ("7.8.9", "--date", "soon")])
def test_a_release_that_cannot_be_changes_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    script = copied(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(script, *words).returncode != 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_second_release_of_the_same_changes_is_refused(tmp_path: Path) -> None:
    script = copied(tmp_path)
    assert run(script, "7.8.9").returncode == 0
    again = run(script, "7.9.0")
    assert (again.returncode, again.stderr) == (1, "CHANGELOG.md has nothing under ## [Unreleased]\n")


def test_workflows_try_the_pythons_that_the_classifiers_name() -> None:
    named = [line.rpartition(" ")[2] for line in project()["classifiers"] if re.search(r"Python :: 3\.\d+$", line)]
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == named
    assert project()["requires-python"] == f">={named[0]}"
    steps = [step for job in jobs.values() for step in job["steps"]]
    pythons = {step["with"]["python-version"] for step in steps if "setup-python" in step.get("uses", "")}
    assert pythons == {named[0], "${{ matrix.python }}"}


def test_workflows_run_every_stage_of_ci_and_nothing_else() -> None:
    commands = [
        step["run"].split()
        for path in (ROOT / ".github/workflows").iterdir()
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert {command[0] for command in commands} == {".ci/run"}
    assert {word for command in commands for word in command[1:]} == stages()
    assert (ROOT / ".ci/run").stat().st_mode & 0o100


def test_workflows_may_only_read_and_name_the_version_of_each_action() -> None:
    for path in (ROOT / ".github/workflows").iterdir():
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert "permissions" not in job
            assert job["timeout-minutes"] <= 120
            for step in job["steps"]:
                assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v0"))


def test_hooks_fetch_nothing_and_their_programs_come_with_the_extra_dev() -> None:
    (local,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    programs = {hook["entry"].split()[0] for hook in local["hooks"]}
    extra = {re.match(r"[\w-]+", line)[0] for line in project()["optional-dependencies"]["dev"]}  # type: ignore[index]
    of_hooks = {point.name for point in distribution("pre-commit-hooks").entry_points}
    assert programs <= extra | of_hooks
    assert "pre-commit-hooks" in extra


def test_what_there_is_no_time_for_is_skipped_and_counted() -> None:
    words = ["-m", "pytest", "-p", "no:cacheprovider", "-rs", "--minutes", "0", "tests/test_bounds.py"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    (skipped,) = re.findall(r"^SKIPPED \[(\d+)\] .*: no time is left: --minutes=0$", done.stdout, re.MULTILINE)
    assert f" {skipped} skipped in " in done.stdout
    assert " passed" not in done.stdout


def test_ci_without_a_known_stage_says_which_there_are() -> None:
    done = subprocess.run([ROOT / ".ci/run", "test"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == ".ci/run: test is not one of tests, lint, docs, wheel\n"
    assert stages() == {"tests", "lint", "docs", "wheel"}
