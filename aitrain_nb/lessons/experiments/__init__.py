"""Real runs that the lessons' pictures look into from many sides; each is trained once in a kernel."""
