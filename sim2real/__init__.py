"""Leaving the simulator: bundle, export, verification and the controller that runs a policy on a robot."""
