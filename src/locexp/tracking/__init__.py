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
