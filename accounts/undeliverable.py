"""Why a server does not take a message; any other error means that the server is away."""


class Undeliverable(Exception):
    """The recipient is refused for good: another attempt would have the same answer."""


class NotNow(Exception):
    """This message is refused for now; the server takes others."""
