"""A seat's number in its row is a column, and no two seats of a schedule are called the same.

The number of a seat that is there comes from its label, or from where it stands in its row. Where
two seats were called the same, the one that was sold, or came first, keeps its name. The other one
gets the next number of the row, or " (2)" behind its label, and is listed on standard output: the
operator tells its buyer.
"""

import re

import django.core.validators
import django.db.models.functions.text
from django.db import migrations, models


LABEL_LENGTH = 20
# A label that ends in a number by itself: "A-12", "12".
NUMBER = re.compile(r"(?:^|\D)([1-9]\d{0,3})$", re.ASCII)

SEATS = """
SELECT id, number, section, "row", label,
       lower(normalize(section, NFKC)), lower(normalize("row", NFKC)), lower(normalize(label, NFKC))
FROM concerts_seat WHERE schedule_id = %s
ORDER BY array_position(ARRAY['RESERVED', 'HELD', 'AVAILABLE'], status::text), number
"""
NAMED = """
UPDATE concerts_seat AS seat
SET seat_in_row = named.place, label = named.label,
    edit_xid = CASE WHEN seat.label = named.label THEN seat.edit_xid
                    ELSE pg_current_xact_id()::text::bigint END
FROM unnest(%s::uuid[], %s::int[], %s::text[]) AS named (id, place, label)
WHERE seat.id = named.id
"""


def name_seats(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT schedule_id FROM concerts_seat")
        for (schedule,) in cursor.fetchall():
            name_seats_of(cursor, schedule)


def name_seats_of(cursor, schedule):
    cursor.execute(SEATS, [schedule])
    seats = cursor.fetchall()
    places = places_of(seats)
    labels = labels_of(cursor, seats, places)
    keys = list(places)
    cursor.execute(NAMED, [keys, [places[key] for key in keys], [labels[key] for key in keys]])
    for key, number, _section, _row, label, *_keys in seats:
        if labels[key] != label:
            print(f"\n  schedule {schedule}, seat {number}: {label!r} is now {labels[key]!r}", end="")


def places_of(seats):
    """Of each seat by its key; distinct within a row."""
    places, taken, left = {}, {}, []
    for seat in seats:
        key, _number, _section, _row, label, section_key, row_key, _label_key = seat
        said = NUMBER.search(label)
        row = taken.setdefault((section_key, row_key), set())
        if said and int(said[1]) not in row:
            places[key] = int(said[1])
            row.add(places[key])
        else:
            left.append((seat, said))
    in_row = {}
    for key, _number, *_words, section_key, row_key, _label_key in sorted(seats, key=lambda s: s[1]):
        in_row.setdefault((section_key, row_key), []).append(key)
    for (key, *_words, section_key, row_key, _label_key), said in left:
        row = taken[section_key, row_key]
        place = in_row[section_key, row_key].index(key) + 1
        places[key] = max(row) + 1 if said or place in row else place
        row.add(places[key])
    return places


def labels_of(cursor, seats, places):
    """Of each seat by its key; no two of them look the same."""
    labels, taken, left = {}, {label_key for *_seat, label_key in seats}, []
    kept = set()
    for seat in seats:
        key, label, label_key = seat[0], seat[4], seat[7]
        labels[key] = label
        if label_key in kept:
            left.append(seat)
        kept.add(label_key)
    for key, _number, section, row, label, *_keys in left:
        candidates = other_labels(section, row, label, places[key])
        labels[key], label_key = next(
            (candidate, found)
            for candidate in candidates
            if (found := key_of(cursor, candidate)) not in taken
        )
        taken.add(label_key)
    return labels


def other_labels(section, row, label, place):
    begins = f"{section} {row}-".strip()
    numbered = f"{begins}{place}"
    if re.fullmatch(re.escape(begins) + r"\d+", label) and len(numbered) <= LABEL_LENGTH:
        yield numbered
    count = 2
    while True:
        ending = f" ({count})"
        yield label[: LABEL_LENGTH - len(ending)] + ending
        count += 1


def key_of(cursor, label):
    cursor.execute("SELECT lower(normalize(%s, NFKC))", [label])
    return cursor.fetchone()[0]


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0003_edited_seats'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='seat',
            name='concerts_seat_figures_positive',
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='doors_open_minutes',
            field=models.PositiveSmallIntegerField(default=120, help_text='Minutes before the start from which tickets are checked in.', verbose_name='doors open before the start'),
        ),
        migrations.AddField(
            model_name='seat',
            name='seat_in_row',
            field=models.PositiveIntegerField(null=True, help_text='The number on the seat, which the seat map draws.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='seat in its row'),
        ),
        migrations.RunPython(name_seats, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='seat',
            name='seat_in_row',
            field=models.PositiveIntegerField(help_text='The number on the seat, which the seat map draws.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='seat in its row'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.UniqueConstraint(models.F('seat_in_row'), django.db.models.functions.text.Lower(models.Func('row', template='normalize(%(expressions)s, NFKC)')), django.db.models.functions.text.Lower(models.Func('section', template='normalize(%(expressions)s, NFKC)')), models.F('schedule'), name='concerts_seat_place_unique_in_schedule', violation_error_message='Another seat has this section, row and number.'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower(models.Func('label', template='normalize(%(expressions)s, NFKC)')), models.F('schedule'), name='concerts_seat_label_unique_in_schedule', violation_error_message='Another seat has this label.'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(('number__gt', 0), ('price__gt', 0), ('seat_in_row__gt', 0)), name='concerts_seat_figures_positive'),
        ),
    ]
