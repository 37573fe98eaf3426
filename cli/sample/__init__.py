"""A small narrated video of the project's own making, and the script that made it."""
