"""The version of this package, in the one place where it is written."""

__version__ = "0.3.0.dev0"
