"""Spoilt files and odd overrides in numbers: counts, the slowest input, the most memory, and what went wrong.

    python benchmarks/fuzz.py [--inputs 20000] [--only "npz,YAML"] [--seed 0]

The readers and their inputs are those of ``tests/fuzz/targets.py``; the inputs are shared out among them, fewer to
those that are slow. Each reader runs in a process of its own. The exit status is 1 if one raised anything but one line
for the user, took longer than 10 s, or more than 1 GiB above what its process had before.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def fuzz(name: str, inputs: int, seed: int) -> dict[str, Any]:
    """Let a reader read this many inputs; returns what is known of it."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    from tests.fuzz.targets import MEMORY, TARGETS
    from tests.fuzz.test_fuzz import peak_bytes, read

    target = TARGETS[name]
    faults: dict[str, str] = {}
    kinds: collections.Counter[str] = collections.Counter()
    slowest, slowest_input = 0.0, ""

    @seeded(seed)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def one(value: Any) -> None:
        nonlocal slowest, slowest_input
        start = time.perf_counter()
        try:
            kinds["read" if read(target, value) else "refused"] += 1
        except Exception as error:  # anything else is what is looked for
            kinds["at fault"] += 1
            own = [frame for frame in traceback.extract_tb(error.__traceback__) if "/locexp/" in frame.filename]
            where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
            faults.setdefault(f"{type(error).__name__} in {where}", f"{str(error)[:160]!r}\n        {value!r:.400}")
        took = time.perf_counter() - start
        if took > slowest:
            slowest, slowest_input = took, repr(value)[:120]

    with contextlib.suppress(Exception), tempfile.TemporaryDirectory() as folder:
        target.read(target.inputs.example(), Path(folder))  # what it imports is not what an input takes
    start_bytes = peak_bytes()
    one()
    more = peak_bytes() - start_bytes
    return {
        "name": name,
        "kinds": dict(kinds),
        "slowest": slowest,
        "slowest_input": slowest_input,
        "memory": more,
        "faults": faults,
        "within": more < MEMORY,
    }


def main() -> None:
    """Fuzz every reader and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, help="in all (%(default)s)")
    parser.add_argument("--only", help="names of readers, with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reader is not None:
        print(json.dumps(fuzz(arguments.reader, arguments.inputs, arguments.seed)))
        return
    from tests.fuzz.targets import TARGETS

    names = arguments.only.split(",") if arguments.only else list(TARGETS)
    if set(names) - set(TARGETS):
        parser.error(f"--only {arguments.only}: expected some of {', '.join(TARGETS)}")
    whole = sum(TARGETS[name].share for name in names)
    print(
        f"{'reader':14} {'inputs':>7} {'read':>7} {'refused':>7} {'faults':>6} {'slowest':>8} {'memory':>9} {'took':>6}"
    )
    found = []
    for name in names:
        count, start = max(1, round(arguments.inputs * TARGETS[name].share / whole)), time.monotonic()
        command = [sys.executable, __file__, "--reader", name, "--inputs", str(count), "--seed", str(arguments.seed)]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "2"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            print(f"{name}: the process ended with {done.returncode}:\n{done.stderr[-2000:]}")
            found.append({"faults": {"the process": "ended"}, "within": False})
            continue
        one = json.loads(done.stdout.splitlines()[-1])
        found.append(one)
        kinds = one["kinds"]
        print(
            f"{name:14} {sum(kinds.values()):7,} {kinds.get('read', 0):7,} {kinds.get('refused', 0):7,} "
            f"{kinds.get('at fault', 0):6,} {one['slowest']:6.2f} s {one['memory'] / 2**20:5.0f} MiB "
            f"{time.monotonic() - start:4.0f} s",
            flush=True,
        )
        for fault, value in one["faults"].items():
            print(f"    {fault}\n        {value}")
    total = sum(sum(one.get("kinds", {}).values()) for one in found)
    print(f"\n{total:,} inputs in all; the slowest input of each reader:")
    for one in found:
        print(f"  {one.get('name', '?'):14} {one.get('slowest', 0):6.2f} s  {one.get('slowest_input', '')}")
    sys.exit(any(one["faults"] or not one["within"] for one in found))


if __name__ == "__main__":
    main()
