"""The base of concerts and schedules: neither can be deleted once a seat was held."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext

from accounts.base_admin import Admin
from concerts.models import ConcertSchedule, Seat
from concerts.services import schedule_rules


class DeletableUnsold(Admin):
    """Rows that can be deleted as long as no seat was ever held."""

    def schedules_of(self, things: Any) -> QuerySet[ConcertSchedule]:
        raise NotImplementedError

    def sold(self, things: Any) -> QuerySet[ConcertSchedule]:
        return schedule_rules.ever_held(self.schedules_of(things))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        unsold = obj is None or not self.sold([obj]).exists()
        return unsold and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """The rows that would be deleted: thousands of seats are counted, not listed."""
        schedules = self.schedules_of(objs)
        counts = {
            capfirst(ConcertSchedule._meta.verbose_name_plural): schedules.count(),
            capfirst(Seat._meta.verbose_name_plural): Seat.objects.filter(
                schedule__in=schedules
            ).count(),
        }
        sold = self.sold(objs).select_related("concert")
        protected = [gettext("%s: seats were held or sold") % schedule for schedule in sold]
        may = self.has_delete_permission(request)
        return list(map(str, objs)), counts, set() if may else {self.opts.verbose_name}, protected
