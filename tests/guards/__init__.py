"""Every guard of the box office, and the tests that notice when it is gone.

`make guards` takes each away in turn (scripts/mutate_guards.py). Those of the code are named in
guards.toml, and taken from a copy of it: mutation.py finds them in the syntax tree. Constraints,
unique indexes and triggers are taken from a database: database.py finds them in its catalogue.
"""
