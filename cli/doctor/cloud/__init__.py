"""`videomoments doctor --cloud`: compare a deployment on Google Cloud with its declaration."""
