"""Articulated robots on MuJoCo: the robot model, the ground, and one `Physics` seam with three engines behind it."""
