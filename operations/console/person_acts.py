"""What staff do for a person: each act says what it will do, asks why, does it once, and is logged.
Before money moves, the member of the staff proves again who they are (accounts/second_factor.py).

A row is named by ``row`` in the address: a ticket, a reservation, a message or a credit, of this
person only. What an act must know before it can say what it will do is asked for first, and is in
the address, too.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.letter import kind_in_words
from accounts.models import Credit, OutgoingMessage, User
from accounts.second_factor import must_confirm
from accounts.services import account_help, credits, outbox
from accounts.services.devices import list_devices
from accounts.services.ledger import balance_amount
from concertbook.errors import DomainError
from concertbook.http.origin import origin_of
from concertbook.templatetags.money import won
from concertbook.templatetags.times import second
from concerts.errors import SeatNotFound, SeatTaken
from concerts.services.staff_concerts import limit
from operations.console.page import Context, console_page
from operations.roles import credit_limit_of
from payments.models import Reservation, Ticket
from payments.services.releases import release_by_staff
from payments.services.ticket_cancellation import quote_by_staff, refund_by_staff
from payments.services.ticket_moves import move_ticket

VIEW = "accounts.view_user"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"), max_length=200, help_text=_("It is in the log, and on this person's page.")
    )
    # An act that gives something does so once for each form.
    key = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput)


class CreditForm(forms.Form):
    amount = forms.IntegerField(
        label=_("Amount of the credit in won"), min_value=1, max_value=credits.MOST
    )


class MoveForm(ReasonForm):
    to = forms.CharField(
        label=_("To the seat"),
        max_length=20,
        help_text=_("Its label. It is free, blocked or held back."),
    )
    field_order = ("to", "reason")


@dataclass(frozen=True)
class Call:
    """One use of an act; ``values`` are those of its ``asks`` and its form."""

    actor: User
    person: User
    row: Any
    values: Mapping[str, Any]
    origin: str
    reason: str = ""
    key: uuid.UUID | None = None


@dataclass(frozen=True)
class Act:
    """``preview`` says in sentences what ``run`` will do; either may raise a DomainError. ``find``
    loads the row that the act is about: of this person, and of a concert that the actor works
    for. ``asks`` is the form of what the preview must know."""

    permission: str
    title: Any
    button: Any
    done: Any
    preview: Callable[[Call], Sequence[str]]
    run: Callable[[Call], object]
    find: Callable[[User, User, Any], Any] | None = None
    asks: type[forms.Form] | None = None
    tone: str = "primary"
    moves_money: bool = False
    form: type[ReasonForm] = ReasonForm


def _ticket(actor: User, person: User, key: Any) -> Ticket | None:
    tickets = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    mine = limit(actor, tickets, "reservation__schedule__concert")
    return mine.filter(pk=key, user=person).first()


def _reservation(actor: User, person: User, key: Any) -> Reservation | None:
    reservations = Reservation.objects.select_related("seat", "schedule__concert")
    mine = limit(actor, reservations, "schedule__concert")
    return mine.filter(pk=key, user=person).first()


def _message(actor: User, person: User, key: Any) -> OutgoingMessage | None:
    return OutgoingMessage.objects.filter(pk=key, user=person).first()


def _credit(actor: User, person: User, key: Any) -> Credit | None:
    return person.credits.select_related("asked_by").filter(pk=key).first()


def _refund_preview(*, in_full: bool) -> Callable[[Call], Sequence[str]]:
    def preview(call: Call) -> Sequence[str]:
        ticket = call.row
        quote = quote_by_staff(ticket_id=ticket.pk, in_full=in_full)
        seat = f"{ticket.reservation.schedule.concert.title} {ticket.seat.label}"
        values = {
            "seat": seat,
            "amount": won(quote.amount + quote.compensation),
            "fee": won(quote.fee),
            "balance": won(balance_amount(user=call.person) + quote.amount + quote.compensation),
        }
        return [
            gettext("The ticket for {seat} ends, and its QR code with it.").format(**values),
            gettext(
                "{amount} goes back to the balance, which is then {balance}; the fee is {fee}."
            ).format(**values),
            gettext("The seat is sold again, and the buyer gets a mail."),
        ]

    return preview


def _release_preview(call: Call) -> Sequence[str]:
    said = gettext("{seat} is free again at once, and any buyer inside may take it.")
    until = gettext("Otherwise the buyer has until {at} to pay for it. No money moves.")
    return [
        said.format(seat=call.row.seat.label),
        until.format(at=second(call.row.expires_at)),
    ]


def _move_preview(call: Call) -> Sequence[str]:
    ticket = call.row
    ticket.require_issued()
    values = {"seat": ticket.seat.label, "price": won(ticket.price)}
    return [
        gettext(
            "The ticket for {seat} is for the other seat then, and has a new QR code. The old one"
            " ends."
        ).format(**values),
        gettext(
            "No money moves: the ticket keeps its price of {price}, whatever the other seat costs."
        ).format(**values),
        gettext("{seat} is sold again, and the ticket's holder gets a mail.").format(**values),
    ]


def _resend_preview(call: Call) -> Sequence[str]:
    message = call.row
    said = gettext("The message “{kind}” is sent again to {recipient}, with what is true now.")
    return [
        said.format(
            kind=kind_in_words(message.kind),
            recipient=message.recipient or call.person.email or "-",
        )
    ]


def _end_sessions_preview(call: Call) -> Sequence[str]:
    count = len(list_devices(user=call.person, session_key=None))
    said = ngettext(
        "{count} device is logged out at once.", "{count} devices are logged out at once.", count
    )
    return [
        said.format(count=count),
        gettext("Places in line, seats and tickets stay: the person may log in again."),
    ]


def _deactivate_preview(call: Call) -> Sequence[str]:
    return [
        gettext("The person is logged out everywhere and can log in no more."),
        gettext("Tickets stay valid at the door, and the balance of {balance} stays.").format(
            balance=won(balance_amount(user=call.person))
        ),
    ]


def _activate_preview(call: Call) -> Sequence[str]:
    return [gettext("The person can log in again, with the same password.")]


def _link_preview(call: Call) -> Sequence[str]:
    said = gettext("A link for a new password is mailed to {email}. The old one works until then.")
    return [said.format(email=call.person.email or "-")]


def _give_credit_preview(call: Call) -> Sequence[str]:
    limit, amount = credit_limit_of(call.actor), call.values["amount"]
    alone = credits.left_alone(actor=call.actor, user=call.person, limit=limit)
    if amount <= alone:
        return [*_paid(call.person, amount), _said_alone(alone - amount, limit)]
    return [
        gettext(
            "{amount} waits until a second person approves it. Until then no money moves."
        ).format(amount=won(amount)),
        _said_alone(alone, limit),
    ]


def _paid(person: User, amount: int) -> Sequence[str]:
    return [
        gettext("{amount} goes to the balance, which is then {balance}.").format(
            amount=won(amount), balance=won(balance_amount(user=person) + amount)
        ),
        gettext("The buyer gets a mail, and sees a goodwill credit in the balance history."),
    ]


def _said_alone(alone: int, limit: int) -> str:
    said = gettext(
        "On your own you may then give this person {alone} more; your limit is {limit} in 30 days."
    )
    return said.format(alone=won(alone), limit=won(limit))


def _asked(call: Call) -> str:
    """What was asked for, if it can be decided."""
    credits.require_decidable(credit=call.row, actor=call.actor)
    said = gettext("{who} asked for {amount} at {at}: {reason}")
    return said.format(
        who=call.row.asked_by,
        amount=won(call.row.amount),
        at=second(call.row.asked_at),
        reason=call.row.reason,
    )


def _approve_credit_preview(call: Call) -> Sequence[str]:
    return [_asked(call), *_paid(call.person, call.row.amount)]


def _refuse_credit_preview(call: Call) -> Sequence[str]:
    return [_asked(call), gettext("No money moves, and the buyer is told nothing.")]


def _decide(call: Call, *, approve: bool) -> object:
    return credits.decide_credit(
        actor=call.actor, credit_id=call.row.pk, approve=approve, reason=call.reason
    )


ACTS = {
    "refund": Act(
        permission="payments.refund_ticket",
        title=_("Refund by the policy?"),
        button=_("Refund"),
        done=_("The ticket is refunded."),
        preview=_refund_preview(in_full=False),
        run=lambda call: refund_by_staff(
            actor=call.actor, ticket_id=call.row.pk, in_full=False, reason=call.reason
        ),
        find=_ticket,
        tone="danger",
        moves_money=True,
    ),
    "refund-in-full": Act(
        permission="payments.refund_in_full",
        title=_("Refund without a fee?"),
        button=_("Refund in full"),
        done=_("The ticket is refunded in full."),
        preview=_refund_preview(in_full=True),
        run=lambda call: refund_by_staff(
            actor=call.actor, ticket_id=call.row.pk, in_full=True, reason=call.reason
        ),
        find=_ticket,
        tone="danger",
        moves_money=True,
    ),
    "move": Act(
        permission="payments.move_ticket",
        title=_("Move to another seat?"),
        button=_("Move"),
        done=_("The ticket is moved."),
        preview=_move_preview,
        run=lambda call: move_ticket(
            actor=call.actor, ticket_id=call.row.pk, to=call.values["to"], reason=call.reason
        ),
        find=_ticket,
        form=MoveForm,
    ),
    "release": Act(
        permission="payments.release_reservation",
        title=_("Release the hold?"),
        button=_("Release"),
        done=_("The hold is released."),
        preview=_release_preview,
        run=lambda call: release_by_staff(
            actor=call.actor, reservation_id=call.row.pk, reason=call.reason
        ),
        find=_reservation,
    ),
    "give-credit": Act(
        permission="accounts.grant_credit",
        title=_("Give a goodwill credit?"),
        button=_("Give the credit"),
        done=_("The credit is given, or waits for a second person."),
        preview=_give_credit_preview,
        run=lambda call: credits.give_credit(
            actor=call.actor,
            user=call.person,
            amount=call.values["amount"],
            limit=credit_limit_of(call.actor),
            reason=call.reason,
            key=call.key,
        ),
        asks=CreditForm,
        moves_money=True,
    ),
    "approve-credit": Act(
        permission="accounts.approve_credit",
        title=_("Approve the credit?"),
        button=_("Approve"),
        done=_("The credit is given."),
        preview=_approve_credit_preview,
        run=lambda call: _decide(call, approve=True),
        find=_credit,
        moves_money=True,
    ),
    "refuse-credit": Act(
        permission="accounts.approve_credit",
        title=_("Refuse the credit?"),
        button=_("Refuse"),
        done=_("The credit is refused."),
        preview=_refuse_credit_preview,
        run=lambda call: _decide(call, approve=False),
        find=_credit,
        tone="danger",
    ),
    "resend": Act(
        permission="accounts.resend_message",
        title=_("Send the message again?"),
        button=_("Send again"),
        done=_("The message is queued again."),
        preview=_resend_preview,
        run=lambda call: outbox.replay(
            message_id=call.row.pk, actor=call.actor, reason=call.reason
        ),
        find=_message,
    ),
    "end-sessions": Act(
        permission="accounts.help_user",
        title=_("Log out everywhere?"),
        button=_("Log out everywhere"),
        done=_("All sessions are ended."),
        preview=_end_sessions_preview,
        run=lambda call: account_help.log_out_everywhere(
            actor=call.actor, user=call.person, reason=call.reason
        ),
    ),
    "send-reset-link": Act(
        permission="accounts.help_user",
        title=_("Send a link for a new password?"),
        button=_("Send the link"),
        done=_("The link is on its way."),
        preview=_link_preview,
        run=lambda call: account_help.send_reset_link(
            actor=call.actor, user=call.person, origin=call.origin, reason=call.reason
        ),
    ),
    "deactivate": Act(
        permission="accounts.deactivate_user",
        title=_("Deactivate the account?"),
        button=_("Deactivate"),
        done=_("The account is deactivated."),
        preview=_deactivate_preview,
        run=lambda call: account_help.set_active(
            actor=call.actor, user=call.person, active=False, reason=call.reason
        ),
        tone="danger",
    ),
    "activate": Act(
        permission="accounts.deactivate_user",
        title=_("Activate the account again?"),
        button=_("Activate"),
        done=_("The account is active again."),
        preview=_activate_preview,
        run=lambda call: account_help.set_active(
            actor=call.actor, user=call.person, active=True, reason=call.reason
        ),
    ),
}
# Acts on the account, which staff do to buyers only: other staff are the owner's matter.
ON_ACCOUNTS = ("end-sessions", "send-reset-link", "deactivate", "activate", "give-credit")


def acts_on(actor: User) -> set[str]:
    """The acts that this member of the staff may do."""
    return {name for name, act in ACTS.items() if actor.has_perm(act.permission)}


@console_page(permission=VIEW, template="operations/console/person_act.html")
def act_on_person(request: HttpRequest, user_id: uuid.UUID, act: str) -> HttpResponse | Context:
    """Ask, and act once the form is sent."""
    actor, chosen = cast(User, request.user), ACTS.get(act)
    person = User.objects.filter(pk=user_id).first()
    if chosen is None or person is None:
        raise Http404
    if act not in acts_on(actor) or (act in ON_ACCOUNTS and not may_touch(actor, person)):
        raise PermissionDenied
    # Before the form is shown: what was typed into it would be lost by the question.
    if chosen.moves_money and (question := must_confirm(request)) is not None:
        return question
    shown = {"title": str(person), "person": person, "question": chosen.title}
    row = _row(chosen, actor, person, request.GET.get("row", ""))
    asked = chosen.asks(request.GET or None) if chosen.asks else None
    if asked is not None and not asked.is_valid():
        return shown | {"asked": asked}
    call = Call(actor, person, row, asked.cleaned_data if asked else {}, origin_of(request))
    form = chosen.form(request.POST if request.method == "POST" else None)
    try:
        if form.is_valid() and _is_done(chosen, form, call):
            messages.success(request, chosen.done)
            return redirect("console:person", person.pk)
        sentences, refusal = chosen.preview(call), ""
    except DomainError as error:
        sentences, refusal = [], str(error.message)
    return shown | {
        "button": chosen.button,
        "tone": chosen.tone,
        "sentences": sentences,
        "refusal": refusal,
        "form": form,
    }


def _is_done(act: Act, form: ReasonForm, call: Call) -> bool:
    """False when the form's other seat cannot be taken, which is an error of its field."""
    given = form.cleaned_data
    values = {**call.values, **given}
    try:
        act.run(replace(call, values=values, reason=given["reason"], key=given["key"]))
    except (SeatNotFound, SeatTaken) as error:
        form.add_error("to", str(error.message))
        return False
    return True


def may_touch(actor: User, person: User) -> bool:
    """Whether the actor may change the access of this account."""
    return actor.is_superuser or not (person.is_staff or person.is_superuser)


def _row(act: Act, actor: User, person: User, key: str) -> Any:
    """Raises Http404 for what is not this person's, or no key."""
    if act.find is None:
        return None
    try:
        row = act.find(actor, person, int(key) if act.find is _message else uuid.UUID(key))
    except (ValueError, OverflowError):
        row = None
    if row is None:
        raise Http404
    return row
