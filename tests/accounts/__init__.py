"""Users, log-in, sessions, balance and ledger."""
