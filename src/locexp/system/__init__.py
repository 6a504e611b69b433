"""Processes, folders, the screen and logs: what every room needs of the machine."""
