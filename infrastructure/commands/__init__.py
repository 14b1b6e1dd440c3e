"""The command line, by who uses it."""
