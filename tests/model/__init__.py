"""The sale played against an oracle."""
