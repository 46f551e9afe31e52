"""Hold, pay, ticket, cancel, refund, check-in."""
