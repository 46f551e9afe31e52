"""Concerts, schedules, seats and the pages that list them."""
