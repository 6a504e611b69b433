"""Whole sweeps, one file each: a generator of stages, named by ``sweep._target_`` (see :mod:`locexp.sweep.setting`)."""
