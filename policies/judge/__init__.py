"""Suites, rollouts, statistics and reports."""
