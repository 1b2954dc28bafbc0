"""Real-time chunking: chunks of actions that go on from those still being executed."""
