"""Concerts, a module for each use case: programme, seat_map, seating, stock,
nearest_seats, schedule_rules."""
