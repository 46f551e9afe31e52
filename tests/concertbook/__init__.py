"""The tools and what holds for every app alike."""
