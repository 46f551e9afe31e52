"""The index of the line in Redis: it answers a poll in one round trip, without SQL.

PostgreSQL holds the truth. The index is rebuilt from it whenever Redis has lost it or has come back
with older data. Nothing here knows SQL or models; queueing.services does both.

1. services/index.py builds the index (build.py).
2. A poll reads it and notes when the person asked (polls.py, scripts/poll.lua).
3. Each tick commits to PostgreSQL, then tells the index what is true now: who was admitted, who
   left (members.py), and how far the index follows the table (room_record.py).
4. The same tick compares counts of the index with the table and corrects the index (repair.py).
5. Every half a minute the worker writes back when people last asked (last_requests.py).

Every function that talks to Redis raises LineUnavailable when Redis cannot be reached.
"""
