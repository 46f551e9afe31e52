"""The seat states in Redis: one snapshot per schedule that all processes share.

1. A commit that changes seats notes it (own_changes): it takes the schedule's next change number,
   and its buyer's own changes are kept for some seconds.
2. A reader asks once (looks): may this person look, which snapshot is the present one, which
   changes of their own were committed lately, and is it this reader's turn to build the next one.
   Of a seat, the own change or the snapshot counts, whichever has the higher version.
3. The builder begins (builds): it reads the change number first, then the database. So a snapshot
   contains every change up to its number, and a later number makes it due for the next one.
4. The builder stores its snapshot, unless the index was lost or another one was stored meanwhile.

What is lost with Redis is built from PostgreSQL again. ``epoch`` is a random text that is lost
with the rest, and begins with the run_id of the Redis process: a snapshot of another epoch, or of
a Redis that came back with old data, is not believed.
"""
