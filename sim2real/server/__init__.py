"""A policy behind a socket, in the protocol of openpi's client."""
