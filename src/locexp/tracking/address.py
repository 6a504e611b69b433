"""Addresses of stores, as a user writes them: what each is, and what it was probably meant to be."""

from __future__ import annotations

import importlib.util
import os
import re
import urllib.parse
from importlib import metadata
from pathlib import Path

from locexp.errors import UserError, listed, nearest
from locexp.system.folders import expanded

SERVERS = ("http", "https")
DATABASES = ("postgresql", "mysql", "mssql")
STORES = (*SERVERS, "sqlite", "file", *DATABASES)
ARTIFACTS = {
    **dict.fromkeys(("http", "https", "mlflow-artifacts", "ftp"), ""),
    **dict.fromkeys(("s3", "r2", "b2"), "boto3"),
    "gs": "google.cloud.storage",
    "sftp": "pysftp",
    **dict.fromkeys(("hdfs", "viewfs"), "pyarrow"),
    **dict.fromkeys(("wasbs", "abfs", "abfss"), "azure.storage.blob"),
}
"""Where MLflow can keep artifacts besides folders, and the package that it needs for that."""
DATABASE = "mlflow.db"
DATABASE_FILES = (".db", ".sqlite", ".sqlite3")
_LABELS = r"[a-z0-9-]+(\.[a-z0-9-]+)*\."
_DOMAINS = "com|org|net|edu|gov|io|ai|dev|app|cloud|local|internal|eu|de|fr|uk|us|jp|cn|kr|ca|au|ch|nl"
HOST = re.compile(
    rf"localhost|\d{{1,3}}(\.\d{{1,3}}){{3}}|{_LABELS}({_DOMAINS})|{_LABELS}[a-z0-9-]+\.[a-z]{{2,}}", re.IGNORECASE
)
"""The name of a host, or an IPv4 address; a folder may be called so, too, and with one dot (run.old) mostly is one."""
PORT = re.compile(r"\d{1,5}(/.*)?")
SECRET = re.compile(
    r"[?&;=][\s+]*(?!ssl_?key=)[\w-]*(password|passwd|pwd|token|secret|sig|key)=(?!\*\*\*)", re.IGNORECASE
)
"""An option of an address whose value is nobody else's business; ``sslkey`` names a file."""
USER = re.compile(r"//[^/@]*:(?!\d+/)\S*@")


def shown(address: str) -> str:
    """Return an address without the user and the password in it."""
    return without_passwords(re.sub(r"^([\w+.-]+:/*)?.*@", r"\1***@", address))


def without_passwords(text: str) -> str:
    """Return a text without the users and passwords of the addresses in it."""
    bare = re.sub(r"\b(?!sqlite|file)([a-z][\w+.-]*://)\S*@", r"\1***@", text, flags=re.IGNORECASE)
    return re.sub(r"[?;&]\S+", lambda options: f"{options[0][0]}***" if _has_secret(options[0]) else options[0], bare)


def _has_secret(options: str) -> bool:
    return bool(SECRET.search(urllib.parse.unquote(options)))


def _with_lower_scheme(address: str) -> str:
    return re.sub(r"^[A-Za-z][\w+.-]*(?=://)", lambda scheme: scheme[0].lower(), address)


def read_store(given: str, key: str = "tracking.uri") -> str | Path:
    """Return the SQLite file of a local store, or the address of another.

    Raises:
        UserError: it is none of these; the message says what it looks like.
    """
    given = _with_lower_scheme(given)
    scheme, colon, rest = given.partition(":")
    if scheme == "sqlite" and colon:
        return _sqlite_file(given, key)
    folder = read_folder(given, key)
    if folder is not None:
        if given.split("-")[0].rstrip("/") == "databricks":
            raise UserError(f"{key}={given}: Databricks is not supported. A folder of this name is given as ./{given}")
        if os.path.isfile(folder) or (folder.suffix in DATABASE_FILES and not os.path.isdir(folder)):
            raise UserError(f"{key}={given}: expected a folder; a database is given as sqlite:///{folder}")
        return folder / DATABASE
    name, driver, _ = scheme.partition("+")
    if name not in (DATABASES if driver else STORES):  # a store that is opened by another name is another to MLflow
        raise UserError(
            f"{key}={shown(given)}: expected a folder, or an address that starts with one of "
            f"{listed(f'{known}://' for known in STORES)}.{nearest(name, STORES)}"
        )
    _check_parts(given, rest, key, is_server=name in SERVERS)
    return given if given.endswith("://") else given.rstrip("/")


def read_artifact_root(given: str, *, of_server: bool, key: str = "tracking.artifact_root") -> str:
    """Return where artifacts are kept, as an absolute address; raises :class:`UserError` where MLflow cannot."""
    given = _with_lower_scheme(given)
    folder = read_folder(given, key)
    if folder is not None:
        return folder.absolute().as_uri()
    scheme = given.partition(":")[0]
    if scheme in metadata.entry_points(group="mlflow.artifact_repository").names:  # of somebody's plugin
        return given
    if scheme == "mlflow-artifacts" and not of_server:
        raise UserError(
            f"{key}={given}: is for a store behind an MLflow server; expected a folder, or another address."
        )
    if scheme not in ARTIFACTS:
        raise UserError(
            f"{key}={shown(given)}: expected a folder, or an address that starts with one of "
            f"{listed(f'{known}:' for known in ARTIFACTS)}.{nearest(scheme, ARTIFACTS)}"
        )
    if _has_password(given):
        raise UserError(f"{key}={shown(given)}: holds a password, which would be logged with the run; leave it out.")
    package = ARTIFACTS[scheme]
    if package and not _is_installed(package):
        raise UserError(f"{key}={given}: MLflow needs the Python package {package} for it, which is not installed.")
    return given


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


def read_folder(given: str, key: str) -> Path | None:
    """Return the folder that a path or a ``file:`` address names; ``None`` where it is an address of another kind.

    Raises:
        UserError: it looks like the address of a server, or like a path of Windows.
    """
    scheme, colon, rest = given.partition(":")
    if scheme == "file" and colon:
        host, slash, path = rest.removeprefix("//").partition("/") if rest.startswith("//") else ("", "", rest)
        if host not in ("", ".", "..", "~", "localhost"):
            raise UserError(f"{key}={given}: names a host, {host}; expected file:///PATH, or the path itself.")
        named = urllib.parse.unquote(f"{'' if host == 'localhost' else host}{slash}{path}")
    elif not colon or "/" in scheme:
        first = given.split("/")[0]
        if given.startswith(f"{first}//") and first.lower() in (*STORES, *ARTIFACTS):
            raise UserError(
                f"{key}={given}: has no colon. Did you mean {first}:{given.removeprefix(first)}? A folder of this name "
                f"is given as ./{given}"
            )
        is_file = Path(first).suffix in DATABASE_FILES
        if given.startswith("//") or (HOST.fullmatch(first) and not is_file and not os.path.exists(first)):
            raise _meant(given, key)
        named = given
    elif PORT.fullmatch(rest) or given.startswith("["):
        raise _meant(given, key)
    elif len(scheme) == 1 and rest[:1] in ("\\", "/"):
        raise UserError(f"{key}={given}: is a path of Windows; expected one of this system, such as ./mlruns")
    else:
        return None
    if not named.strip():
        raise UserError(f"{key}={given}: names no folder; leave it out, or give null, for the usual one.")
    return expanded(named, key)


def _meant(given: str, key: str) -> UserError:
    bare = given.lstrip("/")
    return UserError(
        f"{key}={given}: looks like the address of a server. Did you mean http://{bare}? A folder of this name is "
        f"given as ./{bare}"
    )


def _sqlite_file(given: str, key: str) -> Path:
    path = given.removeprefix("sqlite:///")
    if path == given:
        raise UserError(f"{key}={given}: expected three slashes before the path of the file: sqlite:///PATH")
    if not path.strip("/") or path.startswith(":memory:") or "?" in path:
        raise UserError(f"{key}={given}: expected the path of a file, without a question mark: sqlite:///PATH")
    if os.path.isdir(path):
        raise UserError(f"{key}={given}: is a folder; give it as it is, {path}, or the file in it.")
    return expanded(path, key)


def _check_parts(given: str, rest: str, key: str, *, is_server: bool) -> None:
    """Check the parts of an address after its scheme; raises :class:`UserError`."""
    scheme = given.partition(":")[0]
    if _has_password(given) or (is_server and "@" in rest.removeprefix("//").partition("/")[0]):
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        if not is_server:
            remedy = "keep it where the database's client finds it (~/.pgpass), or run an MLflow server on the database"
        what = "holds a password" if _has_password(given) else "names a user"
        raise UserError(f"{key}={shown(given)}: {what}, which would be logged with the run; leave it out and {remedy}.")
    try:
        parts = urllib.parse.urlsplit(given)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        readable = False
    if not readable or (is_server and not parts.hostname):
        host = rest.strip("/")
        meant = f". Did you mean {scheme}://{host}?" if readable and host else ""
        raise UserError(f"{key}={shown(given)}: expected an address with a host, such as http://127.0.0.1:5000{meant}")
    if is_server and (parts.query or parts.fragment):
        bare = urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        raise UserError(f"{key}={given}: is a page of the server. Did you mean {bare}?")
    if not is_server:
        _check_driver(given, key)


def _has_password(address: str) -> bool:
    """Whether an address holds one, as its user's or as an option."""
    return bool(USER.search(address)) or _has_secret(address)


def _check_driver(address: str, key: str) -> None:
    """Check that the driver of a database is installed; raises :class:`UserError`."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        make_url(address).get_dialect().import_dbapi()
    except (SQLAlchemyError, ValueError) as error:
        raise UserError(f"{key}={address}: is not the address of a database that can be used ({error}).") from None
    except ImportError as error:
        raise UserError(
            f"{key}={address}: the driver of this database is not installed ({error}); install it, or name another, as "
            "in postgresql+psycopg://"
        ) from None
