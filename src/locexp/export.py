"""``python -m locexp.export RUN format=onnx|litert|saved_model|keras``: a trained network for others, checked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locexp.cli.exit_status import run_door

EPILOG = """RUN: the folder of a run, or of a sweep, whose chosen setting's run is meant; an MLflow run id or model
address; last. keys: format=onnx|litert|saved_model|keras; out=FOLDER (export/FORMAT in the run's own folder);
overwrite=true (replace an earlier export in that folder); compare.metric (by which a sweep's setting is chosen);
tracking.uri, tracking.artifact_root, tracking.experiment. The network's inputs are pixel values from 0 to 255, its
outputs are named classification and bbox, in float32; a README beside it has the code to use it. onnx and litert need
pip install 'locexp[export]'."""


def main() -> None:
    """Export a network. Exit status: 0, 1 it cannot be exported or the store failed, 2 bad input, 130 Ctrl-C."""
    sys.exit(run_door(_export))


def _export(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m locexp.export", description=__doc__, epilog=EPILOG)
    parser.add_argument("arguments", nargs="*", metavar="RUN|key=value")
    arguments = parser.parse_args(given).arguments
    from locexp.cli.export import export_command
    from locexp.system.screen import Screen

    export_command(arguments, Screen().line)


if __name__ == "__main__":
    main()
