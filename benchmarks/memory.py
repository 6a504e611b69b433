"""Peak memory of ``experiment=seed`` on 60,000 + 10,000 images, over a plain Keras script that does the same.

    python benchmarks/memory.py [--repeats 3]

The plain script loads the same file, divides by 255, fits one epoch with the test set as validation, saves the .h5 and
draws one picture; it does no tracking. `x / 255` makes float64 arrays in NumPy, as the classic script does; the
careful script divides float32 arrays. A bare `import tensorflow` is shown beside them. All are whole processes; the
peak is what the kernel counts (maximum resident set). The digits are the bundled ones, repeated.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import numpy as np


def plain_script(path: str, dtype: str) -> None:
    """The classic script, in plain Keras; its images are float64 or float32 arrays."""
    import keras
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    keras.utils.set_random_seed(0)
    with np.load(path) as data:
        (x_train, y_train), (x_test, y_test) = (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
    if dtype == "float32":
        x_train, x_test = x_train.astype("float32"), x_test.astype("float32")
    x_train, x_test = x_train / 255, x_test / 255
    x_train, x_test = x_train.reshape(-1, 28, 28, 1), x_test.reshape(-1, 28, 28, 1)
    boxes_train = np.tile(common.BOX, (len(x_train), 1))
    boxes_test = np.tile(common.BOX, (len(x_test), 1))
    model = common.classic_model()
    model.fit(
        x_train,
        {"classification": y_train, "bbox": boxes_train},
        validation_data=(x_test, {"classification": y_test, "bbox": boxes_test}),
        batch_size=32,
        epochs=1,
        verbose=0,
    )
    model.save("multi_output_mnist_model.h5")
    said = model.predict(x_test[:1], verbose=0)
    x1, y1, x2, y2 = said["bbox"][0] * 28
    plt.imshow(x_test[0, :, :, 0], cmap="gray")
    plt.gca().add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="red"))
    plt.savefig("sample.png")


def peak(command_line: list[str], cwd: str, keras_home: str) -> float:
    """Return the peak resident memory of a process in MB."""
    environment = {**os.environ, "KERAS_HOME": keras_home, "TF_CPP_MIN_LOG_LEVEL": "2"}
    process = subprocess.Popen(
        [sys.executable, *command_line], cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command_line} failed")
    return usage.ru_maxrss / 1000


def main() -> None:
    """Measure, or be the plain script (``--plain FILE``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain", nargs=2, metavar=("FILE", "DTYPE"))
    arguments = parser.parse_args()
    if arguments.plain:
        plain_script(*arguments.plain)
        return
    print(f"{common.machine()}\npeak resident memory in MB, 60,000 + 10,000 images, one epoch")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "keras" / "datasets"
        cache.mkdir(parents=True)
        (x_train, y_train), (x_test, y_test) = common.repeated_digits(60_000), common.repeated_digits(10_000)
        np.savez_compressed(cache / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        script = os.path.abspath(__file__)
        commands = {
            "plain": [script, "--plain", str(cache / "mnist.npz"), "float64"],
            "careful": [script, "--plain", str(cache / "mnist.npz"), "float32"],
            "import": ["-c", "import tensorflow"],
            "locexp": ["-m", "locexp.train", "experiment=seed", "data.source=cache", "trainer.epochs=1"],
        }
        taken = common.alternate(
            arguments.repeats,
            {
                name: (lambda command_line=command_line: peak(command_line, folder, str(cache.parent)))
                for name, command_line in commands.items()
            },
        )
    for name, values in taken.items():
        print(f"{name:7} {common.spread(values, 0)}")
    for name in ("plain", "careful"):
        ratios = [ours / theirs for ours, theirs in zip(taken["locexp"], taken[name], strict=True)]
        print(f"locexp over {name:7} {common.spread(ratios)}   (target <= 0.65; median of {len(ratios)})")


if __name__ == "__main__":
    main()
