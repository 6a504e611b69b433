"""Asking an MLflow server without MLflow, whose import takes seconds; its client's credentials are sent along."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from typing import Any

from locexp.errors import first_line


def fetch(url: str, seconds: float) -> Any:
    """Return what an MLflow server answers in JSON; MLflow's own credentials are sent along.

    Raises:
        OSError, http.client.HTTPException, ValueError: there is no answer in time, or not one of MLflow's.
    """
    return json.loads(fetch_bytes(url, seconds))


def fetch_bytes(url: str, seconds: float) -> bytes:
    """Return what an MLflow server answers; for the rest see :func:`fetch`."""
    user, password, token = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD", "TOKEN"))
    request = urllib.request.Request(url)
    if user and password:
        request.add_header("Authorization", f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}")
    elif token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return bytes(answer.read())


def why_not(error: Exception) -> str:
    """Return, in words, why a server did not answer as MLflow's does; nothing where its client may have an answer."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code == 403 or (error.code == 401 and not os.environ.get("MLFLOW_TRACKING_USERNAME")):
            return ""  # MLflow's client may have credentials elsewhere
        if error.code == 401:
            return "it refuses the user and password in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        what = "" if error.code >= 500 else ", so it is not an MLflow server"
        return f"it answers {error.code} {error.reason}{what}"
    if isinstance(error, http.client.InvalidURL) or (  # the second, of what is no name of a host
        isinstance(error, UnicodeError) and not isinstance(error, UnicodeDecodeError)
    ):
        return f"is not an address ({first_line(error)})"
    if isinstance(error, http.client.HTTPException):
        return "it does not answer in HTTP, so it is not an MLflow server"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "it does not answer in JSON, so it is not an MLflow server"
    reason = _reason(error)
    if isinstance(reason, ssl.SSLCertVerificationError) and (
        os.environ.get("MLFLOW_TRACKING_INSECURE_TLS") or os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    ):
        return ""
    return str(reason)


def is_away(error: Exception) -> bool:
    """Return whether nothing listens there, or it says nothing."""
    return isinstance(_reason(error), ConnectionRefusedError | TimeoutError)


def _reason(error: Exception) -> object:
    return error.reason if isinstance(error, urllib.error.URLError) else error
