"""The purchase: hold, pay, ticket, cancel, refund, check in.

- models: reservation (a hold, or paid), payment, ticket, check-in, refund
- services/: holds, checkout (pay), top_ups (charge what is missing), orders, releases,
  ticket_cancellation, schedule_cancellation
- seat_views, checkout_views (paying, orders), ticket_views (and what a browser keeps of tickets)
- ticket_document: one description of a ticket, from which ticket_pdf, ticket_calendar and wallets/
  are made; ticket_file_views sends them
- check_in_api: check-ins, also of phones without a network (services/: check_ins, check_in_lists,
  check_in_state, scan_sync, guests); the page at /door/ is operations'
- fast_path/: hold and pay, answered before Django, many requests in one transaction
- purchase_bar: the steps and the time of a running purchase, on every page
- schedule_admin: the page of a schedule, with its cancellation
"""
