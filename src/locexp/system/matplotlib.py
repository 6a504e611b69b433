"""Starting Matplotlib with its own settings, whatever the user's: pictures look the same everywhere."""

from __future__ import annotations

import logging
import multiprocessing

from locexp.errors import UserError, listed, worded

logger = logging.getLogger(__name__)


def start_matplotlib() -> None:
    """Import Matplotlib, and set all of its settings to what it comes with; says which file asked for others.

    Raises:
        UserError: it cannot be imported, as with a settings file that is not UTF-8 or without a folder for its cache.
    """
    try:
        import matplotlib as mpl
    except (OSError, ValueError) as error:
        raise UserError(
            f"Matplotlib cannot be imported ({worded(error)}); mend or remove ./matplotlibrc and the file that "
            "MATPLOTLIBRC names, or set MPLCONFIGDIR to a folder that can be written."
        ) from error
    changed = sorted(
        key for key, value in mpl.rcParamsDefault.items() if key != "backend" and mpl.rcParams[key] != value
    )
    mpl.rcdefaults()
    if changed and multiprocessing.parent_process() is None:
        logger.warning("%s: %s is ignored here", mpl.matplotlib_fname(), listed(changed))
