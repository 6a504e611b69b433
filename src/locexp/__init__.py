"""locexp: how should the losses of a two-headed network be weighted?"""

from typing import TYPE_CHECKING

from locexp.version import __version__

if TYPE_CHECKING:
    from locexp.analysis.frames import Sweep as Sweep
    from locexp.analysis.load import load_sweep as load_sweep

__all__ = ["Sweep", "__version__", "load_sweep"]


def __getattr__(name: str) -> object:
    """Import what reads a sweep when it is asked for, since pandas and SciPy take a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from locexp.analysis import load

    return getattr(load, name)
