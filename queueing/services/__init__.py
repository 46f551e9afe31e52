"""The line, a module for each use case. PostgreSQL is the truth."""
