"""Pure: no I/O, no clock, no randomness, nothing of ours imported but itself."""
