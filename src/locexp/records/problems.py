"""What a user should know about single files of the data, as a table on the run."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from locexp.data.photos.listing import LEFT_OUT, Problem
from locexp.errors import counted
from locexp.system.files import write_whole

PROBLEMS = "problems.csv"


def write_problems(directory: Path, problems: Sequence[Problem]) -> None:
    """Write problems.csv, a row per problem, to a folder, which is made; nothing where there are none."""
    if not problems:
        return
    directory.mkdir(exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(field.name for field in dataclasses.fields(Problem))
    writer.writerows(dataclasses.astuple(problem) for problem in problems)
    write_whole(directory / PROBLEMS, text.getvalue().encode(errors="backslashreplace"))  # names may be no text


def note_on_problems(problems: Sequence[Problem]) -> list[str]:
    """Return what a run says of problems; nothing where there are none."""
    if not problems:
        return []
    left_out = len({problem.file for problem in problems if problem.action == LEFT_OUT})
    files, verb = counted(len({problem.file for problem in problems}), "file"), "is" if left_out == 1 else "are"
    return [f"tables/{PROBLEMS} lists what was found in {files} of the data; {left_out:,} of them {verb} left out."]
