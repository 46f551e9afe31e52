"""Reservations, payments and tickets: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("accounts", "0002_constraints"), ("concerts", "0002_constraints")]

    operations = [
        constraint("payments", "payments_checkin_for_its_schedule"),
        constraint("payments", "payments_checkin_is_a_record"),
        constraint("payments", "payments_checkin_keeps_its_scan"),
        constraint("payments", "payments_checkinconflict_is_a_record"),
        constraint("payments", "payments_limit_covers_live_reservations"),
        constraint("payments", "payments_no_sale_in_cancelled_schedule"),
        constraint("payments", "payments_no_ticket_for_closing_account"),
        constraint("payments", "payments_payment_never_changes"),
        constraint("payments", "payments_received_within_limit"),
        constraint("payments", "payments_refund_compensates_as_owed"),
        constraint("payments", "payments_refund_makes_up_payment"),
        constraint("payments", "payments_reservation_changes_seat_by_move"),
        constraint("payments", "payments_reservation_within_limit"),
        constraint("payments", "payments_seat_agrees_with_reservation"),
        constraint("payments", "payments_ticket_agrees_with_check_in"),
        constraint("payments", "payments_ticket_begins_unused"),
        constraint("payments", "payments_ticket_changes_hands_by_offer"),
        constraint("payments", "payments_ticket_changes_seat_by_move"),
        constraint("payments", "payments_ticket_for_its_reservation"),
        constraint("payments", "payments_ticket_status_transitions"),
        constraint("payments", "payments_ticketmove_is_a_record"),
        constraint("payments", "payments_ticketoffer_ends_with_its_ticket"),
        constraint("payments", "payments_ticketoffer_is_a_record"),
        constraint("payments", "payments_ticketoffer_moves_its_ticket"),
    ]
