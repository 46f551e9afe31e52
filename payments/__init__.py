"""The purchase: hold, pay, ticket, cancel, refund, check in.

- models: reservation (a hold, or paid), payment, ticket, check-in, refund
- services/: holds, checkout (pay), top_ups (charge what is missing), orders, releases,
  ticket_cancellation, schedule_cancellation
- views (seats), checkout_views (paying, orders), ticket_views (and what a browser keeps of tickets)
- fast_path/: hold and pay, answered before Django, many requests in one transaction
- purchase_bar: the steps and the time of a running purchase, on every page
- schedule_admin: the page of a schedule, with its cancellation
"""
