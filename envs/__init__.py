"""Tasks on the worlds of `gambol.sim`."""
