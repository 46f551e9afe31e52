class Undeliverable(Exception):
    """The recipient is refused for good: another attempt would have the same answer."""
