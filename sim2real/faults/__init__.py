"""What goes wrong on robots, scripted, and whether controller and robot stay safe."""
