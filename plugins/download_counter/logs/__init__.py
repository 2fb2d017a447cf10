"""Access logs: find, open and read them, and know their formats."""
