"""Flow matching: learning to predict chunks of actions from recorded ones."""
