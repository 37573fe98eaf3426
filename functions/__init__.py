"""One file per function; `main.py` lists them in the order data flows through them."""
