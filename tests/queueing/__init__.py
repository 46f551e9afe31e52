"""The line: rooms, admission, the draw, the index."""
