"""Data in, pictures out: figures of Matplotlib, and pages of images; nothing is shown here."""

from locexp.system.matplotlib import start_matplotlib

start_matplotlib()
