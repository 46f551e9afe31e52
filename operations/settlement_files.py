"""The settlement as a file: the same table as CSV and as XLSX."""

import dataclasses
from collections.abc import Iterator

from django.utils.translation import gettext as _

from operations.services.settlement import Figures, Settlement
from operations.services.spreadsheet_files import Cell, table_as_file


def as_file(settlement: Settlement, *, format: str) -> bytes:
    """The settlement in one of CONTENT_TYPES; headings in the active language."""
    return table_as_file(
        table(settlement), format=format, name=_("Settlement"), widths={"A": 14, "B": 36, "C": 38}
    )


def file_name(settlement: Settlement, *, format: str) -> str:
    return f"settlement-{settlement.first}-{settlement.last}.{format}"


COLUMNS = (
    "day",
    "title",
    "concert_id",
    "tickets_sold",
    "sales",
    "tickets_free",
    "tickets_refunded",
    "refunds",
    "fees",
    "net",
    "compensations",
    "credits",
    "charges",
    "other",
    "balances",
)


def table(settlement: Settlement) -> Iterator[list[Cell]]:
    """The headings, a row for each concert and day, and the comparison with the ledger."""
    ledger = settlement.ledger
    yield headings()
    if ledger.opening is not None:
        yield _row(
            day=settlement.first, title=_("Balances at the beginning"), balances=ledger.opening
        )
    for row in settlement.rows:
        title = row.concert.title if row.concert else _("Charges and other")
        concert_id = str(row.concert.pk) if row.concert else None
        yield _row(day=row.day, title=title, concert_id=concert_id, **_figures(row.figures))
    if ledger.closing is not None:
        yield _row(day=settlement.last, title=_("Balances at the end"), balances=ledger.closing)
    yield from conclusion(settlement)


def headings() -> list[Cell]:
    return _row(
        day=_("Date"),
        title=_("Concert"),
        concert_id=_("Concert ID"),
        tickets_sold=_("Tickets sold"),
        tickets_free=_("Free tickets"),
        sales=_("Gross sales"),
        tickets_refunded=_("Tickets refunded"),
        refunds=_("Refunds"),
        fees=_("Fees kept"),
        net=_("Net sales"),
        compensations=_("Compensations"),
        credits=_("Goodwill credits"),
        charges=_("Charges"),
        other=_("Other"),
        balances=_("Balances"),
    )


def conclusion(settlement: Settlement) -> Iterator[list[Cell]]:
    """The total of the rows, the ledger's, and the difference."""
    ledger, differences = settlement.ledger, settlement.differences
    verdict = _("Reconciles to the won") if settlement.reconciles else _("DOES NOT RECONCILE")
    yield _row(day=_("Sum"), **_figures(settlement.total))
    yield _row(
        day=_("Ledger"),
        sales=ledger.sales,
        refunds=ledger.refunds,
        net=ledger.sales - ledger.refunds,
        compensations=ledger.compensations,
        credits=ledger.credits,
        charges=ledger.charges,
        other=ledger.other,
    )
    net = differences["sales"] - differences["refunds"]
    yield _row(day=_("Difference"), title=verdict, net=net, **differences)


def _figures(figures: Figures) -> dict[str, Cell]:
    return dataclasses.asdict(figures) | {"net": figures.net}


def _row(**cells: Cell) -> list[Cell]:
    return [cells.get(column) for column in COLUMNS]
