"""Robots behind one small protocol: messages, the links that carry them, and a simulated robot of its own process."""
