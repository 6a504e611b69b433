"""Trained networks: found by what a user calls them, and loaded with what they need to take a photo."""
