"""Smaller graphs that do the same, and the proof that they do."""
