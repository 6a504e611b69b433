"""One run from its configuration to its results as plain files."""
