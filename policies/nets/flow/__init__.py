"""Heads that predict chunks of actions by integrating a learned flow."""
