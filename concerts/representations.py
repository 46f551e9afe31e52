"""The API's answers about concerts, their schedules and seats."""

from typing import Any

from rest_framework import serializers

from concertbook.http.representations import Representation
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services.offers import Sale
from concerts.services.performances import Availability
from concerts.services.seat_map import SeatOnMap


class ConcertSerializer(Representation[Concert], serializers.ModelSerializer[Concert]):
    waiting_room = serializers.SlugField(source="waiting_room.slug")
    start_time = serializers.DateTimeField(
        source="run_starts", help_text="of the first performance that is not cancelled"
    )
    end_time = serializers.DateTimeField(
        source="run_ends", help_text="of the last performance that is not cancelled"
    )
    sale = serializers.ChoiceField(
        choices=Sale.choices, help_text="open: a seat can be bought now; busy: all left are held"
    )
    next_sale = serializers.DateTimeField(
        allow_null=True, help_text="when the next sale opens, null when none will"
    )
    from_price = serializers.IntegerField(
        allow_null=True, help_text="won, of the free seats that are or will be on sale"
    )

    class Meta:
        model = Concert
        fields = (
            "id",
            "title",
            "description",
            "venue",
            "start_time",
            "end_time",
            "sale",
            "next_sale",
            "from_price",
            "waiting_room",
            "created_at",
            "updated_at",
        )


class ScheduleSerializer(
    Representation[ConcertSchedule], serializers.ModelSerializer[ConcertSchedule]
):
    concert = serializers.UUIDField(source="concert_id")
    concert_date = serializers.DateField(help_text="in the venue's time zone")
    seats_available = serializers.IntegerField()
    sale = serializers.ChoiceField(
        choices=Sale.choices, help_text="open: a seat can be bought now; busy: all left are held"
    )

    class Meta:
        model = ConcertSchedule
        fields = (
            "id",
            "concert",
            "concert_date",
            "start_at",
            "end_at",
            "price",
            "seat_quantity",
            "seats_available",
            "sale",
            "purchase_limit",
            "reserve_from",
            "reserve_until",
            "cancelled_at",
            "cancel_reason",
            "cancel_cause",
            "created_at",
        )


class AvailabilitySerializer(Representation[Availability]):
    section = serializers.CharField()
    grade = serializers.CharField()
    price = serializers.IntegerField(help_text="won")
    seats = serializers.IntegerField()
    available = serializers.IntegerField(help_text="seats that can be held now")


# A blocked seat looks sold.
SEEN_BY_BUYERS = [
    (status.value, status.label) for status in Seat.Status if status != Seat.Status.BLOCKED
]


class SeatSerializer(Representation[SeatOnMap]):
    number = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]
    section = serializers.CharField()
    row = serializers.CharField()
    seat_in_row = serializers.IntegerField(help_text="the number on the seat")
    grade = serializers.CharField()
    price = serializers.IntegerField(help_text="won")
    status = serializers.ChoiceField(choices=SEEN_BY_BUYERS)


class SeatsOutput(Representation[Any]):
    seats = SeatSerializer(many=True)


class SeatChangesOutput(Representation[Any]):
    cursor = serializers.CharField()
    seats = SeatSerializer(many=True)


class SeatPlanOutput(Representation[Any]):
    version = serializers.CharField()
    address = serializers.CharField(help_text="of this version, which never changes")


class Numbers(serializers.ListField):
    child = serializers.IntegerField()


class Texts(serializers.ListField):
    child = serializers.CharField(allow_blank=True)


class PlanBox(serializers.Serializer[Any]):
    x = serializers.IntegerField(help_text="of the corner nearest to the stage, on the left")
    y = serializers.IntegerField(help_text="grows away from the stage")
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class PlanOffer(serializers.Serializer[Any]):
    grade = serializers.CharField(allow_blank=True)
    price = serializers.IntegerField(help_text="won")


class PlanSection(PlanBox):
    name = serializers.CharField(allow_blank=True)


class PlanRows(serializers.Serializer[Any]):
    section = Numbers(help_text="the index of each row's section")
    name = Texts()


class PlanRuns(serializers.Serializer[Any]):
    row = Numbers(help_text="the index of each run's row")
    number = Numbers(help_text="of its first seat; seat k, from 0, has number + k")
    seats = Numbers(help_text="how many seats it has")
    seat_in_row = Numbers(help_text="seat k has seat_in_row + k * step")
    step = Numbers()
    offer = Numbers(help_text="the index of the grade and price of its seats")
    kind = Numbers(help_text="the index of the kind of its seats")
    x = Numbers(help_text="the centre of seat k is at x + k * dx, y + k * dy")
    y = Numbers()
    dx = Numbers()
    dy = Numbers()


# Composed by services/seat_plan_document, saved and sent as it is.
class SeatPlanDocument(serializers.Serializer[Any]):
    """Every seat in a fixed order, by number; an index counts from 0.

    The seats are those of the runs, one after the other. ``rows`` and ``runs`` are columns: lists
    of equal length. Later versions may have further keys.
    """

    version = serializers.CharField()
    schedule = serializers.UUIDField()
    seats = serializers.IntegerField()
    box = PlanBox(help_text="around all sections; the stage is in front of it, centred on x = 0")
    offers = PlanOffer(many=True)
    kinds = Texts()
    sections = PlanSection(many=True)
    rows = PlanRows()
    runs = PlanRuns()
    labels = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        help_text="by a seat's index, the labels that are not '<section> <row>-<seat_in_row>'"
        " without spaces at its ends",
    )


class SeatStateOutput(Representation[Any]):
    plan = serializers.CharField(help_text="the version of the seat plan")
    cursor = serializers.CharField(help_text="for the next request of changes")
    states = serializers.CharField(
        required=False,
        help_text="base64url without padding of two bits a seat in the order of the plan, the"
        " first seat in the lowest bits: 0 available, 1 held, 2 reserved, 3 not for sale; not in"
        " an answer with changes",
    )
    changes = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        required=False,
        help_text="the seats that changed since the cursor: index in the plan, and state",
    )
    mine = serializers.ListField(
        child=serializers.IntegerField(), help_text="the seats that you hold: index in the plan"
    )
