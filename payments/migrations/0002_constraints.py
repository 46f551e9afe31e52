"""Seats, reservations, payments and tickets agree: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("concerts", "0002_constraints")]

    operations = [
        constraint("payments", "payments_checkin_for_its_schedule"),
        constraint("payments", "payments_checkin_is_a_record"),
        constraint("payments", "payments_limit_covers_live_reservations"),
        constraint("payments", "payments_no_sale_in_cancelled_schedule"),
        constraint("payments", "payments_payment_never_changes"),
        constraint("payments", "payments_refund_makes_up_payment"),
        constraint("payments", "payments_reservation_within_limit"),
        constraint("payments", "payments_seat_agrees_with_reservation"),
        constraint("payments", "payments_ticket_agrees_with_check_in"),
        constraint("payments", "payments_ticket_begins_unused"),
        constraint("payments", "payments_ticket_for_its_reservation"),
        constraint("payments", "payments_ticket_status_transitions"),
    ]
