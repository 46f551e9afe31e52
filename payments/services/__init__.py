"""The use cases of buying, a module each."""
