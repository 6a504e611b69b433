"""Data in, pictures out: figures of Matplotlib, and pages of images; nothing is shown here."""
