"""The only room that knows MLflow: where results are tracked, and how a run's directory gets there.

``location`` is light and imports no MLflow; ``session`` imports it; ``tracker`` runs a session in a thread of its own.
"""

import os

# A server that is gone must be noticed in seconds (MLflow by itself retries for minutes), and MLflow must not write
# to the screen, where the command does.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # a process that is killed would lose what it has in its queue

# A proxy cannot reach a server on this machine, which MLflow's client, as all others, would ask it for.
_bypassed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
if _bypassed.strip() != "*":
    _hosts = [host for host in _bypassed.split(",") if host.strip()]
    _hosts += [host for host in ("127.0.0.1", "localhost", "::1", "127.0.0.0/8") if host not in _hosts]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(_hosts)
