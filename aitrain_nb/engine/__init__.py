"""What the loop leans on: one noun a file. `phases.py` puts the pieces together."""
