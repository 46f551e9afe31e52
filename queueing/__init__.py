"""The line in front of a sale: rooms, tokens, admission. Knows users, not concerts.

- models: waiting room, queue token, draw, how each entry ended
- services/: join and leave, poll, admit, open and close rooms, draw lots, build the index
- line/: the index in Redis, which makes polls cheap and can always be built again
- fast_path: poll and join, answered before Django
"""
