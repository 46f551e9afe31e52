"""Concerts, a module for each use case: programme, seat_map, seating, nearest_seats, operating."""
