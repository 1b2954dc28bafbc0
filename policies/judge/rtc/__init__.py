"""The real-time chunking benchmark: how well chunks bridge the time it takes to compute them."""
