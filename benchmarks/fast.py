"""One run of ``trainer=fast``, the whole command, over the plain script, the whole script.

    python benchmarks/fast.py [--repeats 3] [--overrides trainer=fast]

Both read 60,000 images to train and 10,000 to test (repeated digits in a Keras ``.npz``); the script is that of
``sweeps.py``, five epochs of ``fit``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import common
import numpy as np
import sweeps


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--overrides", nargs="+", default=["trainer=fast"])
    arguments = parser.parse_args()
    print(common.machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        (x_train, y_train), (x_test, y_test) = (common.repeated_digits(size) for size in (60_000, 10_000))
        np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        ours = ["-m", "locexp.train", "data=file", f"data.path={path}", "data.validation=test", *arguments.overrides]
        taken = common.alternate(
            arguments.repeats,
            {
                "plain script, s": lambda: sweeps.timed([sweeps.__file__, "--script", str(path)]),
                "locexp, s": lambda: sweeps.timed(ours),
            },
        )
    plain, fast = taken.values()
    print(f"plain script {common.spread(plain, 1)} s, {' '.join(arguments.overrides)} {common.spread(fast, 1)} s")
    print(f"times as fast: {common.spread([a / b for a, b in zip(plain, fast, strict=True)])}")


if __name__ == "__main__":
    main()
