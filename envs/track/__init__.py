"""Whole-body tracking: a legged robot walks where it is told while its gripper follows a moving goal."""
