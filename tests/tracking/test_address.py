"""Addresses as users write them: a folder is a folder, and what looks like something else is said to."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.tracking.address import shown, without_passwords
from locexp.tracking.location import Location, locate
from tests.conftest import door_here, train_here

FOLDERS = {
    "mlruns": "mlruns",
    "mlruns/": "mlruns",
    "a b's": "a b's",
    "./localhost": "localhost",
    "./example.com": "example.com",
    "./a:b": "a:b",
    "dir/a:5000": "dir/a:5000",
    "there.example.com": "there.example.com",
    ".hidden": ".hidden",
    "../up": "../up",
    "./http//x": "http/x",
    "http/x": "http/x",
    "v1.2": "v1.2",
    "run.old": "run.old",
    "my.results/x": "my.results/x",
    "FILE://{}/x": "x",
    "file:./mlruns": "mlruns",
    "file:mlruns": "mlruns",
    "file://{}/x%20y": "x y",
    "file://localhost{}/x": "x",
    "~/x": "home/x",
}
MEANT = {
    "127.0.0.1:5084": "http://127.0.0.1:5084",
    "localhost:5000": "http://localhost:5000",
    "localhost:5000/mlflow": "http://localhost:5000/mlflow",
    "tracking-server:80": "http://tracking-server:80",
    "10.0.0.1": "http://10.0.0.1",
    "localhost": "http://localhost",
    "example.com/mlflow": "http://example.com/mlflow",
    "mlflow.my-company.org": "http://mlflow.my-company.org",
    "//host/x": "http://host/x",
    "[::1]:5000": "http://[::1]:5000",
    "http:/x": "http://x",
    "https//h:5000": "https://h:5000",
    "sqlite///x.db": "sqlite:///x.db",
    "http:x": "http://x",
    "http:///x": "http://x",
    "http://h:5000/#/experiments/1": "http://h:5000",
    "http://h:5000/?a=b": "http://h:5000",
    "htp://x": "'http'",
    "http+unix://x": "'http'",
    "https+unix://x": "'https'",
    "http+x://h": "'http'",
    "sqlite+pysqlite:///x.db": "'sqlite'",
    "run.old:5000": "http://run.old:5000",
    "mlflow.team.intra": "http://mlflow.team.intra",
    "postgres://h/x": "'postgresql'",
}
REFUSED = {
    "databricks": "Databricks is not supported",
    "databricks://profile": "expected a folder, or an address that starts with one of http://",
    "s3://bucket/x": "expected a folder, or an address that starts with one of http://",
    "foo:bar": "expected a folder, or an address that starts with one of http://",
    "C:\\mlruns": "is a path of Windows",
    "C:/mlruns": "is a path of Windows",
    "a:b": "expected a folder, or an address that starts with one of http://",
    "http://me@h": "names a user",
    "sqlite:x.db": "sqlite:///PATH",
    "sqlite:/x.db": "sqlite:///PATH",
    "sqlite:///": "sqlite:///PATH",
    "sqlite:///:memory:": "sqlite:///PATH",
    "sqlite:///x.db?mode=ro": "without a question mark",
    "sqlite:///there.example.com": "is a folder",
    "x.db": "a database is given as sqlite:///x.db",
    "a-file": "a database is given as sqlite:///a-file",
    "what?": "a path with a question mark",
    "file://server/share": "names a host, server",
    "file:": "names no folder",
    "": "names no folder",
    " ": "names no folder",
    "postgresql:x": "is not the address of a database",
    "postgresql+nothing://h/x": "is not the address of a database",
    "mssql+pymssql://h/x": "the driver of this database is not installed",
    "http://h:x": "expected an address with a host",
    "~nobody99/x": "Could not determine home directory",
}
SECRETS = [
    "http://me:hunter2@h",
    "http://hunter2@h:5000",
    "https://me:hun/hunter2@h",
    "http:me:hunter2@h",
    "htp://me:hunter2@h",
    "me:hunter2@h",
    "postgresql://me:hunter2@h/x",
    "postgresql+psycopg://h/x?user=me&password=hunter2",
    "mysql+pymysql://me:hunter2@h/x",
    "postgresql://h/x?sslpassword=hunter2",
    "mssql+pyodbc://?odbc_connect=DRIVER%3DSQL%3BPWD%3Dhunter2",
    "mssql+pyodbc://?odbc_connect=PWD%3Dhunter2",
    "mssql+pyodbc://?odbc_connect=DRIVER={SQL Server};PWD=hunter2",
    "http://h?access_token=hunter2",
    "https://h/x?a=1&sig=hunter2",
    "postgresql://h/x?%70assword=hunter2",
    "https://h?api_key=hunter2",
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory but for a folder and a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "there.example.com").mkdir()
    (tmp_path / "a-file").touch()
    return tmp_path


@pytest.mark.parametrize("given", FOLDERS)
def test_folders(place: Path, given: str) -> None:
    found = locate(given.format(place), None, "e")
    assert found.database == (place / FOLDERS[given] / "mlflow.db").resolve()
    assert found.uri == f"sqlite:///{found.database}"
    assert found.artifact_root == (found.database.parent / "artifacts").as_uri()


@pytest.mark.parametrize("given", MEANT)
def test_what_looks_like_a_server_is_asked_about(place: Path, given: str) -> None:
    with pytest.raises(UserError) as raised:
        locate(given, None, "e")
    assert f"Did you mean {MEANT[given]}?" in str(raised.value)
    assert str(raised.value).startswith(f"tracking.uri={given}: ")


@pytest.mark.parametrize("given", REFUSED)
def test_what_is_no_address_is_refused(place: Path, given: str) -> None:
    with pytest.raises(UserError) as raised:
        locate(given, None, "e")
    assert REFUSED[given] in str(raised.value)


@pytest.mark.parametrize("given", SECRETS)
def test_a_password_is_neither_taken_nor_shown(place: Path, given: str) -> None:
    with pytest.raises(UserError) as raised:
        locate(given, None, "e")
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in without_passwords(f"failed: {shown(given)} was not found.")


def test_addresses_without_secrets_are_shown_as_they_are() -> None:
    for text in ("see sqlite:////home/me@work/x.db for it", "a@b.c http://h:5000/x", "file:///home/me@work"):
        assert without_passwords(text) == text


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("", "names no folder"),
        ("s3://b/x", "needs the Python package boto3"),
        ("gs://b/x", "needs the Python package google.cloud.storage"),
        ("wasbs://b@x/y", "needs the Python package azure.storage.blob"),
        ("mlflow-artifacts:/x", "is for a store behind an MLflow server"),
        ("foo://x", "expected a folder, or an address that starts with one of"),
        ("localhost:9000", "Did you mean http://localhost:9000?"),
        ("ftp://me:hunter2@h/x", "holds a password"),
    ],
)
def test_artifacts_that_could_not_be_kept_are_known_before(place: Path, root: str, message: str) -> None:
    with pytest.raises(UserError, match="tracking.artifact_root=") as raised:
        locate(None, root, "e")
    assert message in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_scheme_of_an_address_ignores_case(place: Path) -> None:
    assert locate("HTTP://h:5000", None, "e") == locate("http://h:5000", None, "e")
    assert locate("SQLite:///x/m.db", None, "e") == locate("sqlite:///x/m.db", None, "e")


def test_the_file_of_a_key_is_no_secret() -> None:
    address = "postgresql://h/x?sslkey=client.key"
    assert without_passwords(address) == shown(address) == address


def test_artifacts_of_a_server_may_be_behind_it() -> None:
    found = locate("http://h:5000/", "mlflow-artifacts:/x", "e")
    assert found == Location("http://h:5000", None, "mlflow-artifacts:/x", "e")


@pytest.mark.parametrize("given", ["127.0.0.1:5084", "databricks", "http://me:hunter2@h", "s3://b"])
@pytest.mark.parametrize("door", ["train", "compare", "log", "ui"])
def test_every_door_reads_addresses_alike(
    place: Path, door: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "run.json").write_text('{"format": 2, "name": "x", "status": "FINISHED"}')
    before = sorted(place.rglob("*"))
    if door == "train":
        status, said = train_here(f"tracking.uri={given}"), capsys.readouterr()
        out, err = said.out, said.err
    else:
        words = {"compare": [f"tracking.uri={given}"], "log": [".", "--uri", given], "ui": ["--uri", given]}
        done = door_here(door, *words[door])
        status, out, err = done.returncode, done.stdout, done.stderr
    assert (status, out, len(err.splitlines())) == (2, "", 1), err
    assert "hunter2" not in err
    assert sorted(place.rglob("*")) == before


def test_a_file_of_the_users_and_a_variable_are_read_alike(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "cfg" / "tracking").mkdir(parents=True)
    (place / "cfg" / "tracking" / "mine.yaml").write_text("uri: localhost:5000\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@h")
    before = sorted(place.rglob("*"))
    assert train_here("--config-dir", "cfg", "tracking=mine") == 2
    assert "Did you mean http://localhost:5000?" in capsys.readouterr().err
    assert train_here("tracking.uri=${oc.env:MLFLOW_TRACKING_URI}") == 2
    said = capsys.readouterr().err
    assert "holds a password" in said
    assert "hunter2" not in said
    assert sorted(place.rglob("*")) == before
