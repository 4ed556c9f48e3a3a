"""What a run costs before it is run: memory by part, and time."""
