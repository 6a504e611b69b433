"""locexp: how should the losses of a two-headed network be weighted?"""

__version__ = "0.2.0.dev0"
