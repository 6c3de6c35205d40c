"""The tables of the page about importing: formats, and reasons for which rows are kept aside."""

from thetaloom.marketdata.importers.building import REASONS
from thetaloom.marketdata.importers.formats import list_formats
from tools.docs.markdown import code, table


def formats_table() -> str:
    """Return every format with what is to be known of it."""
    rows = [(code(one.name), one.title, " ".join(map(code, one.needs)), one.note) for one in list_formats()]
    return table(("Format", "What", "Columns it needs", "Note"), rows) + "\n"


def rejections_table() -> str:
    """Return every reason for which a row is kept aside."""
    return table(("Reason", "What it means"), [(code(name), words) for name, words in REASONS.items()]) + "\n"
