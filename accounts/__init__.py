"""Users and their money.

- models: user, session, balance, its ledger, charge (a top-up), idempotency key, message;
  legal and help pages, consents to them, the seller's details
- services/: sign up, confirm and change the address, reset the password, charge, write the ledger
- letter, letters: what a message says, and the kinds of messages; services/outbox sends them by
  channels, as a mail (mail_form) or a push message (push)
- notice_views, notice_links: the notices that users switch off
- demo_inbox, inbox_views: where the mails of the demo go
- documents/: the legal and help pages that come with the application; document_views shows them
- log_in, rate_limits, devices: the log-in, and the limits that slow down a guesser of passwords
- second_factor, second_factor_views: the codes of the staff, and the question before money moves
- clients, device_views: the devices that are logged in, as their user sees them
- personal_data, data_views, closing: a copy of one's data, and the end of an account
- sessions, app_tokens, auth_backend, hashers: how browsers and apps stay logged in
- credentials: the signed proof that the fast path accepts instead of a session
- gateway: the payment gateway that charges ask
- run_once (API, pages), idempotent_forms (admin): the faces of services/idempotency
- top_up_form: the form of a top-up, which the balance page and the checkout share
- base_admin, rehearsal_filter: what every app's admin pages build on
"""
