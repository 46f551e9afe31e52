"""Every guard of the box office, and the tests that fail without it.

`make guards` removes each in turn (scripts/mutate_guards.py). The guards of the code are named in
guards.toml and removed from a copy of it: mutation.py finds them in the syntax tree. Constraints,
unique indexes and triggers are dropped in a database: database.py finds them in its catalogue.
"""
