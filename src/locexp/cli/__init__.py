"""The commands: they read overrides, call one function and turn errors into one line and an exit status."""
