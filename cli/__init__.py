"""The `videomoments` command, and the one-machine cloud behind it."""
