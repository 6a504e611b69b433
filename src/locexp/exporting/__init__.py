"""A trained network for others: in a file of another format, checked, with what is needed to use it."""
