"""How often people who wait are asked to poll: the constants of scripts/functions/poll_after.lua.

The next poll is due after ahead / POLLS_SPREAD seconds, between the two bounds, less up to a
quarter at random so that buyers who came together do not poll together. A million people
waiting poll 4,700 times a second in all, however many of them came at once, and those at the front
every two seconds at most (docs/performance.md has the curve).
"""

SOONEST_POLL = 2
LATEST_POLL = 400
# A client that watches the front of the line (services/front.py) learns of its turn from there. Its
# polls are a sign of life: this instead of SOONEST_POLL, so at least a minute.
HEARTBEAT = 80
POLLS_SPREAD = 300
# A room that draws lots has no order yet: all poll alike, this many a second.
POLLS_BEFORE_DRAW = 4500
