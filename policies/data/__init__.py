"""Recorded steps on disk: LeRobot datasets, read and written without PyTorch."""
