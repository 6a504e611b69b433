"""Matplotlib figures: data in, Figure out; nothing is shown or saved here."""
