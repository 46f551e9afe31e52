"""The use cases of the staff, a module each."""
