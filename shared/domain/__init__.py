"""Pure types and rules that every subject shares: no I/O, no clock, no randomness."""
