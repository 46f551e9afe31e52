"""A clock of our own for PostgreSQL: functions that a connection finds before PostgreSQL's own.

Only connections that enter the schema see it. A process whose clock is wrong is another thing
(faults/clock.py): there the stores are right.
"""

FUNCTIONS = "clock_timestamp", "statement_timestamp", "now"


def create_clock(schema: str, now: str) -> str:
    """SQL that creates the functions in an existing schema; ``now`` is what they select."""
    return "".join(
        f"CREATE FUNCTION {schema}.{name}() RETURNS timestamptz LANGUAGE sql VOLATILE"
        f" AS $$ SELECT {now} $$;\n"
        for name in FUNCTIONS
    )


def enter(schema: str) -> str:
    """SQL after which this connection finds the functions of ``schema`` before PostgreSQL's."""
    return f"SET search_path = {schema}, pg_catalog, public"
