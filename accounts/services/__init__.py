"""The use cases of users and their money, a module each."""
