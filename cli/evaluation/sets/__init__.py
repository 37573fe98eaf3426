"""Small labelled sets made by this project (tools/labelled_sets)."""
