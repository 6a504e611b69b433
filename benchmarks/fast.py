"""One run of ``trainer=fast``, the whole command, over the plain script, the whole script.

    python benchmarks/fast.py [--repeats 3] [--variants trainer=fast "trainer=fast trainer.epochs=1"]

All read 60,000 images to train and 10,000 to test (repeated digits in a Keras ``.npz``); the script is that of
``sweeps.py``, five epochs of ``fit``.
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from pathlib import Path

import common
import numpy as np
import sweeps


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--variants", nargs="+", default=["trainer=fast"], help="overrides, as in a shell")
    arguments = parser.parse_args()
    print(common.machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        (x_train, y_train), (x_test, y_test) = (common.repeated_digits(size) for size in (60_000, 10_000))
        np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        ours = ["-m", "locexp.train", "data=file", f"data.path={path}", "data.validation=test"]
        commands = {"plain script": [sweeps.__file__, "--script", str(path)]}
        commands |= {variant: [*ours, *shlex.split(variant)] for variant in arguments.variants}
        taken = common.alternate(
            arguments.repeats,
            {name: (lambda command=command: sweeps.timed(command)) for name, command in commands.items()},
        )
    plain = taken.pop("plain script")
    print(f"plain script {common.spread(plain, 1)} s")
    for name, seconds in taken.items():
        ratios = [a / b for a, b in zip(plain, seconds, strict=True)]
        print(f"{name} {common.spread(seconds, 1)} s, {common.spread(ratios)} times as fast")


if __name__ == "__main__":
    main()
