"""The HTTP edge: decodes requests, authenticates their senders, and answers them."""
