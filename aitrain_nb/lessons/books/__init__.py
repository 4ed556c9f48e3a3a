"""One file a lesson: its sections, exercises and notes for whoever teaches it. Each ends in `LESSON = ...`."""
