"""What is on sale: concerts, their schedules (dates), seats and each seat's history.

- models: concert, schedule, seat and its history; ``seat.hold(...)`` and others guard the status
- services/: the programme, what can be bought now, the seat map, generate, edit and remove seats,
  reminders of openings
- refund_policy: the ladder of refunds that a ticket is sold with
- concert_page: what a concert's page shows, to buyers and as the staff's preview
- poster_art: how a concert's poster is drawn
- calendar_file, share_picture, structured_data, site_map: concerts as calendars, messengers and
  search engines read them; feed_views answers them
"""
