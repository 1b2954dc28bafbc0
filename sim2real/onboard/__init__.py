"""What runs on the robot, without JAX: from readings to what the policy sees, from what it does to drive targets."""
