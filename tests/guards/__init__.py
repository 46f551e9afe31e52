"""Every guard of the box office, and the tests that notice when it is gone.

`make guards` takes each away in turn (scripts/mutate_guards.py): locks and permissions from a copy
of the code (code.py lists them), constraints, unique indexes and triggers from a database
(database.py finds them in PostgreSQL's own catalogue). docs/reliability.md has the table.
"""
