"""YAML presets, one per run that a user would launch."""
