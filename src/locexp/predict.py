"""``python -m locexp.predict RUN IMAGE… [key=value …]``: what a trained network says of your photos, class and box."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locexp.cli.exit_status import run_door

HELP = """RUN is one of
  last                  the chosen setting of the last sweep in this folder (its best run on validation), or the last
                        run by itself if that is newer
  multirun/DATE/TIME    the folder of a sweep (its chosen setting, likewise) or of a run
  ID, runs:/ID          a sweep or a run in MLflow
  models:/NAME@champion a registered model; models:/NAME/VERSION and models:/m-ID, too

IMAGE is a file, a folder (all images in it and in the folders below, but none whose name begins with a dot), a pattern
('photos/**/*.jpg', with or without quotes), or an array of images in an .npy or .npz file.

keys
  format=table|csv|json how the answers are written: for people, or for programs, with the columns file, index (of an
                        image in an array), class, probability, x1, y1, x2, y2, width, height, inverted. Boxes are in
                        pixels of the file's own image, the right way up, and half-open. They are the network's own:
                        one may reach outside the image.
  out=FILE              write them there, not to standard output; .csv and .json say the format
  pictures=DIR          leave each image there with its box, class and probability drawn on it
  overwrite=true        write over files that are there
  compare.metric=NAME   choose the setting of a sweep by accuracy, mean_iou, loc_acc_50, loc_acc_75 or center_error_px
  tracking.uri=STORE    where MLflow's runs and models are, if not in ./mlruns; also tracking.experiment

Notes and errors go to standard error, answers alone to standard output.
Exit status: 0; 1 some images could not be used, which are listed; 2 bad input, nothing written; 130 Ctrl-C.
"""


def main() -> None:
    """Predict. Exit status: 0, 1 some images could not be used, 2 bad input, 130 Ctrl-C."""
    sys.exit(run_door(_predict, takes_any_name=True))


def _predict(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m locexp.predict",
        usage="python -m locexp.predict RUN IMAGE [IMAGE ...] [key=value ...]",
        description="Name and box the object in each photo with a trained network.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("arguments", nargs="*", metavar="RUN|IMAGE|key=value", help=argparse.SUPPRESS)
    arguments = parser.parse_args(given).arguments
    from locexp.cli.predict import predict_command

    return predict_command(arguments)


if __name__ == "__main__":
    main()
