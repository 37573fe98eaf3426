"""`videomoments doctor --cloud`: check a deployment on Google Cloud."""
