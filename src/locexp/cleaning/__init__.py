"""Freeing what the losing settings of a sweep hold on the disk, and nothing that its answer needs."""
