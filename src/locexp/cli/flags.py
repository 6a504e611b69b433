"""Hydra's own flags on the command line of ``python -m locexp.train``: which are of use here, and with what."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from locexp.configuration.hydra_internals import argument_parser
from locexp.configuration.overrides import check_groups
from locexp.errors import UserError, listed, nearest

PROGRAM = "python -m locexp.train"
SHOWS = ("help", "hydra_help", "cfg", "info", "shell_completion")
"""Flags that ask for something to be shown; none runs a job."""
COMPLETION = [f"{action}={shell}" for action in ("install", "uninstall", "query") for shell in ("bash", "zsh", "fish")]


def parsed(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Return the flags and overrides of a command, with the parser that knows them.

    Raises:
        UserError: a flag is unknown, lacks its value, or means nothing here.
        SystemExit: Hydra's version was shown.
    """
    parser = argument_parser(PROGRAM)

    def fail(message: str) -> NoReturn:
        given = message.removeprefix("unrecognized arguments: ")
        flags = [flag for action in parser._actions for flag in action.option_strings]
        hint = nearest(given.split()[0].partition("=")[0], flags) if given != message else ""
        raise UserError(f"{message}.{hint} Flags: --help and --hydra-help; settings are KEY=VALUE.")

    parser.error = fail  # type: ignore[method-assign]
    found = parser.parse_intermixed_args(list(arguments))
    check_groups(found.overrides)
    _check(found)
    return parser, found


def shows(arguments: argparse.Namespace) -> bool:
    """Whether a command asks for something to be shown, and runs no job."""
    return any(getattr(arguments, name) for name in SHOWS)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.experimental_rerun is not None:
        raise UserError(
            "--experimental-rerun: continue a run with trainer.resume=FOLDER, a sweep with sweep.resume=last."
        )
    if arguments.config_path is not None:
        raise UserError("--config-path: locexp has its own primary configuration; give --config-dir for your files.")
    if arguments.resolve and not (arguments.cfg or arguments.help):
        raise UserError("--resolve: goes with --cfg job, or with --help.")
    if arguments.package is not None and not arguments.cfg:
        raise UserError(f"--package {arguments.package}: goes with --cfg job.")
    asked = [name for name in (*SHOWS, "run", "multirun") if getattr(arguments, name)]
    if len(asked) > 1 and not {"help", "hydra_help"} & set(asked):
        raise UserError(f"{listed('--' + name.replace('_', '-') for name in asked)}: give one of them.")
    if arguments.shell_completion and [one in COMPLETION for one in arguments.overrides] != [True]:
        raise UserError("--shell-completion: expected install=bash or uninstall=bash beside it; also zsh and fish.")
