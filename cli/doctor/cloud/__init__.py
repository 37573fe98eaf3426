"""`videomoments doctor --cloud`: a deployment on Google Cloud, held against what it should be."""
