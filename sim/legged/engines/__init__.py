"""Three engines behind `Physics`, a file each: `unavailable(platform)` and `Engine(world, fields)`."""
