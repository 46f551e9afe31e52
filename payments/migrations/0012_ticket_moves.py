
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from concertbook.db.constraints import constraint

BEFORE = constraint("payments", "payments_ticket_for_its_reservation").sql[0]


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0014_blocked_seats'),
        ('payments', '0011_blocked_seats'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='TicketMove',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('old_code', models.CharField(editable=False, max_length=40)),
                ('moved_at', models.DateTimeField(verbose_name='moved at')),
                ('from_seat', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='concerts.seat', verbose_name='moved from')),
                ('moved_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='moved by')),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='moves', to='payments.ticket', verbose_name='ticket')),
                ('to_seat', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='concerts.seat', verbose_name='moved to')),
            ],
            options={
                'verbose_name': 'move to another seat',
                'verbose_name_plural': 'moves to other seats',
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(fields=('old_code',), name='payments_ticketmove_code_ends_once')],
            },
        ),
        constraint("payments", "payments_ticketmove_is_a_record"),
        constraint(
            "payments",
            "payments_reservation_changes_seat_by_move",
            drop="""
                DROP FUNCTION payments_reservation_changes_seat_by_move CASCADE;
                DROP TRIGGER payments_seat_agrees_with_reservation ON payments_reservation;
                CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
                    AFTER INSERT OR DELETE OR UPDATE OF status, user_id, expires_at
                    ON payments_reservation
                    DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();
            """,
        ),
        # Backwards, a ticket's seat is checked with its buyer again, by the function as it was.
        constraint(
            "payments",
            "payments_ticket_changes_seat_by_move",
            drop="""
                DROP FUNCTION payments_ticket_changes_seat_by_move CASCADE;
                DROP TRIGGER payments_ticket_changes_hands_by_offer ON payments_ticket;
                CREATE TRIGGER payments_ticket_changes_hands_by_offer
                    BEFORE UPDATE OF user_id, code ON payments_ticket
                    FOR EACH ROW WHEN (
                        (OLD.user_id, OLD.code) IS DISTINCT FROM (NEW.user_id, NEW.code))
                    EXECUTE FUNCTION payments_ticket_changes_hands_by_offer();
            """
            + BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1).partition(
                "CREATE TRIGGER"
            )[0],
        ),
    ]
