"""Not written yet."""


def unavailable(platform: str) -> str:
    """Why this engine does not run on a JAX platform; empty if it does."""
    return "it is not written yet"
