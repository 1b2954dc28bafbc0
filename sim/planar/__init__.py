"""2-D rigid bodies with Jax2D semantics."""
