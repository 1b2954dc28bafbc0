"""Worlds that step: no tasks, rewards or learning."""
