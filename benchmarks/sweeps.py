"""A whole sweep by one command, over the plain script once for each of its runs.

    python benchmarks/sweeps.py [--size 60000] [--weights 8] [--seeds 1] [--plain 2] [--pairs 0] [--repeats 1]
    python benchmarks/sweeps.py --size 5000 --weights 9 --seeds 10 --plain 5
    python benchmarks/sweeps.py --variants trainer=fast "trainer=fast trainer.epochs=1"

The sweep is ``python -m locexp.train --multirun loss.bbox_weight=… seed=…`` in a fresh folder, so with a new MLflow
store, from start-up to the report, in float32 and in mixed_bfloat16, or as ``--variants`` have it. The plain script is
the classic one: imports, data, five epochs of ``fit`` with validation, the saved model, and the picture. It is run
``--plain`` times a repeat, in turn with the sweeps, and the mean of these is taken as often as the sweep has runs;
``--pairs`` times two of them run side by side, as by ``xargs -P2``, and half of such a pair's time counts for each.
Data: 60,000 images to train and 10,000 to test in a Keras ``.npz`` of repeated digits, or the bundled 5,000.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common
import numpy as np


def plain_script(path: str) -> None:
    """Be the classic script on a Keras-style file."""
    import keras

    with np.load(path) as data:
        (x_train, y_train), (x_test, y_test) = (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
    x_train, x_test = (x.astype("float32")[..., None] / 255 for x in (x_train, x_test))
    boxes_train, boxes_test = (np.tile(common.BOX, (len(x), 1)) for x in (x_train, x_test))
    model = common.classic_model()
    model.fit(
        x_train,
        {"classification": y_train, "bbox": boxes_train},
        epochs=5,
        batch_size=32,
        validation_data=(x_test, {"classification": y_test, "bbox": boxes_test}),
        verbose=0,
    )
    model.save("multi_output_mnist_model.h5")
    said = model.predict(x_test[:1], verbose=0)
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import patches, pyplot

    _, axes = pyplot.subplots()
    axes.imshow(x_test[0].squeeze(), cmap="gray")
    x1, y1, x2, y2 = said["bbox"][0] * 28
    axes.add_patch(patches.Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor="r", facecolor="none"))
    pyplot.savefig("sample.png")
    keras.backend.clear_session()


def timed(command_line: list[str]) -> float:
    """Return the seconds of a process in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        done = subprocess.run(
            [sys.executable, *command_line], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(command_line)} failed:\n{done.stdout}{done.stderr}")
        return time.perf_counter() - start


def pair_timed(command_line: list[str]) -> float:
    """Return the seconds of two such processes side by side."""
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(timed, [command_line] * 2))
    return time.perf_counter() - start


def main() -> None:
    """Measure, or be the plain script (``--script FILE``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=60_000)
    parser.add_argument("--weights", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--plain", type=int, default=2, help="runs of the plain script for each repeat")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=0, help="how often a repeat runs two scripts side by side")
    parser.add_argument(
        "--variants",
        nargs="+",
        default=["trainer.precision=float32", "trainer.precision=mixed_bfloat16"],
        help="overrides of a sweep, as in a shell",
    )
    parser.add_argument("--script")
    arguments = parser.parse_args()
    if arguments.script:
        plain_script(arguments.script)
        return
    jobs = arguments.weights * arguments.seeds
    weights = ",".join(f"{value:.3g}" for value in np.geomspace(0.1, 1000, arguments.weights))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        if arguments.size > 5000:
            (x_train, y_train), (x_test, y_test) = (common.repeated_digits(size) for size in (arguments.size, 10_000))
            overrides = ["data=file", f"data.path={path}", "data.validation=test"]
        else:
            images, labels = common.repeated_digits(5000)
            order = np.random.default_rng(0).permutation(5000)
            (x_train, y_train), (x_test, y_test) = (
                (images[part], labels[part]) for part in (order[:4000], order[4500:])
            )
            overrides = ["data=mnist_5k"]
        np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        script = [os.path.abspath(__file__), "--script", str(path)]
        overrides += ["--multirun", f"loss.bbox_weight={weights}"]
        overrides += ["seed=" + ",".join(map(str, range(arguments.seeds)))] if arguments.seeds > 1 else []
        print(
            f"{common.machine()}\n{jobs} runs of {len(x_train):,} images: {' '.join(overrides[-2:])}",
            flush=True,
        )
        rounds: list[list[float]] = []
        pairs: list[float] = []
        ours: dict[str, list[float]] = {name: [] for name in arguments.variants}
        for _ in range(arguments.repeats):
            plain: list[float] = []
            rounds.append(plain)
            share = -(-arguments.plain // (len(ours) + 1))
            left = arguments.plain
            for name, taken in [*ours.items(), (None, plain)]:
                for _ in range(min(share, left)):
                    plain.append(timed(script))
                    left -= 1
                    print(f"  plain script {plain[-1]:.1f} s", flush=True)
                if name is not None:
                    taken.append(timed(["-m", "locexp.train", *overrides, *shlex.split(name)]))
                    print(f"  sweep with {name} {taken[-1]:.1f} s", flush=True)
            for _ in range(arguments.pairs):
                pairs.append(pair_timed(script))
                print(f"  two plain scripts side by side {pairs[-1]:.1f} s", flush=True)
    every = [seconds for plain in rounds for seconds in plain]
    print(f"plain script: {common.spread(every, 1)} s; {jobs} times its mean is {jobs * statistics.mean(every):,.0f} s")
    if pairs:
        print(f"two side by side: {common.spread(pairs, 1)} s; {jobs / 2 * statistics.mean(pairs):,.0f} s for {jobs}")
    for name, taken in ours.items():
        ratios = [jobs * statistics.mean(plain) / seconds for plain, seconds in zip(rounds, taken, strict=True)]
        print(f"sweep with {name} {common.spread(taken, 1)} s, {common.spread(ratios)} times as fast")


if __name__ == "__main__":
    main()
