"""Cells for a spreadsheet, in which nothing that somebody typed runs as a formula."""

# Excel in Korean, Chinese and Japanese takes the full-width signs for the same.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def quoted(cell: str) -> str:
    """The cell as text. A negative number is no formula and stays a number."""
    is_number = cell.removeprefix("-").isdecimal()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell
