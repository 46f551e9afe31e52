"""The tools, and rules that hold for every app."""
