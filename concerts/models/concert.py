"""A show: what its poster says, and who of the staff works for it."""

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User, rehearsal_of
from concertbook.db.search import NAMES_END, PlainText, initials_pattern
from concerts.refund_policy import KOREAN_STANDARD, validate_refund_policy
from queueing.models import WaitingRoom, is_published


class ConcertQuerySet(models.QuerySet["Concert"]):
    def visible_to(self, viewer: object) -> "ConcertQuerySet":
        """The real concerts that are published; for a buyer of a rehearsal, only that rehearsal's
        concert."""
        return self.published().filter(waiting_room__rehearsal=rehearsal_of(viewer))

    def published(self) -> "ConcertQuerySet":
        """The concerts that buyers can find: their waiting room is published."""
        return self.filter(is_published("waiting_room__"))

    def search(self, text: str) -> "ConcertQuerySet":
        """The concerts that say the text (concertbook.db.search); by initial consonants those whose
        names do, as almost any three are in a description."""
        says = Q(searched__says=text)
        if pattern := initials_pattern(text):
            says |= Q(searched_names__iregex=pattern)
        names = Func(F("searched"), Value(NAMES_END), Value(1), function="split_part")
        return self.alias(searched_names=Cast(names, TextField())).filter(says)


class ShowColour(models.TextChoices):
    """The colours that a concert may have on its pages.

    ``--show`` in static/css/main.css, where each has 4.5:1 on the ground and on cards, light and
    dark.
    """

    INK = "ink", _("ink")
    INDIGO = "indigo", _("indigo")
    VIOLET = "violet", _("violet")
    PLUM = "plum", _("plum")
    ROSE = "rose", _("rose")
    RED = "red", _("red")
    CORAL = "coral", _("coral")
    AMBER = "amber", _("amber")
    OLIVE = "olive", _("olive")
    GREEN = "green", _("green")
    TEAL = "teal", _("teal")
    BLUE = "blue", _("blue")


class Poster(models.Model):
    """An uploaded poster, as WebP of 2:3 (services/posters). A row never changes.

    One that was replaced is kept: pages that caches keep still show its address.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image = models.BinaryField()
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("poster")
        verbose_name_plural = _("posters")

    def __str__(self) -> str:
        return str(self.pk)


class Concert(models.Model):
    """A show: what its poster says. Title, venue and notice are Korean; each may have an English
    version, which English pages show instead."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(_("title"), max_length=200)
    title_en = models.CharField(_("English title"), max_length=200, blank=True)
    artist = models.CharField(_("artist"), max_length=200, blank=True)
    description = models.TextField(_("description"), blank=True)
    notice = models.TextField(
        _("notice"), blank=True, help_text=_("What buyers must know before they buy.")
    )
    notice_en = models.TextField(_("English notice"), blank=True)
    venue = models.CharField(_("venue"), max_length=200, blank=True)
    venue_en = models.CharField(_("English venue"), max_length=200, blank=True)
    venue_address = models.CharField(_("address of the venue"), max_length=200, blank=True)
    venue_map = models.URLField(_("map of the venue"), blank=True, help_text=_("a link"))
    running_minutes = models.PositiveSmallIntegerField(
        _("running time"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("minutes, with the intermission"),
    )
    minimum_age = models.PositiveSmallIntegerField(
        _("age limit"), default=0, help_text=_("years; 0: all ages")
    )
    colour = models.CharField(
        _("colour"), max_length=10, choices=ShowColour, default=ShowColour.INDIGO
    )
    # Without one, a poster is drawn (poster_art).
    poster = models.ForeignKey(
        Poster,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        verbose_name=_("poster"),
    )
    start_time = models.DateTimeField(_("start of the run"))
    end_time = models.DateTimeField(_("end of the run"))
    refund_policy = models.CharField(
        _("refund policy"),
        max_length=100,
        default=KOREAN_STANDARD,
        validators=[validate_refund_policy],
        help_text=_(
            "Days before the show and the fee in percent: 10:0 7:10 3:20 1:30 0:90. "
            "Tickets keep the policy they were sold under."
        ),
    )
    # Required by a trigger: concerts_policy_below_standard_has_reason.
    refund_policy_reason = models.CharField(
        _("why it is below the standard"),
        max_length=200,
        blank=True,
        help_text=_(
            "Needed if cancelling costs more on any day than by the consumer standard "
            "(10:0 7:10 3:20 1:30 0:90). Buyers read it beside the fees."
        ),
    )
    refund_policy_reason_en = models.CharField(_("the same in English"), max_length=200, blank=True)
    waiting_room = models.ForeignKey(
        WaitingRoom,
        models.PROTECT,
        related_name="concerts",
        # A concert that an operator creates is real.
        limit_choices_to={"rehearsal": ""},
        verbose_name=_("waiting room"),
    )
    # Normalizing the texts of 10,000 concerts takes 0.8 s, reading this column 12 ms.
    searched = models.GeneratedField(
        expression=PlainText(
            "title",
            "title_en",
            "artist",
            "venue",
            "venue_en",
            Value(NAMES_END),
            "description",
        ),
        output_field=TextField(),
        db_persist=True,
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ConcertQuerySet.as_manager()

    class Meta:
        verbose_name = _("concert")
        verbose_name_plural = _("concerts")
        ordering = ["start_time", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_time__lt=F("end_time")),
                name="concerts_concert_starts_before_it_ends",
                violation_error_message=_("The run must end after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(colour__in=ShowColour.values), name="concerts_concert_colour_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class StaffConcert(models.Model):
    """A concert that a member of the staff works for. One who has no such row works for all."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User,
        models.CASCADE,
        related_name="staff_concerts",
        db_index=False,
        verbose_name=_("user"),
    )
    concert = models.ForeignKey(
        Concert, models.CASCADE, related_name="+", verbose_name=_("concert")
    )

    class Meta:
        verbose_name = _("concert of a member of the staff")
        verbose_name_plural = _("works for these concerts only")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "concert"], name="concerts_staffconcert_once_per_concert"
            )
        ]

    def __str__(self) -> str:
        return str(self.concert)
