"""Configurations as a command composes them, without running one."""

from __future__ import annotations

from locexp.configuration.compose import Job, composing
from locexp.sweep.jobs import StagedJobs, SweepJob


def compose_one(*words: str) -> Job:
    with composing() as composer:
        return composer.compose(words)


def planned(*words: str) -> list[SweepJob]:
    """Return the jobs of a multirun."""
    with composing() as composer:
        return StagedJobs(composer, words, multirun=True).next_stage({})
