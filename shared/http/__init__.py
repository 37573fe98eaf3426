"""The HTTP edge: what a request is, who sent it, and what it is answered."""
