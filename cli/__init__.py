"""The `gambol` command: one file per sub-command."""
