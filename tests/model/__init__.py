"""A random sale compared with an oracle."""
