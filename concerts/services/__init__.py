"""The use cases of concerts, a module each."""
