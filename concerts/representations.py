"""The API's answers about concerts, their schedules and seats."""

from typing import Any

from rest_framework import serializers

from concertbook.http.representations import Representation
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services.offers import Sale
from concerts.services.seat_map import SeatMap, SeatOnMap


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
            "created_at",
        )


class SeatSerializer(Representation[SeatOnMap]):
    number = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]
    section = serializers.CharField()
    row = serializers.CharField()
    seat_in_row = serializers.IntegerField(help_text="the number on the seat")
    grade = serializers.CharField()
    price = serializers.IntegerField(help_text="won")
    status = serializers.ChoiceField(choices=Seat.Status.choices)


class SeatsOutput(Representation[SeatMap]):
    seats = SeatSerializer(many=True)


class SeatChangesOutput(Representation[Any]):
    cursor = serializers.CharField()
    seats = SeatSerializer(many=True)
