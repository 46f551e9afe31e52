"""What is on sale: concerts, their schedules (dates), seats and each seat's history.

- models: concert, schedule, seat and its history; ``seat.hold(...)`` and others guard the status
- services/: the programme, what can be bought now, the seat map, generate, edit and remove seats
- refund_policy: the ladder of refunds that a ticket is sold with
"""
