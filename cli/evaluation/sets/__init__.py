"""A small labelled set of the project's own making, and the script that makes it."""
