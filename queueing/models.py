"""Rooms, the people in line, and what became of them."""

import datetime as dt
import secrets
import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import rehearsal_of
from concertbook.db.clock import StatementTime
from concertbook.db.prepared import Param
from concertbook.db.status import status_is


class WaitingRoomQuerySet(models.QuerySet["WaitingRoom"]):
    def visible_to(self, viewer: object) -> "WaitingRoomQuerySet":
        """The real rooms; for a buyer of a rehearsal, that rehearsal's room alone."""
        return self.of_rehearsal(rehearsal_of(viewer))

    def of_rehearsal(self, name: str | Param) -> "WaitingRoomQuerySet":
        """The published rooms of the rehearsal with this name; the real ones by an empty name."""
        return self.published().filter(rehearsal=name)

    def published(self) -> "WaitingRoomQuerySet":
        """The rooms that buyers can find, and what is sold behind them."""
        return self.filter(is_published())

    def live(self) -> "WaitingRoomQuerySet":
        """Rooms that are not closed, or in which people still wait or are inside."""
        rooms = self.annotate(
            first_waiting=_first(QueueToken.objects.waiting(), "position"),
            first_active=_first(QueueToken.objects.active(), "expires_at"),
        )
        closed = Q(state=WaitingRoom.State.CLOSED)
        return rooms.filter(
            ~closed | Q(first_waiting__isnull=False) | Q(first_active__isnull=False)
        )


def _first(tokens: "QueueTokenQuerySet", along: str) -> Subquery:
    """By its order the index on (room, ``along``) is used, and not every token read for a room."""
    of_room = tokens.filter(room=OuterRef("pk")).order_by(along)
    return Subquery(of_room.values(along)[:1])


def is_published(room: str = "") -> Q:
    """The condition that a room is published now; ``room`` is the path to it, as ``room__``."""
    return Q(**{f"{room}published_at__lte": StatementTime()})


class WaitingRoom(models.Model):
    """One line of people before one door."""

    class State(models.TextChoices):
        SCHEDULED = "SCHEDULED", _("Scheduled")
        OPEN = "OPEN", _("Open")
        PAUSED = "PAUSED", _("Paused")
        DRAINING = "DRAINING", _("Draining")
        CLOSED = "CLOSED", _("Closed")

    # The line moves on: people are admitted, and those who are silent for too long are removed.
    MOVING = (State.OPEN, State.DRAINING)

    # Short on purpose: it is part of every token (see new_token).
    id = models.BigAutoField(primary_key=True)
    title = models.CharField(_("title"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=100, unique=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.SCHEDULED)
    opens_at = models.DateTimeField(
        _("opens at"),
        null=True,
        blank=True,
        help_text=_("A scheduled room opens by itself at this time."),
    )
    capacity = models.PositiveIntegerField(
        _("capacity"),
        default=100,
        validators=[MinValueValidator(1)],
        help_text=_("People inside at once."),
    )
    admit_per_minute = models.PositiveIntegerField(
        _("admitted per minute"),
        default=6000,
        validators=[MinValueValidator(1)],
        help_text=_("At most this many are let in within any minute."),
    )
    active_seconds = models.PositiveIntegerField(
        _("seconds inside"),
        default=600,
        validators=[MinValueValidator(1)],
        help_text=_("How long an admitted person may stay."),
    )
    idle_seconds = models.PositiveIntegerField(
        _("idle seconds"),
        default=300,
        validators=[MinValueValidator(1)],
        help_text=_("A waiting buyer who does not ask for this long has left."),
    )
    shuffle = models.BooleanField(
        _("shuffle at opening"),
        default=False,
        help_text=_("Draw lots among those who came before the opening."),
    )
    # The room's slug where the room is a rehearsal's, empty for a real one. Never changes
    # (a trigger); all that is of the rehearsal is so by this room or by its buyers.
    rehearsal = models.CharField(
        _("rehearsal"), max_length=100, blank=True, default="", db_default="", editable=False
    )
    # What the staff tell all who wait, "" for nothing (services/rooms).
    message_ko = models.CharField(
        _("message to the line"), max_length=300, blank=True, default="", db_default=""
    )
    message_en = models.CharField(
        _("message to the line, English"), max_length=300, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())
    # From when on buyers find the room and the concerts behind it; never while it is NULL, a draft
    # (concerts/services/publication). Until then no buyer can join, so nothing of it is sold.
    published_at = models.DateTimeField(
        _("published"),
        null=True,
        blank=True,
        editable=False,
        db_default=models.functions.Now(),
    )

    objects = WaitingRoomQuerySet.as_manager()

    class Meta:
        verbose_name = _("waiting room")
        verbose_name_plural = _("waiting rooms")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    capacity__gt=0,
                    admit_per_minute__gt=0,
                    active_seconds__gt=0,
                    idle_seconds__gt=0,
                ),
                name="queueing_waitingroom_figures_positive",
            ),
            models.CheckConstraint(
                condition=~Q(state="SCHEDULED") | Q(opens_at__isnull=False),
                name="queueing_waitingroom_scheduled_has_time",
                violation_error_message=_("A scheduled room needs a time to open at."),
            ),
            models.CheckConstraint(
                condition=Q(rehearsal="") | Q(rehearsal=F("slug")),
                name="queueing_waitingroom_rehearsal_is_its_slug",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_moving(self) -> bool:
        return self.state in self.MOVING

    @property
    def message(self) -> str:
        """What the staff tell the line, in the active language if it was written in it."""
        texts = (self.message_ko, self.message_en)
        ours, other = reversed(texts) if get_language() == "en" else texts
        return ours or other


class RoomCapacity(models.Model):
    """The capacity that a room has ``since`` then. A trigger writes each change.

    The audit judges each admission by it, because a lower capacity ends no admission.
    """

    room = models.ForeignKey(WaitingRoom, models.CASCADE, related_name="capacities")
    capacity = models.PositiveIntegerField()
    since = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["room", "since"], name="queueing_capacity_of_room")
        ]

    def __str__(self) -> str:
        return f"{self.capacity} since {self.since}"


def new_token(room_id: int) -> uuid.UUID:
    """An unguessable token (90 random bits) that tells its room in the first 32 bits.

    So a poll needs no more than the token to find the room. UUID version 8.
    """
    bits = room_id << 96 | secrets.randbits(96)
    return uuid.UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 8 << 76 | 0x2 << 62)


def room_of(token: uuid.UUID) -> int:
    """The room that a token tells (see new_token)."""
    return token.int >> 96


class QueueTokenQuerySet(models.QuerySet["QueueToken"]):
    def live(self) -> "QueueTokenQuerySet":
        return self.exclude(status="EXPIRED")

    def waiting(self) -> "QueueTokenQuerySet":
        return self.filter(is_waiting=True)

    def active(self) -> "QueueTokenQuerySet":
        return self.filter(is_active=True)


class QueueToken(models.Model):
    """One person's place in one room's line.

    ``position`` only ever grows within a room and is drawn from the room's own sequence, so it
    tells who was first but has gaps. Lots drawn at the opening permute the positions of those
    who took part; ``drawn_from`` is what theirs was before. ``expires_at`` is the end of the
    admission, and the moment the token really ended once EXPIRED.
    """

    class Status(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        ACTIVE = "ACTIVE", _("Admitted")
        EXPIRED = "EXPIRED", _("Expired")

    token = models.UUIDField(_("token"), primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="queue_tokens",
        verbose_name=_("user"),
    )
    room = models.ForeignKey(
        WaitingRoom,
        models.PROTECT,
        related_name="tokens",
        db_index=False,
        limit_choices_to={"rehearsal": ""},
        verbose_name=_("waiting room"),
    )
    position = models.BigIntegerField(_("position"))
    drawn_from = models.BigIntegerField(_("position before the draw"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=7, choices=Status, default=Status.WAITING)
    is_live = status_is("WAITING", "ACTIVE")
    is_waiting = status_is("WAITING")
    is_active = status_is("ACTIVE")
    issued_at = models.DateTimeField(_("issued"))
    available_at = models.DateTimeField(_("admitted at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_request_at = models.DateTimeField(_("last request"))
    # Asked for on the waiting page: a push message when it is their turn.
    wants_push = models.BooleanField(_("wants a push message"), default=False, db_default=False)

    objects = QueueTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("queue token")
        verbose_name_plural = _("queue tokens")
        # By the column, not the room: following the key would join the room, and a lock lock it.
        ordering = ["room_id", "position"]
        constraints = [
            # Judged when a statement ends: a draw permutes the positions of a whole line in one.
            models.UniqueConstraint(
                fields=["room", "position"],
                deferrable=models.Deferrable.IMMEDIATE,
                name="queueing_queuetoken_position_unique",
            ),
            models.UniqueConstraint(
                fields=["user", "room"],
                condition=Q(is_live=True),
                name="queueing_queuetoken_one_live_per_user",
            ),
            models.CheckConstraint(
                condition=Q(status="WAITING", available_at=None, expires_at=None)
                | Q(status="ACTIVE", available_at__isnull=False, expires_at__isnull=False)
                | Q(status="EXPIRED", expires_at__isnull=False),
                name="queueing_queuetoken_times_match_status",
            ),
        ]
        indexes = [
            models.Index(
                fields=["room", "position"],
                condition=Q(is_waiting=True),
                name="queueing_token_waiting",
            ),
            models.Index(
                fields=["room", "expires_at"],
                condition=Q(is_active=True),
                name="queueing_token_active",
            ),
            # How many were let in within the last minute.
            models.Index(
                fields=["room", "available_at"],
                condition=Q(available_at__isnull=False),
                name="queueing_token_admitted",
            ),
            # For the course of a sale: a join adds nothing to it, as a B-tree would.
            BrinIndex(fields=["issued_at"], pages_per_range=32, name="queueing_token_joined"),
        ]

    def __str__(self) -> str:
        return f"{self.room} #{self.position}"

    @property
    def is_admitted(self) -> bool:
        return self.status == self.Status.ACTIVE

    def admits(self, now: dt.datetime) -> bool:
        """Whether the door is open for this token at ``now`` (the database's clock)."""
        return self.is_admitted and self.expires_at is not None and now < self.expires_at


class Draw(models.Model):
    """The lots of one room that shuffles: the commitment before, the result after.

    ``commitment`` is the SHA-256 of ``seed`` and is published from the start; the seed stays
    secret until ``drawn_at``. ``participants_hash`` is the SHA-256 of the tokens of all who took
    part, as 16 bytes each, sorted and joined.
    """

    room = models.OneToOneField(
        WaitingRoom,
        models.CASCADE,
        primary_key=True,
        related_name="draw",
        verbose_name=_("waiting room"),
    )
    seed = models.BinaryField(_("seed"))
    commitment = models.CharField(_("commitment"), max_length=64)
    committed_at = models.DateTimeField(_("committed"), db_default=models.functions.Now())
    drawn_at = models.DateTimeField(_("drawn"), null=True, blank=True)
    participants = models.PositiveIntegerField(_("participants"), null=True, blank=True)
    participants_hash = models.CharField(
        _("hash of the participants"), max_length=64, blank=True, default=""
    )

    class Meta:
        verbose_name = _("draw")
        verbose_name_plural = _("draws")
        constraints = [
            models.CheckConstraint(
                condition=Q(drawn_at=None, participants=None, participants_hash="")
                | (
                    Q(drawn_at__isnull=False, participants__isnull=False) & ~Q(participants_hash="")
                ),
                name="queueing_draw_is_complete",
            )
        ]

    def __str__(self) -> str:
        return str(self.room)

    @property
    def revealed_seed(self) -> str | None:
        """The seed in hex; None before the draw."""
        return bytes(self.seed).hex() if self.drawn_at else None

    @property
    def revealed_hash(self) -> str | None:
        """The hash of the participants: None before the draw."""
        return self.participants_hash or None


class QueueEntryHistory(models.Model):
    """One token from joining to its end; written when it ends."""

    class Outcome(models.TextChoices):
        PAID = "PAID", _("Paid")
        LEFT = "LEFT", _("Left")
        TIMED_OUT = "TIMED_OUT", _("Time inside was over")
        IDLE = "IDLE", _("Went away while waiting")
        CLOSED = "CLOSED", _("The room was closed")

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="queue_history",
        verbose_name=_("user"),
    )
    token = models.OneToOneField(
        QueueToken, models.PROTECT, related_name="entry", verbose_name=_("queue token")
    )
    entered_at = models.DateTimeField(_("entered"))
    admitted_at = models.DateTimeField(_("admitted at"), null=True, blank=True)
    exited_at = models.DateTimeField(_("exited"))
    was_admitted = models.GeneratedField(
        expression=models.ExpressionWrapper(
            Q(admitted_at__isnull=False), output_field=models.BooleanField()
        ),
        output_field=models.BooleanField(),
        db_persist=True,
        verbose_name=_("was admitted"),
    )
    duration_seconds = models.GeneratedField(
        expression=models.Func(
            F("exited_at"),
            F("entered_at"),
            template="extract(epoch FROM %(expressions)s)::int",
            arg_joiner=" - ",
        ),
        output_field=models.IntegerField(),
        db_persist=True,
        verbose_name=_("seconds from joining to the end"),
    )
    outcome = models.CharField(_("how it ended"), max_length=9, choices=Outcome)

    class Meta:
        verbose_name = _("queue entry history")
        verbose_name_plural = _("queue entry history")
        ordering = ["-id"]
        # For the staff's list: what no payment writes.
        indexes = [
            models.Index(
                fields=["outcome", "id"],
                condition=~Q(outcome="PAID"),
                name="queueing_entry_unpaid",
            ),
            models.Index(
                fields=["id"], condition=Q(admitted_at=None), name="queueing_entry_not_admitted"
            ),
            BrinIndex(fields=["exited_at"], pages_per_range=32, name="queueing_entry_exited"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.outcome}"
