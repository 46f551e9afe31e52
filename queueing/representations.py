"""What the API and the fast path answer about the line."""

from rest_framework import serializers

from concertbook.http.representations import Representation
from queueing.models import Draw, QueueToken, WaitingRoom
from queueing.services.front import Front
from queueing.services.queue_position import QueuePosition


class QueuePositionSerializer(Representation[QueuePosition]):
    token = serializers.UUIDField()
    room = serializers.SlugField()
    room_state = serializers.ChoiceField(choices=WaitingRoom.State.choices)
    status = serializers.ChoiceField(choices=QueueToken.Status.choices)
    is_admitted = serializers.BooleanField()
    position = serializers.IntegerField(help_text="my number in this room")
    ahead = serializers.IntegerField(help_text="people still waiting before me")
    estimated_wait_seconds = serializers.IntegerField()
    estimated_wait_from_seconds = serializers.IntegerField(help_text="if all goes fast")
    estimated_wait_until_seconds = serializers.IntegerField(help_text="if all goes slowly")
    seats_left = serializers.IntegerField(
        allow_null=True, help_text="seats still free behind this room, null when not known"
    )
    poll_after_seconds = serializers.IntegerField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="when my time inside ends, or ended"
    )


class FrontSerializer(Representation[Front]):
    state = serializers.ChoiceField(choices=WaitingRoom.State.choices)
    opens_at = serializers.DateTimeField(allow_null=True, help_text="of a scheduled room")
    front = serializers.IntegerField(
        allow_null=True,
        help_text="the lowest number that still waits: all before it were admitted or have left;"
        " null until lots are drawn",
    )
    pace_per_minute = serializers.IntegerField(
        allow_null=True, help_text="people admitted a minute, null when not known"
    )
    seats_left = serializers.IntegerField(
        allow_null=True, help_text="seats still free behind this room, null when not known"
    )
    message = serializers.CharField(
        help_text="what the staff tell all who wait, in the language of the request; often empty"
    )
    as_of = serializers.DateTimeField()


class RoomSerializer(Representation[WaitingRoom], serializers.ModelSerializer[WaitingRoom]):
    opens_at = serializers.DateTimeField(
        allow_null=True, help_text="when a scheduled room opens by itself"
    )
    shuffle = serializers.BooleanField(
        help_text="whether lots are drawn at the opening among those who are in line by then"
    )

    class Meta:
        model = WaitingRoom
        fields = ("slug", "title", "state", "opens_at", "shuffle")


class DrawSerializer(Representation[Draw]):
    commitment = serializers.CharField(help_text="SHA-256 of the seed, in hex")
    committed_at = serializers.DateTimeField()
    drawn_at = serializers.DateTimeField(allow_null=True)
    seed = serializers.CharField(
        source="revealed_seed", allow_null=True, help_text="in hex, null before the draw"
    )
    participants = serializers.IntegerField(
        allow_null=True, help_text="how many took part, null before the draw"
    )
    participants_hash = serializers.CharField(
        source="revealed_hash",
        allow_null=True,
        help_text="SHA-256 of their tokens, 16 bytes each, sorted; in hex, null before the draw",
    )
