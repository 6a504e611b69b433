"""The same sweep with each launcher: seconds of the whole command, and the memory that its processes hold at most.

    python benchmarks/launchers.py [stacked joblib submitit ray] [--repeats 3] [--readme] [--before CHECKOUT]

The sweep is 16 jobs (four weights, four seeds) of 4,000 digits for three epochs; with --readme that of the README, 144
jobs, comparison and report included. joblib has two workers; submitit's local executor starts two tasks at a time; Ray
has a cluster of two nodes with one core each, which is there before. --before adds the stacked launcher of another
checkout, such as ``git worktree add ../before COMMIT``. Each repeat takes all of them in turn, in fresh folders whose
store exists. Memory is the proportional share (PSS) of all processes, sampled twice a second; Ray's own count. Busy
cores are the CPU seconds of a whole command, which starts up and compares, too, over its own; without Ray's nodes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import common
import psutil

HERE = Path(__file__).parents[1]
DIGITS = ("data=mnist_5k", "data.source=bundled")
JOBS = (*DIGITS, "--multirun", "loss.bbox_weight=0.5,5,50,200", "seed=0,1,2,3", "trainer.epochs=3")
README = (*DIGITS, "sweep=bbox_weight")
LAUNCHERS = {
    "stacked": ["hydra/launcher=stacked"],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=60"],
    "ray": ["hydra/launcher=ray"],
    "before": ["hydra/launcher=stacked"],
}
RAY = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, list[psutil.Process]]]:
    """Start two Ray nodes of one core; yields their address and processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray = [str(Path(sys.executable).with_name("ray")), "start", "--num-cpus=1", "--object-store-memory=80000000"]
    ray += ["--node-ip-address=127.0.0.1", "--block"]
    heads = ["--head", f"--port={port}", "--include-dashboard=false", "--disable-usage-stats"]
    nodes = []
    for own in (heads, [f"--address=127.0.0.1:{port}"]):
        nodes.append(psutil.Popen([*ray, *own], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(20)
    try:
        yield f"127.0.0.1:{port}", nodes
    finally:
        for process in [one for node in nodes for one in (*node.children(recursive=True), node)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def held(roots: list[psutil.Process]) -> int:
    """Return the bytes that processes and all that they started hold."""
    total = 0
    for root in roots:
        with contextlib.suppress(psutil.Error):
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
    return total


def cpu_seconds() -> float:
    """Return the CPU seconds of all children that have ended, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def command(
    checkout: Path, overrides: list[str], nodes: list[psutil.Process], most: list[int], cores: list[float]
) -> float:
    """Return the seconds of a sweep; appends the bytes that were held at most, and how many cores were busy."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    with tempfile.TemporaryDirectory() as folder:
        first = [sys.executable, "-m", "locexp.train", *DIGITS, "data.limit=320", "trainer.epochs=1"]
        subprocess.run(first, cwd=folder, env=environment, capture_output=True, check=True)  # makes the store
        before, start = cpu_seconds(), time.perf_counter()
        process = psutil.Popen(
            [sys.executable, "-m", "locexp.train", *overrides],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        peak = 0

        def sample() -> None:
            nonlocal peak
            while process.poll() is None:
                peak = max(peak, held([process, *nodes]))
                time.sleep(0.5)

        sampling = threading.Thread(target=sample)
        sampling.start()
        output = process.communicate()[0]
        seconds = time.perf_counter() - start
        sampling.join()
        if process.returncode:
            sys.exit(f"{' '.join(overrides)} failed:\n{output.decode()}")
    most.append(peak)
    cores.append((cpu_seconds() - before) / seconds)
    return seconds


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("launchers", nargs="*", default=["stacked", "joblib", "submitit", "ray"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--before", type=Path)
    arguments = parser.parse_args()
    os.environ.update(RAY)
    names = [*arguments.launchers, *(["before"] if arguments.before else [])]
    print(f"{common.machine()}\nseconds, median (lowest to highest) of {arguments.repeats}", flush=True)
    with contextlib.ExitStack() as stack:
        address, nodes = stack.enter_context(cluster()) if "ray" in names else ("", [])
        memory: dict[str, list[int]] = {name: [] for name in names}
        cores: dict[str, list[float]] = {name: [] for name in names}
        measures = {}
        for name in names:
            words = [*(README if arguments.readme else JOBS), *LAUNCHERS[name]]
            words += [f"hydra.launcher.ray.init.address={address}"] if name == "ray" else []
            checkout = arguments.before.resolve() if name == "before" else HERE
            used = nodes if name == "ray" else []
            measures[name] = partial(command, checkout, words, used, memory[name], cores[name])
        taken = common.alternate(arguments.repeats, measures)
    base = taken["before" if "before" in taken else names[0]]
    for name, seconds in taken.items():
        ratios = [mine / theirs for mine, theirs in zip(seconds, base, strict=True)]
        gib = common.spread([bytes_ / 2**30 for bytes_ in memory[name]])
        busy = common.spread(cores[name])
        print(f"{name:9} {common.spread(seconds, 1)} s, ratio {common.spread(ratios)}, {gib} GiB, {busy} cores busy")


if __name__ == "__main__":
    main()
